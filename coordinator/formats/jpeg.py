"""The parts of a JPEG file: segments, scans and its end, found as libjpeg finds them. No pixel is decoded. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from mmap import mmap
from typing import NamedTuple

START, END, SCAN = 0xD8, 0xD9, 0xDA
_LONE = {0x01, *range(0xD0, 0xD9)}
"""Markers without a length."""
_MARKER = re.compile(rb"\xff+([\x01-\xfe])", re.DOTALL)
_BEHIND_PIXELS = re.compile(rb"\xff+([\x01-\xcf\xd8-\xfe])", re.DOTALL)
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
    while found := _MARKER.search(data, at):
        marker, begin, at = found[1][0], found.end() - 2, found.end()
        if marker == END:
            yield Part(END, begin, at)
            return
        if marker in _LONE:
            continue
        length = int.from_bytes(data[at : at + 2], "big")
        if length < 2:
            return
        at += length
        if marker == SCAN:
            behind = _BEHIND_PIXELS.search(data, at)
            at = behind.start() if behind else len(data)
        if at > len(data):
            return
        yield Part(marker, begin, at)


def scans(data: bytes | mmap) -> int:
    """How many times a decoder goes over the picture: once for a plain JPEG, some ten times for a progressive one."""
    return sum(part.marker == SCAN for part in parts(data))
