"""Images to files: as jpg, png or webp, or as plain pixels for the next task."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from steps.imaging.image import ALPHA, has_alpha, size_of
from steps.stepkit.arrays import Pixels
from steps.stepkit.loop import BadInput

Writer = Callable[[Pixels, Path], Path]
"""Writes an image to a path without a suffix, and gives back the path with it."""

_TO_8_BIT = 1 / 257
_WEBP_QUALITY, _WEBP_SIDE = 90, 16_383


@dataclass(frozen=True)
class Encoding:
    """A format: its name, how to write it, and what OpenCV calls its quality, if it has one."""

    name: str
    write: Callable[[Pixels, Path, list[int]], Path]
    quality_flag: int | None

    def writer(self) -> Writer:
        """A writer of the usual quality."""
        return lambda image, stem: self.write(image, stem, [])

    def writer_of(self, quality: object) -> Writer:
        """A writer of a quality from 1 to 100. Raises BadInput for another, or if the format has none."""
        if not isinstance(quality, int) or isinstance(quality, bool) or not 1 <= quality <= 100:
            raise BadInput(f"quality must be a whole number from 1 to 100, not {reprlib.repr(quality)}")
        if self.quality_flag is None:
            raise BadInput(f"quality is for jpg and webp; {self.name} loses nothing")
        flags = [self.quality_flag, quality]
        return lambda image, stem: self.write(image, stem, flags)


def parse(value: object) -> Encoding:
    """The format of that name. Raises BadInput for an unknown one."""
    found = FORMATS.get(value) if isinstance(value, str) else None
    if found is None:
        raise BadInput(f"write must be one of {', '.join(FORMATS)}, not {reprlib.repr(value)}")
    return found


def array(image: Pixels, stem: Path) -> Path:
    """The pixels as they are, in depth and shape, in a .npy file, which takes no time to decode.

    Raises OSError if it cannot be written.
    """
    path, whole = stem.with_suffix(".npy"), np.ascontiguousarray(image)
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(whole))
        file.write(whole.data)  # numpy itself, on a full disk, does not say that it is full
    return path


def jpg(image: Pixels, stem: Path, flags: list[int] | None = None) -> Path:
    """8 bit at OpenCV's default quality of 95, what is transparent laid over white; any shape of ``Pixels``.

    ``flags`` are OpenCV's. Raises OSError if it cannot be written.
    """
    return _encoded(_without_alpha(_in_8_bit(image)), stem.with_suffix(".jpg"), flags or [])


def png(image: Pixels, stem: Path, flags: list[int] | None = None) -> Path:
    """Every channel in its depth; any shape of ``Pixels``. Raises OSError if it cannot be written."""
    return _encoded(image, stem.with_suffix(".png"), flags or [])


def webp(image: Pixels, stem: Path, flags: list[int] | None = None) -> Path:
    """8 bit at a quality of 90, grey as colour; any shape of ``Pixels``.

    Raises BadInput for a side that the format cannot have, and OSError if it cannot be written.
    """
    width, height = size_of(image)
    if max(width, height) > _WEBP_SIDE:
        raise BadInput(f"the result is {width}x{height}; a webp has at most {_WEBP_SIDE:,} pixels a side")
    chosen = flags or [cv2.IMWRITE_WEBP_QUALITY, _WEBP_QUALITY]
    return _encoded(_in_8_bit(image), stem.with_suffix(".webp"), chosen)


FORMATS: Mapping[str, Encoding] = {
    "jpg": Encoding("jpg", jpg, cv2.IMWRITE_JPEG_QUALITY),
    "png": Encoding("png", png, None),
    "webp": Encoding("webp", webp, cv2.IMWRITE_WEBP_QUALITY),
}


def _encoded(image: Pixels, path: Path, flags: list[int]) -> Path:
    encoded, data = cv2.imencode(path.suffix, image, flags)
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
