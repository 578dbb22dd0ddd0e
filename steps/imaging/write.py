"""Images to files: as jpg or png, or as plain pixels for the next task."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np

from steps.imaging.image import ALPHA, has_alpha
from steps.stepkit.arrays import Pixels
from steps.stepkit.loop import BadInput

Writer = Callable[[Pixels, Path], Path]
"""Writes an image to a path without a suffix, and gives back the path with it."""

_TO_8_BIT = 1 / 257


def parse(value: object) -> Writer:
    """The writer of a format. Raises BadInput for an unknown one."""
    writer = FORMATS.get(value) if isinstance(value, str) else None
    if writer is None:
        raise BadInput(f"write must be one of {', '.join(FORMATS)}, not {reprlib.repr(value)}")
    return writer


def array(image: Pixels, stem: Path) -> Path:
    """The pixels as they are, in depth and shape, in a .npy file, which takes no time to decode.

    Raises OSError if it cannot be written.
    """
    path = stem.with_suffix(".npy")
    np.save(path, np.ascontiguousarray(image), allow_pickle=False)
    return path


def jpg(image: Pixels, stem: Path) -> Path:
    """8 bit at OpenCV's default quality of 95, what is transparent laid over white; any shape of ``Pixels``.

    Raises OSError if it cannot be written.
    """
    return _encoded(_without_alpha(_in_8_bit(image)), stem.with_suffix(".jpg"))


def png(image: Pixels, stem: Path) -> Path:
    """Every channel in its depth; any shape of ``Pixels``. Raises OSError if it cannot be written."""
    return _encoded(image, stem.with_suffix(".png"))


FORMATS: Mapping[str, Writer] = {"jpg": jpg, "png": png}


def _encoded(image: Pixels, path: Path) -> Path:
    encoded, data = cv2.imencode(path.suffix, image)
    if not encoded:
        raise RuntimeError(f"OpenCV cannot encode shape {image.shape} as {path.suffix}")
    path.write_bytes(data.data)
    return path


def _in_8_bit(image: Pixels) -> Pixels:
    """To the nearest step of 8 bit: white stays white."""
    return image if image.dtype == np.uint8 else cv2.convertScaleAbs(image, alpha=_TO_8_BIT)


def _without_alpha(image: Pixels) -> Pixels:
    if not has_alpha(image):
        return image
    alpha = image[..., ALPHA:].astype(np.uint16)
    # 255 * 255 + 127 at most, which 16 bit hold. In place, as copies of large images are what memory goes to.
    shown = image[..., :ALPHA] * alpha
    shown += 255 * (255 - alpha) + 127
    shown //= 255
    return shown.astype(np.uint8)
