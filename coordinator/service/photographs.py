"""What an uploaded file is, told by its header and its end, before any work is spent on it."""

from __future__ import annotations

import mmap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from coordinator.formats import imageheader, jpeg
from coordinator.service.orders import MAX_SIDE
from coordinator.service.refusal import TOO_LARGE, Refused

MAX_SCANNED = 2_000_000_000
"""Maximum number of pixels that a decoder may have to go over: those of a JPEG once for each of its scans."""
_HEIF_BRANDS = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis"}
_AVIF_BRANDS = {b"avif", b"avis", b"mif1", b"msf1"}


@dataclass(frozen=True, kw_only=True)
class Photograph:
    """An image file; the size is in pixels, upright. ``suffix`` is its format's."""

    suffix: str
    width: int
    height: int


class _Format(NamedTuple):
    """Pillow's name, and whether a file's bytes are all there as far as that can be told without decoding."""

    name: str
    suffix: str
    is_whole: Callable[[mmap.mmap], bool]


def _riff_is_whole(data: mmap.mmap) -> bool:
    return len(data) >= 8 + int.from_bytes(data[4:8], "little")


def _boxes_are_whole(data: mmap.mmap) -> bool:
    """Whether the boxes of an ISO base media file reach to its end; the last one may say so by a length of 0."""
    at = 0
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        if length == 1:
            length = int.from_bytes(data[at + 8 : at + 16], "big")
        if length < 8:
            return length == 0
        at += length
    return at == len(data)


# Behind the end of the first two, some cameras write as much as they like.
_JPEG = _Format("JPEG", ".jpg", lambda data: data.rfind(b"\xff\xd9") >= 0)
_PNG = _Format("PNG", ".png", lambda data: data.rfind(b"\0\0\0\0IEND") >= 0)
_WEBP = _Format("WEBP", ".webp", _riff_is_whole)
# Whether the first picture of a GIF is whole is known when it has been decoded.
_GIF = _Format("GIF", ".gif", lambda data: True)
_AVIF = _Format("AVIF", ".avif", _boxes_are_whole)


def examine(path: Path, field: str, max_pixels: int) -> Photograph:
    """What the file at ``path`` is. Raises Refused, which blames ``field``, for what cannot be worked on.

    ``max_pixels`` is the maximum number of its pixels.
    """
    if not path.stat().st_size:
        raise Refused(field, "is empty")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        kind = _format(data[:12], field)
        header = imageheader.read(path, formats=(kind.name,), max_pixels=max_pixels)
        if isinstance(header, imageheader.TooLarge):
            raise Refused(field, header, TOO_LARGE)
        if isinstance(header, imageheader.Header):
            _check_size(header, field, max_pixels)
        if not kind.is_whole(data):  # which is why the headers of some cannot be read
            raise Refused(field, f"is truncated: its end is missing, after {len(data):,} bytes")
        if isinstance(header, str):
            raise Refused(field, f"begins like a {kind.suffix[1:]} file, but {header}")
        if kind is _JPEG:
            _check_scans(data, header, field)
    return Photograph(suffix=kind.suffix, width=header.width, height=header.height)


def _format(head: bytes, field: str) -> _Format:
    """By a file's first 12 bytes."""
    if head.startswith(b"\xff\xd8\xff"):
        return _JPEG
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return _PNG
    if head.startswith(b"RIFF") and head[8:] == b"WEBP":
        return _WEBP
    if head.startswith((b"GIF87a", b"GIF89a")):
        return _GIF
    if head[4:8] == b"ftyp" and head[8:] in _AVIF_BRANDS:
        return _AVIF
    if head[4:8] == b"ftyp" and head[8:] in _HEIF_BRANDS:
        raise Refused(field, "is a HEIC image, which is not read; send it as JPEG, PNG, WebP or AVIF")
    raise Refused(field, "is neither a JPEG nor a PNG, nor a WebP, GIF or AVIF image")


def _check_size(header: imageheader.Header, field: str, max_pixels: int) -> None:
    told = f"has {header.width}x{header.height} pixels; at most"
    if header.width * header.height > max_pixels:
        raise Refused(field, f"{told} {max_pixels:,} are allowed", TOO_LARGE)
    if max(header.width, header.height) > MAX_SIDE:
        raise Refused(field, f"{told} {MAX_SIDE:,} a side are allowed", TOO_LARGE)


def _check_scans(data: mmap.mmap, header: imageheader.Header, field: str) -> None:
    """A progressive JPEG of half a megabyte can keep a decoder busy for minutes."""
    scans = jpeg.scans(data)
    if scans * header.width * header.height > MAX_SCANNED:
        message = (
            f"has {scans} scans of {header.width}x{header.height} pixels; at most {MAX_SCANNED:,} are decoded"
        )
        raise Refused(field, message, TOO_LARGE)
