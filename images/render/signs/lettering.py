"""Digits and capitals in the manner of DIN 1451, the lettering of German signs, as strokes.

A glyph is a list of centre lines in a box ``width`` x ``height`` whose top-left corner is the origin.
"""

from __future__ import annotations

from collections.abc import Callable

from images.render.signs.canvas import Canvas, Colour, Point, arc

Lines = list[list[Point]]


def write(
    canvas: Canvas,
    text: str,
    height: float,
    width: float,
    colour: Colour,
    *,
    gap: float = 0.4,
    weight: float = 0.15,
) -> None:
    """Write ``text`` centred on the canvas, every glyph ``height`` x ``width``.

    ``gap`` between glyphs and the strokes' ``weight`` are fractions of width and height. Raises KeyError
    for a glyph that no sign needs.
    """
    stroke = height * weight
    advance = width * (1 + gap)
    x = -(advance * (len(text) - 1) + width) / 2
    for glyph in text:
        for line in _GLYPHS[glyph](width - stroke, height - stroke):
            shifted = [(px + x + stroke / 2, py - height / 2 + stroke / 2) for px, py in line]
            canvas.stroke(shifted, stroke, colour)
        x += advance


def _zero(w: float, h: float) -> Lines:
    r = w / 2
    outline = [*arc((r, r), r, 180, 360), *arc((r, h - r), r, 0, 180)]
    return [[*outline, *outline[:2]]]


def _one(w: float, h: float) -> Lines:
    return [[(w * 0.62, -h * 0.085), (w * 0.62, h * 1.085)], [(w * 0.08, h * 0.24), (w * 0.62, h * 0.0)]]


def _two(w: float, h: float) -> Lines:
    bowl = arc((w / 2, h * 0.27), (w / 2, h * 0.27), 190, 385)
    return [[*bowl, (w * 0.03, h), (w * 1.12, h)]]


def _three(w: float, h: float) -> Lines:
    upper = arc((w * 0.48, h * 0.24), (w * 0.45, h * 0.24), 200, 450)
    lower = arc((w * 0.48, h * 0.74), (w * 0.52, h * 0.26), 270, 520)
    return [upper, lower, [(w * 0.3, h * 0.48), (w * 0.55, h * 0.48)]]


def _five(w: float, h: float) -> Lines:
    bowl = arc((w * 0.46, h * 0.7), (w * 0.54, h * 0.3), 225, 515)
    return [[(w * 1.02, 0), (w * 0.1, 0), bowl[0], *bowl[1:]]]


def _six(w: float, h: float) -> Lines:
    r = w / 2
    bowl = arc((r, h - r), r, 180, 540)
    return [[*bowl, (0, h * 0.6), (w * 0.14, h * 0.36), (w * 0.66, -h * 0.06)]]


def _seven(w: float, h: float) -> Lines:
    return [[(-w * 0.1, 0), (w, 0), (w * 0.28, h * 1.08)]]


def _eight(w: float, h: float) -> Lines:
    upper = arc((w / 2, h * 0.235), (w * 0.44, h * 0.235), 90, 450)
    lower = arc((w / 2, h * 0.735), (w * 0.5, h * 0.265), 270, 630)
    return [[*upper, *upper[1:2]], [*lower, *lower[1:2]]]


def _s(w: float, h: float) -> Lines:
    r, s = w / 2, h * 0.27
    upper = arc((r, s), (r, s), 345, 90)
    lower = arc((r, h - s * 0.87), (r, s * 0.87), 270, 525)
    return [[*upper, *lower]]


def _t(w: float, h: float) -> Lines:
    return [[(-w * 0.12, 0), (w * 1.12, 0)], [(w / 2, 0), (w / 2, h * 1.085)]]


def _p(w: float, h: float) -> Lines:
    r = h * 0.28
    bowl = arc((w - r * 0.9, r), (r * 0.9, r), 270, 450)
    return [[(0.0, -h * 0.085), (0.0, h * 1.085)], [(0.0, 0.0), *bowl, (0.0, 2 * r)]]


_GLYPHS: dict[str, Callable[[float, float], Lines]] = {
    "0": _zero,
    "1": _one,
    "2": _two,
    "3": _three,
    "5": _five,
    "6": _six,
    "7": _seven,
    "8": _eight,
    "S": _s,
    "T": _t,
    "O": _zero,
    "P": _p,
}
