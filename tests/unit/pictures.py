"""Image files as cameras, editors and attackers write them, made byte by byte where no library would."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image

from steps.stepkit.arrays import U8

ORIENTATIONS = range(1, 9)
NUMBERS = {"BYTE": (1, "B"), "SHORT": (3, "H"), "LONG": (4, "I")}
"""The types in which an orientation is written: TIFF's number, and the struct format."""


def scene(width: int = 32, height: int = 24) -> U8:
    """A smooth picture, RGB, shape (height, width, 3), no two of whose sides or corners are alike."""
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    return np.asarray(np.stack((255 * x, 255 * y, 200 * x * y), axis=2), np.uint8)


def encoded(kind: str, image: Any = None, **options: Any) -> bytes:
    """An image, RGB and the :func:`scene` by default, as Pillow writes it."""
    data = io.BytesIO()
    picture = (
        image if isinstance(image, Image.Image) else Image.fromarray(scene() if image is None else image)
    )
    picture.save(data, kind, **options)
    return data.getvalue()


def exif(orientation: int, number: str = "SHORT", order: str = "<") -> bytes:
    """An EXIF block, as TIFF bytes, of an orientation alone; ``order`` is struct's."""
    kind, code = NUMBERS[number]
    value = struct.pack(order + code, orientation).ljust(4, b"\0")
    return (
        (b"II*\0" if order == "<" else b"MM\0*")
        + struct.pack(f"{order}IHHHI", 8, 1, 0x0112, kind, 1)
        + value
        + bytes(4)
    )


def segment(marker: int, content: bytes) -> bytes:
    """A segment of a JPEG."""
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(content) + 2) + content


def chunk(kind: bytes, content: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def with_exif(kind: str, block: bytes, data: bytes | None = None) -> bytes:
    """A file with an EXIF block: in a JPEG behind ``Exif``, in a PNG as it is given."""
    data = encoded(kind) if data is None else data
    if kind == "JPEG":
        return data[:2] + segment(0xE1, b"Exif\0\0" + block) + data[2:]
    if kind == "PNG":
        return data[:33] + chunk(b"eXIf", block) + data[33:]
    return encoded(kind, exif=block)


def segments(data: bytes) -> list[bytes]:
    """The segments of a JPEG's header; the last one is the first scan and all behind it."""
    found, at = [], 2
    while data[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        found.append(data[at:end])
        at = end
    return [*found, data[at:]]


def with_scans(count: int, size: tuple[int, int] = (32, 24)) -> bytes:
    """A progressive JPEG of so many scans: the last of Pillow's ten or so again and again, which decoders allow.

    Its header promises ``size``, (width, height).
    """
    data = encoded("JPEG", progressive=True)
    frame = data.index(b"\xff\xc2") + 5
    data = data[:frame] + struct.pack(">HH", *size[::-1]) + data[frame + 4 :]
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last:-2] * (count - data.count(b"\xff\xda")) + data[-2:]
