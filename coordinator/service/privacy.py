"""Originals without what they tell of their makers: the place, serial numbers, and what else nobody needs to see them.

What stays is chosen, not what goes, since makers' notes, XMP, comments and films behind the picture have no fixed form.
Pixels, profiles and animations stay as they are, byte by byte.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import BinaryIO

from coordinator.formats import jpeg
from coordinator.service import publicboxes
from coordinator.service.photographs import Photograph
from coordinator.service.pieces import GIF_EXTENSION, GIF_PICTURE, colours, gif_block, gif_content
from coordinator.service.publicexif import public
from coordinator.service.rasters import Buffer

Piece = bytes | slice
"""New bytes, or a part of the file as it is."""

_EXIF = jpeg.EXIF
_APP0, _APP14, _APPS, _COMMENT = 0xE0, 0xEE, range(0xE0, 0xF0), 0xFE
_JFIF = b"JFIF\0"
_LENGTHS = {_APP0: 14, _APP14: 12}
"""Bytes of these segments without anything added. The last two of the first are a thumbnail's width and height."""
_OF_PICTURE = {_APP0: _JFIF, 0xE2: b"ICC_PROFILE\0", _APP14: b"Adobe"}
"""Of a JPEG's application segments: what pixels and colours need, by how it begins."""
_CHUNKS = {
    b"IHDR": 13, b"PLTE": 768, b"tRNS": 256, b"IDAT": None, b"IEND": 0, b"gAMA": 4, b"cHRM": 32, b"sRGB": 1,
    b"iCCP": None, b"cICP": 4, b"mDCV": 24, b"cLLI": 8, b"sBIT": 4, b"bKGD": 6, b"pHYs": 9, b"acTL": 8, b"fcTL": 26,
    b"fdAT": None,
}  # fmt: skip
"""Of a PNG: what pictures need, and how many bytes it has at most. A longer one is damaged."""
_RIFF_CHUNKS = {b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF", b"ICCP"}
_XMP_FLAG, _EXIF_FLAG = 0x04, 0x08
_GIF_APPLICATION = 0xFF
_GIF_TEXT, _GIF_SHOWING = 0x01, 0xF9
"""Extensions: a text to be shown, and how the next picture is shown."""
_LOOPS = (b"\x0bNETSCAPE2.0\3\1", b"\x0bANIMEXTS1.0\3\1")
"""How an extension begins that says how often an animation runs."""
_LOOP_LENGTH = 16
"""Bytes of its blocks without anything added."""


def in_public(data: bytes, photograph: Photograph, field: str) -> bytes:
    """An image that was examined without its private metadata; the very same bytes if there are none.

    Raises Refused, which blames ``field``, if they cannot be taken out.
    """
    kept = _kept(data, photograph, field)
    if kept is None:
        return data
    return b"".join(data[piece] if isinstance(piece, slice) else piece for piece in kept)


def make_public(path: Path, photograph: Photograph, field: str) -> bool:
    """Takes private metadata out of the file at ``path``, an image that was examined.

    Returns whether there were any: the file at ``path`` is another one then.
    Raises Refused, which blames ``field``, if it cannot be taken out, and OSError if the file cannot be written anew.
    """
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
        kept = _kept(data, photograph, field)
        if kept is None:
            return False
        aside = path.with_name(f"{path.name}.public")
        try:
            with aside.open("wb") as into:
                for piece in kept:
                    _write(into, data, piece)
            aside.replace(path)
        except BaseException:  # a full disk, as a rule, and half of an image would keep it so
            aside.unlink(missing_ok=True)
            raise
    return True


def _kept(data: Buffer, photograph: Photograph, field: str) -> list[Piece] | None:
    """What stays of an image's file; None if all of it does."""
    if photograph.suffix == ".jpg":
        kept = list(_jpeg(data, photograph.parts))
    else:
        kept = list(_PIECES[photograph.suffix](data, field))
    is_same = all(isinstance(piece, slice) for piece in kept) and sum(map(_length, kept)) == len(data)
    return None if is_same else kept


def _write(into: BinaryIO, data: mmap, piece: Piece) -> None:
    if isinstance(piece, bytes):
        into.write(piece)
        return
    with memoryview(data) as whole, whole[piece] as part:  # no copy: an image may be large
        into.write(part)


def _length(piece: Piece) -> int:
    return piece.stop - piece.start if isinstance(piece, slice) else len(piece)


def _jpeg(data: Buffer, parts: Iterable[jpeg.Part]) -> Iterator[Piece]:
    has_exif = False
    for marker, begin, end in parts:
        content = data[begin + 4 : end] if marker in _APPS else b""
        if marker == jpeg.APP1 and content.startswith(_EXIF):
            block = b"" if has_exif else public(content[len(_EXIF) :])
            has_exif = True
            if block and content.endswith(block):
                yield slice(begin, end)
            elif block:
                yield _segment(marker, _EXIF + block)
        elif marker == _COMMENT or (
            marker in _APPS and not (marker in _OF_PICTURE and content.startswith(_OF_PICTURE[marker]))
        ):
            continue
        elif marker == _APP0 and content[_LENGTHS[_APP0] - 2 :].strip(b"\0"):
            yield _segment(marker, content[: _LENGTHS[_APP0] - 2] + bytes(2))
        elif marker == _APP14 and content[_LENGTHS[_APP14] :].strip(b"\0"):
            yield _segment(marker, content[: _LENGTHS[_APP14]])
        else:
            yield slice(begin, end)


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def _png(data: Buffer, field: str) -> Iterator[Piece]:
    yield slice(0, 8)
    at, kind, has_exif = 8, b"", False
    while at + 12 <= len(data) and kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if kind in _CHUNKS:
            longest = _CHUNKS[kind]
            if longest is None or length <= longest:
                yield slice(at, min(end, len(data)))
        elif kind == b"eXIf" and not has_exif:
            has_exif = True
            given = data[at + 8 : end - 4]
            block = public(given)
            if block == given:
                yield slice(at, end)
            elif block:
                body = b"eXIf" + block
                yield struct.pack(">I", len(block)) + body + struct.pack(">I", zlib.crc32(body))
        at = end


def _webp(data: Buffer, field: str) -> Iterator[Piece]:
    body = list(_webp_chunks(data))
    if data[12:16] == b"VP8X":
        has_exif = any(_bytes(data, piece)[:4] == b"EXIF" for piece in body)
        flags = data[20] & ~(_XMP_FLAG | _EXIF_FLAG) | (_EXIF_FLAG if has_exif else 0)
        if flags != data[20]:
            head = _bytes(data, body[0])
            body[0] = head[:8] + bytes([flags]) + head[9:]
    length = 4 + sum(map(_length, body))
    is_same = length + 8 == len(data) and all(isinstance(piece, slice) for piece in body)
    yield slice(0, 12) if is_same else b"RIFF" + struct.pack("<I", length) + b"WEBP"
    yield from body


def _webp_chunks(data: Buffer) -> Iterator[Piece]:
    end_of_all = min(len(data), 8 + int.from_bytes(data[4:8], "little"))
    at, has_exif = 12, False
    while at + 8 <= end_of_all:
        kind, length = struct.unpack_from("<4sI", data, at)
        end = min(at + 8 + length + length % 2, len(data))
        if kind in _RIFF_CHUNKS:
            yield slice(at, end)
        elif kind == b"EXIF" and not has_exif:
            has_exif = True
            given = data[at + 8 : at + 8 + length]
            block = public(given)
            if block == given:
                yield slice(at, end)
            elif block:
                yield b"EXIF" + struct.pack("<I", len(block)) + block + bytes(len(block) % 2)
        at = end


def _gif(data: Buffer, field: str) -> Iterator[Piece]:
    """Without comments and what applications added, but for the loop of an animation."""
    at = 13 + colours(data[10])
    yield slice(0, at)
    at = gif_block(data, at)
    while at < len(data) and (kind := data[at]) in (GIF_PICTURE, GIF_EXTENSION):
        begin, content = at, gif_content(data, at)
        at = content
        while at < len(data) and data[at]:
            at += 1 + data[at]
        at = min(at + 1, len(data))
        label = data[begin + 1] if begin + 1 < len(data) else 0
        if kind == GIF_PICTURE or label == _GIF_TEXT:
            yield slice(begin, at)
        elif label == _GIF_SHOWING:
            yield from _ended(data, begin, content + 1 + int.from_bytes(data[content : content + 1]), at)
        elif label == _GIF_APPLICATION and data[content : content + 14] in _LOOPS:
            yield from _ended(data, begin, content + _LOOP_LENGTH, at)
        at = gif_block(data, at)
    yield slice(at, min(at + 1, len(data)))


def _ended(data: Buffer, begin: int, end: int, whole: int) -> Iterator[Piece]:
    """An extension with its blocks up to ``end``, and what says that there are no more."""
    if end + 1 >= whole:
        yield slice(begin, whole)
    else:
        yield slice(begin, end)
        yield b"\0"


def _bytes(data: Buffer, piece: Piece) -> bytes:
    return data[piece] if isinstance(piece, slice) else piece


_PIECES: Mapping[str, Callable[[Buffer, str], Iterator[Piece]]] = {
    ".png": _png,
    ".webp": _webp,
    ".gif": _gif,
    ".avif": publicboxes.kept,
    ".heic": publicboxes.kept,
}
