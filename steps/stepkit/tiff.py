"""What a TIFF file's first directory tells, and why OpenCV cannot read it or would read it as black."""

from __future__ import annotations

import struct
from collections.abc import Collection

WIDTH, HEIGHT = 256, 257
_BITS, _COMPRESSION, _PHOTOMETRIC, _SAMPLES, _FORMAT = 258, 259, 262, 277, 339
_NUMBERS = {3: "H", 4: "L", 16: "Q"}
_READABLE = {1, 2, 3, 4, 5, 7, 8, 32773, 32946}
"""Compressions that OpenCV's own libtiff has. Others leave black pixels, or none."""
_COMPRESSIONS = {
    6: "old-style JPEG",
    32909: "PixarLog",
    33003: "JPEG 2000",
    33005: "JPEG 2000",
    34676: "SGI LogLuv",
    34677: "SGI LogLuv",
    34712: "JPEG 2000",
    34887: "LERC",
    34925: "LZMA",
    50000: "Zstandard",
    50001: "WebP",
    52546: "JPEG XL",
}
_FORMATS = {1: "unsigned integers", 2: "signed integers", 3: "floating-point numbers", 6: "complex numbers"}
_COLOURS = {4: "a transparency mask", 32803: "raw data of a sensor (CFA)", 34892: "raw data of a sensor"}
_CONVERT = (
    "convert it to 8-bit RGB, for instance with: magick IN.tif -depth 8 -type TrueColor -compress LZW OUT.tif"
)


def is_tiff(data: bytes) -> bool:
    """Whether the bytes begin like a TIFF file, classic or BigTIFF."""
    return data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def tags(data: bytes, wanted: Collection[int]) -> dict[int, int]:
    """The first number of each wanted tag of the first image. Raises struct.error where the file is cut off."""
    order = "<" if data.startswith(b"II") else ">"
    is_big = data[2:4] in (b"+\0", b"\0+")
    (directory,) = struct.unpack_from(order + ("Q" if is_big else "L"), data, 8 if is_big else 4)
    (entries,) = struct.unpack_from(order + ("Q" if is_big else "H"), data, directory)
    first, length = directory + (8 if is_big else 2), 20 if is_big else 12
    offset, room = order + ("Q" if is_big else "L"), 8 if is_big else 4
    found: dict[int, int] = {}
    for at in range(first, first + min(entries, 65_535) * length, length):
        tag, kind, count = struct.unpack_from(order + "HH" + offset[1:], data, at)
        if tag not in wanted or kind not in _NUMBERS:
            continue
        value_at = at + length - room
        if count * struct.calcsize("=" + _NUMBERS[kind]) > room:
            (value_at,) = struct.unpack_from(offset, data, value_at)
        (found[tag],) = struct.unpack_from(order + _NUMBERS[kind], data, value_at)
        if len(found) == len(wanted):
            break
    return found


def unreadable(data: bytes) -> str | None:
    """What a TIFF that no step reads is, and what to do; None if its compression is one that OpenCV has."""
    compression = _tags(data).get(_COMPRESSION, 1)
    if compression in _READABLE:
        return None
    name = _COMPRESSIONS.get(compression, f"method {compression}")
    return f"is a TIFF compressed by {name}, which steps cannot read; {_CONVERT}"


def described(data: bytes) -> str | None:
    """What is unusual about a TIFF that OpenCV did not decode, and what to do; None if nothing is."""
    found = _tags(data)
    bits, samples = found.get(_BITS, 1), found.get(_SAMPLES, 1)
    kind, colour = found.get(_FORMAT, 1), found.get(_PHOTOMETRIC, 2)
    if colour in _COLOURS:
        return f"is a TIFF of {_COLOURS[colour]}, which steps cannot read; {_CONVERT}"
    if bits not in (1, 8, 16) or kind != 1:
        what = f"{bits}-bit {_FORMATS.get(kind, 'values of an unknown kind')}"
        return f"is a TIFF of {what}, which steps cannot read; {_CONVERT}"
    if samples > 4:
        return f"is a TIFF of {samples} channels, which steps cannot read; keep three of them and {_CONVERT}"
    return None


def is_deep(data: bytes) -> bool:
    """Whether a TIFF's colours have 16 bits each, without a sign."""
    found = _tags(data)
    return found.get(_BITS) == 16 and found.get(_FORMAT, 1) == 1


def _tags(data: bytes) -> dict[int, int]:
    try:
        return tags(data, (_BITS, _COMPRESSION, _PHOTOMETRIC, _SAMPLES, _FORMAT))
    except struct.error:  # cut off: the decoder says so
        return {}
