"""The parts of a JPEG file: segments, scans and its end, found as libjpeg finds them. No pixel is decoded. Pure."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator
from mmap import mmap
from typing import NamedTuple

START, END, SCAN, APP1 = 0xD8, 0xD9, 0xDA, 0xE1
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
EXIF = b"Exif\0\0"
_BITS, _COMPONENTS = 8, (1, 3, 4)
"""Of frames that decoders take: bits of a sample, and numbers of components."""
# Each looks at a byte once, whatever follows: a run of fill bytes that leads to no marker is never begun anew.
_MARKER = re.compile(rb"[^\xff]*+(?:\xff++[\x00\x01\xd0-\xd8][^\xff]*+)*+(\xff++)([\x02-\xcf\xd9-\xfe])")
"""The next marker that has a length, or is the end."""
_BEHIND_PIXELS = re.compile(rb"[^\xff]*+(?:\xff++[\x00\xd0-\xd7][^\xff]*+)*+(\xff++)([\x01-\xcf\xd8-\xfe])")
"""The next marker that is neither a byte of pixels nor a restart among them."""


class Part(NamedTuple):
    """A marker, and where it begins and ends in the file: a scan with its pixels, a segment with its content."""

    marker: int
    begin: int
    end: int


def parts(data: bytes | mmap) -> Iterator[Part]:
    """The parts of a JPEG from its start to its first end, without the bytes that lie astray between segments.

    They stop without :data:`END` where the file breaks off, or no longer is a JPEG.
    """
    yield Part(START, 0, 2)
    at = 2
    while found := _MARKER.match(data, at):
        marker, begin, at = found[2][0], found.end() - 2, found.end()
        if marker == END:
            yield Part(END, begin, at)
            return
        length = int.from_bytes(data[at : at + 2], "big")
        if length < 2:
            return
        at += length
        if marker == SCAN:
            behind = _BEHIND_PIXELS.match(data, at)
            at = behind.start(1) if behind else len(data)
        if at > len(data):
            return
        yield Part(marker, begin, at)


def size(data: bytes | mmap, parts: Iterable[Part]) -> tuple[int, int] | None:
    """Width and height in pixels, as stored, by the first frame; None if there is none that decoders take."""
    begin = next((part.begin for part in parts if part.marker in FRAMES), None)
    if begin is None:
        return None
    head = data[begin + 4 : begin + 10]
    if len(head) < 6 or head[0] != _BITS or head[5] not in _COMPONENTS:
        return None
    height, width = struct.unpack_from(">HH", head, 1)
    return (width, height) if width and height else None


def exif(data: bytes | mmap, parts: Iterable[Part]) -> bytes:
    """The first EXIF block, as TIFF bytes, unchecked; none if there is none."""
    for marker, begin, end in parts:
        if marker == APP1 and data[begin + 4 : begin + 10] == EXIF:
            return data[begin + 10 : end]
    return b""
