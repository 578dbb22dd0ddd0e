"""Perspective tiles of an equirectangular panorama, and their boxes back in the panorama's frame.

Shapes and models are made for perspective photographs. The tiles look all around the horizon in equal steps
and overlap, so that a sign on one tile's edge is whole in the next; the ±180 degree seam is no edge of any
tile. A tile's focal length keeps the panorama's resolution in its middle.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from steps.detect.boxes import Box
from steps.stepkit import camera
from steps.stepkit.arrays import F32, Image

_EQUIRECTANGULAR = {"model": "equirectangular"}
_ELLIPSE = np.linspace(0, 2 * math.pi, 32, endpoint=False)


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One view: ``shift`` is the panorama column that lies where the panorama's first would, looking ahead."""

    image: Image
    pinhole: dict[str, Any]
    shift: int
    panorama: tuple[int, int]
    overlap: float

    def box_in_panorama(self, box: Box) -> Box:
        """The panorama's box around what a box of the tile holds (taken as the ellipse inscribed in it).

        COCO edges in both frames; 0 <= x < the panorama's width, x + width may exceed it.
        """
        width, height = self.panorama
        x, y, w, h = box
        pixels = np.stack(
            [
                x + w / 2 * (1 + np.cos(_ELLIPSE)) - 0.5,
                y + h / 2 * (1 + np.sin(_ELLIPSE)) - 0.5,
            ],
            axis=1,
        )
        rays = camera.pixels_to_rays(self.pinhole, 0, 0, pixels)
        edges = camera.rays_to_pixels(_EQUIRECTANGULAR, width, height, rays) + 0.5
        left, top = edges.min(axis=0)
        right, bottom = edges.max(axis=0)
        return float((left + self.shift) % width), float(top), float(right - left), float(bottom - top)

    def cuts(self, box: Box) -> bool:
        """Whether a tile's side cuts through the box, and a neighbour shows the whole."""
        width = self.image.shape[1]
        return (box[0] < 1.5 or box[0] + box[2] > width - 1.5) and box[2] < self.overlap


def tiles(
    panorama: Image, elevation: tuple[float, float], count: int = 8, overlap: float = 12.0
) -> Iterator[Tile]:
    """``count`` tiles around the horizon, each ``360 / count + overlap`` degrees wide.

    ``panorama`` is BGR, shape (height, width, 3), and spans 360 x 180 degrees.
    ``elevation`` is the band, in degrees above the horizon, that each tile's middle column covers.
    """
    height, width = panorama.shape[:2]
    focal = width / (2 * math.pi)
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
    columns, rows, first = _lookup(pinhole, size, (width, height))
    last = first + int(columns.max()) + 2
    for index in range(count):
        shift = round(index * width / count)
        band = np.take(panorama, np.arange(first, last) + shift, axis=1, mode="wrap")
        seen = cv2.remap(band, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        yield Tile(
            image=np.asarray(seen, np.uint8),
            pinhole=pinhole,
            shift=shift,
            panorama=(width, height),
            overlap=focal * math.radians(overlap),
        )


def _lookup(
    pinhole: dict[str, Any], size: tuple[int, int], panorama: tuple[int, int]
) -> tuple[F32, F32, int]:
    """Where each tile pixel lies in the panorama: columns from the returned first column on, and rows."""
    x, y = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    rays = camera.pixels_to_rays(pinhole, *size, np.stack([x.ravel(), y.ravel()], axis=1))
    found = camera.rays_to_pixels(_EQUIRECTANGULAR, *panorama, rays).astype(np.float32)
    columns, rows = (found[:, axis].reshape(size[1], size[0]) for axis in (0, 1))
    first = int(columns.min()) - 1
    return columns - first, rows, first
