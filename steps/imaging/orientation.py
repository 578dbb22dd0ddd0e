"""Turning a photograph upright by its EXIF orientation.

OpenCV does so itself, but only where it drops the alpha channel.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping

import cv2

from steps.stepkit.arrays import Pixels

_TAG, _UPRIGHT = 0x0112, 1
_BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
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
    turn = _TURNS.get(_orientation(exif))
    return turn(image) if turn else image


def _orientation(exif: bytes) -> int:
    order = _BYTE_ORDERS.get(exif[:4])
    if order is None:
        return _UPRIGHT
    try:
        (directory,) = struct.unpack_from(f"{order}I", exif, 4)
        (entries,) = struct.unpack_from(f"{order}H", exif, directory)
        for entry in range(directory + 2, directory + 2 + 12 * entries, 12):
            tag, value = struct.unpack_from(f"{order}H6xH", exif, entry)
            if tag == _TAG:
                return int(value)
    except struct.error:  # it leads out of the block
        pass
    return _UPRIGHT
