"""The textures of one municipality, each drawn when first asked for and then shared by all that look alike.

Every picture has a random generator of its own, made from the municipality's seed and the picture's key, so
that it does not depend on the order of drawing.
"""

from __future__ import annotations

import functools

import cv2
import numpy as np

from images.render.camera.texture import Texture
from images.render.looks import facades, textures, vehicles
from images.render.looks.brush import Colour
from images.render.looks.noise import speckled
from images.render.signs import faces

_SIGN_TEXELS = 256
_SIDE_WALL = 9.0


class Wardrobe:
    """Makers of textures that remember what they made; the first argument of all is a ``look``, any number."""

    def __init__(self, seed: int) -> None:
        self.front = functools.cache(functools.partial(_front, seed))
        self.side = functools.cache(functools.partial(_side, seed))
        self.gable = functools.cache(functools.partial(_gable, seed))
        self.roof = functools.cache(functools.partial(_roof, seed))
        self.crown = functools.cache(functools.partial(_crown, seed))
        self.hedge = functools.cache(functools.partial(_hedge, seed))
        self.poster = functools.cache(functools.partial(_poster, seed))
        self.car = functools.cache(functools.partial(_car, seed))
        self.signal = functools.cache(functools.partial(_signal, seed))
        self.sign = functools.cache(functools.partial(_sign, seed))
        self.globe = functools.cache(_globe)
        self.plain = functools.cache(_plain)
        self.tube = functools.cache(_tube)
        self.bark = Texture(textures.bark())
        self.glass = Texture(vehicles.glass())
        self.plate = functools.cache(functools.partial(_plate, seed))
        self.survey_roof = Texture(vehicles.survey_roof())


def _random(seed: int, *key: int) -> np.random.Generator:
    return np.random.default_rng([seed, 5, *key])


def _style(seed: int, look: int) -> facades.WallStyle:
    return facades.wall_style(_random(seed, 0, look))


def _front(seed: int, look: int, half_metres: int, storeys: int) -> Texture:
    random = _random(seed, 1, look, half_metres, storeys)
    return Texture(functools.partial(facades.facade, random, _style(seed, look), half_metres / 2, storeys))


def _side(seed: int, look: int, storeys: int) -> Texture:
    random = _random(seed, 2, look, storeys)
    return Texture(functools.partial(facades.side_wall, random, _style(seed, look), _SIDE_WALL, storeys))


def _gable(seed: int, look: int) -> Texture:
    """The triangle between a side wall and the roof."""
    wall = facades.blank_wall(_random(seed, 3, look), _style(seed, look), _SIDE_WALL, 3.2)
    height, width = wall.shape[:2]
    outline = np.zeros((height, width), np.uint8)
    cv2.fillPoly(outline, [np.array([[0, height], [width // 2, 0], [width, height]])], (255,), cv2.LINE_AA)
    return Texture(np.dstack([wall, outline]))


def _roof(seed: int, look: int) -> Texture:
    return Texture(np.tile(facades.roof(_random(seed, 4, look)), (1, 2, 1)))


def _crown(seed: int, look: int, bush: bool) -> Texture:
    return Texture(functools.partial(textures.crown, _random(seed, 6, look, int(bush)), bush=bush))


def _hedge(seed: int, look: int) -> Texture:
    return Texture(functools.partial(textures.hedge, _random(seed, 11, look)))


def _poster(seed: int, look: int) -> Texture:
    return Texture(functools.partial(textures.poster, _random(seed, 7, look)))


def _car(seed: int, look: int, van: bool) -> tuple[Texture, Texture, Texture, Texture, Colour]:
    """A car's right side, left side, front and back, and its paint."""
    random = _random(seed, 8, look, int(van))
    paint = vehicles.paint_of(random)
    side = vehicles.car_side(random, paint, van=van)
    front, back = (vehicles.car_end(random, paint, front=front, van=van) for front in (True, False))
    return Texture(side), Texture(np.ascontiguousarray(side[:, ::-1])), Texture(front), Texture(back), paint


def _signal(seed: int, look: int) -> Texture:
    return Texture(textures.signal_head(_random(seed, 9, look)))


def _sign(seed: int, look: int) -> tuple[Texture, Texture]:
    """The face of a sign of category ``look``, and its grey back."""
    face = faces.draw(look, _SIGN_TEXELS)
    back = face[:, ::-1].copy()
    back[..., :3] = speckled(np.full((*back.shape[:2], 3), 128, np.uint8), _random(seed, 10, look), 4.0, 8)
    return Texture(face), Texture(back)


def _plate(seed: int, look: int) -> Texture:
    return Texture(textures.plate(_random(seed, 12, look)))


def _globe(red: bool) -> Texture:
    return Texture(textures.globe((50, 44, 190) if red else (226, 236, 240)))


def _plain(colour: Colour) -> Texture:
    return Texture(textures.plain(colour))


def _tube(grey: int) -> Texture:
    return Texture(textures.tube(grey))
