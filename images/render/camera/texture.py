"""Pictures that are painted onto things, averaged down beforehand in either direction on its own (ripmaps)."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import cv2
import numpy as np

from steps.stepkit.arrays import U8


class Texture:
    """A picture with premultiplied alpha, shape (height, width, 4), and its averaged-down versions."""

    def __init__(self, picture: U8 | Callable[[], U8]) -> None:
        """``picture``, or what makes it once it is looked at, is BGR (opaque) or BGRA with straight alpha."""
        self._picture = picture
        self._levels: dict[tuple[int, int], U8] = {}

    @functools.cached_property
    def _base(self) -> U8:
        return _premultiplied(self._picture() if callable(self._picture) else self._picture)

    @functools.cached_property
    def opaque(self) -> bool:
        """Whether nothing behind the picture shows."""
        return bool((self._base[..., 3] == 255).all())

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in texels."""
        return self._base.shape[1], self._base.shape[0]

    def level(self, across: float, down: float) -> U8:
        """The version for a view that shows ``across`` x ``down`` texels a pixel, at most 1.4 texels a pixel."""
        key = (_octave(across, self._base.shape[1]), _octave(down, self._base.shape[0]))
        if key not in self._levels:
            size = (max(1, self._base.shape[1] >> key[0]), max(1, self._base.shape[0] >> key[1]))
            small = (
                self._base if key == (0, 0) else cv2.resize(self._base, size, interpolation=cv2.INTER_AREA)
            )
            self._levels[key] = np.asarray(small, dtype=np.uint8)
        return self._levels[key]


def _octave(texels_per_pixel: float, texels: int) -> int:
    wanted = round(math.log2(max(texels_per_pixel, 1.0)))
    return min(wanted, max(0, texels.bit_length() - 1))


def _premultiplied(bgra: U8) -> U8:
    if bgra.shape[2] == 3:
        return np.asarray(cv2.cvtColor(bgra, cv2.COLOR_BGR2BGRA), dtype=np.uint8)
    alpha = bgra[..., 3:].astype(np.uint16)
    colour = (bgra[..., :3] * alpha + 127) // 255
    return np.ascontiguousarray(np.dstack([colour.astype(np.uint8), bgra[..., 3]]))
