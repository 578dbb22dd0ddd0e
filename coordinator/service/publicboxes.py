"""AVIF and HEIC without their private metadata, which are overwritten where they stand.

Parts of these files are found by their offsets, so none may move.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator
from itertools import accumulate

from coordinator.formats import isobmff, tracks
from coordinator.formats.isobmff import Span
from coordinator.service.publicexif import nothing, public
from coordinator.service.rasters import Buffer
from coordinator.service.refusal import Refused

_PREFIX = b"Exif\0\0"
_TOLD = {b"Exif", b"mime", b"uri "}
"""Items that are no picture."""
_OF_FILE = {b"ftyp", b"meta", b"mdat", b"moov"}
"""Boxes that pictures and animations need. In others are films, and what makers add."""
_UNUSED = {b"free", b"skip"}
_WITHIN = {
    b"meta": {b"hdlr", b"pitm", b"iloc", b"iinf", b"iref", b"iprp", b"idat", b"dinf", b"grpl", b"ipro"},
    b"moov": {b"mvhd", b"trak", b"mvex"},
    b"trak": {b"tkhd", b"tref", b"trgr", b"edts", b"mdia"},
}
"""The same of boxes in these. In others are names, places and descriptions."""
_BLANKS = {b"mime": b" "}
"""What stands in place of what went, if it has to be a text."""

_KIND = b"kind"
"""The four bytes that say what a box is."""

Box = tuple[bytes, Span]
_Part = tuple[int, int, bytes]
"""Where something begins and ends that goes, and what it is."""


def kept(data: Buffer, field: str) -> Iterator[bytes | slice]:
    """New bytes, and what stays of the file. Raises Refused, which blames ``field``, for boxes that are broken."""
    try:
        items, boxes = isobmff.items(data), isobmff.top(data)
        parts = sorted([*_told(items), *_foreign(data, boxes, _OF_FILE), *_forgotten(data, items, boxes)])
    except ValueError as error:
        message = f"has metadata that cannot be taken out ({error}); send it without, or as JPEG, PNG or WebP"
        raise Refused(field, message) from error
    whole = max(end for kind, (_, end) in boxes if kind in _OF_FILE | _UNUSED)
    at = 0
    for begin, end, kind in parts:
        first, given = max(begin, at), data[max(begin, at) : min(end, whole)]
        wanted = _instead(given, kind if begin == first else b"") if given else given
        if wanted != given:
            yield slice(at, first)
            yield wanted
            at = first + len(wanted)
    yield slice(at, whole)


def _instead(given: bytes, kind: bytes) -> bytes:
    if kind == b"Exif":
        return _public_item(given)
    return b"free" if kind == _KIND else _BLANKS.get(kind, b"\0") * len(given)


def _told(items: Iterable[isobmff.Item]) -> Iterator[_Part]:
    return ((begin, end, kind) for kind, begin, end in items if kind in _TOLD)


def _foreign(data: Buffer, boxes: Iterable[Box], known: Collection[bytes]) -> Iterator[_Part]:
    """The contents of boxes that no picture needs, which become free room."""
    for kind, (begin, end) in boxes:
        if kind in _WITHIN and kind in known:
            inner = isobmff.boxes(data, begin + (4 if kind == b"meta" else 0), end)
            yield from _foreign(data, inner, _WITHIN[kind])
        elif kind not in known and kind not in _UNUSED:
            named = begin - 4 if data[begin - 4 : begin] == kind else begin - 12  # before a length of 64 bit
            yield named, named + 4, _KIND
        if kind not in known and begin < end:
            yield begin, end, kind


def _forgotten(data: Buffer, items: Iterable[isobmff.Item], boxes: Iterable[Box]) -> Iterator[_Part]:
    """What lies among the contents of items and samples and belongs to none."""
    used = [(begin, end if end > begin else len(data)) for _, begin, end in items]
    used += [span for kind, film in boxes if kind == b"moov" for span in tracks.samples(data, film)]
    used.sort()
    reached = list(accumulate((behind for _, behind in used), max))
    contents = [span for kind, span in boxes if kind == b"mdat"]
    for begin, end in (span for kind, span in boxes if kind == b"meta"):
        contents += [span for kind, span in isobmff.boxes(data, begin + 4, end) if kind == b"idat"]
    for at, end in contents:
        for number in range(bisect_right(reached, at), len(used)):
            first, behind = used[number]
            if at < first:
                yield at, min(first, end), b""
            at = max(at, behind)
            if at >= end:
                break
        if at < end:
            yield at, end, b""


def _public_item(given: bytes) -> bytes:
    """An EXIF item of the same length: how far its block is from its begin, then the block, which has to be one."""
    distance = 4 + int.from_bytes(given[:4], "big")
    block = public(given[distance:])
    if not block or distance + len(block) > len(given):
        block = nothing()
    if given[4:distance] == _PREFIX:
        return (given[:distance] + block).ljust(len(given), b"\0")[: len(given)]
    return (bytes(4) + block).ljust(len(given), b"\0")[: len(given)]
