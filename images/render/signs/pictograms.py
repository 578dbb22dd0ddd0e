"""The pictures on warning signs and on vehicle restrictions, drawn with polygons and strokes.

Every function draws on a sign's canvas (x right and y down from -1 to 1); the coordinates were read off
photographs and drawings of German signs by eye.
"""

from __future__ import annotations

from images.render.signs.canvas import (
    BLACK,
    WHITE,
    YELLOW,
    Canvas,
    Colour,
    Point,
    arc,
    box,
    mirrored,
    rounded,
)

_LAMP_RED: Colour = (40, 40, 200)
_LAMP_GREEN: Colour = (70, 150, 40)


def car(canvas: Canvas, centre: Point, width: float, colour: Colour) -> None:
    """A car from behind, ``width`` wide."""
    s, (x, y) = width / 2, centre
    body = [(-1, 0.0), (-0.72, -0.62), (0.72, -0.62), (1, 0.0), (1, 0.42), (-1, 0.42)]
    canvas.polygon(rounded([(x + px * s, y + py * s) for px, py in body], 0.16 * s), colour)
    window = [(-0.76, 0.0), (-0.58, -0.47), (0.58, -0.47), (0.76, 0.0)]
    canvas.polygon([(x + px * s, y + py * s) for px, py in window], WHITE)
    for side in (-1, 1):
        canvas.polygon(
            box(x + (side * 0.72 - 0.18) * s, y + 0.4 * s, x + (side * 0.72 + 0.18) * s, y + 0.7 * s), colour
        )


def lorry_behind(canvas: Canvas, centre: Point, width: float, colour: Colour) -> None:
    """A lorry from behind: a tall box over two wheels."""
    s, (x, y) = width / 2, centre
    canvas.polygon(rounded(box(x - s, y - 1.35 * s, x + s, y + 0.66 * s), 0.1 * s), colour)
    canvas.polygon(box(x - 0.7 * s, y + 0.6 * s, x + 0.7 * s, y + 0.95 * s), colour)
    for side in (-1, 1):
        canvas.polygon(
            box(x + (side * 0.7 - 0.26) * s, y + 0.6 * s, x + (side * 0.7 + 0.26) * s, y + 1.25 * s), colour
        )


def lorry(canvas: Canvas) -> None:
    """A lorry from the side, heading left."""
    canvas.polygon(box(-0.18, -0.26, 0.56, 0.11), BLACK)
    cab: list[Point] = [(-0.56, 0.2), (-0.56, -0.04), (-0.46, -0.17), (-0.24, -0.17), (-0.24, 0.2)]
    canvas.polygon(cab, BLACK)
    canvas.polygon([(-0.5, 0.0), (-0.43, -0.11), (-0.33, -0.11), (-0.33, 0.0)], WHITE)
    canvas.polygon(box(-0.56, 0.1, 0.56, 0.2), BLACK)
    for x in (-0.4, 0.34):
        canvas.disc((x, 0.22), 0.115, WHITE)
        canvas.disc((x, 0.22), 0.085, BLACK)


def exclamation(canvas: Canvas) -> None:
    """General danger."""
    canvas.polygon([*arc((0, -0.235), 0.094, 180, 360), (0.047, 0.31), (-0.047, 0.31)], BLACK)
    canvas.disc((0, 0.31), 0.047, BLACK)
    canvas.disc((0, 0.505), 0.094, BLACK)


def crossroads(canvas: Canvas) -> None:
    """A broad arrow over a thin crossing line: priority at the next intersection."""
    canvas.polygon(
        [(0, -0.14), (0.155, 0.04), (0.155, 0.58), (0, 0.43), (-0.155, 0.58), (-0.155, 0.04)], BLACK
    )
    canvas.polygon(box(-0.33, 0.2, 0.33, 0.285), BLACK)


def curve(canvas: Canvas, *, left: bool) -> None:
    """One bend."""
    bend: list[Point] = [(-0.18, 0.12), (0.02, 0.12), *arc((0.02, 0.29), 0.17, 270, 360), (0.19, 0.585)]
    head: list[Point] = [(-0.17, 0.037), (-0.17, 0.203), (-0.3, 0.12)]
    canvas.stroke(bend if left else mirrored(bend), 0.165, BLACK)
    canvas.polygon(head if left else mirrored(head), BLACK)


def double_curve(canvas: Canvas) -> None:
    """Two bends, the first to the left."""
    canvas.stroke([(0.14, 0.6), (0.14, 0.33), (-0.1, 0.14), (-0.1, -0.06)], 0.15, BLACK)
    canvas.polygon([(-0.19, -0.05), (-0.01, -0.05), (-0.1, -0.22)], BLACK)


def bumps(canvas: Canvas) -> None:
    """An uneven road."""
    top = [*arc((-0.24, 0.5), (0.2, 0.22), 180, 335), *arc((0.24, 0.5), (0.2, 0.22), 205, 360)]
    canvas.polygon([(-0.54, 0.5), *top, (0.54, 0.5), (0.54, 0.585), (-0.54, 0.585)], BLACK)


def skid(canvas: Canvas) -> None:
    """A skidding car and its tracks."""
    body: list[Point] = [
        (-0.26, 0.14),
        (-0.17, -0.1),
        (0.11, -0.17),
        (0.25, 0.01),
        (0.28, 0.15),
        (-0.22, 0.28),
    ]
    canvas.polygon(rounded(body, 0.05), BLACK)
    canvas.polygon([(-0.17, 0.09), (-0.12, -0.04), (0.08, -0.1), (0.16, 0.0)], WHITE)
    canvas.stroke([(-0.19, 0.22), (-0.16, 0.34)], 0.09, BLACK)
    canvas.stroke([(0.22, 0.12), (0.25, 0.24)], 0.09, BLACK)
    for x in (-0.2, 0.16):
        canvas.stroke(
            [*arc((x, 0.41), (0.1, 0.07), 190, 30), *arc((x + 0.17, 0.53), (0.09, 0.08), 210, 60)],
            0.045,
            BLACK,
        )


def narrowing(canvas: Canvas) -> None:
    """The road narrows from the right."""
    canvas.stroke([(-0.14, -0.16), (-0.14, 0.58)], 0.085, BLACK)
    canvas.stroke([(0.06, -0.16), (0.06, 0.08), (0.2, 0.3), (0.2, 0.58)], 0.085, BLACK)


def worker(canvas: Canvas) -> None:
    """A man with a shovel at a heap."""
    canvas.disc((-0.11, -0.18), 0.075, BLACK)
    canvas.stroke([(-0.1, -0.08), (-0.2, 0.06), (-0.22, 0.22)], 0.15, BLACK)
    canvas.stroke([(-0.22, 0.2), (-0.3, 0.4), (-0.4, 0.6)], 0.09, BLACK)
    canvas.stroke([(-0.2, 0.2), (-0.08, 0.36), (-0.1, 0.6)], 0.09, BLACK)
    canvas.stroke([(-0.1, -0.03), (0.0, 0.14), (0.12, 0.16)], 0.07, BLACK)
    canvas.stroke([(-0.27, 0.08), (0.24, 0.34)], 0.045, BLACK)
    canvas.polygon([(0.02, 0.6), (0.26, 0.3), (0.34, 0.34), (0.56, 0.6)], BLACK)


def traffic_light(canvas: Canvas) -> None:
    """Three lamps, one above the other."""
    canvas.polygon(rounded(box(-0.135, -0.22, 0.135, 0.61), 0.06), BLACK)
    for y, colour in ((-0.07, _LAMP_RED), (0.195, YELLOW), (0.46, _LAMP_GREEN)):
        canvas.disc((0, y), 0.108, colour)


def pedestrian(canvas: Canvas) -> None:
    """A walking man."""
    canvas.disc((0.0, -0.27), 0.075, BLACK)
    canvas.stroke([(0.0, -0.17), (0.0, 0.16)], 0.16, BLACK)
    canvas.stroke([(0.02, 0.12), (0.11, 0.34), (0.2, 0.6)], 0.085, BLACK)
    canvas.stroke([(-0.02, 0.12), (-0.08, 0.34), (-0.22, 0.6)], 0.085, BLACK)
    canvas.stroke([(-0.04, -0.15), (-0.15, 0.02), (-0.2, 0.17)], 0.06, BLACK)
    canvas.stroke([(0.04, -0.15), (0.14, 0.02), (0.23, 0.12)], 0.06, BLACK)


def children(canvas: Canvas) -> None:
    """Two running children, the smaller one ahead."""
    canvas.disc((0.13, -0.15), 0.075, BLACK)
    canvas.stroke([(0.12, -0.06), (0.07, 0.22)], 0.14, BLACK)
    canvas.stroke([(0.08, 0.2), (0.2, 0.38), (0.32, 0.58)], 0.08, BLACK)
    canvas.stroke([(0.05, 0.2), (0.04, 0.4), (-0.04, 0.6)], 0.08, BLACK)
    canvas.stroke([(0.14, -0.02), (0.24, 0.1), (0.36, 0.04)], 0.055, BLACK)
    canvas.stroke([(0.08, -0.02), (-0.05, 0.06), (-0.12, 0.18)], 0.055, BLACK)
    canvas.disc((-0.25, 0.1), 0.065, BLACK)
    canvas.stroke([(-0.25, 0.17), (-0.25, 0.38)], 0.12, BLACK)
    canvas.stroke([(-0.24, 0.36), (-0.14, 0.46), (-0.17, 0.6)], 0.065, BLACK)
    canvas.stroke([(-0.27, 0.36), (-0.33, 0.48), (-0.44, 0.58)], 0.065, BLACK)
    canvas.stroke([(-0.27, 0.2), (-0.39, 0.26), (-0.41, 0.2)], 0.045, BLACK)
    canvas.stroke([(-0.23, 0.2), (-0.12, 0.27)], 0.045, BLACK)


def bicycle(canvas: Canvas) -> None:
    """A bicycle, heading left."""
    for x in (-0.25, 0.25):
        canvas.ring((x, 0.41), 0.165, 0.042, BLACK)
    frame: list[Point] = [(0.25, 0.41), (0.02, 0.41), (-0.17, 0.19), (0.12, 0.19), (0.02, 0.41)]
    canvas.stroke(frame, 0.042, BLACK)
    canvas.stroke([(0.25, 0.41), (0.1, 0.14)], 0.042, BLACK)
    canvas.stroke([(-0.25, 0.41), (-0.15, 0.1), (-0.24, 0.07)], 0.042, BLACK)
    canvas.stroke([(0.02, 0.12), (0.18, 0.12)], 0.06, BLACK)


def snowflake(canvas: Canvas) -> None:
    """A six-armed crystal with barbs."""
    centre = (0.0, 0.26)
    tips = arc(centre, 0.3, 90, 450, 6)[:-1]
    inner = arc(centre, 0.17, 90, 450, 6)[:-1]
    for index, tip in enumerate(tips):
        canvas.stroke([centre, tip], 0.055, BLACK)
        for barb in arc(inner[index], 0.13, 60 + 60 * index + 0.0, 120 + 60 * index, 1):
            canvas.stroke([inner[index], barb], 0.045, BLACK)


def deer(canvas: Canvas) -> None:
    """A leaping deer, heading left."""
    body: list[Point] = [
        (-0.2, 0.02),
        (-0.06, 0.12),
        (0.14, 0.2),
        (0.24, 0.3),
        (0.12, 0.4),
        (-0.12, 0.3),
        (-0.22, 0.18),
    ]
    canvas.polygon(rounded(body, 0.06), BLACK)
    canvas.stroke([(-0.18, 0.14), (-0.2, -0.08)], 0.1, BLACK)
    canvas.polygon([(-0.15, -0.13), (-0.15, -0.02), (-0.34, 0.03), (-0.34, -0.03)], BLACK)
    canvas.stroke([(-0.2, -0.1), (-0.16, -0.24)], 0.035, BLACK)
    canvas.stroke([(-0.16, -0.1), (-0.08, -0.22)], 0.035, BLACK)
    canvas.stroke([(-0.14, 0.26), (-0.3, 0.25), (-0.42, 0.32)], 0.06, BLACK)
    canvas.stroke([(-0.1, 0.28), (-0.26, 0.35), (-0.3, 0.44)], 0.055, BLACK)
    canvas.stroke([(0.18, 0.32), (0.3, 0.44), (0.42, 0.6)], 0.07, BLACK)
    canvas.stroke([(0.14, 0.34), (0.18, 0.48), (0.32, 0.6)], 0.06, BLACK)
