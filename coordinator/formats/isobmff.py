"""Where the items of an AVIF file lie, by its boxes (ISO 14496-12, 8.11): pictures, EXIF, XMP. Pure."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from mmap import mmap
from typing import NamedTuple

_NUMBERS = {0: "0s", 4: "I", 8: "Q"}


class Item(NamedTuple):
    """A part of the file and what it holds: ``kind`` is ``av01``, ``Exif``, ``mime`` (XMP) or another."""

    kind: bytes
    begin: int
    end: int


def items(data: bytes | mmap) -> list[Item]:
    """The items that lie in the file as a whole. Raises ValueError for boxes that are broken, or of another kind."""
    try:
        (meta,) = (span for kind, span in _boxes(data, 0, len(data)) if kind == b"meta")
        parts = dict(_boxes(data, meta[0] + 4, meta[1]))
        kinds = dict(_kinds(data, *parts[b"iinf"]))
        return [
            Item(kinds.get(name, b""), begin, end) for name, begin, end in _places(data, parts[b"iloc"][0])
        ]
    except (struct.error, KeyError) as error:
        raise ValueError(f"its boxes are broken: {error!r}") from error


def _boxes(data: bytes | mmap, at: int, end: int) -> Iterator[tuple[bytes, tuple[int, int]]]:
    """The boxes between two places: the kind of each, and where its content begins and ends."""
    while at + 8 <= end:
        length, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, at + 8)
            head = 16
        length = length or end - at
        if length < head:
            raise ValueError("a box is shorter than its head")
        yield kind, (at + head, min(at + length, end))
        at += length


def _kinds(data: bytes | mmap, begin: int, end: int) -> Iterator[tuple[int, bytes]]:
    """The kinds of items by their numbers."""
    for _, (at, _) in _boxes(data, begin + (6 if data[begin] == 0 else 8), end):
        if data[at] >= 2:
            number, kind = struct.unpack_from(">H2x4s" if data[at] == 2 else ">I2x4s", data, at + 4)
            yield number, kind


def _places(data: bytes | mmap, at: int) -> Iterator[tuple[int, int, int]]:
    """Of every item its number, and where each part of it begins and ends."""
    version, sizes, further = data[at], data[at + 4], data[at + 5]
    offset, length, base = (_NUMBERS[size] for size in (sizes >> 4, sizes & 15, further >> 4))
    index = _NUMBERS[further & 15] if version else "0s"
    at += 6
    (count,) = struct.unpack_from(">I" if version == 2 else ">H", data, at)
    at += 4 if version == 2 else 2
    head = f">{'I' if version == 2 else 'H'}{'H' if version else '0s'}2x{base}H"
    for _ in range(count):
        number, method, from_, extents = struct.unpack_from(head, data, at)
        at += struct.calcsize(head)
        for _ in range(extents):
            _, begin, size = struct.unpack_from(f">{index}{offset}{length}", data, at)
            at += struct.calcsize(f">{index}{offset}{length}")
            if method and method & 15:
                raise ValueError("an item lies within another box")
            begin = (begin or 0) + (from_ or 0)
            yield number, begin, begin + (size or 0)
