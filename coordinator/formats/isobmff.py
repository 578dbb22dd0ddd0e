"""Where the items of an AVIF or HEIC file lie, by its boxes (ISO 14496-12, 8.11): pictures, EXIF, XMP. Pure."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from mmap import mmap
from typing import NamedTuple

Buffer = bytes | mmap
Span = tuple[int, int]
"""Where something begins and ends, in bytes from the file's begin."""

_MOST = 20_000
"""Boxes in one box, and parts of all items: forty times as many as the largest photographs have."""
_NUMBERS = {0: "0s", 4: "I", 8: "Q"}
_IN_FILE, _IN_META = 0, 1
"""What an item's place counts from: the file's begin, or that of the box ``idat`` among the metadata."""


class Item(NamedTuple):
    """A part of the file and what it holds: ``kind`` is ``av01``, ``hvc1``, ``Exif``, ``mime`` (XMP) or another."""

    kind: bytes
    begin: int
    end: int


def items(data: Buffer) -> list[Item]:
    """The items that lie in the file as a whole. Raises ValueError for boxes that are broken, or of another kind."""
    try:
        parts = meta(data)
        known = kinds(data, *parts[b"iinf"])
        within, _ = parts.get(b"idat", (0, 0))
        return [
            Item(known.get(place.number, b""), begin, begin + place.length)
            for place in _not_too_many(_places(data, parts[b"iloc"][0]))
            for begin in (place.begin + (within if place.method == _IN_META else 0),)
        ]
    except (struct.error, KeyError, IndexError) as error:
        raise ValueError(f"its boxes are broken: {error!r}") from error


def meta(data: Buffer) -> dict[bytes, Span]:
    """The boxes that tell of the items, by their kinds. Raises ValueError if there are none, or more than one set."""
    (found,) = (span for kind, span in top(data) if kind == b"meta")
    return dict(boxes(data, found[0] + 4, found[1]))


def top(data: Buffer) -> list[tuple[bytes, Span]]:
    """The file's own boxes, up to the first that is broken: behind them, some cameras write what they like."""
    found = []
    with suppress(ValueError):
        for one in boxes(data, 0, len(data)):
            found.append(one)
    return found


def ends(data: Buffer) -> Iterator[int]:
    """Where each of the file's own boxes ends, as far as they can be followed, by what it says itself."""
    at = 0
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        if length == 1:
            length = int.from_bytes(data[at + 8 : at + 16], "big")
        if 0 < length < 8:
            return
        at = at + length if length else len(data)
        yield at


def boxes(data: Buffer, at: int, end: int) -> Iterator[tuple[bytes, Span]]:
    """The boxes between two places: each one's kind, and where its content lies.

    Raises ValueError for a broken one, and for more of them than any photograph has.
    """
    for _ in range(_MOST):
        if at + 8 > end:
            return
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
    raise ValueError(f"more than {_MOST:,} boxes stand in one")


def kinds(data: Buffer, begin: int, end: int) -> dict[int, bytes]:
    """The kinds of items by their numbers, from what lies in the box ``iinf``."""
    return {number: texts[:4] for number, texts in named(data, begin, end)}


def named(data: Buffer, begin: int, end: int) -> Iterator[tuple[int, bytes]]:
    """The numbers of items, and what ``iinf`` says of each: its kind, its name, and of some the kind of its content."""
    for _, (at, to) in boxes(data, begin + (6 if data[begin] == 0 else 8), end):
        if data[at] >= 2:
            head = ">H2x" if data[at] == 2 else ">I2x"
            (number,) = struct.unpack_from(head, data, at + 4)
            yield number, data[at + 4 + struct.calcsize(head) : to]


def _not_too_many(places: Iterable[_Place]) -> Iterator[_Place]:
    for number, place in enumerate(places):
        if number == _MOST:
            raise ValueError(f"its items have more than {_MOST:,} parts")
        yield place


class _Place(NamedTuple):
    """One part of an item; what ``begin`` counts from is told by ``method``."""

    number: int
    method: int
    begin: int
    length: int


def _places(data: Buffer, at: int) -> Iterator[_Place]:
    """The parts of all items."""
    version, sizes, further = data[at], data[at + 4], data[at + 5]
    offset, length, base = (_NUMBERS[size] for size in (sizes >> 4, sizes & 15, further >> 4))
    index = _NUMBERS[further & 15] if version else "0s"
    at += 6
    (count,) = struct.unpack_from(">I" if version == 2 else ">H", data, at)
    at += 4 if version == 2 else 2
    head = f">{'I' if version == 2 else 'H'}{'H' if version else '0s'}2x{base}H"
    part = f">{index}{offset}{length}"
    for _ in range(count):
        number, method, from_, extents = struct.unpack_from(head, data, at)
        at += struct.calcsize(head)
        if extents > 1 and not struct.calcsize(part):
            raise ValueError("an item has parts that lie nowhere")  # billions of them take no room in a file
        for _ in range(extents):
            _, begin, size = struct.unpack_from(part, data, at)
            at += struct.calcsize(part)
            counted_from = (method or 0) & 15
            if counted_from not in (_IN_FILE, _IN_META):
                raise ValueError("an item lies within another one")
            yield _Place(number, counted_from, (begin or 0) + (from_ or 0), size or 0)
