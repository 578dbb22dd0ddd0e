"""What an image file's bytes tell before any pixel is decoded: the size they promise, and whether they are all there.

Read here and not by OpenCV, which makes room for the whole image as soon as it has seen the header.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

from steps.stepkit import tiff

Size = tuple[int, int]
"""(width, height) in pixels as stored, before any EXIF orientation."""

JPEG, PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
"""What the files begin with."""
_WITHOUT_LENGTH = {0x00, 0x01, *range(0xD0, 0xD9)}
"""A zero makes no marker, but a byte of data out of the 0xFF before it."""
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_SCAN, _END, _END_OF_IMAGE = 0xDA, 0xD9, b"\xff\xd9"
_BEHIND_PIXELS = re.compile(rb"[^\xff]*+(?:\xff++[\x00\xd0-\xd7][^\xff]*+)*+(\xff++)([\x01-\xcf\xd8-\xfe])")
"""The next marker that is neither a byte of pixels nor a restart among them. It looks at each byte once: a run of fill
bytes that leads to no marker is never begun anew."""
_PNG_END = b"\0\0\0\0IEND"
_APP1, _EXIF = 0xE1, b"Exif\0\0"
_APP2, _ICC = 0xE2, b"ICC_PROFILE\0"
_SMALL = 64 * 1024
"""Bytes of a file whose header is walked once, however often it is asked for: that takes as long as to decode it."""
_MAX_PROFILE = 16 * 1024 * 1024
"""Maximum bytes of a profile that is packed: a hundred bytes of nothing make a hundred thousand."""


def size(data: bytes) -> Size | None:
    """The size that a JPEG, PNG, TIFF, BMP or WebP file promises; None for other files and headers that are cut off."""
    for signature, read in _READERS.items():
        if data.startswith(signature):
            try:
                return read(data)
            except struct.error:  # the header is cut off
                return None
    return None


def truncated(data: bytes) -> str | None:
    """The kind of file that the bytes are without its end, if so. OpenCV fills what a JPEG lacks with grey."""
    if data.startswith(JPEG) and not _jpeg_has_end(data):
        return "JPEG"
    if data.startswith(PNG) and data.rfind(_PNG_END) < 0:
        return "PNG"
    return None


def is_deep(data: bytes) -> bool:
    """Whether a PNG's or a TIFF's header tells of 16 bits for each colour."""
    return data[24:25] == b"\x10" if data.startswith(PNG) else tiff.is_tiff(data) and tiff.is_deep(data)


def exif(data: bytes) -> bytes:
    """The EXIF of a JPEG or PNG, unchecked; none if there is none. Of several blocks the first one counts."""
    if data.startswith(JPEG):
        return _jpeg_exif(data)
    return _png_chunk(data, b"eXIf") if data.startswith(PNG) else b""


def profile(data: bytes) -> bytes:
    """The ICC profile of a JPEG or PNG, unchecked; none if there is none, or not all of it."""
    if data.startswith(JPEG):
        return _jpeg_profile(data)
    return _png_profile(data) if data.startswith(PNG) else b""


def has_inks(data: bytes) -> bool:
    """Whether a JPEG's picture is one of four inks."""
    frame = next((at for marker, at in _segments(data) if marker in _FRAMES), len(data))
    return data[frame + 7 : frame + 8] == b"\4"


def without_strays(data: bytes) -> bytes:
    """A JPEG without the bytes between its header's segments, of which a decoder would only complain."""
    parts = [data[:2]]
    for marker, at in _segments(data):
        if marker == _SCAN:
            is_plain = at - 2 == sum(map(len, parts))
            return data if is_plain else b"".join([*parts, data[at - 2 :]])
        length = int.from_bytes(data[at : at + 2], "big")
        parts.append(data[at - 2 : at + length])
    return data


def scans(data: bytes) -> int:
    """How many times a decoder goes over a JPEG's picture: once as a rule, some ten times if it is progressive."""
    count, at = 0, 2
    while scan := next((at for marker, at in _segments(data, at) if marker == _SCAN), None):
        count += 1
        behind = _BEHIND_PIXELS.match(data, scan)
        if behind is None or data[behind.start(2)] == _END:
            break
        at = behind.start(1)
    return count


def padding(data: bytes) -> int:
    """How many bytes of one value stand between a JPEG's pixels and its end."""
    scan = next((at for marker, at in _segments(data) if marker == _SCAN), len(data))
    end = data.find(_END_OF_IMAGE, scan)
    before = data[scan : max(end, scan)]
    return len(before) - len(before.rstrip(before[-1:])) if before else 0


def _jpeg_exif(data: bytes) -> bytes:
    for marker, at in _segments(data):
        if marker == _APP1 and data.startswith(_EXIF, at + 2):
            return data[at + 2 + len(_EXIF) : at + int.from_bytes(data[at : at + 2], "big")]
    return b""


def _jpeg_profile(data: bytes) -> bytes:
    """Put together from its segments, each of which tells its number, from 1 on, and how many there are."""
    pieces: dict[int, bytes] = {}
    total = 0
    for marker, at in _segments(data):
        if marker == _APP2 and data.startswith(_ICC, at + 2):
            begin = at + 2 + len(_ICC)
            number, total = data[begin], data[begin + 1]
            pieces.setdefault(number, data[begin + 2 : at + int.from_bytes(data[at : at + 2], "big")])
    numbers = range(1, total + 1)
    return b"".join(pieces[number] for number in numbers) if pieces.keys() >= set(numbers) else b""


def _png_profile(data: bytes) -> bytes:
    """Of the iCCP chunk: a name, a zero, the method of compression (there is one only), then the profile."""
    _, _, packed = _png_chunk(data, b"iCCP").partition(b"\0")
    try:
        unpacking = zlib.decompressobj()
        found = unpacking.decompress(packed[1:], _MAX_PROFILE)
    except zlib.error:
        return b""
    return found if unpacking.eof else b""


def _png_chunk(data: bytes, wanted: bytes) -> bytes:
    """The content of a chunk, which may also stand behind the pixels, not behind the end; empty if there is none."""
    at, kind = len(PNG), b""
    while at + 8 <= len(data) and kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == wanted:
            return data[at + 8 : at + 8 + length]
        at += 12 + length
    return b""


def _jpeg_has_end(data: bytes) -> bool:
    # Looked for behind the start of scan: a thumbnail in the header has an end marker of its own.
    scan = next((at for marker, at in _segments(data) if marker == _SCAN), None)
    return scan is not None and data.rfind(_END_OF_IMAGE, scan) > 0


def _segments(data: bytes, at: int = 2) -> Iterable[tuple[int, int]]:
    """The markers of a JPEG from ``at`` up to the next scan, and where their lengths stand."""
    if at == 2 and len(data) <= _SMALL:
        return _header(data)
    return _walked(data, at)


@lru_cache(maxsize=1)
def _header(data: bytes) -> tuple[tuple[int, int], ...]:
    return tuple(_walked(data, 2))


def _walked(data: bytes, at: int) -> Iterator[tuple[int, int]]:
    """The markers of a JPEG from ``at``, its header, up to the next scan, and where their lengths stand.

    Found as libjpeg does (next_marker in its jdmarker.c): bytes between a segment's end and the next marker are
    passed over, since cameras and editors leave some behind thumbnails and comments of odd length.
    """
    while (at := data.find(0xFF, at)) >= 0:
        while data[at : at + 1] == b"\xff":
            at += 1
        marker, at = int.from_bytes(data[at : at + 1]), at + 1
        if marker in _WITHOUT_LENGTH:
            continue
        length = int.from_bytes(data[at : at + 2], "big")
        if marker == _END or length < 2:  # libjpeg goes no further
            return
        yield marker, at
        if marker == _SCAN:
            return
        at += length


def _jpeg(data: bytes) -> Size | None:
    for marker, at in _segments(data):
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 3)
            return width, height
    return None


def _png(data: bytes) -> Size:
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _bmp(data: bytes) -> Size:
    (header,) = struct.unpack_from("<I", data, 14)
    width, height = struct.unpack_from("<HH" if header == 12 else "<ii", data, 18)
    return abs(width), abs(height)  # rows from top to bottom are told by a negative height


def _webp(data: bytes) -> Size | None:
    if data[8:12] != b"WEBP":
        return None
    kind = data[12:16]
    if kind == b"VP8X":
        low_width, high_width, low_height, high_height = struct.unpack_from("<HBHB", data, 24)
        return 1 + low_width + (high_width << 16), 1 + low_height + (high_height << 16)
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


def _tiff(data: bytes) -> Size | None:
    """Of the first image in the file, classic or BigTIFF."""
    found = tiff.tags(data, (tiff.WIDTH, tiff.HEIGHT))
    return (found[tiff.WIDTH], found[tiff.HEIGHT]) if len(found) == 2 else None


_READERS: dict[bytes, Callable[[bytes], Size | None]] = {
    JPEG: _jpeg,
    PNG: _png,
    b"II*\0": _tiff,
    b"MM\0*": _tiff,
    b"II+\0": _tiff,
    b"MM\0+": _tiff,
    b"BM": _bmp,
    b"RIFF": _webp,
}
