"""A reader's decisions on objects: accepted, rejected, re-classed; and which object each of them belongs to. Pure.

A decision belongs to a thing in the street, not to a number: it stays with the object that has its id and, where no
such object is near, with the nearest one of the category that it was about, one to one. So it lasts when the run is
made anew, and positions move a little.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product

from coordinator.strictjson import Json

KEPT = "decisions.csv"
"""The file of every decision that counts, in the run folder."""
REACH = 3.0
"""Metres, on the ground and in height, by which an object may have moved and still be the one that was decided of."""
_DEGREE = 111_195.0
"""Metres along a meridian."""


class Verdict(StrEnum):
    """What a reader says of an object."""

    ACCEPT = "accept"
    REJECT = "reject"
    RECLASS = "reclass"
    UNDO = "undo"
    """Nothing any more: an earlier decision is taken back."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """One decision, with the place of its object in degrees. ``category`` is the new one of what is re-classed.

    ``was`` is what the run said then, and ``z`` its height in metres, where they were noted.
    """

    id: str
    verdict: Verdict
    longitude: float
    latitude: float
    category: str | None = None
    note: str = ""
    time: str = ""
    was: str | None = None
    z: float | None = None

    def as_json(self) -> Json:
        return {
            "decision": str(self.verdict),
            "category": self.category,
            "note": self.note,
            "time": self.time,
        }


@dataclass(frozen=True, kw_only=True)
class Known:
    """An object that may be decided of: its place in degrees, and what the run says that it is."""

    id: str
    longitude: float
    latitude: float
    z: float | None
    category: str | None


@dataclass(frozen=True, kw_only=True)
class Matched:
    """Decisions by the id of the object that they belong to now; ``lost`` are those that belong to none."""

    by_object: Mapping[str, Decision]
    lost: tuple[Decision, ...]


def matched(decisions: Sequence[Decision], objects: Sequence[Known], reach: float = REACH) -> Matched:
    """Which object each decision belongs to: the one of its id, else the nearest that may be meant, one to one."""
    near = _Near(objects, reach)
    pairs = sorted(
        (objects[place].id != decision.id, distance, number, place)
        for number, decision in enumerate(decisions)
        for place, distance in near.to(decision)
        if decision.was is None or _bare(decision.was) == _bare(objects[place].category)
    )
    found: dict[int, int] = {}
    taken: set[int] = set()
    for _, _, number, place in pairs:
        if number not in found and place not in taken:
            found[number] = place
            taken.add(place)
    return Matched(
        by_object={objects[place].id: decisions[number] for number, place in found.items()},
        lost=tuple(decision for number, decision in enumerate(decisions) if number not in found),
    )


def _bare(category: str | None) -> str:
    """A category without the blanks around it, which nobody sees in a table, and apostrophes, which tables add."""
    return (category or "").strip().lstrip("'")


class _Near:
    """Objects by the cell of a grid that they lie in, so that those near a place are found among few."""

    def __init__(self, objects: Sequence[Known], reach: float) -> None:
        self._objects, self._reach = objects, reach
        self._shrink = math.cos(math.radians(objects[0].latitude)) if objects else 1.0
        self._cells: dict[tuple[int, int], list[int]] = defaultdict(list)
        for place, one in enumerate(objects):
            self._cells[self._cell(one)].append(place)

    def _metres(self, one: Known | Decision) -> tuple[float, float]:
        return one.longitude * self._shrink * _DEGREE, one.latitude * _DEGREE

    def _cell(self, one: Known | Decision) -> tuple[int, int]:
        x, y = self._metres(one)
        return math.floor(x / self._reach), math.floor(y / self._reach)

    def to(self, decision: Decision) -> Iterator[tuple[int, float]]:
        """The objects within reach, and how far they are, in metres."""
        column, row = self._cell(decision)
        for cell in product(range(column - 1, column + 2), range(row - 1, row + 2)):
            for place in self._cells.get(cell, ()):
                one = self._objects[place]
                ground = math.dist(self._metres(one), self._metres(decision))
                rise = abs(one.z - decision.z) if one.z is not None and decision.z is not None else 0.0
                if ground <= self._reach and rise <= self._reach:
                    yield place, math.hypot(ground, rise)
