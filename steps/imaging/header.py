"""Size and EXIF orientation out of a JPEG's or PNG's bytes, before any pixel is decoded."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

UPRIGHT = 1
_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
_EXIF = b"Exif\0\0"
_APP1, _START_OF_SCAN = 0xE1, 0xDA
# C4, C8 and CC lie among the starts of frame and are none: tables, and a reserved one.
_STARTS_OF_FRAME = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9)}
_ORIENTATION = 0x0112
_BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}


@dataclass(frozen=True, kw_only=True)
class Header:
    """Size in pixels as the file stores it, and the EXIF orientation, 1 to 8."""

    width: int
    height: int
    orientation: int

    @property
    def upright(self) -> tuple[int, int]:
        """(width, height) of the image as it is to be seen; from 5 on its rows are stored as columns."""
        return (self.height, self.width) if self.orientation >= 5 else (self.width, self.height)


def parse(data: bytes) -> Header | None:
    """The header of a JPEG or PNG; None for anything else, and if there is no size in it."""
    if data.startswith(_JPEG):
        return _jpeg(data)
    if data.startswith(_PNG):
        return _png(data)
    return None


def _jpeg(data: bytes) -> Header | None:
    size, exif = None, None
    for marker, content in _segments(data):
        if marker in _STARTS_OF_FRAME and size is None and len(content) >= 5:
            size = struct.unpack_from(">HH", content, 1)
        elif marker == _APP1 and exif is None and content.startswith(_EXIF):
            exif = content[len(_EXIF) :]
    if size is None or 0 in size:
        return None
    return Header(height=size[0], width=size[1], orientation=_orientation(exif or b""))


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Markers and contents of a JPEG's segments before its pixels."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == _START_OF_SCAN:
            return
        if marker == 0xFF:
            at += 1
        elif marker in _WITHOUT_LENGTH:
            at += 2
        else:
            end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
            yield marker, data[at + 4 : end]
            at = end


def _png(data: bytes) -> Header | None:
    size, exif = None, b""
    for kind, content in _chunks(data):
        if kind == b"IHDR" and len(content) >= 8:
            size = struct.unpack_from(">II", content)
        elif kind == b"eXIf":
            exif = content
    if size is None or 0 in size:
        return None
    return Header(width=size[0], height=size[1], orientation=_orientation(exif))


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kinds and contents of a PNG's chunks before its pixels."""
    at = len(_PNG)
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"IDAT":
            return
        yield kind, data[at + 8 : at + 8 + length]
        at += 12 + length


def _orientation(exif: bytes) -> int:
    """The orientation in a TIFF block of EXIF; upright if it tells none, or is broken."""
    order = _BYTE_ORDERS.get(exif[:4])
    if order is None:
        return UPRIGHT
    try:
        (directory,) = struct.unpack_from(f"{order}I", exif, 4)
        (entries,) = struct.unpack_from(f"{order}H", exif, directory)
        for number in range(entries):
            tag, value = struct.unpack_from(f"{order}H6xH", exif, directory + 2 + 12 * number)
            if tag == _ORIENTATION:
                return value if 1 <= value <= 8 else UPRIGHT
    except struct.error:
        pass
    return UPRIGHT
