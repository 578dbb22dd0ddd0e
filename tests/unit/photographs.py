"""Photographs with EXIF and XMP as devices write them, byte by byte: tests say what stands in them."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from coordinator.formats.imageheader import Header, read

Value = tuple[int, int, bytes]
"""A tag's type, the number of its values, and their bytes."""
Ifd = Mapping[int, Value]

_PHOTO_IFD, _GPS_IFD = 0x8769, 0x8825
_PACKET = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:{prefix}="{uri}" {attributes}>{elements}</rdf:Description>'
    '</rdf:RDF></x:xmpmeta>{padding}<?xpacket end="w"?>'
)
URIS = {
    "GPano": "http://ns.google.com/photos/1.0/panorama/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "drone-dji": "http://www.dji.com/drone-dji/1.0/",
}


def ascii_(text: str) -> Value:
    return 2, len(text) + 1, text.encode("latin-1") + b"\0"


def raw(kind: int, data: bytes) -> Value:
    """Bytes as they are: of type 1 (BYTE), 2 (ASCII) or 7 (UNDEFINED)."""
    return kind, len(data), data


def short(value: int) -> Value:
    return 3, 1, struct.pack("<H", value)


def double(*values: float) -> Value:
    return 12, len(values), struct.pack(f"<{len(values)}d", *values)


def rational(*values: float | tuple[int, int], signed: bool = False) -> Value:
    """Fractions; a number is written with the denominator 1,000,000."""
    pairs = [value if isinstance(value, tuple) else (round(value * 10**6), 10**6) for value in values]
    numbers = [number for pair in pairs for number in pair]
    return (
        (10 if signed else 5),
        len(pairs),
        struct.pack(f"<{len(numbers)}{'i' if signed else 'I'}", *numbers),
    )


def exif(image: Ifd | None = None, photo: Ifd | None = None, gps: Ifd | bytes | None = None) -> bytes:
    """An EXIF block; ``gps`` as bytes stands in the place of the receiver's directory, whatever it is."""
    start = 8
    pointers = [tag for tag, ifd in ((_PHOTO_IFD, photo), (_GPS_IFD, gps)) if ifd is not None]
    length = len(_directory({**(image or {}), **dict.fromkeys(pointers, (4, 1, bytes(4)))}, start))
    body, places = b"", {}
    for tag, ifd in ((_PHOTO_IFD, photo), (_GPS_IFD, gps)):
        if ifd is not None:
            here = start + length + len(body)
            places[tag] = (4, 1, struct.pack("<I", here))
            body += ifd if isinstance(ifd, bytes) else _directory(ifd, here)
    return b"Exif\0\0II*\0" + struct.pack("<I", start) + _directory({**(image or {}), **places}, start) + body


def _directory(ifd: Ifd, start: int) -> bytes:
    entries, data = b"", b""
    behind = start + 2 + 12 * len(ifd) + 4
    for tag, (kind, count, value) in sorted(ifd.items()):
        entries += struct.pack("<HHI", tag, kind, count)
        if len(value) <= 4:
            entries += value.ljust(4, b"\0")
        else:
            entries += struct.pack("<I", behind + len(data))
            data += value + bytes(len(value) % 2)
    return struct.pack("<H", len(ifd)) + entries + bytes(4) + data


def gps(
    latitude: Value | None = None,
    longitude: Value | None = None,
    refs: tuple[str, str] = ("N", "E"),
    **more: Value,
) -> dict[int, Value]:
    """A receiver's tags; by default of a place in Amsterdam. ``more`` are tags by ``t`` and their number."""
    return {
        1: ascii_(refs[0]),
        2: latitude or rational(52.0, 22.0, 30.0),
        3: ascii_(refs[1]),
        4: longitude or rational(4.0, 53.0, 15.0),
        **{int(name[1:]): value for name, value in more.items()},
    }


def xmp(
    namespace: str, values: Mapping[str, Any], *, prefix: str | None = None, elements: bool = False
) -> str:
    """A packet with properties of one namespace, as attributes or as elements."""
    prefix = prefix or namespace
    texts = (
        [f"<{prefix}:{name}>{value}</{prefix}:{name}>" for name, value in values.items()]
        if elements
        else [f'{prefix}:{name}="{value}"' for name, value in values.items()]
    )
    return _PACKET.format(
        prefix=prefix,
        uri=URIS[namespace],
        attributes="" if elements else " ".join(texts),
        elements="".join(texts) if elements else "",
        padding=" " * 100,
    )


def write_jpeg(
    path: Path, size: tuple[int, int] = (9, 4), block: bytes | None = None, packet: str | bytes | None = None
) -> Path:
    extra: dict[str, Any] = {} if block is None else {"exif": block}
    if packet is not None:
        extra["xmp"] = packet.encode() if isinstance(packet, str) else packet
    Image.new("L", size).save(path, **extra)
    return path


def header(path: Path) -> Header:
    found = read(path)
    assert isinstance(found, Header), found
    return found
