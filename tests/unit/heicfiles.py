"""HEIC files made box by box (ISO/IEC 23008-12) around a few encoded pictures of 64x64 pixels."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from coordinator.formats import isobmff

FILES = Path(__file__).with_name("heic")
SIDE = 64


@dataclass(frozen=True, kw_only=True)
class Item:
    """A picture or something else, with its properties as boxes, in their order, and what it refers to by number."""

    kind: bytes
    content: bytes
    properties: tuple[bytes, ...] = ()
    refers: tuple[tuple[bytes, tuple[int, ...]], ...] = ()
    within_meta: bool = False


def box(kind: bytes, *contents: bytes) -> bytes:
    content = b"".join(contents)
    return struct.pack(">I", 8 + len(content)) + kind + content


def full(kind: bytes, *contents: bytes, version: int = 0, flags: int = 0) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags), *contents)


def size(width: int = SIDE, height: int = SIDE) -> bytes:
    return full(b"ispe", struct.pack(">II", width, height))


def turned(quarters: int) -> bytes:
    """Quarter turns, anticlockwise."""
    return box(b"irot", bytes([quarters]))


def mirrored(axis: int) -> bytes:
    """0: top becomes bottom; 1: left becomes right."""
    return box(b"imir", bytes([axis]))


def cut(width: int, height: int, right: int = 0, down: int = 0) -> bytes:
    """A part of that size, whose middle is so many half pixels off the picture's."""
    return box(b"clap", struct.pack(">IIIIiIiI", width, 1, height, 1, right, 2, down, 2))


def picture(name: str = "scene", *properties: bytes, is_sized: bool = True) -> Item:
    """The encoded picture of one of the files, with its decoder's settings, its size and further properties."""
    data = (FILES / f"{name}.heic").read_bytes()
    (coded,) = (data[item.begin : item.end] for item in isobmff.items(data) if item.kind == b"hvc1")
    at = data.index(b"hvcC") - 4
    settings = data[at : at + int.from_bytes(data[at : at + 4], "big")]
    return Item(
        kind=b"hvc1", content=coded, properties=(settings, *([size()] if is_sized else []), *properties)
    )


def grid(width: int, height: int, columns: int, rows: int, tiles: Sequence[int], *properties: bytes) -> Item:
    """A picture that is made of others, as telephones write it."""
    return Item(
        kind=b"grid",
        content=struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, width, height),
        properties=(size(width, height), *properties),
        refers=((b"dimg", tuple(tiles)),),
        within_meta=True,
    )


def alpha(of: int, name: str = "grey", kind: bytes = b"urn:mpeg:hevc:2015:auxid:1") -> Item:
    """A grey picture that is another's alpha."""
    made = picture(name, full(b"auxC", kind + b"\0"))
    return replace(made, refers=((b"auxl", (of,)),))


def exif(block: bytes, of: int = 1) -> Item:
    return Item(kind=b"Exif", content=bytes(4) + block, refers=((b"cdsc", (of,)),))


def heic(
    *items: Item, primary: int = 1, brand: bytes = b"heic", further: Sequence[bytes] = (b"mif1", b"heic")
) -> bytes:
    """A whole file of items, whose numbers count from 1."""
    head = box(b"ftyp", brand, bytes(4), *further)
    length = len(_meta(items, primary, 0))
    meta = _meta(items, primary, len(head) + length + 8)
    return head + meta + box(b"mdat", *(item.content for item in items if not item.within_meta))


def _meta(items: Sequence[Item], primary: int, begin: int) -> bytes:
    handler = full(b"hdlr", bytes(4), b"pict", bytes(13))
    infos = [
        full(b"infe", struct.pack(">HH", number, 0), item.kind, b"\0", version=2)
        for number, item in enumerate(items, 1)
    ]
    references = [
        box(kind, struct.pack(f">HH{len(to)}H", number, len(to), *to))
        for number, item in enumerate(items, 1)
        for kind, to in item.refers
    ]
    return full(
        b"meta",
        handler,
        full(b"pitm", struct.pack(">H", primary)),
        _places(items, begin),
        full(b"iinf", struct.pack(">H", len(items)), *infos),
        full(b"iref", *references) if references else b"",
        _properties(items),
        box(b"idat", *(item.content for item in items if item.within_meta)),
    )


def _places(items: Sequence[Item], begin: int) -> bytes:
    at = {False: begin, True: 0}
    entries = []
    for number, item in enumerate(items, 1):
        entries.append(
            struct.pack(">HHHHII", number, item.within_meta, 0, 1, at[item.within_meta], len(item.content))
        )
        at[item.within_meta] += len(item.content)
    return full(b"iloc", b"\x44\x00", struct.pack(">H", len(items)), *entries, version=1)


def _properties(items: Sequence[Item]) -> bytes:
    all_of_them = [one for item in items for one in item.properties]
    entries, number = [], 0
    for name, item in enumerate(items, 1):
        entries.append(struct.pack(">HB", name, len(item.properties)))
        for _ in item.properties:
            number += 1
            entries.append(bytes([0x80 | number]))
    return box(
        b"iprp",
        box(b"ipco", *all_of_them),
        full(b"ipma", struct.pack(">I", len(items)), *entries),
    )
