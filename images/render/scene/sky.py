"""The sky around a drawn municipality: gradient, clouds, the sun's glow and a far treeline, as a box of five quads."""

from __future__ import annotations

import cv2
import numpy as np

from images.render.camera.raster import Quad, View, paint, plain
from images.render.camera.texture import Texture
from images.render.looks.noise import cloudy
from images.render.scene.light import Sun
from steps.stepkit.arrays import F32, F64, U8

_OVERLAP = 1.03
_ZENITH = np.array([196.0, 138.0, 84.0])
_HORIZON = np.array([236.0, 226.0, 214.0])
_CLOUD = np.array([246.0, 244.0, 242.0])
_TREES = np.array([92.0, 106.0, 98.0])


class Sky:
    """A sky that is the same from everywhere."""

    def __init__(self, random: np.random.Generator, sun: Sun, texels: int) -> None:
        """``texels`` is the side of each of the box's pictures."""
        clouds = cloudy(random, 4 * texels, 4 * texels, 0.33 * texels, 7)
        treeline = _closed(cloudy(random, 2048, 2, 60, 6)[0])
        cover = float(random.uniform(-0.4, 0.8))
        self._quads = []
        for ahead, right in (((0, 1), (1, 0)), ((1, 0), (0, -1)), ((0, -1), (-1, 0)), ((-1, 0), (0, 1))):
            normal, across = np.array([*ahead, 0.0]), np.array([*right, 0.0])
            self._quads.append(
                _side(normal, across, np.array([0, 0, -1.0]), clouds, treeline, cover, sun, texels)
            )
        top = np.array([0.0, 0.0, 1.0])
        self._quads.append(
            _side(top, np.array([1.0, 0, 0]), np.array([0, 1.0, 0]), clouds, treeline, cover, sun, texels)
        )

    def fill(self, view: View, image: U8) -> None:
        """Paint the sky over the whole of a view, in place."""
        image[:] = plain(view.width, view.height, tuple(_HORIZON.tolist()))
        still = View(np.zeros(3), view.turn, view.width, view.height, view.fx, view.fy, view.cx, view.cy)
        paint(still, self._quads, image, None)


def _closed(outline: F32) -> F32:
    """An outline whose end runs into its beginning."""
    blend = np.clip((np.arange(len(outline)) - len(outline) * 0.9) / (len(outline) * 0.1), 0, 1).astype(
        np.float32
    )
    return np.asarray(outline * (1 - blend) + outline[0] * blend, dtype=np.float32)


def _side(
    normal: F64,
    across: F64,
    down: F64,
    clouds: F32,
    treeline: F32,
    cover: float,
    sun: Sun,
    texels: int,
) -> Quad:
    """One side of the box, a little larger than it should be so that no seam shows."""
    steps = ((np.arange(texels) + 0.5) / texels * 2 - 1) * _OVERLAP
    rays = normal + steps[None, :, None] * across + steps[:, None, None] * down
    rays = rays / np.linalg.norm(rays, axis=2, keepdims=True)
    texture = Texture(_colours(rays, clouds, treeline, cover, sun))
    corner = (normal - _OVERLAP * across - _OVERLAP * down) * 10
    return Quad(corner, across * 20 * _OVERLAP, down * 20 * _OVERLAP, texture)


def _colours(rays: F64, clouds: F32, treeline: F32, cover: float, sun: Sun) -> U8:
    height = np.clip(rays[..., 2], 0.0, 1.0)
    colour = _HORIZON + (_ZENITH - _HORIZON) * (height[..., None] ** 0.55)
    lifted = rays[..., :2] / (height[..., None] + 0.12)
    half = len(clouds) / 2
    place = (half + lifted * half * 0.119).astype(np.float32)
    puffs = cv2.remap(
        clouds, np.ascontiguousarray(place[..., 0]), np.ascontiguousarray(place[..., 1]), cv2.INTER_LINEAR
    )
    density = np.clip((puffs + cover) * 0.6, 0, 0.9) * np.clip(height * 5, 0, 1)
    colour = colour + (_CLOUD - colour) * density[..., None]
    glow = np.clip(rays @ sun.towards, 0, 1)
    colour = colour + (60 * glow**24 + 120 * glow**400)[..., None]
    azimuth = (np.arctan2(rays[..., 0], rays[..., 1]) / (2 * np.pi) % 1.0) * 2047
    edge = 0.05 + 0.014 * treeline[azimuth.astype(int)]
    hidden = np.clip((edge - rays[..., 2]) * 260, 0, 1)[..., None]
    return np.asarray(np.clip(colour + (_TREES - colour) * hidden, 0, 255), dtype=np.uint8)
