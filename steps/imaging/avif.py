"""The colours that an AVIF file tells by numbers, which Pillow passes over: from its boxes (ISO 23008-12). Pure."""

from __future__ import annotations

import struct
from collections.abc import Iterator

Span = tuple[int, int]
"""Where a box's content begins and ends in the file."""


def colours(data: bytes) -> tuple[int, int] | None:
    """The numbers (ITU-T H.273) of the primary picture's primaries and transfer; None where no box tells them."""
    try:
        meta = dict(_boxes(data, *dict(_boxes(data, 0, len(data)))[b"meta"], head=4))
        properties = dict(_boxes(data, *meta[b"iprp"]))
        every = list(_boxes(data, *properties[b"ipco"]))
        for number in _associated(data, properties[b"ipma"][0], _primary(data, meta[b"pitm"][0])):
            kind, (begin, _) = every[number - 1]
            if number and kind == b"colr" and data[begin : begin + 4] == b"nclx":
                primaries, transfer = struct.unpack_from(">HH", data, begin + 4)
                return primaries, transfer
    except (struct.error, KeyError, IndexError):  # the decoder says what is damaged
        pass
    return None


def _boxes(data: bytes, at: int, end: int, head: int = 0) -> Iterator[tuple[bytes, Span]]:
    """The boxes between two places, behind ``head`` bytes of what holds them."""
    at += head
    while at + 8 <= end:
        length, kind = struct.unpack_from(">I4s", data, at)
        begin = at + 8
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, begin)
            begin += 8
        length = max(length, begin - at) if length else end - at
        yield kind, (begin, min(at + length, end))
        at += length


def _primary(data: bytes, at: int) -> int:
    (number,) = struct.unpack_from(">I" if data[at] else ">H", data, at + 4)
    return int(number)


def _associated(data: bytes, at: int, item: int) -> list[int]:
    """The numbers of an item's properties, from 1 on; 0 stands for none."""
    entry, number = (">IB" if data[at] else ">HB"), (">H" if data[at + 3] & 1 else ">B")
    (count,) = struct.unpack_from(">I", data, at + 4)
    at += 8
    for _ in range(count):
        whose, many = struct.unpack_from(entry, data, at)
        at += struct.calcsize(entry)
        found = [one for (one,) in struct.iter_unpack(number, data[at : at + many * struct.calcsize(number)])]
        if whose == item:
            return [
                one & (0x7FFF if number == ">H" else 0x7F) for one in found
            ]  # the first bit: whether it matters
        at += many * struct.calcsize(number)
    return []
