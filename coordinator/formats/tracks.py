"""Where the samples of a film's tracks lie, as an animated AVIF has them (ISO 14496-12, 8.5 to 8.7). Pure."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import accumulate

from coordinator.formats.isobmff import Buffer, Span, boxes

_TABLES = (b"mdia", b"minf", b"stbl")
"""Within each other."""


def samples(data: Buffer, film: Span) -> Iterator[Span]:
    """The stretches of samples that a box ``moov`` tells of; none of a track that cannot be followed."""
    for kind, track in boxes(data, *film):
        if kind == b"trak":
            with suppress(struct.error, KeyError, IndexError, ValueError):
                yield from _chunks(data, track)


def _chunks(data: Buffer, track: Span) -> list[Span]:
    tables = dict(boxes(data, *track))
    for kind in _TABLES:
        tables = dict(boxes(data, *tables[kind]))
    offsets = (tables[b"stco"], ">I") if b"stco" in tables else (tables[b"co64"], ">Q")
    begins = [begin for (begin,) in _entries(data, *offsets)]
    found, first = [], 0
    ends = _ends(data, tables[b"stsz"][0])
    for begin, many in zip(begins, _samples_of_each(data, tables[b"stsc"], len(begins)), strict=True):
        found.append((begin, begin + ends(first + many) - ends(first)))
        first += many
    return found


def _entries(data: Buffer, span: Span, entry: str) -> Iterator[tuple[int, ...]]:
    begin = span[0] + 8
    (count,) = struct.unpack_from(">I", data, span[0] + 4)
    return struct.iter_unpack(entry, data[begin : begin + count * struct.calcsize(entry)])


def _samples_of_each(data: Buffer, span: Span, chunks: int) -> Iterator[int]:
    """How many samples each chunk has: told by runs of chunks, counted from 1, that have as many."""
    runs = list(_entries(data, span, ">III"))
    behind = [*(first for first, _, _ in runs[1:]), chunks + 1]
    for (first, many, _), end in zip(runs, behind, strict=True):
        for _ in range(first, min(end, chunks + 1)):
            yield many


def _ends(data: Buffer, at: int) -> Callable[[int], int]:
    """How many bytes the first so many samples have."""
    fixed, count = struct.unpack_from(">II", data, at + 4)
    if fixed:
        return lambda many: many * fixed
    lengths = struct.unpack_from(f">{count}I", data, at + 12)
    return list(accumulate(lengths, initial=0)).__getitem__
