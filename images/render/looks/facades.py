"""House fronts, side walls and roofs."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from images.render.looks.brush import AWNINGS, Colour, choice, rectangle, shaded
from images.render.looks.noise import cloudy, speckled
from steps.stepkit.arrays import F32, U8

FACADE_SCALE = 56
"""Texels a metre."""
STOREY = 2.9
ATTIC = 0.6
"""Metres of a storey, and of the wall above the last one."""

_PLASTER: tuple[Colour, ...] = (
    (200, 218, 226),
    (178, 202, 216),
    (160, 190, 214),
    (202, 212, 206),
    (186, 188, 188),
    (158, 176, 202),
    (222, 224, 224),
    (184, 196, 184),
    (206, 200, 192),
    (148, 160, 190),
    (170, 184, 190),
    (212, 218, 222),
)
_BRICK: tuple[Colour, ...] = ((58, 72, 138), (66, 84, 150), (70, 96, 160), (52, 60, 104), (92, 112, 150))
_DOORS: tuple[Colour, ...] = (
    (40, 36, 150),
    (140, 70, 24),
    (50, 80, 40),
    (40, 60, 90),
    (60, 60, 60),
    (225, 225, 225),
    (120, 40, 30),
)


@dataclass(frozen=True, kw_only=True)
class WallStyle:
    """What a house's walls are made of."""

    brick: bool
    colour: Colour


def wall_style(random: np.random.Generator) -> WallStyle:
    """Bricks or plaster in one of the colours of a town."""
    if random.random() < 0.5:
        return WallStyle(brick=True, colour=choice(random, _BRICK))
    return WallStyle(brick=False, colour=shaded(choice(random, _PLASTER), float(random.uniform(0.82, 1.05))))


def facade(random: np.random.Generator, style: WallStyle, width: float, storeys: int) -> U8:
    """A house front with windows, a door and perhaps a shop, ``width`` metres by the storeys' height."""
    scale = FACADE_SCALE
    columns, rows = round(width * scale), round((storeys * STOREY + ATTIC) * scale)
    wall = _wall(random, style, columns, rows)
    shop = bool(random.random() < 0.2)
    bays = max(2, int(width / random.uniform(2.0, 2.8)))
    frame = (235, 238, 238) if random.random() < 0.7 else choice(random, _DOORS)
    shape = (float(random.uniform(0.9, 1.25)), float(random.uniform(1.35, 1.7)))
    door_bay = int(random.integers(bays))
    for storey in range(storeys):
        bottom = rows - storey * STOREY * scale - 0.95 * scale
        for bay in range(bays):
            middle = (bay + 0.5) * columns / bays
            if storey == 0 and shop:
                continue
            if storey == 0 and bay == door_bay:
                _door(wall, random, middle, rows)
            else:
                _window(wall, random, middle, bottom, shape, frame)
    if shop:
        _shop(wall, random, columns, rows)
    else:
        rectangle(
            wall,
            0,
            rows - 0.35 * scale,
            columns,
            rows,
            shaded((120, 124, 126), float(random.uniform(0.6, 1.1))),
        )
    rectangle(wall, 0, 0, columns, 0.18 * scale, (210, 212, 214))
    rectangle(wall, 0, 0.18 * scale, columns, 0.24 * scale, (90, 92, 96))
    soiled = wall * np.linspace(1.06, 0.9, rows)[:, None, None]
    return speckled(np.asarray(np.clip(soiled, 0, 255), dtype=np.uint8), random, 3.0)


def side_wall(random: np.random.Generator, style: WallStyle, width: float, storeys: int) -> U8:
    """A house's side: blank, or with a window or two a storey."""
    columns, rows = round(width * FACADE_SCALE), round((storeys * STOREY + ATTIC) * FACADE_SCALE)
    wall = _wall(random, style, columns, rows)
    shape = (float(random.uniform(0.7, 1.0)), float(random.uniform(1.1, 1.5)))
    places = sorted(float(place) for place in random.uniform(0.12, 0.88, int(random.choice([0, 1, 2]))))
    for storey in range(storeys):
        bottom = rows - storey * STOREY * FACADE_SCALE - 0.95 * FACADE_SCALE
        for place in places:
            _window(wall, random, place * columns, bottom, shape, (235, 238, 238))
    return speckled(wall, random, 3.0)


def blank_wall(random: np.random.Generator, style: WallStyle, width: float, height: float) -> U8:
    """A wall without windows, metres."""
    wall = _wall(random, style, round(width * FACADE_SCALE), round(height * FACADE_SCALE))
    return speckled(wall, random, 3.0)


def _wall(random: np.random.Generator, style: WallStyle, columns: int, rows: int) -> U8:
    stains = cloudy(random, columns, rows, 160)[..., None]
    if style.brick:
        wall = _bricks(random, style.colour, columns, rows, 4, 12) + stains * 4
    else:
        wall = np.array(style.colour, np.float32) + stains * 5
    return np.asarray(np.clip(wall, 0, 255), dtype=np.uint8)


def _bricks(
    random: np.random.Generator, colour: Colour, columns: int, rows: int, course: int, length: int
) -> F32:
    """Courses of bricks with mortar; the brightness varies from brick to brick."""
    courses, bricks = rows // course + 1, columns // length + 2
    tints = 1 + 0.12 * random.standard_normal((courses, bricks), dtype=np.float32)
    light = np.repeat(tints, length, axis=1)
    light[:, ::length] *= np.float32(-1)  # marks the upright joints
    light[1::2] = np.roll(light[1::2], length // 2, axis=1)
    light = np.repeat(light, course, axis=0)[:rows, :columns]
    mortar = light < 0
    mortar[::course] = True
    wall = np.abs(light)[..., None] * np.array(colour, np.float32)
    return np.asarray(
        np.where(mortar[..., None], wall * np.float32(0.5) + np.float32(70), wall), dtype=np.float32
    )


def _window(
    wall: U8,
    random: np.random.Generator,
    middle: float,
    bottom: float,
    shape: tuple[float, float],
    frame: Colour,
) -> None:
    scale = FACADE_SCALE
    w, h = shape[0] * scale / 2, shape[1] * scale
    x0, x1, y0, y1 = middle - w, middle + w, bottom - h, bottom
    rectangle(wall, x0 - 5, y0 - 5, x1 + 5, y1 + 4, shaded((150, 152, 156), 0.8))
    rectangle(wall, x0 - 3, y0 - 3, x1 + 3, y1 + 3, frame)
    tall, wide = round(y1) - round(y0), round(x1) - round(x0)
    glass = np.linspace(float(random.uniform(120, 190)), float(random.uniform(30, 70)), tall)[:, None, None]
    tint = np.array([1.06, 1.0, 0.9])
    wall[round(y0) : round(y1), round(x0) : round(x1)] = np.clip(
        np.broadcast_to(glass * tint, (tall, wide, 3)), 0, 255
    )
    if random.random() < 0.5:
        curtain = shaded((215, 220, 222), float(random.uniform(0.6, 1.0)))
        rectangle(wall, x0, y0, x0 + w * 0.4, y1, curtain)
        rectangle(wall, x1 - w * 0.4, y0, x1, y1, curtain)
    if random.random() < 0.2:
        rectangle(wall, x0, y0, x1, y0 + h * float(random.uniform(0.2, 0.9)), (188, 194, 196))
    rectangle(wall, middle - 2, y0, middle + 2, y1, frame)
    rectangle(wall, x0, y0 + h * 0.3, x1, y0 + h * 0.3 + 3, frame)
    rectangle(wall, x0 - 7, y1 + 3, x1 + 7, y1 + 8, (168, 172, 176))
    rectangle(wall, x0 - 6, y1 + 8, x1 + 6, y1 + 11, (70, 72, 76))


def _door(wall: U8, random: np.random.Generator, middle: float, rows: int) -> None:
    scale = FACADE_SCALE
    colour = choice(random, _DOORS)
    x0, x1, y0 = middle - 0.55 * scale, middle + 0.55 * scale, rows - 2.3 * scale
    rectangle(wall, x0 - 7, y0 - 7, x1 + 7, rows, (206, 210, 212))
    rectangle(wall, x0, y0, x1, rows, colour)
    rectangle(wall, x0 + 8, y0 + 8, x1 - 8, y0 + 0.5 * scale, (70, 62, 54))
    rectangle(wall, x0 + 8, y0 + 0.7 * scale, x1 - 8, rows - 0.25 * scale, shaded(colour, 0.8), 2)
    cv2.circle(wall, (round(x1 - 9), round(rows - 1.05 * scale)), 3, (200, 210, 220), -1)


def _shop(wall: U8, random: np.random.Generator, columns: int, rows: int) -> None:
    """A shop window under a board with a name; the board's colours are those of signs."""
    scale = FACADE_SCALE
    board, lettering = choice(random, AWNINGS), (240, 240, 240)
    top = rows - 2.75 * scale
    rectangle(wall, 0, top, columns, rows, (120, 122, 124))
    _shop_window(wall, random, columns, rows)
    rectangle(wall, 0, top, columns, top + 0.55 * scale, board)
    word = str(random.choice(["BROOD", "CAFE", "BLOEMEN", "APOTHEEK", "KAPPER", "FIETSEN", "BOEKEN", "WIJN"]))
    place = (round(columns * 0.3), round(top + 0.42 * scale))
    cv2.putText(wall, word, place, cv2.FONT_HERSHEY_DUPLEX, 0.8, lettering, 2, cv2.LINE_AA)
    if random.random() < 0.5:
        centre = (round(columns * 0.16), round(top + 0.28 * scale))
        cv2.circle(wall, centre, round(0.22 * scale), lettering, -1, cv2.LINE_AA)
        initial = (centre[0] - round(0.14 * scale), centre[1] + round(0.13 * scale))
        cv2.putText(wall, word[0], initial, cv2.FONT_HERSHEY_DUPLEX, 0.7, board, 2, cv2.LINE_AA)


def _shop_window(wall: U8, random: np.random.Generator, columns: int, rows: int) -> None:
    """Panes in which goods show behind the sky's reflection."""
    scale = FACADE_SCALE
    left, right = 0.25 * scale, columns - 0.25 * scale
    above, below = rows - 2.2 * scale, rows - 0.3 * scale
    rectangle(wall, left, above, right, below, (60, 58, 54))
    for _ in range(int(columns / scale * 1.6)):
        x, y = (
            float(random.uniform(left, right - 0.3 * scale)),
            rows - float(random.uniform(0.5, 1.5)) * scale,
        )
        goods = shaded((130, 140, 150), float(random.uniform(0.4, 1.4)))
        rectangle(wall, x, y, min(x + float(random.uniform(6, 30)), right), below, goods)
    pane = wall[round(above) : round(below), round(left) : round(right)]
    clouds = cloudy(random, pane.shape[1], pane.shape[0], 90, 2)[..., None] * 8
    pane[:] = np.clip(pane * 0.75 + np.linspace(70, 0, pane.shape[0])[:, None, None] + clouds, 0, 255)
    for x in np.linspace(left, right, 4):
        rectangle(wall, x - 3, above, x + 3, below, (170, 172, 176))


def roof(random: np.random.Generator) -> U8:
    """Tiles, 4 m x 4 m."""
    size = 128
    colour = np.array(choice(random, ((46, 58, 112), (60, 62, 70), (40, 44, 60), (58, 74, 140))), np.float32)
    y, x = np.mgrid[0:size, 0:size]
    waves = 1 + 0.1 * np.sin(x * 2 * np.pi / 8) - 0.22 * (y % 10 < 2)
    tiles = colour * waves[..., None] * (1 + 0.05 * cloudy(random, size, size, 40)[..., None])
    return np.asarray(np.clip(tiles, 0, 255), dtype=np.uint8)
