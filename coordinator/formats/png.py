"""What the chunks of a PNG file tell of its picture, up to the file's end. No pixel is decoded. Pure.

Chunks that no pixel needs are looked at one by one, so that a damaged one costs nothing but what it tells itself.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Collection, Iterator
from os import SEEK_END
from typing import BinaryIO

from coordinator.formats.imagelimits import MAX_TEXT

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER = struct.Struct(">I4sIIBBBBBI")
"""Length, kind, width, height, bits, colour type, compression, filter, interlacing and checksum."""
_BITS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
"""Of a sample, by the colour type."""
_LONGEST_SIDE = 0x7FFF_FFFF
_MOST_CHUNKS = 200_000
"""More than the largest photograph has, in pieces of 8 kB."""
_XMP = b"XML:com.adobe.xmp\0"


def size(file: BinaryIO) -> tuple[int, int] | None:
    """Width and height in pixels, as stored; None where the header is damaged."""
    file.seek(len(SIGNATURE))
    head = file.read(_HEADER.size)
    if len(head) < _HEADER.size:
        return None
    length, kind, width, height, bits, colour, _, _, _, checksum = _HEADER.unpack(head)
    if (length, kind, checksum) != (13, b"IHDR", zlib.crc32(head[4:-4])) or bits not in _BITS.get(colour, ()):
        return None
    return (width, height) if 0 < width <= _LONGEST_SIDE and 0 < height <= _LONGEST_SIDE else None


def exif(file: BinaryIO) -> bytes:
    """The first EXIF block, unchecked, which may stand behind the pixels; none if there is none.

    Raises ValueError for a file of more chunks than any photograph's.
    """
    return next(_contents(file, (b"eXIf",)), b"")


def xmp(file: BinaryIO) -> bytes:
    """The first XMP packet, unchecked; none if there is none that can be unpacked. Raises ValueError as above."""
    found = next((text for text in _contents(file, (b"iTXt",)) if text.startswith(_XMP)), b"")
    is_packed = found[len(_XMP) : len(_XMP) + 1] == b"\1"
    # Behind it the method, of which there is only one, then the language and the keyword in it.
    packet = found[len(_XMP) + 2 :].split(b"\0", 2)[-1]
    if not is_packed:
        return packet
    try:
        unpacking = zlib.decompressobj()
        unpacked = unpacking.decompress(packet, MAX_TEXT)
    except zlib.error:
        return b""
    return unpacked if unpacking.eof else b""


def _contents(file: BinaryIO, wanted: Collection[bytes]) -> Iterator[bytes]:
    """The contents of all chunks of these kinds, in their order; what lies behind the end of the picture is none."""
    file.seek(0, SEEK_END)
    length_of_all, at = file.tell(), len(SIGNATURE)
    for _ in range(_MOST_CHUNKS):
        if at + 8 > length_of_all:
            return
        file.seek(at)
        length, kind = struct.unpack(">I4s", file.read(8))
        if kind == b"IEND":
            return
        if kind in wanted:
            yield file.read(length)
        at += 12 + length
    raise ValueError(f"it is made of more than {_MOST_CHUNKS:,} chunks")
