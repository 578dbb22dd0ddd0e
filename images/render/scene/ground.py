"""The ground of a drawn municipality: one map seen from above, painted once, laid into every view.

The map carries carriageways, pavements, markings and everybody's shadows. In a view every pixel below the
horizon takes its colour from a version of the map averaged down to about that pixel's footprint.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from images.render.camera.raster import View, plain
from images.render.looks.noise import cloudy
from images.render.scene.light import Sun
from images.render.town.layout import clear_of_streets
from images.render.town.sight import Box
from images.render.town.streets import Street
from images.render.town.things import Municipality
from steps.stepkit.arrays import F32, F64, I16, I32, U8

_MARGIN = 45.0
_MOST_PIXELS = 6400
_LEVELS = 7
_FAR = (104, 138, 128)


class Ground:
    """The map and its averaged-down versions."""

    def __init__(self, town: Municipality, sun: Sun, random: np.random.Generator, finest: float) -> None:
        """``finest`` is the most pixels a metre the map may have."""
        ends = np.array([end for street in town.streets for end in (street.start, street.end)])
        self._low = ends.min(axis=0) - _MARGIN
        extent = ends.max(axis=0) + _MARGIN - self._low
        self._scale = min(finest, _MOST_PIXELS / float(extent.max()))
        width, height = (math.ceil(side * self._scale) for side in extent)
        picture = _earth(random, width, height)
        self._paint(picture, town, random)
        self._darken(picture, town, sun)
        self._levels = [picture]
        for _ in range(_LEVELS):
            self._levels.append(np.asarray(cv2.pyrDown(self._levels[-1]), dtype=np.uint8))

    def lay(self, view: View, image: U8) -> None:
        """Paint the ground (z = 0) into a view of it from above, in place."""
        plane = view.matrix @ np.column_stack([[1.0, 0, 0], [0, 1.0, 0], -view.eye])
        a, b, c = np.linalg.inv(plane)[2]
        u = (a * np.arange(view.width)).astype(np.float32)
        v = (b * np.arange(view.height) + c).astype(np.float32)
        inverse = v[:, None] + u[None, :]
        below = cv2.inRange(inverse, float(np.nextafter(np.float32(1e-6), np.float32(1))), math.inf)
        if not cv2.hasNonZero(below):
            return
        cv2.copyTo(plain(view.width, view.height, _FAR), below, image)
        for level in range(len(self._levels)):
            self._lay_level(level, view, plane, inverse, image)

    def _lay_level(self, level: int, view: View, plane: F64, inverse: F32, image: U8) -> None:
        nearest, farthest = self._band(level, view), self._band(level + 1, view)
        low = 1.0 / farthest if level + 1 < len(self._levels) else 1e-4
        high = 1.0 / nearest if level > 0 else np.inf
        below_high = float(np.nextafter(np.float32(high), np.float32(0)))
        mask = np.asarray(cv2.inRange(inverse, float(np.float32(low)), below_high), dtype=np.uint8)
        x, y, width, height = cv2.boundingRect(mask)
        if width == 0:
            return
        picture, shrink = self._levels[level], self._scale / 2**level
        to_map = np.array(
            [
                [shrink, 0, -self._low[0] * shrink - 0.5],
                [0, -shrink, picture.shape[0] + self._low[1] * shrink - 0.5],
                [0, 0, 1],
            ]
        )
        shift = np.array([[1.0, 0, x], [0, 1.0, y], [0, 0, 1.0]])
        matrix = to_map @ np.linalg.inv(plane) @ shift
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        patch = cv2.warpPerspective(picture, matrix, (width, height), flags=flags, borderValue=_FAR)
        cv2.copyTo(patch, mask[y : y + height, x : x + width], image[y : y + height, x : x + width])

    def _band(self, level: int, view: View) -> float:
        """The depth in metres from which a pixel's footprint calls for ``level``: d^1.5 / (f sqrt(h)) metres."""
        footprint = 2.0 ** (level - 0.3) / self._scale
        return float((footprint * view.fx * math.sqrt(max(view.eye[2], 0.5))) ** (2 / 3))

    def _pixels(self, points: F64) -> I32:
        """Fixed-point (4 bits) map pixels of ground points (N, 2)."""
        height_metres = self._height_metres
        flat = np.stack([points[:, 0] - self._low[0], height_metres - (points[:, 1] - self._low[1])], axis=1)
        return np.asarray(np.rint((flat * self._scale - 0.5) * 16), dtype=np.int32)

    def _fill(self, picture: U8, points: F64, colour: tuple[int, ...]) -> None:
        cv2.fillPoly(picture, [self._pixels(points)], colour, cv2.LINE_AA, 4)

    def _paint(self, picture: U8, town: Municipality, random: np.random.Generator) -> None:
        self._height_metres = picture.shape[0] / self._scale
        tiles = np.zeros(picture.shape[:2], np.uint8)
        road = np.zeros(picture.shape[:2], np.uint8)
        for house in town.houses:
            self._fill(
                tiles,
                house.box.corners(house.garden + 0.3) if house.garden == 0 else house.box.corners(0.2),
                (255,),
            )
        for street in town.streets:
            self._fill(
                tiles,
                _strip(street, -street.half_width - street.pavement, street.half_width + street.pavement),
                (255,),
            )
            self._fill(road, _strip(street, -street.half_width, street.half_width), (255,))
        kerb = np.asarray(cv2.dilate(road, np.ones((5, 5), np.uint8)), dtype=np.uint8)
        _stamp(picture, tiles, _paving(random, *picture.shape[:2]))
        _stamp(picture, kerb, np.full_like(picture, (158, 164, 166)))
        _stamp(picture, road, _asphalt(random, *picture.shape[:2]))
        for street in town.streets:
            self._repairs(picture, street, random)
        for street in town.streets:
            self._markings(picture, street, town.streets, random)

    def _repairs(self, picture: U8, street: Street, random: np.random.Generator) -> None:
        """Patched asphalt and manhole covers."""
        for start in np.arange(3.0, street.length, 9.0):
            grey = int(random.integers(78, 116))
            offset, along = (
                random.uniform(-street.half_width + 0.2, street.half_width - 1.6),
                random.uniform(0, 5),
            )
            if random.random() < 0.5:
                length, width = random.uniform(0.8, 5), random.uniform(0.6, 1.3)
                patch = _patch(street, start + along, start + along + length, offset, offset + width)
                self._fill(picture, patch, (grey, grey, grey - 2))
            else:
                self._disc(picture, street.at(float(start + along), float(offset)), 0.33, (70, 70, 70))

    def _markings(
        self, picture: U8, street: Street, streets: Sequence[Street], random: np.random.Generator
    ) -> None:
        others = [other for other in streets if other is not street]
        white = (205, 208, 208)
        distance = 1.0
        while distance < street.length - 4:
            middle = street.at(distance + 1.5, 0.0)
            if clear_of_streets(middle[None], others, 6.0):
                self._fill(picture, _patch(street, distance, distance + 3.0, -0.06, 0.06), white)
            distance += 7.0
        for other in others:
            crossing = _crossing(street, other)
            if crossing is None or random.random() < 0.35:
                continue
            for end in (-1, 1):
                start = crossing + end * (other.half_width + 2.0) - 1.5
                for offset in np.arange(-street.half_width + 0.4, street.half_width - 0.3, 1.0):
                    self._fill(picture, _patch(street, start, start + 3.0, offset, offset + 0.5), white)

    def _darken(self, picture: U8, town: Municipality, sun: Sun) -> None:
        """Paint all shadows at once, soft at the edge; shadows do not add up."""
        mask = np.zeros(picture.shape[:2], np.uint8)
        for house in town.houses:
            self._box_shadow(mask, house.box, sun)
        for car in town.cars:
            self._box_shadow(mask, car.box, sun)
        for poster in town.posters:
            self._box_shadow(mask, poster.box, sun)
        for tree in town.trees:
            middle = np.array([[*tree.foot, (tree.height + tree.bole) / 2]])
            self._disc(mask, sun.shadow_of(middle)[0], tree.crown * 0.46)
            self._line(mask, sun, tree.foot, tree.bole + 0.5, 0.25)
        for pole in town.poles:
            self._line(mask, sun, pole.foot, pole.height, 0.08)
            for sign in pole.signs:
                self._disc(mask, sun.shadow_of(sign.centre[None])[0], sign.size * 0.4)
        for lamp in town.lamps:
            self._line(mask, sun, lamp.foot, lamp.height, 0.12)
        soft = cv2.GaussianBlur(mask, (0, 0), max(0.6, 0.12 * self._scale))
        light = cv2.cvtColor(np.asarray(255 - soft * 0.45, dtype=np.uint8), cv2.COLOR_GRAY2BGR)
        cv2.multiply(picture, light, picture, 1 / 255)

    def _box_shadow(self, mask: U8, box: Box, sun: Sun) -> None:
        ground = box.corners()
        top = sun.shadow_of(np.column_stack([ground, np.full(4, box.top)]))
        hull = cv2.convexHull(np.vstack([ground, top]).astype(np.float32)).reshape(-1, 2)
        self._fill(mask, hull.astype(np.float64), (255,))

    def _disc(self, mask: U8, centre: F64, radius: float, colour: tuple[int, ...] = (255,)) -> None:
        angles = np.linspace(0, 2 * np.pi, 18)
        self._fill(mask, centre + radius * np.column_stack([np.cos(angles), np.sin(angles)]), colour)

    def _line(self, mask: U8, sun: Sun, foot: F64, height: float, width: float) -> None:
        tip = sun.shadow_of(np.array([[*foot, height]]))[0]
        along = (tip - foot) / max(float(np.linalg.norm(tip - foot)), 1e-6)
        aside = np.array([-along[1], along[0]]) * width / 2
        self._fill(mask, np.array([foot - aside, foot + aside, tip + aside, tip - aside]), (255,))


def _strip(street: Street, left: float, right: float) -> F64:
    return _patch(street, -_MARGIN, street.length + _MARGIN, left, right)


def _patch(street: Street, start: float, end: float, left: float, right: float) -> F64:
    return np.array(
        [street.at(start, left), street.at(end, left), street.at(end, right), street.at(start, right)]
    )


def _crossing(street: Street, other: Street) -> float | None:
    """Metres along ``street`` to where it meets ``other``, or None."""
    matrix = np.column_stack([street.along, -other.along])
    if abs(np.linalg.det(matrix)) < 0.1:
        return None
    distance, along_other = np.linalg.solve(matrix, other.start - street.start)
    inside = 8 < distance < street.length - 8 and 0 <= along_other <= other.length
    return float(distance) if inside else None


def _stamp(picture: U8, mask: U8, material: U8) -> None:
    cv2.copyTo(material, cv2.threshold(mask, 127, 255, cv2.THRESH_BINARY)[1], picture)


def _rough(random: np.random.Generator, height: int, width: int, grain: float, blotch: float) -> I16:
    """Grey grain and wide blotches as levels to add, shape (height, width, 1)."""
    tile = np.rint(random.normal(0, grain, (512, 512))).astype(np.int16)
    fine = np.tile(tile, (height // 512 + 1, width // 512 + 1))[:height, :width]
    small = cloudy(random, width // 8 + 1, height // 8 + 1, 64, 4) * np.float32(blotch)
    wide = np.rint(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)).astype(np.int16)
    return np.asarray((fine + wide)[..., None], dtype=np.int16)


def _material(base: tuple[int, int, int], rough: I16) -> U8:
    channels = [cv2.add(rough[..., 0], np.array([level, 0.0, 0.0, 0.0]), dtype=cv2.CV_8U) for level in base]
    return np.asarray(cv2.merge(channels), dtype=np.uint8)


def _earth(random: np.random.Generator, width: int, height: int) -> U8:
    return _material((62, 112, 96), _rough(random, height, width, 12, 8))


def _asphalt(random: np.random.Generator, height: int, width: int) -> U8:
    base = int(random.integers(92, 118))
    return _material((base, base - 1, base - 3), _rough(random, height, width, 4, 4))


def _paving(random: np.random.Generator, height: int, width: int) -> U8:
    reddish = bool(random.random() < 0.35)
    paving = _material((118, 130, 160) if reddish else (148, 152, 154), _rough(random, height, width, 6, 4))
    step = 6
    paving[::step] = np.asarray(paving[::step] * 0.86, dtype=np.uint8)
    paving[:, ::step] = np.asarray(paving[:, ::step] * 0.86, dtype=np.uint8)
    return paving
