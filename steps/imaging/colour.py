"""Colours of any ICC profile to sRGB, for which a picture without a profile is taken. By littleCMS, in Pillow."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np
from PIL import Image, ImageCms

from steps.imaging.image import ALPHA
from steps.stepkit.arrays import Pixels

_LEVEL = 257
"""Steps of 16 bit in a step of 8 bit."""
_KEPT = 16
"""Number of profiles whose transforms are kept: to make one takes up to 50 ms, and photographs share them."""
_AT_ONCE = 1 << 20
"""Number of pixels that are converted at a time: a copy of all would be as large as the image."""
_CLOSE = 1
"""Maximum difference, in steps, between sRGB and a profile that is taken for it: the many that are sRGB by name."""


def to_srgb(image: Pixels, profile: bytes, is_grey: bool = False) -> Pixels:
    """An image of grey, BGR or BGR with alpha, shape (height, width, ...), in the colours of sRGB; alpha as it is.

    ``is_grey`` says that its file has grey alone, though it is BGR here. A profile that is broken, or of another kind
    than the image, counts for nothing, as in browsers. 16 bit is converted in steps of 8 bit where the profile changes
    it.
    """
    transform = _transform(profile, "L" if is_grey or image.ndim == 2 else "RGB")
    if transform is None:
        return image
    converted = image if image.flags.writeable else image.copy()
    for rows in _strips(converted):
        if image.ndim == 2:
            rows[:] = _in_8_bit(rows, transform)
        elif is_grey:
            rows[..., :ALPHA] = _in_8_bit(rows[..., 0], transform)[..., None]
        else:
            rows[..., :ALPHA] = _in_8_bit(rows[..., ALPHA - 1 :: -1], transform)[..., ::-1]
    return converted


def cmyk_to_srgb(image: Image.Image, profile: bytes) -> Pixels | None:
    """A CMYK image as Pillow has it in BGR, shape (height, width, 3); None if the profile is of no use for it."""
    transform = _transform(profile, "CMYK")
    if transform is None:
        return None
    ink = np.asarray(image)
    converted = np.empty((*ink.shape[:2], 3), np.uint8)
    for into, rows in zip(_strips(converted), _strips(ink), strict=True):
        into[:] = transform(rows)[..., ::-1]
    return converted


@lru_cache(maxsize=_KEPT)
def _transform(profile: bytes, mode: str) -> Callable[[Pixels], Pixels] | None:
    """From pixels of that mode of Pillow to RGB (grey to grey), 8 bit; None where nothing is to be done."""
    into = "L" if mode == "L" else "RGB"
    try:
        made = ImageCms.buildTransform(
            ImageCms.getOpenProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB"), mode, "RGB"
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None

    def convert(pixels: Pixels) -> Pixels:
        picture = Image.fromarray(np.ascontiguousarray(pixels), mode=mode)
        converted = np.asarray(ImageCms.applyTransform(picture, made))
        return converted[..., 1] if into == "L" else converted

    return None if mode != "CMYK" and _changes_nothing(convert, mode) else convert


def _changes_nothing(convert: Callable[[Pixels], Pixels], mode: str) -> bool:
    levels = np.linspace(0, 255, 18).astype(np.uint8)
    if mode == "L":
        colours = np.arange(256, dtype=np.uint8)[None]
    else:
        colours = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(1, -1, 3)
    return bool(np.abs(convert(colours).astype(int) - colours).max() <= _CLOSE)


def _in_8_bit(pixels: Pixels, transform: Callable[[Pixels], Pixels]) -> Pixels:
    if pixels.dtype == np.uint8:
        return transform(pixels)
    levels = cv2.convertScaleAbs(np.ascontiguousarray(pixels), alpha=1 / _LEVEL)
    return transform(levels).astype(np.uint16) * _LEVEL


def _strips(image: Pixels) -> list[Pixels]:
    """Views of some rows each."""
    height, width = image.shape[:2]
    rows = max(1, _AT_ONCE // width)
    return [image[top : top + rows] for top in range(0, height, rows)]
