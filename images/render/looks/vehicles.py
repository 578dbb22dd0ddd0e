"""Parked cars and vans, and the survey vehicle's own roof."""

from __future__ import annotations

import cv2
import numpy as np

from images.render.looks.brush import PAINT, Colour, choice, rectangle, shaded
from images.render.looks.noise import speckled
from steps.stepkit.arrays import F64, U8


def car_side(random: np.random.Generator, paint: Colour, *, van: bool) -> U8:
    """A car from its side, heading right, as BGRA; 400 texels long, the outline cut out."""
    long, tall = 400, 180 if van else 150
    picture = np.zeros((tall, long, 4), np.uint8)
    _fill(picture, _VAN_OUTLINE if van else _CAR_OUTLINE, (*paint, 255))
    picture[..., :3] = np.clip(picture[..., :3] * np.linspace(1.12, 0.62, tall)[:, None, None], 0, 255)
    for pane in _VAN_PANES if van else _CAR_PANES:
        _fill(picture, np.array(pane), (*shaded((92, 84, 74), float(random.uniform(0.4, 0.9))), 255))
    for x in (0.36, 0.52, 0.66):
        seam = (round(x * long), round(tall * 0.42)), (round(x * long), round(tall * 0.86))
        cv2.line(picture, *seam, (*shaded(paint, 0.55), 255), 1)
    for x in (0.19, 0.8):
        _wheel(picture, (round(x * long), round(tall * 0.835)), long * 0.074)
    _fill(picture, _HEADLIGHT, (225, 232, 235, 255))
    _fill(picture, _TAIL_LIGHT, (36, 30, 190, 255))
    return picture


def _wheel(picture: U8, centre: tuple[int, int], radius: float) -> None:
    """A tyre around a rim of five spokes."""
    for share, grey in ((1.18, 18), (1.0, 34), (0.64, 128)):
        cv2.circle(picture, centre, round(radius * share), (grey, grey, grey, 255), -1, cv2.LINE_AA)
    for gap in np.arange(5) * 2 * np.pi / 5:
        directions = gap + np.array([-0.42, 0.42, 0.14, -0.14])
        reach = radius * np.array([0.56, 0.56, 0.2, 0.2])
        corners = np.stack([np.cos(directions), np.sin(directions)], axis=1) * reach[:, None] + centre
        cv2.fillPoly(picture, [np.asarray(np.rint(corners), dtype=np.int32)], (38, 38, 38, 255), cv2.LINE_AA)


_CAR_OUTLINE = np.array(
    [
        (0.0, 0.5),
        (0.02, 0.42),
        (0.1, 0.37),
        (0.2, 0.06),
        (0.3, 0.0),
        (0.52, 0.0),
        (0.6, 0.05),
        (0.73, 0.36),
        (0.93, 0.43),
        (0.99, 0.52),
        (1.0, 0.8),
        (0.97, 0.88),
        (0.03, 0.88),
        (0.0, 0.8),
    ]
)
_CAR_PANES = (
    [(0.17, 0.35), (0.24, 0.1), (0.35, 0.07), (0.36, 0.37)],
    [(0.375, 0.37), (0.37, 0.07), (0.52, 0.07), (0.58, 0.1), (0.67, 0.37)],
)
_VAN_OUTLINE = np.array(
    [
        (0.0, 0.06),
        (0.03, 0.0),
        (0.74, 0.0),
        (0.82, 0.06),
        (0.9, 0.4),
        (0.99, 0.5),
        (1.0, 0.82),
        (0.97, 0.9),
        (0.03, 0.9),
        (0.0, 0.84),
    ]
)
_HEADLIGHT = np.array([(0.965, 0.5), (0.995, 0.55), (0.995, 0.62), (0.955, 0.6)])
_TAIL_LIGHT = np.array([(0.005, 0.48), (0.03, 0.47), (0.03, 0.6), (0.005, 0.6)])
_VAN_PANES = ([(0.68, 0.4), (0.68, 0.1), (0.79, 0.11), (0.85, 0.4)],)


def car_end(random: np.random.Generator, paint: Colour, *, front: bool, van: bool) -> U8:
    """A car's front or back up to the bonnet (a van's: its whole height)."""
    tall, wide = (180 if van and not front else 110), 160
    picture = np.full((tall, wide, 3), paint, np.uint8)
    picture = np.asarray(
        np.clip(picture * np.linspace(1.05, 0.65, tall)[:, None, None], 0, 255), dtype=np.uint8
    )
    lamp = (225, 232, 235) if front else (36, 30, 190)
    base = tall - 110
    rectangle(picture, 6, base + 24, 34, base + 46, lamp)
    rectangle(picture, wide - 34, base + 24, wide - 6, base + 46, lamp)
    if van and not front:
        rectangle(picture, 20, 14, 140, 60, (60, 56, 52))
        cv2.line(picture, (80, 0), (80, tall), shaded(paint, 0.5), 2)
    if front:
        rectangle(picture, 42, base + 28, wide - 42, base + 48, (32, 32, 32))
    rectangle(picture, 52, base + 60, 108, base + 74, (60, 196, 232))
    rectangle(picture, 0, base + 90, wide, tall, (30, 30, 30))
    return speckled(picture, random, 1.5)


def glass() -> U8:
    """A windscreen, sky above and the dark interior below."""
    column = np.linspace(165, 50, 160)[:, None, None] * np.array([1.06, 1.0, 0.92])
    picture = np.asarray(np.clip(np.broadcast_to(column, (160, 240, 3)), 0, 255), dtype=np.uint8).copy()
    cv2.rectangle(picture, (0, 0), (239, 159), (40, 40, 40), 6)
    return picture


def paint_of(random: np.random.Generator) -> Colour:
    """A car's colour; reds and blues are common."""
    return choice(random, PAINT)


def survey_roof() -> U8:
    """The survey vehicle's roof, dull grey."""
    picture = np.full((200, 130, 3), 92, np.uint8)
    rectangle(picture, 45, 70, 85, 130, (58, 58, 58))
    return picture


def _fill(picture: U8, outline: F64, colour: tuple[int, int, int, int]) -> None:
    """Fill a polygon whose corners are shares of the picture's width and height."""
    corners = np.asarray(np.rint(outline * (picture.shape[1], picture.shape[0])), dtype=np.int32)
    cv2.fillPoly(picture, [corners], colour, cv2.LINE_AA)
