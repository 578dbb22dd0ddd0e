"""The front as an SVG: time against cost, both logarithmic, the chosen point filled.

As in the benchmark's picture, colours can be read on white and on black, and there is no background.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape, quoteattr

from coordinator.plan.front import Point
from coordinator.plan.table import duration, fleet_name

_WIDTH, _HEIGHT = 760, 440
_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 40, 40, 60
_TEXT, _LINE = "#7d8590", "#2f81f7"
_MONEY = tuple(step * 10.0**power for power in range(-2, 7) for step in (1, 1.5, 2, 3, 5, 7))
_HOURS = tuple(
    seconds / 3600
    for seconds in (
        *(1, 2, 5, 10, 20, 30, 60, 90, 120, 180, 300, 450, 600, 900, 1200, 1800, 2700, 3600),
        *(3600 * hours for hours in (1.5, 2, 3, 4, 6, 8, 12, 18, 24, 36, 48, 72, 96, 168, 336, 720)),
    )
)
"""Round values that may stand at an axis."""
_ROOM = (130.0, 14.0)
"""Pixels that a label needs for itself."""
_APART = 48.0
"""Pixels between two values at an axis, at least."""


def svg(points: Sequence[Point], chosen: Point, title: str, currency: str) -> str:
    """The whole picture. There must be a point."""
    every = [*points, chosen]
    across = _Axis([max(point.hours, 1e-6) for point in every], _LEFT, _WIDTH - _RIGHT)
    up = _Axis([max(point.cost, 0.01) for point in every], _HEIGHT - _BOTTOM, _TOP)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" '
        f'height="{_HEIGHT}" role="img" aria-label={quoteattr(title)} '
        'font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif">'
    )
    parts = [head, _text(_LEFT, 22, title, size=14, weight=600), *_grid(across, up, currency)]
    places = [(across.place(point.hours), up.place(point.cost)) for point in points]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    parts.append(f'<polyline points="{line}" fill="none" stroke="{_LINE}" stroke-width="1.5"/>')
    parts += [_dot(x, y, filled=False) for x, y in places]
    parts += _labels(points, places)
    parts.append(_dot(across.place(chosen.hours), up.place(chosen.cost), filled=True))
    return "\n".join([*parts, "</svg>"]) + "\n"


class _Axis:
    """Maps values to pixels, logarithmically."""

    def __init__(self, values: Sequence[float], start: float, end: float) -> None:
        self.least, self.most = min(values) / 1.3, max(values) * 1.3
        self._start, self._length = start, end - start

    def place(self, value: float) -> float:
        share = math.log(max(value, self.least) / self.least) / math.log(self.most / self.least)
        return self._start + share * self._length

    def ticks(self, values: Sequence[float]) -> list[float]:
        """Those of the values that have room at the axis."""
        kept: list[float] = []
        for value in values:
            if self.least <= value <= self.most and (
                not kept or abs(self.place(value) - self.place(kept[-1])) >= _APART
            ):
                kept.append(value)
        return kept


def _labels(points: Sequence[Point], places: Sequence[tuple[float, float]]) -> Iterator[str]:
    """The points' names, where they have room; all of them stand in the table."""
    last = (-math.inf, -math.inf)
    for point, (x, y) in zip(points, places, strict=True):
        if abs(x - last[0]) >= _ROOM[0] or abs(y - last[1]) >= _ROOM[1]:
            yield _text(x + 8, y - 8, fleet_name(point.fleet), size=11)
            last = (x, y)


def _grid(across: _Axis, up: _Axis, currency: str) -> Iterator[str]:
    low = _HEIGHT - _BOTTOM
    for hours in across.ticks(_HOURS):
        x = across.place(hours)
        yield f'<line x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{low}" stroke="{_TEXT}" stroke-opacity="0.3"/>'
        yield _text(x, low + 16, duration(hours * 3600), size=11, anchor="middle")
    for cost in up.ticks(_MONEY):
        y = up.place(cost)
        yield (
            f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - _RIGHT}" y2="{y:.1f}" stroke="{_TEXT}" '
            'stroke-opacity="0.3"/>'
        )
        yield _text(_LEFT - 8, y + 4, f"{cost:,g}", size=11, anchor="end")
    yield _text(_WIDTH - _RIGHT, low + 36, "time", size=12, anchor="end")
    yield _text(_LEFT - 8, _TOP - 6, currency, size=12, anchor="end")


def _dot(x: float, y: float, *, filled: bool) -> str:
    fill = _LINE if filled else "none"
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{fill}" stroke="{_LINE}" stroke-width="1.5"/>'


def _text(x: float, y: float, text: str, *, size: int, anchor: str = "start", weight: int = 400) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" fill="{_TEXT}" '
        f'text-anchor="{anchor}">{escape(text)}</text>'
    )
