"""The municipality's things as textured quads: houses, cars, trees, poles, signs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from images.batchfiles import Pose
from images.render.camera.raster import Billboard, Quad, Shade
from images.render.camera.texture import Texture
from images.render.looks.wardrobe import Wardrobe
from images.render.scene.light import Sun
from images.render.town.things import Car, House, Lamp, Municipality, Pole, Poster, Sign, Tree
from steps.stepkit.arrays import F64

Thing = Quad | Billboard

_LOOKS = 28
_UP = np.array([0.0, 0.0, 1.0])


def embody(town: Municipality, wardrobe: Wardrobe, sun: Sun) -> list[Thing]:
    """Every visible thing that stands on the ground, in no particular order."""
    things: list[Thing] = []
    for house in town.houses:
        things.extend(_house(house, wardrobe, sun))
    for pole in town.poles:
        things.extend(_pole(pole, wardrobe, sun))
    for tree in town.trees:
        things.extend(_tree(tree, wardrobe))
    for car in town.cars:
        things.extend(_car(car, wardrobe, sun))
    for poster in town.posters:
        things.extend(_poster(poster, wardrobe, sun))
    for lamp in town.lamps:
        things.extend(_lamp(lamp, wardrobe, sun))
    return things


def sign_quad(sign: Sign, face: Texture, back: Texture, sun: Sun) -> Quad:
    """A sign's face; from behind it is grey."""
    normal = np.array([*sign.normal, 0.0])
    level = np.array([-sign.normal[1], sign.normal[0], 0.0])
    right = (level * np.cos(sign.tilt) - _UP * np.sin(sign.tilt)) * sign.size
    up = (_UP * np.cos(sign.tilt) + level * np.sin(sign.tilt)) * sign.size
    corner = sign.centre - right / 2 + up / 2
    shade = _tinted(sun.shade(normal, 0.72), sign.fade)
    return Quad(corner, right, -up, face, shade, back, sun.shade(-normal))


def _flat(vector: F64) -> F64:
    return np.array([vector[0], vector[1], 0.0])


def _tint(look: int, low: float, high: float) -> Shade:
    """Factors of a thing's own: one brightness from ``low`` to ``high``, its colour a little off."""
    random = np.random.default_rng(look)
    b, g, r = (random.uniform(low, high) * random.uniform(0.97, 1.03, 3)).tolist()
    return b, g, r


def _tinted(shade: Shade, tint: Sequence[float]) -> Shade:
    return shade[0] * tint[0], shade[1] * tint[1], shade[2] * tint[2]


def _house(house: House, wardrobe: Wardrobe, sun: Sun) -> Iterator[Quad]:
    box, look = house.box, house.look % _LOOKS
    along, away = _flat(box.along), np.array([-box.along[1], box.along[0], 0.0])
    middle, up = _flat(box.centre), _UP * box.top
    w, d = along * box.width / 2, away * box.depth / 2
    tint = _tint(house.look, 0.88, 1.05)
    front = wardrobe.front(look, round(box.width * 2), house.storeys)
    side = wardrobe.side(look, house.storeys)
    walls = (
        (middle - w - d, 2 * w, -away, front),
        (middle + w - d, 2 * d, along, side),
        (middle - w + d, -2 * d, -along, side),
        (middle + w + d, -2 * w, away, side),
    )
    for foot, across, normal, texture in walls:
        yield Quad(foot + up, across, -up, texture, _tinted(sun.shade(normal), tint))
    if house.garden > 1:
        yield from _hedge(house, wardrobe, sun)
    if house.gabled:
        yield from _gabled_roof(house, wardrobe, sun, tint)


def _hedge(house: House, wardrobe: Wardrobe, sun: Sun) -> Iterator[Quad]:
    """A clipped hedge along the front garden, with a gap for the path."""
    box, height, thick = house.box, 0.95, 0.5
    along, away = _flat(box.along), np.array([-box.along[1], box.along[0], 0.0])
    front = _flat(box.centre) - away * (box.depth / 2 + house.garden - 0.15) + _UP * height
    leaves, top = wardrobe.hedge(house.look % 5), wardrobe.plain((44, 100, 80))
    for start, end in ((-box.width / 2, -0.1 * box.width), (0.12 * box.width, box.width / 2)):
        corner, across = front + along * start, along * (end - start)
        yield Quad(corner, across, -_UP * height, leaves, sun.shade(-away))
        yield Quad(corner + away * thick, across, -away * thick, top, sun.shade(_UP))
        yield Quad(corner + across, away * thick, -_UP * height, leaves, sun.shade(along))
        yield Quad(corner + away * thick, -away * thick, -_UP * height, leaves, sun.shade(-along))


def _gabled_roof(house: House, wardrobe: Wardrobe, sun: Sun, tint: Shade) -> Iterator[Quad]:
    box, look = house.box, house.look % _LOOKS
    along, away = _flat(box.along), np.array([-box.along[1], box.along[0], 0.0])
    rise, half, lift = box.depth * 0.36, box.depth / 2, 0.08
    ridge = _flat(box.centre) + _UP * (box.top + rise + lift)
    w, eaves = along * box.width / 2, 1 + 0.35 / half
    tiles = wardrobe.roof(look)
    slope = np.hypot(rise, half)
    for side in (-1, 1):
        down = (side * away * half - _UP * rise) * eaves
        normal = (side * away * rise + _UP * half) / slope
        across = -side * along * box.width
        yield Quad(ridge + side * w, across, down, tiles, sun.shade(normal))
    gable = wardrobe.gable(look)
    for side in (-1, 1):
        across = side * away * box.depth
        corner = ridge + side * w - across / 2
        yield Quad(corner, across, -_UP * (rise + lift + 0.12), gable, _tinted(sun.shade(side * along), tint))


def _pole(pole: Pole, wardrobe: Wardrobe, sun: Sun) -> Iterator[Thing]:
    yield Billboard(_flat(pole.foot), 0.07, pole.height, wardrobe.tube(150))
    for sign in pole.signs:
        yield sign_quad(sign, *wardrobe.sign(sign.category), sun)
    if pole.plate is not None:
        yield _plate(pole, pole.plate, wardrobe, sun)


def _plate(pole: Pole, look: int, wardrobe: Wardrobe, sun: Sun) -> Quad:
    """A supplementary plate right below the lowest sign."""
    sign = pole.signs[0]
    right = np.array([-sign.normal[1], sign.normal[0], 0.0]) * 0.5
    corner = sign.centre - right / 2 - _UP * (sign.size / 2 + 0.03)
    normal = np.array([*sign.normal, 0.0])
    back = wardrobe.plain((128, 128, 128))
    return Quad(
        corner, right, -_UP * 0.275, wardrobe.plate(look % 6), sun.shade(normal), back, sun.shade(-normal)
    )


def _tree(tree: Tree, wardrobe: Wardrobe) -> Iterator[Billboard]:
    tint = _tint(tree.look, 0.75, 1.1)
    bush = tree.bole == 0.0
    if not bush:
        yield Billboard(_flat(tree.foot), 0.28, tree.bole + 0.9, wardrobe.bark)
    foot = _flat(tree.foot) + _UP * tree.bole
    yield Billboard(
        foot,
        tree.crown,
        tree.height - tree.bole,
        wardrobe.crown(tree.look % 8, bush),
        tint,
    )


def _poster(poster: Poster, wardrobe: Wardrobe, sun: Sun) -> Iterator[Quad]:
    box = poster.box
    along = _flat(box.along)
    corner = _flat(box.centre) - along * box.width / 2 + _UP * box.top
    normal = np.array([box.along[1], -box.along[0], 0.0])
    front, back = wardrobe.poster(poster.look % 40), wardrobe.poster(poster.look % 40 + 40)
    yield Quad(corner, along * box.width, -_UP * box.top, front, sun.shade(normal), back, sun.shade(-normal))


def _lamp(lamp: Lamp, wardrobe: Wardrobe, sun: Sun) -> Iterator[Thing]:
    foot = _flat(lamp.foot)
    yield Billboard(foot, 0.11, lamp.height, wardrobe.tube(90))
    if not lamp.signal:
        yield Billboard(foot + _UP * (lamp.height - 0.1), 0.46, 0.46, wardrobe.globe(lamp.look % 8 == 0))
        return
    normal = _flat(lamp.towards)
    right = np.array([-lamp.towards[1], lamp.towards[0], 0.0])
    corner = foot + normal * 0.12 - right * 0.16 + _UP * lamp.height
    back = wardrobe.plain((30, 30, 30))
    yield Quad(
        corner, right * 0.32, -_UP * 0.88, wardrobe.signal(lamp.look % 3), sun.shade(normal, 0.8), back
    )


def _car(car: Car, wardrobe: Wardrobe, sun: Sun) -> Iterator[Quad]:
    right_side, left_side, front, back, paint = wardrobe.car(car.look % 40, car.van)
    box = car.box
    ahead, left = _flat(box.along), np.array([-box.along[1], box.along[0], 0.0])
    rear, up = _flat(box.centre) - ahead * box.width / 2, _UP * box.top
    length, half = ahead * box.width, left * box.depth / 2
    yield Quad(rear - half + up, length, -up, right_side, sun.shade(-left))
    yield Quad(rear + half + length + up, -length, -up, left_side, sun.shade(left))
    body, pane = wardrobe.plain(paint), wardrobe.glass
    for texture, profile in zip((front, body, pane, body, pane, body, back), _PROFILES[car.van], strict=True):
        if profile is not None:
            yield _panel(rear, length, up, half, profile, texture, sun)


_Profile = tuple[float, float, float, float]
_PROFILES: dict[bool, tuple[_Profile | None, ...]] = {
    False: (
        (0.985, 0.53, 0.985, 0.12),
        (0.73, 0.64, 0.985, 0.53),
        (0.57, 0.99, 0.73, 0.64),
        (0.27, 0.99, 0.57, 0.99),
        (0.27, 0.99, 0.13, 0.64),
        (0.13, 0.64, 0.01, 0.56),
        (0.01, 0.56, 0.01, 0.12),
    ),
    True: (
        (0.985, 0.5, 0.985, 0.1),
        (0.9, 0.6, 0.985, 0.5),
        (0.8, 0.97, 0.9, 0.6),
        (0.02, 0.99, 0.8, 0.99),
        None,
        None,
        (0.005, 0.98, 0.005, 0.1),
    ),
}
"""Front, bonnet, windscreen, roof, rear window, boot and back: where each begins (share of length from the
rear, share of height) and ends. The first four run down towards the front, the others towards the rear."""


def _panel(rear: F64, length: F64, up: F64, half: F64, profile: _Profile, texture: Texture, sun: Sun) -> Quad:
    x0, z0, x1, z1 = profile
    forward = x1 > x0 or (x1 == x0 and x0 > 0.5)
    across = 2 * half if forward else -2 * half
    corner = rear + length * x0 + up * z0 - across / 2
    down = length * (x1 - x0) + up * (z1 - z0)
    normal = -np.cross(across, down)
    return Quad(corner, across, down, texture, sun.shade(normal / np.linalg.norm(normal)))


def survey_roof(pose: Pose, wardrobe: Wardrobe) -> Quad:
    """The roof of the survey vehicle below its panorama camera."""
    heading = np.radians(pose.heading)
    ahead, left = (
        np.array([np.sin(heading), np.cos(heading), 0]),
        np.array([-np.cos(heading), np.sin(heading), 0]),
    )
    centre = np.array([pose.x, pose.y, pose.z - 1.2])
    corner = centre - ahead * 0.8 - left * 0.48
    return Quad(corner, left * 0.96, ahead * 1.5, wardrobe.survey_roof)
