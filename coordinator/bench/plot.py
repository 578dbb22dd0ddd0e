"""The figures as one SVG: a panel per workload, a bar per variant, the spread as a whisker.

Rates that lie far apart get a logarithmic axis. The colours are readable on white and on black, and there is
no background, because the page that shows the picture may be either.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from coordinator.bench.figures import Comparison, Figures, Spread
from coordinator.bench.report import rounded
from coordinator.bench.variants import API_LOOP, BASELINES, PARALLEL, SHELL_LOOP, XARGS

_WIDTH = 760
_LEFT, _RIGHT, _CAPTION = 190, 70, 12
_TITLE, _BAR, _GAP, _FOOT = 40, 20, 9, 34
_TEXT, _RUNG, _BASELINE = "#7d8590", "#2f81f7", "#9a8c7c"
_LABELS = {
    SHELL_LOOP: "docker run, shell loop",
    XARGS: "docker run, xargs -P",
    PARALLEL: "docker run, GNU parallel",
    API_LOOP: "engine API, bare loop",
}
_FAR = 20.0
"""From this ratio of the greatest rate to the least on, the axis is logarithmic."""


@dataclass(frozen=True, kw_only=True)
class _Axis:
    """Maps a rate to pixels from the left; ``ticks`` are rates."""

    place: Callable[[float], float]
    ticks: Sequence[float]


def svg(comparisons: Sequence[Comparison], caption: str) -> str:
    """The whole picture."""
    parts: list[str] = []
    top = 0.0
    for comparison in comparisons:
        panel, height = _panel(comparison, top)
        parts += panel
        top += height
    height = top + 24
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:.0f}" width="{_WIDTH}" '
        f'height="{height:.0f}" role="img" aria-label={quoteattr("Tasks a second by way of running")} '
        'font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif">'
    )
    foot = _text(_CAPTION, top + 8, caption, size=11)
    return "\n".join([head, *parts, foot, "</svg>"]) + "\n"


def _panel(comparison: Comparison, top: float) -> tuple[list[str], float]:
    figures = comparison.figures
    of_recordings = all(row.tasks_per_second != row.recordings_per_second for row in figures)
    rates = [row.recordings_per_second if of_recordings else row.tasks_per_second for row in figures]
    axis = _axis(rates)
    first = top + _TITLE
    bottom = first + len(figures) * (_BAR + _GAP)
    scale = ", logarithmic" if len(axis.ticks) > 1 and axis.ticks[0] > 0 else ""
    unit = "recordings" if of_recordings else "tasks"
    parts = [_text(_LEFT, top + 22, f"{comparison.workload}: {unit} per second{scale}", size=14, weight=600)]
    for tick in axis.ticks:
        x = _LEFT + axis.place(tick)
        parts.append(
            f'<line x1="{x:.1f}" y1="{first}" x2="{x:.1f}" y2="{bottom}" stroke="{_TEXT}" stroke-opacity="0.3"/>'
        )
        parts.append(_text(x, bottom + 14, f"{tick:,g}", size=11, anchor="middle"))
    for number, (row, rate) in enumerate(zip(figures, rates, strict=True)):
        parts += _bar(row, rate, axis, first + number * (_BAR + _GAP))
    return parts, bottom + _FOOT - top


def _bar(row: Figures, rate: Spread, axis: _Axis, top: float) -> list[str]:
    colour = _BASELINE if row.name in BASELINES else _RUNG
    middle = top + _BAR / 2
    end, least, greatest = (axis.place(value) for value in (rate.median, rate.least, rate.greatest))
    whisker = f'x1="{_LEFT + least:.1f}" y1="{middle}" x2="{_LEFT + greatest:.1f}" y2="{middle}"'
    return [
        _text(_LEFT - 8, middle + 4, _LABELS.get(row.name, row.name), size=12, anchor="end"),
        f'<rect x="{_LEFT}" y="{top}" width="{max(1.0, end):.1f}" height="{_BAR}" rx="2" fill="{colour}"/>',
        f'<line {whisker} stroke="{_TEXT}" stroke-width="2"/>',
        _text(_LEFT + max(end, greatest) + 6, middle + 4, rounded(rate.median), size=12),
    ]


def _axis(rates: Sequence[Spread]) -> _Axis:
    greatest = max((rate.greatest for rate in rates), default=1.0)
    least = min((rate.least for rate in rates), default=1.0)
    width = _WIDTH - _LEFT - _RIGHT
    if least > 0 and greatest / least >= _FAR:
        low, high = math.floor(math.log10(least)), math.log10(greatest)
        span = high - low
        ticks = [10.0**power for power in range(low, math.floor(high) + 1)]
        return _Axis(place=lambda value: width * (math.log10(value) - low) / span, ticks=ticks)
    step = _step(greatest)
    ticks = [number * step for number in range(int(greatest / step) + 1)]
    return _Axis(place=lambda value: width * value / greatest, ticks=ticks)


def _step(greatest: float) -> float:
    """A round distance between ticks that gives about four of them."""
    power = 10.0 ** math.floor(math.log10(greatest / 4))
    return power * next(factor for factor in (1, 2, 5, 10) if power * factor * 5 >= greatest)


def _text(x: float, y: float, text: str, *, size: int, anchor: str = "start", weight: int = 400) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" fill="{_TEXT}" '
        f'text-anchor="{anchor}">{escape(text)}</text>'
    )
