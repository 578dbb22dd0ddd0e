"""Painting textured rectangles in perspective: a z-buffered painter for one pinhole view.

The world is a list of textured parallelograms ("quads"). Far ones are painted first, so that their soft
edges blend; a buffer of inverse depths, which on a plane is linear in the pixel, settles what depth sorting
of whole quads gets wrong. Textures are averaged down beforehand in either direction on its own (ripmaps:
McReynolds and Blythe, "Advanced Graphics Programming Using OpenGL", 2005), which keeps oblique and distant
signs from aliasing.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from images.render.camera.texture import Texture
from steps.stepkit.arrays import F32, F64, U8, Mask

Shade = tuple[float, float, float]
"""Factors on blue, green and red."""
NEAR = 0.08
_SMALLEST_PIXELS = 0.35


@dataclass(frozen=True, eq=False)
class Quad:
    """A textured parallelogram: its top-left corner as seen from the front, the edges to the right and down.

    World metres. ``back`` is what shows from behind, mirrored already; without it the quad is one-sided.
    """

    corner: F64
    across: F64
    down: F64
    texture: Texture
    shade: Shade = (1.0, 1.0, 1.0)
    back: Texture | None = None
    back_shade: Shade = (1.0, 1.0, 1.0)

    @functools.cached_property
    def inward(self) -> tuple[float, float, float]:
        """A vector away from who looks at the front, of any length."""
        ax, ay, az = self.across.tolist()
        dx, dy, dz = self.down.tolist()
        return ay * dz - az * dy, az * dx - ax * dz, ax * dy - ay * dx

    def is_front(self, eye: F64) -> bool:
        """Whether a camera at ``eye``, shape (3,), sees the front."""
        x, y, z = (eye - self.corner).tolist()
        into: tuple[float, float, float] = self.inward
        return bool(into[0] * x + into[1] * y + into[2] * z < 0)


@dataclass(frozen=True, eq=False)
class Billboard:
    """An upright picture that always turns to the camera: trees, poles, round lamps."""

    foot: F64
    width: float
    height: float
    texture: Texture
    shade: Shade = (1.0, 1.0, 1.0)

    def facing(self, eye: F64) -> Quad:
        """The quad a camera at ``eye`` sees."""
        ahead = self.foot[:2] - eye[:2]
        ahead = ahead / (math.hypot(ahead[0], ahead[1]) or 1.0)
        right = np.array([ahead[1], -ahead[0], 0.0])
        top = self.foot + np.array([0.0, 0.0, self.height])
        return Quad(
            top - right * self.width / 2,
            right * self.width,
            np.array([0.0, 0.0, -self.height]),
            self.texture,
            self.shade,
        )


@dataclass(frozen=True, eq=False)
class View:
    """A distortion-free pinhole view: ``turn`` is the rotation from the camera's axes to the world's."""

    eye: F64
    turn: F64
    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float

    @functools.cached_property
    def matrix(self) -> F64:
        """World directions (from the eye) to homogeneous pixels, shape (3, 3)."""
        lens = np.array([[self.fx, 0.0, self.cx], [0.0, self.fy, self.cy], [0.0, 0.0, 1.0]])
        product: F64 = lens @ self.turn.T
        return product


class Bodies:
    """Quads and billboards with their bounding spheres, so that those out of sight are passed over at once."""

    def __init__(self, things: Sequence[Quad | Billboard]) -> None:
        self._things = list(things)
        spheres = np.array([_sphere(thing) for thing in things]).reshape(-1, 4)
        self._centres, self._radii = spheres[:, :3], spheres[:, 3]

    def seen_from(self, view: View, reach: float) -> list[Quad]:
        """The quads that may show in the view, nearer than ``reach`` metres, the farthest first."""
        local = (self._centres - view.eye) @ view.turn
        distance = np.linalg.norm(local, axis=1)
        x_slope = max(view.cx + 1, view.width - view.cx) / view.fx
        y_slope = max(view.cy + 1, view.height - view.cy) / view.fy
        inside = (local[:, 2] > -self._radii) & (distance - self._radii < reach)
        inside &= np.abs(local[:, 0]) - local[:, 2] * x_slope <= self._radii * math.hypot(1, x_slope)
        inside &= np.abs(local[:, 1]) - local[:, 2] * y_slope <= self._radii * math.hypot(1, y_slope)
        inside &= self._radii * view.fx > _SMALLEST_PIXELS * distance
        order = sorted(np.flatnonzero(inside), key=lambda i: -distance[i])
        things = (self._things[i] for i in order)
        return [thing.facing(view.eye) if isinstance(thing, Billboard) else thing for thing in things]


@functools.lru_cache(maxsize=8)
def plain(width: int, height: int, colour: tuple[float, ...]) -> U8:
    """A picture of one colour, BGR, shape (height, width, 3), which nobody may change."""
    picture = np.full((height, width, 3), colour, np.uint8)
    picture.setflags(write=False)
    return picture


def paint(view: View, quads: Sequence[Quad], image: U8, inverse_depth: F32 | None) -> None:
    """Paint ``quads`` in the order given onto ``image`` (height, width, 3) in place.

    ``inverse_depth``, shape (height, width), 1 / metres along the camera's axis and 0 where nothing is yet,
    is tested and updated. Without it (sky) a quad covers whatever was there.
    """
    for quad in quads:
        if quad.is_front(view.eye):
            _paint_one(
                view, quad.corner, quad.across, quad.down, quad.texture, quad.shade, image, inverse_depth
            )
        elif quad.back is not None:
            corner, across = quad.corner + quad.across, -quad.across
            _paint_one(view, corner, across, quad.down, quad.back, quad.back_shade, image, inverse_depth)


def _paint_one(
    view: View,
    corner: F64,
    across: F64,
    down: F64,
    texture: Texture,
    shade: Shade,
    image: U8,
    inverse_depth: F32 | None,
) -> None:
    plane = view.matrix @ np.column_stack([across, down, corner - view.eye])  # (s, t, 1) -> homogeneous pixel
    window, texels = _window(view, plane, texture)
    if window is None:
        return
    x0, y0, x1, y1 = window
    if abs(np.linalg.det(plane)) < 1e-9:  # seen edge-on
        return
    level, inverse = texture.level(*texels), np.asarray(np.linalg.inv(plane), dtype=np.float64)
    to_texel = _pixel_to_texel(inverse, level.shape[1], level.shape[0], texture.opaque, x0, y0)
    size = (x1 - x0, y1 - y0)
    patch = cv2.warpPerspective(level, to_texel, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    depths = _plane_inverse_depths(inverse, x0, y0, *size)
    held = None if inverse_depth is None else inverse_depth[y0:y1, x0:x1]
    in_front = depths > (np.float32(1e-6) if held is None else held)
    _blend(image[y0:y1, x0:x1], np.asarray(patch, dtype=np.uint8), shade, in_front, depths, held)


def _blend(
    target: U8,
    patch: U8,
    shade: Shade,
    in_front: Mask,
    depths: F32,
    held: F32 | None,
) -> None:
    if not in_front.all():
        patch = np.asarray(cv2.bitwise_and(patch, patch, mask=in_front.view(np.uint8)), dtype=np.uint8)
    alpha = cv2.extractChannel(patch, 3)
    colour = cv2.cvtColor(patch, cv2.COLOR_BGRA2BGR)
    if shade != (1.0, 1.0, 1.0):
        colour = cv2.LUT(colour, _shaded(shade))
    through = cv2.cvtColor(cv2.bitwise_not(alpha), cv2.COLOR_GRAY2BGR)
    target[:] = cv2.add(cv2.multiply(target, through, scale=1 / 255), colour)  # 255 at most
    if held is not None:
        np.copyto(held, depths, where=alpha > 127)


@functools.lru_cache(maxsize=4096)
def _shaded(shade: Shade) -> U8:
    """What becomes of each level of each channel, shape (1, 256, 3)."""
    levels = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    return np.asarray(cv2.multiply(levels, np.array([*shade, 1.0])), dtype=np.uint8)


def _window(
    view: View, plane: F64, texture: Texture
) -> tuple[tuple[int, int, int, int] | None, tuple[float, float]]:
    """The pixels a quad may cover (left, top, right, bottom), and texels a pixel across and down."""
    corners = plane @ _UNIT_CORNERS
    clipped = _in_front(corners.T) if (corners[2] < NEAR).any() else corners.T
    if len(clipped) == 0:
        return None, (1.0, 1.0)
    pixels = clipped[:, :2] / clipped[:, 2:]
    pad = 2
    x0, y0 = max(0, math.floor(pixels[:, 0].min()) - pad), max(0, math.floor(pixels[:, 1].min()) - pad)
    x1 = min(view.width, math.ceil(pixels[:, 0].max()) + pad + 1)
    y1 = min(view.height, math.ceil(pixels[:, 1].max()) + pad + 1)
    if x1 <= x0 or y1 <= y0:
        return None, (1.0, 1.0)
    if len(clipped) != 4 or clipped.base is not corners:
        return (x0, y0, x1, y1), (1.0, 1.0)
    edges = np.linalg.norm(pixels[[1, 2, 3, 0]] - pixels, axis=1)
    width, height = texture.size
    return (x0, y0, x1, y1), (
        2 * width / (edges[0] + edges[2] + 1e-9),
        2 * height / (edges[1] + edges[3] + 1e-9),
    )


_UNIT_CORNERS: F64 = np.array([[0.0, 1.0, 1.0, 0.0], [0.0, 0.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0]])


def _in_front(corners: F64) -> F64:
    """The part of a polygon (N, 3) at least NEAR in front of the camera (Sutherland and Hodgman, 1974)."""
    result: list[F64] = []
    for i, point in enumerate(corners):
        before = corners[i - 1]
        if (point[2] >= NEAR) != (before[2] >= NEAR):
            share = (NEAR - before[2]) / (point[2] - before[2])
            result.append(before + (point - before) * share)
        if point[2] >= NEAR:
            result.append(point)
    return np.array(result).reshape(-1, 3)


def _pixel_to_texel(inverse: F64, width: int, height: int, opaque: bool, x0: int, y0: int) -> F64:
    """The homography from a window's pixels to texels; ``inverse`` (3, 3) maps a pixel to (s, t, 1) / depth.

    Texel centres are whole numbers. An opaque quad reaches half a texel further, so that walls that share
    an edge leave no gap between their soft borders.
    """
    if opaque:
        texels = np.array(
            [[max(width - 1, 1e-3), 0.0, 0.0], [0.0, max(height - 1, 1e-3), 0.0], [0.0, 0.0, 1.0]]
        )
    else:
        texels = np.array([[width, 0.0, -0.5], [0.0, height, -0.5], [0.0, 0.0, 1.0]])
    shift = np.array([[1.0, 0.0, x0], [0.0, 1.0, y0], [0.0, 0.0, 1.0]])
    homography: F64 = texels @ inverse @ shift
    return homography


def _plane_inverse_depths(inverse: F64, x0: int, y0: int, width: int, height: int) -> F32:
    """1 / depth of the quad's plane at every pixel of a window: a linear function of the pixel.

    ``inverse`` (3, 3) maps a pixel to (s, t, 1) / depth, as (s, t, 1) is mapped to depth times the pixel.
    """
    a, b, c = inverse[2]
    rows = (b * (np.arange(height) + y0) + c).astype(np.float32)
    columns = (a * (np.arange(width) + x0)).astype(np.float32)
    return np.asarray(rows[:, None] + columns[None, :], dtype=np.float32)


def _sphere(thing: Quad | Billboard) -> tuple[float, float, float, float]:
    if isinstance(thing, Billboard):
        centre = thing.foot + np.array([0.0, 0.0, thing.height / 2])
        return (*centre.tolist(), math.hypot(thing.width, thing.height) / 2)
    centre = thing.corner + (thing.across + thing.down) / 2
    half = max(np.linalg.norm(thing.across + thing.down), np.linalg.norm(thing.across - thing.down)) / 2
    return (*centre.tolist(), float(half))
