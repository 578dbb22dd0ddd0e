"""What an uploaded file is, told by its header and its end, before any work is spent on it.

A JPEG's is read here, part by part, as its decoder will find them; the others' by Pillow.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO, NamedTuple, cast

from coordinator.formats import heic, imageheader, isobmff, jpeg
from coordinator.formats.orientation import turning
from coordinator.service.orders import MAX_SIDE
from coordinator.service.pieces import check_pieces
from coordinator.service.rasters import MOST_SEGMENTS, Buffer
from coordinator.service.refusal import TOO_LARGE, Refused

MAX_SCANNED = 2_000_000_000
"""Maximum number of pixels that a decoder may have to go over: those of a JPEG once for each of its scans."""
_HEAD = 300
"""Bytes of a file's begin that tell its format, with all the brands that some have."""


Size = tuple[int, int]
"""Width and height in pixels."""


@dataclass(frozen=True, kw_only=True)
class Photograph:
    """An image file; the size is in pixels, upright. ``suffix`` is its format's, ``parts`` are those of a JPEG."""

    suffix: str
    width: int
    height: int
    parts: tuple[jpeg.Part, ...] = ()


class _Format(NamedTuple):
    """Pillow's name, and whether a file's bytes are all there as far as that can be told without decoding."""

    name: str
    suffix: str
    is_whole: Callable[[Buffer], bool]


def _riff_is_whole(data: Buffer) -> bool:
    return len(data) >= 8 + int.from_bytes(data[4:8], "little")


def _boxes_are_whole(data: Buffer) -> bool:
    """Whether the boxes of an ISO base media file reach to its end; the last one may say so by a length of 0."""
    reached = 0
    for end in isobmff.ends(data):
        reached = end
    return reached == len(data)


# Behind the end of the first two, some cameras write as much as they like. (A mapped file is searched from where it was
# read last, unless told otherwise.)
_JPEG = _Format("JPEG", ".jpg", lambda data: data.rfind(b"\xff\xd9", 0) >= 0)
_PNG = _Format("PNG", ".png", lambda data: data.rfind(b"\0\0\0\0IEND", 0) >= 0)
_WEBP = _Format("WEBP", ".webp", _riff_is_whole)
# Whether the first picture of a GIF is whole is known when it has been decoded.
_GIF = _Format("GIF", ".gif", lambda data: True)
_AVIF = _Format("AVIF", ".avif", _boxes_are_whole)
_HEIC = _Format("HEIC", ".heic", heic.is_whole)


def examine(data: Buffer, field: str, max_pixels: int) -> Photograph:
    """What a file is that has these bytes. Raises Refused, which blames ``field``, for what cannot be worked on.

    ``max_pixels`` is the maximum number of its pixels.
    """
    if not len(data):
        raise Refused(field, "is empty")
    kind = _format(data[:_HEAD], field)
    check_pieces(data, kind.suffix, field)
    parts = tuple(islice(jpeg.parts(data), MOST_SEGMENTS + 1)) if kind is _JPEG else ()
    size = _jpeg_size(data, parts) if kind is _JPEG else _size(data, kind, max_pixels)
    if isinstance(size, imageheader.TooLarge):
        raise Refused(field, size, TOO_LARGE)
    if isinstance(size, tuple):
        _check_size(size, field, max_pixels)
    if not kind.is_whole(data):  # which is why the headers of some cannot be read
        raise Refused(field, f"is truncated: its end is missing, after {len(data):,} bytes")
    if isinstance(size, str):
        raise Refused(field, f"begins like a {kind.suffix[1:]} file, but {size}")
    _check_scans(parts, size, field)
    return Photograph(suffix=kind.suffix, width=size[0], height=size[1], parts=parts)


def _jpeg_size(data: Buffer, parts: tuple[jpeg.Part, ...]) -> Size | str:
    """The upright size, or why there is none."""
    size = jpeg.size(data, parts)
    if size is None:
        return "is not an image: its header is damaged"
    block = jpeg.exif(data, parts)
    return size[::-1] if block and turning(block) in imageheader.TURNED_BY_90 else size


def _size(data: Buffer, kind: _Format, max_pixels: int) -> Size | str:
    """The same of the other formats. Of a HEIC no decoder is asked: it may be made to harm whoever opens it."""
    if kind is _HEIC:
        try:
            found = heic.picture(data)
        except ValueError as error:
            return str(error)
        return found.width, found.height
    file = io.BytesIO(data) if isinstance(data, bytes) else cast(BinaryIO, data)
    return imageheader.read_size(file, kind.name, max_pixels)


def _format(head: bytes, field: str) -> _Format:
    """By a file's first bytes."""
    if head.startswith(b"\xff\xd8\xff"):
        return _JPEG
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return _PNG
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return _WEBP
    if head.startswith((b"GIF87a", b"GIF89a")):
        return _GIF
    if coding := heic.coding(head):
        return _HEIC if coding == "HEIC" else _AVIF
    raise Refused(field, "is neither a JPEG nor a PNG, nor a WebP, GIF, AVIF or HEIC image")


def _check_size(size: Size, field: str, max_pixels: int) -> None:
    width, height = size
    told = f"has {width}x{height} pixels; at most"
    if width * height > max_pixels:
        raise Refused(field, f"{told} {max_pixels:,} are allowed", TOO_LARGE)
    if max(size) > MAX_SIDE:
        raise Refused(field, f"{told} {MAX_SIDE:,} a side are allowed", TOO_LARGE)


def _check_scans(parts: tuple[jpeg.Part, ...], size: Size, field: str) -> None:
    """A progressive JPEG of half a megabyte can keep a decoder busy for minutes."""
    scans = sum(part.marker == jpeg.SCAN for part in parts)
    if scans * size[0] * size[1] > MAX_SCANNED:
        message = f"has {scans} scans of {size[0]}x{size[1]} pixels; at most {MAX_SCANNED:,} are decoded"
        raise Refused(field, message, TOO_LARGE)
