"""How well the poses of a batch are known on the whole: counts by who says so, however many recordings there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from coordinator.batch.accuracy import Accuracy, Origin
from coordinator.strictjson import Json

SURVEYORS = "0.1 m and 0.25 degrees"
"""What positioning supposes of poses that say nothing of their accuracy."""


class Accuracies:
    """What was seen so far, values to three digits."""

    def __init__(self) -> None:
        self.stated = 0
        """Recordings of which something is known."""
        self._position: dict[Origin, Counter[float]] = {}
        self._heading: dict[Origin, Counter[float]] = {}

    def see(self, known: Accuracy) -> None:
        """Takes notice of one recording's."""
        self.stated += 1
        _count(self._position, known.position_from, known.position_m)
        _count(self._heading, known.heading_from, known.heading_deg)

    def summary(self, row: str) -> str:
        """One line of it; ``row`` is what the file with the rows is called."""
        if not self.stated:
            return f"not given (positioning takes {SURVEYORS})"
        parts = ((self._position, "position", "m"), (self._heading, "heading", "degrees"))
        return "; ".join(f"{name} {_told(counts, unit, row)}" for counts, name, unit in parts)

    def as_json(self) -> Json:
        """Median, least and most of each, with how many have it; without what nobody has."""
        parts = {"position_m": self._position, "heading_deg": self._heading}
        return {name: _figures(sum(counts.values(), Counter())) for name, counts in parts.items() if counts}


def _count(counts: dict[Origin, Counter[float]], origin: Origin | None, value: float | None) -> None:
    if value is not None and origin is not None:
        counts.setdefault(origin, Counter())[float(f"{value:.3g}")] += 1


def _told(counts: Mapping[Origin, Counter[float]], unit: str, row: str) -> str:
    if not counts:
        return "not given"
    return ", ".join(_of(origin, values, unit, row) for origin, values in counts.items())


def _of(origin: Origin, values: Counter[float], unit: str, row: str) -> str:
    figures = _figures(values)
    least, most = min(values), max(values)
    between = "" if least == most else f" ({least:g} to {most:g})"
    said = row if origin is Origin.ROW else str(origin)
    return f"{figures['median']:g} {unit}{between} of {values.total():,}, by {said}"


def _figures(values: Counter[float]) -> Json:
    return {"count": values.total(), "median": _median(values), "least": min(values), "most": max(values)}


def _median(values: Mapping[float, int]) -> float:
    """The lower one of an even number."""
    left = (sum(values.values()) + 1) // 2
    for value, count in sorted(values.items()):
        left -= count
        if left <= 0:
            return value
    raise ValueError("no value has no median")
