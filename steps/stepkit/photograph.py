"""Reading photographs that may be damaged, huge or not photographs at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import cv2
import numpy as np

from steps.stepkit import imagefile
from steps.stepkit.arrays import Image, Pixels
from steps.stepkit.decoding import decode
from steps.stepkit.loop import BadInput, Json
from steps.stepkit.numbers import is_finite
from steps.stepkit.orientation import upright

MAX_PIXELS = 250_000_000
"""A header that promises more is refused before anything is decoded. It is more than the largest panoramas have
(22,000 x 11,000), and at 3 bytes a pixel what still goes into a step's usual memory of 1 GiB."""
MAX_BYTES = 1024**3
"""A larger file is not read into memory."""


def read(path: str | Path, size: tuple[int, int] | None = None) -> Image:
    """The photograph at ``path``, 8 bit BGR, shape (height, width, 3), turned upright by its EXIF orientation.

    16-bit, grey, alpha and CMYK files are converted; of several images in a file the first is taken. Of 16 bits the 8
    below the highest that is used are taken: cameras write 10 or 12 into them. ``size`` is the (width, height) the
    batch promises. Raises BadInput, with the reason, for a file that is missing, empty, truncated,
    damaged, larger than this module's limits, not an image or not of the promised size.
    """
    try:
        data = content(path)
    except OSError as error:
        raise BadInput(f"cannot read image {str(path)!r}: {error.strerror}") from error
    if reason := damage(data):
        raise BadInput(f"image {str(path)!r} {reason}")
    try:
        image = _eight_bits(_upright(data))
    except BadInput as error:
        raise BadInput(f"image {str(path)!r} {error}") from error
    height, width = image.shape[:2]
    if size is not None and size != (width, height):
        raise BadInput(f"image {str(path)!r} {_unlike(size, (width, height))}")
    return image


def _upright(data: bytes) -> Pixels:
    """Shape (height, width, 3), in the file's depth. Only TIFF and WebP are left to OpenCV to be turned."""
    depth = cv2.IMREAD_ANYDEPTH if imagefile.is_deep(data) else 0
    if not data.startswith((imagefile.JPEG, imagefile.PNG)):
        return decode(data, cv2.IMREAD_COLOR | depth)
    image = decode(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION | depth)
    return upright(image, imagefile.exif(data))


def _eight_bits(image: Pixels) -> Image:
    if image.dtype == np.uint8:
        return image
    unused = 16 - max(8, int(image.max()).bit_length())
    return (image >> (8 - unused)).astype(np.uint8)


def promised(of: Json, called: str) -> tuple[int, int] | None:
    """The (width, height) that a recording or an observation says its photograph has; None without both.

    ``called`` is what a message calls it. Raises BadInput for a side that is no whole number above 0.
    """
    width, height = of.get("width"), of.get("height")
    if width is None or height is None:
        return None
    return _side(width, "width", called), _side(height, "height", called)


def _side(value: object, name: str, called: str) -> int:
    if not is_finite(value) or value < 1 or value != int(value):
        raise BadInput(
            f"{called}: {name} must be a whole number of pixels above 0, or left out, not {value!r}"
        )
    return int(value)


def damage(data: bytes) -> str | None:
    """Why an image file's bytes are not to be decoded, or None. OpenCV pads truncated JPEGs silently."""
    if not data:
        return "is empty"
    if kind := imagefile.truncated(data):
        return f"is a truncated {kind}"
    promised = imagefile.size(data)
    if promised is None:
        return "is not an image (JPEG, PNG, TIFF, BMP or WebP)"
    width, height = promised
    if width * height > MAX_PIXELS:
        return f"promises {width}x{height} pixels, more than {MAX_PIXELS:,}"
    return None


def content(path: str | Path) -> bytes:
    """A file's bytes. Raises OSError, and BadInput for what is no file or too large to be read."""
    # Not blocking, because the opening of a named pipe waits for somebody to write to it.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        state = os.fstat(file.fileno())
        if not stat.S_ISREG(state.st_mode):
            raise BadInput(f"image {str(path)!r} is not a regular file")
        if state.st_size > MAX_BYTES:
            raise BadInput(f"image {str(path)!r} has {state.st_size:,} bytes, more than {MAX_BYTES:,}")
        return file.read()


def _unlike(promised: tuple[int, int], found: tuple[int, int]) -> str:
    told = f"is {found[0]}x{found[1]}, the batch says {promised[0]}x{promised[1]}; "
    if promised == found[::-1]:
        return (
            told
            + "the size to give is that of the image turned upright, and its EXIF must say one orientation"
        )
    return told + "correct the table, or leave the size out to take the file's own"
