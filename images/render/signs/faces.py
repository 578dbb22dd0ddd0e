"""The faces of 43 German traffic signs: GTSRB's classes, in its order, by own drawing code.

The classes are those of the German Traffic Sign Recognition Benchmark (Stallkamp, Schlipsing, Salmen and
Igel, "Man vs. computer", Neural Networks 32, 2012). Proportions follow the StVO's drawings; nothing here is
copied from a picture file.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from images.render.signs import pictograms
from images.render.signs.canvas import (
    BLACK,
    BLUE,
    GREY,
    RED,
    WHITE,
    YELLOW,
    Canvas,
    Point,
    arc,
    box,
    mirrored,
    regular,
    rounded,
)
from images.render.signs.lettering import write
from steps.stepkit.arrays import U8

Painter = Callable[[Canvas], None]

_HALF_HEIGHT = 0.866
_TRIANGLE: list[Point] = [(0, -_HALF_HEIGHT - 0.08), (1.06, _HALF_HEIGHT), (-1.06, _HALF_HEIGHT)]
_TRIANGLE_RED: list[Point] = [(0, -0.888), (1.0, 0.843), (-1.0, 0.843)]
_TRIANGLE_FIELD: list[Point] = [(0, -0.541), (0.697, 0.664), (-0.697, 0.664)]


def draw(category: int, size: int) -> U8:
    """The face of a sign as BGRA, shape (size, size, 4); alpha is the outline, antialiased.

    The outline's bounding box is centred in the square and touches its left and right edges. ``category``
    is an index into :data:`CATEGORIES`. Raises IndexError for another category, ValueError for an empty size.
    """
    if not 0 <= category < len(_FACES):
        raise IndexError(f"there are {len(_FACES)} categories, no number {category}")
    canvas = Canvas(size)
    _FACES[category][1](canvas)
    return canvas.finish()


def _triangle(canvas: Canvas, picture: Painter | None = None, *, upside_down: bool = False) -> None:
    flip = -1 if upside_down else 1
    canvas.outline([(x, flip * y) for x, y in rounded(_TRIANGLE, 0.16)], WHITE)
    canvas.polygon([(x, flip * y) for x, y in rounded(_TRIANGLE_RED, 0.1)], RED)
    canvas.polygon([(x, flip * y) for x, y in _TRIANGLE_FIELD], WHITE)
    if picture is not None:
        picture(canvas)


def _yield(canvas: Canvas) -> None:
    _triangle(canvas, upside_down=True)


def _prohibition(canvas: Canvas) -> None:
    canvas.outline(arc((0, 0), 1, 0, 360), WHITE)
    canvas.disc((0, 0), 0.966, RED)
    canvas.disc((0, 0), 0.7, WHITE)


def _speed_limit(text: str) -> Painter:
    def paint(canvas: Canvas) -> None:
        _prohibition(canvas)
        if len(text) == 2:
            write(canvas, text, 0.84, 0.47, BLACK, gap=0.15)
        else:
            write(canvas, text, 0.78, 0.35, BLACK, gap=0.16, weight=0.14)

    return paint


def _end(picture: Painter | None) -> Painter:
    def paint(canvas: Canvas) -> None:
        canvas.outline(arc((0, 0), 1, 0, 360), WHITE)
        canvas.ring((0, 0), 0.95, 0.035, BLACK)
        if picture is not None:
            picture(canvas)
        for offset in (-0.14, -0.07, 0.0, 0.07, 0.14):
            shift = offset * 0.7071
            reach = (0.93**2 - offset**2) ** 0.5 * 0.7071
            canvas.stroke([(shift - reach, shift + reach), (shift + reach, shift - reach)], 0.036, BLACK)

    return paint


def _grey_80(canvas: Canvas) -> None:
    write(canvas, "80", 1.0, 0.56, GREY, gap=0.16)


def _grey_cars(canvas: Canvas) -> None:
    pictograms.car(canvas, (-0.36, 0.02), 0.6, GREY)
    pictograms.car(canvas, (0.36, 0.02), 0.6, GREY)


def _grey_lorry_and_car(canvas: Canvas) -> None:
    pictograms.lorry_behind(canvas, (-0.34, -0.02), 0.52, GREY)
    pictograms.car(canvas, (0.36, 0.08), 0.56, GREY)


def _no_overtaking(canvas: Canvas) -> None:
    _prohibition(canvas)
    pictograms.car(canvas, (-0.325, 0.0), 0.56, RED)
    pictograms.car(canvas, (0.325, 0.0), 0.56, BLACK)


def _no_overtaking_heavy(canvas: Canvas) -> None:
    _prohibition(canvas)
    pictograms.lorry_behind(canvas, (-0.31, 0.0), 0.48, RED)
    pictograms.car(canvas, (0.33, 0.12), 0.52, BLACK)


def _no_entry_heavy(canvas: Canvas) -> None:
    _prohibition(canvas)
    pictograms.lorry(canvas)


def _do_not_enter(canvas: Canvas) -> None:
    canvas.outline(arc((0, 0), 1, 0, 360), WHITE)
    canvas.disc((0, 0), 0.966, RED)
    canvas.polygon(box(-0.86, -0.15, 0.86, 0.15), WHITE)


def _priority_road(canvas: Canvas) -> None:
    canvas.outline(rounded(regular(4, 1.045, 270), 0.12), WHITE)
    canvas.polygon(rounded(regular(4, 1.0, 270), 0.1), BLACK)
    canvas.polygon(rounded(regular(4, 0.955, 270), 0.09), WHITE)
    canvas.polygon(regular(4, 0.585, 270), BLACK)
    canvas.polygon(regular(4, 0.555, 270), YELLOW)


def _stop(canvas: Canvas) -> None:
    reach = 1 / np.cos(np.pi / 8)
    canvas.outline(rounded(regular(8, reach, 22.5), 0.08), WHITE)
    canvas.polygon(rounded(regular(8, reach * 0.94, 22.5), 0.06), RED)
    write(canvas, "STOP", 0.68, 0.33, WHITE, gap=0.27, weight=0.165)


def _mandatory(canvas: Canvas) -> None:
    canvas.outline(arc((0, 0), 1, 0, 360), WHITE)
    canvas.disc((0, 0), 0.955, BLUE)


def _arrow(canvas: Canvas, line: list[Point], head: float, width: float) -> None:
    """A white arrow along ``line``; its head is an open angle whose arms are ``head`` long."""
    canvas.stroke(line, width, WHITE)
    tip, before = np.asarray(line[-1]), np.asarray(line[-2])
    ahead = (tip - before) / np.linalg.norm(tip - before)
    aside = np.array([-ahead[1], ahead[0]])
    point = tip + ahead * width * 0.5
    arms = [point - ahead * head + aside * side * head for side in (1.0, -1.0)]
    inner = [arm - ahead * width * 1.2 for arm in arms]
    throat = point - ahead * width * 1.25
    outline = [point, arms[0], inner[0], throat, inner[1], arms[1]]
    canvas.polygon([(float(x), float(y)) for x, y in outline], WHITE)


def _turn(*, left: bool) -> Painter:
    line: list[Point] = [(-0.3, 0.68), (-0.3, 0.16), *arc((0.02, 0.16), 0.32, 180, 270), (0.5, -0.16)]

    def paint(canvas: Canvas) -> None:
        _mandatory(canvas)
        _arrow(canvas, mirrored(line) if left else line, 0.36, 0.22)

    return paint


def _straight(canvas: Canvas) -> None:
    _mandatory(canvas)
    _arrow(canvas, [(0, 0.7), (0, -0.58)], 0.4, 0.22)


def _straight_or_turn(*, left: bool) -> Painter:
    side = -1 if left else 1

    def paint(canvas: Canvas) -> None:
        _mandatory(canvas)
        _arrow(canvas, [(-0.2 * side, 0.74), (-0.2 * side, -0.62)], 0.3, 0.18)
        bend = arc((0.12, 0.44), 0.32, 180, 270)
        _arrow(canvas, [(x * side, y) for x, y in [*bend, (0.58, 0.12)]], 0.28, 0.18)

    return paint


def _pass(*, left: bool) -> Painter:
    line: list[Point] = [(-0.52, -0.52), (0.46, 0.46)]

    def paint(canvas: Canvas) -> None:
        _mandatory(canvas)
        _arrow(canvas, mirrored(line) if left else line, 0.44, 0.22)

    return paint


def _roundabout(canvas: Canvas) -> None:
    _mandatory(canvas)
    for start in (110, 230, 350):
        curve = arc((0, 0), 0.62, start, start - 84)
        _arrow(canvas, curve, 0.23, 0.14)


def _warning(picture: Painter) -> Painter:
    return functools.partial(_triangle, picture=picture)


_FACES: tuple[tuple[str, Painter], ...] = (
    ("speed_limit_20", _speed_limit("20")),
    ("speed_limit_30", _speed_limit("30")),
    ("speed_limit_50", _speed_limit("50")),
    ("speed_limit_60", _speed_limit("60")),
    ("speed_limit_70", _speed_limit("70")),
    ("speed_limit_80", _speed_limit("80")),
    ("speed_limit_80_end", _end(_grey_80)),
    ("speed_limit_100", _speed_limit("100")),
    ("speed_limit_120", _speed_limit("120")),
    ("no_overtaking", _no_overtaking),
    ("no_overtaking_heavy", _no_overtaking_heavy),
    ("priority_intersection", _warning(pictograms.crossroads)),
    ("priority_road", _priority_road),
    ("yield", _yield),
    ("stop", _stop),
    ("no_entry_vehicles", _prohibition),
    ("no_entry_heavy", _no_entry_heavy),
    ("do_not_enter", _do_not_enter),
    ("warning_sign", _warning(pictograms.exclamation)),
    ("single_curve_left", _warning(functools.partial(pictograms.curve, left=True))),
    ("single_curve_right", _warning(functools.partial(pictograms.curve, left=False))),
    ("double_curve_left", _warning(pictograms.double_curve)),
    ("rough_road", _warning(pictograms.bumps)),
    ("slippery_road", _warning(pictograms.skid)),
    ("narrows_right", _warning(pictograms.narrowing)),
    ("workers_in_road", _warning(pictograms.worker)),
    ("traffic_light", _warning(pictograms.traffic_light)),
    ("pedestrian_warning", _warning(pictograms.pedestrian)),
    ("children_warning", _warning(pictograms.children)),
    ("cyclists_warning", _warning(pictograms.bicycle)),
    ("icy_road", _warning(pictograms.snowflake)),
    ("animals_warning", _warning(pictograms.deer)),
    ("restrictions_end", _end(None)),
    ("right", _turn(left=False)),
    ("left", _turn(left=True)),
    ("straight", _straight),
    ("straight_right", _straight_or_turn(left=False)),
    ("straight_left", _straight_or_turn(left=True)),
    ("right_obstacle", _pass(left=False)),
    ("left_obstacle", _pass(left=True)),
    ("roundabout", _roundabout),
    ("no_overtaking_end", _end(_grey_cars)),
    ("no_overtaking_heavy_end", _end(_grey_lorry_and_car)),
)

CATEGORIES: tuple[str, ...] = tuple(name for name, _ in _FACES)
"""Names of the 43 categories in GTSRB's class order."""
