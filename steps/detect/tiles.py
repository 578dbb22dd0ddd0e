"""Perspective tiles of an equirectangular panorama, and their boxes back in the panorama's frame.

Shapes and models are made for perspective photographs. The tiles look all around the horizon in equal steps
and overlap, so that a sign on one tile's edge is whole in the next; the ±180 degree seam is no edge of any
tile. A tile's focal length keeps the panorama's resolution in its middle. Of an image that is a part of a panorama
they show black where it has no pixels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from steps.detect.boxes import Box
from steps.stepkit import camera
from steps.stepkit.arrays import F32, I64, Image
from steps.stepkit.camera import Sphere
from steps.stepkit.loop import BadInput

_EQUIRECTANGULAR = {"model": "equirectangular"}
_LINES = 64
_MOST_PIXELS = 50_000_000
"""Of a tile, which takes 11 bytes for each: as many as tiles of 16,384 x 8,192 have with any elevation, and those of
36,000 x 18,000 with the usual one."""
_ELLIPSE = np.linspace(0, 2 * math.pi, 32, endpoint=False)


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One view: ``shift`` is the panorama column that lies where the panorama's first would, looking ahead."""

    image: Image
    pinhole: dict[str, Any]
    shift: int
    whole: Sphere
    overlap: float

    def box_in_panorama(self, box: Box) -> Box:
        """The panorama's box around what a box of the tile holds (taken as the ellipse inscribed in it).

        COCO edges in both frames; 0 <= x < the panorama's width, x + width may exceed it. Of a part of a panorama
        that does not go all the way round: in its own frame, and perhaps outside it.
        """
        whole = self.whole
        x, y, w, h = box
        pixels = np.stack(
            [
                x + w / 2 * (1 + np.cos(_ELLIPSE)) - 0.5,
                y + h / 2 * (1 + np.sin(_ELLIPSE)) - 0.5,
            ],
            axis=1,
        )
        rays = camera.pixels_to_rays(self.pinhole, 0, 0, pixels)
        edges = camera.rays_to_pixels(_EQUIRECTANGULAR, whole.width, whole.height, rays) + 0.5
        left, top = edges.min(axis=0)
        right, bottom = edges.max(axis=0)
        across = right - left
        left = (left + self.shift - whole.left) % whole.width
        if not whole.closed:
            left = whole.nearest(left + across / 2) - across / 2
        return float(left), float(top - whole.top), float(across), float(bottom - top)

    def cuts(self, box: Box) -> bool:
        """Whether a tile's side cuts through the box, and a neighbour shows the whole."""
        width = self.image.shape[1]
        return (box[0] < 1.5 or box[0] + box[2] > width - 1.5) and box[2] < self.overlap


def tiles(
    image: Image, whole: Sphere, elevation: tuple[float, float], count: int = 8, overlap: float = 12.0
) -> Iterator[Tile]:
    """The tiles that show something, of ``count`` around the horizon, each ``360 / count + overlap`` degrees wide.

    ``image`` is BGR, shape (height, width, 3), and lies in the panorama ``whole``.
    ``elevation`` is the band, in degrees above the horizon, that each tile's middle column covers. Raises BadInput for
    a panorama whose tiles would have no pixels, or too many.
    """
    focal = whole.width / (2 * math.pi)
    half = math.radians(360 / count + overlap) / 2
    above, below = (focal * math.tan(math.radians(angle)) for angle in (elevation[1], -elevation[0]))
    pinhole = {
        "model": "pinhole",
        "fx": focal,
        "fy": focal,
        "cx": focal * math.tan(half) - 0.5,
        "cy": above - 0.5,
    }
    size = round(2 * focal * math.tan(half)), round(above + below)
    _check_size(size, whole)
    columns, rows, (left, top) = _lookup((focal, pinhole["cx"], pinhole["cy"]), size, whole)
    right, bottom = left + int(columns.max()) + 2, top + int(rows.max()) + 2
    strip = image[top : max(bottom, top)]
    border = cv2.BORDER_CONSTANT if whole.is_part else cv2.BORDER_REPLICATE
    for index in range(count):
        shift = round(index * whole.width / count)
        band = _band(strip, whole, np.arange(left, right) + shift)
        if band is None:
            continue
        seen = cv2.remap(band, columns, rows, cv2.INTER_LINEAR, borderMode=border)
        yield Tile(
            image=np.asarray(seen, np.uint8),
            pinhole=pinhole,
            shift=shift,
            whole=whole,
            overlap=focal * math.radians(overlap),
        )


def _check_size(size: tuple[int, int], whole: Sphere) -> None:
    told = f"a panorama of {whole.width:g}x{whole.height:g} pixels"
    if min(size) < 1:
        raise BadInput(f"{told} is too small to look around in; is camera right?")
    if size[0] * size[1] > _MOST_PIXELS:
        raise BadInput(
            f"{told} is looked at in views of more than {_MOST_PIXELS:,} pixels, which take too much memory; scale the "
            "image down, or narrow elevation (and if it is a part of a panorama: is the camera's crop right?)"
        )


def _band(image: Image, whole: Sphere, columns: I64) -> Image | None:
    """These columns of the panorama, black where the image has none; None if it has none of them, or no row at all."""
    if not len(image):
        return None
    width = image.shape[1]
    own = (columns - math.floor(whole.left)) % (width if whole.closed else round(whole.width))
    missing = own >= width
    if missing.all():
        return None
    if not missing.any():
        # Of columns one after the other a view is enough, or two views put together at the seam.
        first, last = int(own[0]), int(own[-1]) + 1
        return (
            image[:, first:last]
            if first < last
            else np.concatenate([image[:, first:], image[:, :last]], axis=1)
        )
    band = np.take(image, own, axis=1, mode="clip")
    band[:, missing] = 0
    return band


@lru_cache(maxsize=2)
def _lookup(
    lens: tuple[float, float, float], size: tuple[int, int], whole: Sphere
) -> tuple[F32, F32, tuple[int, int]]:
    """Where each tile pixel lies: columns of the panorama and rows of the image, from the returned first ones on.

    ``lens`` is the focal length and the middle's pixel. A column counts from the image's own grid of pixels, which
    may lie between the panorama's. Kept, as a camera's images are alike.
    """
    pinhole = {"model": "pinhole", "fx": lens[0], "fy": lens[0], "cx": lens[1], "cy": lens[2]}
    columns, rows = (np.empty((size[1], size[0]), np.float32) for _ in range(2))
    # A few lines at a time: a pixel's ray and what it is reckoned from take 30 times as much as its place in the end.
    for top in range(0, size[1], _LINES):
        lines = slice(top, min(top + _LINES, size[1]))
        x, y = np.meshgrid(np.arange(size[0]), np.arange(lines.start, lines.stop))
        rays = camera.pixels_to_rays(pinhole, *size, np.stack([x.ravel(), y.ravel()], axis=1))
        found = camera.rays_to_pixels(_EQUIRECTANGULAR, whole.width, whole.height, rays)
        found -= whole.left % 1, whole.top
        columns[lines], rows[lines] = (found[:, axis].reshape(x.shape) for axis in (0, 1))
    first = int(columns.min()) - 1, max(int(rows.min()) - 1, 0)
    columns -= first[0]
    rows -= first[1]
    return columns, rows, first
