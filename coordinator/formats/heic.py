"""What the boxes of a HEIC file tell of its picture (ISO 23008-12): its upright size, and whether it has alpha. Pure.

No decoder is asked: the file is a stranger's, and may be made to harm who decodes it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction
from math import floor

from coordinator.formats.isobmff import Buffer, Span, boxes, items, meta, named

_HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs")
_AVIF = (b"avif", b"avis")
_EITHER = (b"mif1", b"msf1")
"""A brand of files of pictures, however these are encoded; further brands tell."""
_MOST_BRANDS = 64
_DECODED = (b"hvc1", b"grid", b"iden", b"iovl")
"""Pictures as HEVC has them, and those that are made of such."""
_ALPHA = (b"urn:mpeg:hevc:2015:auxid:1\0", b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0")


@dataclass(frozen=True, kw_only=True)
class Picture:
    """The file's primary picture: ``width`` and ``height`` in pixels, as it is shown."""

    width: int
    height: int
    has_alpha: bool


def coding(head: bytes) -> str | None:
    """``HEIC`` or ``AVIF`` by a file's first bytes (some 300, for all its brands); None for other files."""
    if head[4:8] != b"ftyp":
        return None
    end = min(int.from_bytes(head[:4], "big"), len(head), 16 + 4 * _MOST_BRANDS)
    further = [head[at : at + 4] for at in range(16, end, 4)] if head[8:12] in _EITHER else []
    for brand in (head[8:12], *further):
        if brand in _HEIC or brand in _AVIF:
            return "HEIC" if brand in _HEIC else "AVIF"
    # Pictures of a kind that the brands leave open are AVIF, by what wrote such files first.
    return "AVIF" if head[8:12] in _EITHER else None


def picture(data: Buffer) -> Picture:
    """The primary picture of a HEIC file. Raises ValueError for boxes that are broken, or tell of none."""
    try:
        parts = meta(data)
        primary = _primary(data, parts[b"pitm"][0])
        kind = _kind(data, parts[b"iinf"], primary)
        if kind not in _DECODED:
            raise ValueError(f"its picture is encoded as {kind.decode('latin-1')!r}, which is not read")
        properties = dict(boxes(data, *parts[b"iprp"]))
        all_of_them = list(boxes(data, *properties[b"ipco"]))
        own = _associated(data, properties[b"ipma"], primary)
        width, height = _shown(data, [all_of_them[number - 1] for number in own if number])
        begin, end = properties[b"ipco"]
        contents = data[begin:end]
        return Picture(width=width, height=height, has_alpha=any(kind in contents for kind in _ALPHA))
    except (struct.error, KeyError, IndexError) as error:
        raise ValueError(f"its boxes are broken: {error!r}") from error


def is_whole(data: Buffer) -> bool:
    """Whether all that the boxes tell of is there; behind it, some cameras write as much as they like."""
    try:
        return all(item.end <= len(data) for item in items(data)) and bool(meta(data)[b"iprp"])
    except (ValueError, KeyError):
        return False


def _kind(data: Buffer, span: Span, item: int) -> bytes:
    """An item's kind, where the texts of all are such: pi-heif 1.4 falls over others, and takes its process with it."""
    texts = dict(named(data, *span))
    try:
        b"".join(texts.values()).decode()
    except UnicodeDecodeError as error:
        raise ValueError("the names of its items are no UTF-8") from error
    return texts[item][:4]


def _primary(data: Buffer, at: int) -> int:
    (number,) = struct.unpack_from(">I" if data[at] else ">H", data, at + 4)
    return int(number)


def _associated(data: Buffer, span: Span, item: int) -> list[int]:
    """The numbers of an item's properties in their order, from 1 on; 0 stands for none."""
    at = span[0]
    version, is_wide = data[at], data[at + 3] & 1
    (count,) = struct.unpack_from(">I", data, at + 4)
    at += 8
    head = ">IB" if version else ">HB"
    for _ in range(count):
        number, many = struct.unpack_from(head, data, at)
        at += struct.calcsize(head)
        if number == item:
            found = struct.unpack_from(f">{many}{'H' if is_wide else 'B'}", data, at)
            return [
                one & (0x7FFF if is_wide else 0x7F) for one in found
            ]  # less the bit of what a reader must know
        at += many * (2 if is_wide else 1)
    raise KeyError(item)


def _shown(data: Buffer, properties: list[tuple[bytes, Span]]) -> tuple[int, int]:
    """The width and height that are left once a picture's transformations are done, one after the other."""
    (width, height) = _size(data, properties)
    for kind, (at, _) in properties:
        if kind == b"irot" and data[at] & 1:
            width, height = height, width
        elif kind == b"clap":
            width, height = _cut(data, at, width, height)
    return width, height


def _size(data: Buffer, properties: list[tuple[bytes, Span]]) -> tuple[int, int]:
    for kind, (at, _) in properties:
        if kind == b"ispe":
            width, height = struct.unpack_from(">II", data, at + 4)
            if width and height:
                return width, height
    raise KeyError("ispe")


def _cut(data: Buffer, at: int, width: int, height: int) -> tuple[int, int]:
    """What a clean aperture (ISO 14496-12, 12.1.4) leaves of a picture."""
    wide, of_wide, high, of_high, right, of_right, down, of_down = struct.unpack_from(">IIIIiIiI", data, at)
    if not (of_wide and of_high and of_right and of_down):
        raise KeyError("clap")
    return (
        _left_of(width, Fraction(wide, of_wide), Fraction(right, of_right)),
        _left_of(height, Fraction(high, of_high), Fraction(down, of_down)),
    )


def _left_of(side: int, wanted: Fraction, shift: Fraction) -> int:
    """The whole pixels that are left of a side, if the middle of those that are wanted is so far off its middle."""
    begin = floor(shift + (side - wanted) / 2)
    left = min(side, begin + floor(wanted + Fraction(1, 2))) - max(0, begin)
    if left <= 0:
        raise ValueError("it shows a part outside of its picture")
    return left
