"""Turning a photograph upright by its EXIF orientation, as the batch's reader (Pillow) understands it.

OpenCV turns by itself, but only where it drops the alpha channel, and it takes the orientation for a SHORT whatever its
type is.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping

import cv2

from steps.stepkit.arrays import Pixels

_TAG, UPRIGHT = 0x0112, 1
_PREFIX = b"Exif\0\0"
_BYTE_ORDERS = {b"II": "<", b"MM": ">"}
_NUMBERS = (b"\0*", b"*\0")
"""That of TIFF in both byte orders: some writers mix them up, and the letters count then."""
_TYPES = {1: "B", 3: "H", 4: "I", 6: "b", 7: "B", 8: "h", 9: "i", 13: "I"}
"""Of whole numbers. The standard wants SHORT; cameras write LONG and BYTE, too."""
_KNOWN = {*range(1, 14), 16}
"""All types: an entry of another one is passed over."""
_INLINE = 4
"""Maximum number of bytes of values that stand in the entry itself."""
_TURNS: Mapping[int, Callable[[Pixels], Pixels]] = {
    2: lambda image: cv2.flip(image, 1),
    3: lambda image: cv2.rotate(image, cv2.ROTATE_180),
    4: lambda image: cv2.flip(image, 0),
    5: lambda image: cv2.transpose(image),
    6: lambda image: cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE),
    7: lambda image: cv2.flip(cv2.transpose(image), -1),
    8: lambda image: cv2.rotate(image, cv2.ROTATE_90_COUNTERCLOCKWISE),
}


def upright(image: Pixels, exif: bytes) -> Pixels:
    """The image as it is to be seen, by its EXIF block; as it is where that tells no orientation or is broken.

    Shape (height, width, ...); four of the eight orientations change the sides.
    """
    return turned(image, orientation(exif))


def turned(image: Pixels, orientation: int) -> Pixels:
    """The image, shape (height, width, ...), as it is to be seen by an orientation; as it is for a number unknown."""
    turn = _TURNS.get(orientation)
    return turn(image) if turn else image


def orientation(exif: bytes) -> int:
    """The orientation that an EXIF block (TIFF bytes) tells, 1 where it tells none. Of several the first counts."""
    # In a PNG, some writers begin it as in a JPEG, and some of those twice.
    exif = exif.removeprefix(_PREFIX).removeprefix(_PREFIX)
    order = _BYTE_ORDERS.get(exif[:2])
    if order is None or exif[2:4] not in _NUMBERS:
        return UPRIGHT
    try:
        (directory,) = struct.unpack_from(f"{order}I", exif, 4)
        (entries,) = struct.unpack_from(f"{order}H", exif, directory)
        for entry in range(directory + 2, directory + 2 + 12 * entries, 12):
            tag, kind, count = struct.unpack_from(f"{order}HHI", exif, entry)
            if tag == _TAG and kind in _KNOWN:
                return _number(exif, entry + 8, order, kind, count)
    except struct.error:  # it leads out of the block
        pass
    return UPRIGHT


def _number(exif: bytes, at: int, order: str, kind: int, count: int) -> int:
    """The first of an entry's values, which stand at ``at``, or if they are too many for 4 bytes, where that leads."""
    code = _TYPES.get(kind)
    if code is None or count < 1 or (count > 1 and code == "B"):
        return UPRIGHT
    if count * struct.calcsize(f"={code}") > _INLINE:
        (at,) = struct.unpack_from(f"{order}I", exif, at)
    return int(struct.unpack_from(order + code, exif, at)[0])
