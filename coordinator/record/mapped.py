"""How much of what was detected came onto the map: the figure that tells good poses from bad ones."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import NamedTuple

from coordinator.findings import Finding, Level
from coordinator.pipeline import Need, Per, Step
from coordinator.record.journal import Journal
from coordinator.record.objects import is_object
from coordinator.strictjson import Json

LITTLE = 0.7
"""Share of the detections below which a map is in doubt. Good poses bring 0.77 and more of a rendered town's onto the
map and 0.92 of KITTI's; noise of 1 m and 2 degrees leaves 0.3 to 0.7 of the sample municipality's, of 3 m and 5 degrees
0 to 0.4. Where very many are detected, rays that are off meet by chance: then it is the doubles that tell."""
_STATE = "accuracy: {position_m: 3, heading_deg: 5}"
_ALIGN = "refine them by `python -m coordinator align BATCH --out BATCH2`"
_TOO_FEW = 10
"""Detections of which a share says nothing."""


_BESIDE, _ABOVE = 3.0, 1.5
"""Metres between two objects, on the ground and in height, within which one thing may have been taken for two."""
_SAME = 0.5
"""Metres on the ground, within which they may be one at any height: two levels of height show each sign twice."""
_MANY = 0.1
"""Share of the objects that may be such, as two signs back to back are, before the map is in doubt."""
_FEW = 3

Thing = tuple[float, float, float, frozenset[str]]
"""An object's x, y and z in metres, and the recordings that show it."""


class Came(NamedTuple):
    """What came to the step that works out positions."""

    recordings: int
    posed: int
    detections: int
    stated: int = 0
    aligned: int = 0


@dataclass(frozen=True, kw_only=True)
class Mapped:
    """``placed`` of the ``detections`` in ``recordings`` belong to an object; ``posed`` recordings have a pose.

    Of ``stated`` recordings it is said how well their pose is known, ``aligned`` ones have one that was refined.

    ``doubled`` objects stand within a few metres of another that no recording shows beside it.
    """

    objects: int
    placed: int
    detections: int
    recordings: int
    posed: int
    doubled: int = 0
    stated: int = 0
    aligned: int = 0

    def __str__(self) -> str:
        return (
            f"{self.objects:,}, from {self.placed:,} of {self.detections:,} detections "
            f"in {self.recordings:,} recordings"
        )

    def as_json(self) -> Json:
        return asdict(self)

    def findings(self) -> Iterator[Finding]:
        """Why there is no object, or why the map is in doubt."""
        if not self.objects:
            yield Finding(kind="no-objects", level=Level.WARNING, text=f"no object: {self._reason()}")
            return
        if self.detections >= _TOO_FEW and self.placed < LITTLE * self.detections:
            share = self.placed / self.detections
            text = (
                f"only {share:.0%} of the detections came onto the map: objects are missing or false. Positions or "
                "headings are likely to be off (1 m and 2 degrees are enough, and residuals do not show it), or many "
                f"detections are false{self._remedy()}"
            )
            yield Finding(kind="few-placed", level=Level.WARNING, text=text)
        if self.doubled >= max(_FEW, _MANY * self.objects):
            text = (
                f"{self.doubled:,} of {self.objects:,} objects stand within {_BESIDE:g} m of another that no recording "
                "shows beside them: most likely one thing came onto the map twice, as poses are off"
            )
            yield Finding(kind="objects-doubled", level=Level.WARNING, text=text)

    def _reason(self) -> str:
        if not self.recordings:
            return "no recording came as far as positioning"
        if not self.detections:
            return f"nothing was detected in {self.recordings:,} recordings"
        if not self.posed:
            return f"none of {self.recordings:,} recordings has a pose and a camera"
        if self.placed:
            return f"{self.placed:,} detections were positioned, and a later step kept none of them"
        return (
            f"no two of {self.detections:,} detections agree on a place: positions, headings or pitches are off, boxes "
            f"are not in the pixels of these images, or nothing was seen from two places{self._remedy()}"
        )

    def _remedy(self) -> str:
        """What helps where poses are off by what a telephone's are, as far as it has not been done."""
        if self.aligned:
            return ""
        state = "" if self.stated else f"write how good they are into batch.yaml ({_STATE}), and "
        return f". If poses are a telephone's or a car's receiver's: {state}{_ALIGN}"


def mapped(journal: Journal, steps: Sequence[Step], brought: Sequence[int]) -> Mapped | None:
    """What came onto the map; None if no step works poses out to positions.

    ``brought`` counts what the batch itself brings to the first step: recordings, those with a pose, detections, and
    those of which it says how well their pose is known.
    """
    gathering = next((number for number, step in enumerate(steps) if step.per is Per.REGION), None)
    if gathering is None or not any(Need.POSES in step.needs for step in steps):
        return None
    came = Came(*brought) if gathering == 0 else _came(journal, steps[gathering - 1].name)
    placed: set[tuple[str, str]] = set()
    things = []
    for item in journal.items(steps[gathering].name):
        if is_object(item):
            views = [view for view in item.get("observations") or () if isinstance(view, dict)]
            placed |= {(str(view.get("recording")), str(view.get("detection"))) for view in views}
            things.append(_thing(item, views))
    return Mapped(
        objects=sum(1 for item in journal.items(steps[-1].name) if is_object(item)),
        placed=len(placed),
        detections=came.detections,
        recordings=came.recordings,
        posed=came.posed,
        doubled=doubled(things),
        stated=came.stated,
        aligned=came.aligned,
    )


def doubled(things: Sequence[Thing]) -> int:
    """How many of them have another beside them that none of their recordings shows."""
    cells: dict[tuple[int, int], list[int]] = defaultdict(list)
    for number, (x, y, _, _) in enumerate(things):
        cells[math.floor(x / _BESIDE), math.floor(y / _BESIDE)].append(number)
    found: set[int] = set()
    for (column, row), numbers in cells.items():
        beside = product(range(column - 1, column + 2), range(row - 1, row + 2))
        near = [other for cell in beside for other in cells.get(cell, ())]
        found.update(
            number for number in numbers if any(_may_be_one(things[number], things[other]) for other in near)
        )
    return len(found)


def _may_be_one(one: Thing, other: Thing) -> bool:
    """Whether both may be the same thing."""
    apart = math.dist(one[:2], other[:2])
    near = apart <= _BESIDE and abs(one[2] - other[2]) <= _ABOVE
    return (near or apart <= _SAME) and one is not other and not one[3] & other[3]


def _thing(item: Json, views: Sequence[Json]) -> Thing:
    position = item["position"]
    z = position.get("z")
    shown = frozenset(str(view.get("recording")) for view in views)
    return position["x"], position["y"], z if isinstance(z, int | float) else 0.0, shown


def _came(journal: Journal, step: str) -> Came:
    recordings = posed = detections = stated = aligned = 0
    for item in journal.items(step):
        recordings += 1
        pose, found = item.get("pose"), item.get("detections")
        posed += pose is not None and item.get("camera") is not None
        detections += len(found) if isinstance(found, list) else 0
        stated += isinstance(pose, dict) and bool(pose.get("accuracy"))
        aligned += item.get("aligned") is True
    return Came(recordings, posed, detections, stated, aligned)
