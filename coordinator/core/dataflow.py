"""What is ready, and what a finished task makes ready. Pure: no IO, no clock.

Rules
    An item enters a step. A step per item makes it a unit of its own; a step per region gathers it in each
    of the item's regions and becomes one unit per region as soon as that region has nothing left upstream.
    There is no barrier over the batch: regions are counted one by one.

    ``_upstream[step, region]`` is the number of items of that region which have not yet reached that
    gathering step, nor been lost on the way. The first gathering step starts from the census of the
    batch, each later one from the one region unit before it. It falls when an item arrives or is lost,
    and rises when one item becomes several.

    A region goes ahead without the items it lost, if the share that came is at least its step's
    ``min_complete``; a region that gathered nothing is skipped.

The items that wait in a region are not held here: they go to the caller, to be stored, so that memory
does not grow with the batch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from coordinator.pipeline import Per, Step
from coordinator.strictjson import Json


@dataclass(frozen=True, kw_only=True)
class Unit:
    """What one task works on: one item, or one region whose items lie in the store (``item`` is None).

    ``gathered`` and ``lost`` count a region's items that came, and those that failed on their way.
    """

    step: int
    id: str
    regions: tuple[str, ...]
    item: Json | None = None
    gathered: int = 0
    lost: int = 0


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """An item that waits in a region for a gathering step."""

    step: int
    region: str
    item: Json


@dataclass(kw_only=True)
class Advance:
    """What one event led to.

    Units that are ready, items to store, regions that came to nothing, regions that lost too many items.
    """

    ready: list[Unit] = field(default_factory=list)
    gathered: list[Gathered] = field(default_factory=list)
    skipped: list[Unit] = field(default_factory=list)
    incomplete: list[Unit] = field(default_factory=list)


class Dataflow:
    """The moving state of one run: how many items are still upstream of each gathering step and region."""

    def __init__(self, steps: Sequence[Step], census: Mapping[str, int]) -> None:
        """``census`` counts the recordings of each region."""
        self._steps = steps
        self._gathering = [number for number, step in enumerate(steps) if step.per is Per.REGION]
        self._upstream: dict[tuple[int, str], int] = {}
        self._arrived: defaultdict[tuple[int, str], int] = defaultdict(int)
        self._lost: defaultdict[tuple[int, str], int] = defaultdict(int)
        self._announced = dict(census)
        for position, step in enumerate(self._gathering):
            for region, count in census.items():
                self._upstream[step, region] = count if position == 0 else 1

    def admit(self, item: Json, regions: tuple[str, ...]) -> Advance:
        """A recording enters the first step; a region that did not announce it goes without it."""
        advance = Advance()
        self._enter(0, item, self._expected(regions), advance)
        return advance

    def lose(self, regions: tuple[str, ...]) -> Advance:
        """A recording of the census turned out to be none (an id used twice)."""
        expected = self._expected(regions)
        self._note_lost(-1, expected)
        return self._replace(-1, expected, ())

    def close(self) -> Advance:
        """The batch has ended: what the census announced and never came is waited for no longer."""
        advance = Advance()
        for region, missing in self._announced.items():
            if missing and self._gathering:
                self._count(self._gathering[0], region, -missing, advance)
        self._announced.clear()
        return advance

    def _expected(self, regions: tuple[str, ...]) -> tuple[str, ...]:
        """The regions in which the census announced one more recording (files may come and go in between)."""
        expected = tuple(region for region in regions if self._announced.get(region, 0) > 0)
        for region in expected:
            self._announced[region] -= 1
        return expected

    def finish(self, unit: Unit, items: Sequence[Json]) -> Advance:
        """A unit is done and ``items`` take its place."""
        return self._replace(unit.step, unit.regions, items)

    def fail(self, unit: Unit) -> Advance:
        """A unit failed for good: nothing takes its place."""
        self._note_lost(unit.step, unit.regions)
        return self._replace(unit.step, unit.regions, ())

    def _replace(self, step: int, regions: tuple[str, ...], items: Sequence[Json]) -> Advance:
        advance = Advance()
        gather = self._next_gathering(step)
        if gather is not None:
            for region in regions:
                self._count(gather, region, len(items) - 1, advance)
        for item in items:
            self._enter(step + 1, item, regions, advance)
        return advance

    def _note_lost(self, step: int, regions: tuple[str, ...]) -> None:
        gather = self._next_gathering(step)
        if gather is not None:
            for region in regions:
                self._lost[gather, region] += 1

    def _next_gathering(self, step: int) -> int | None:
        return next((number for number in self._gathering if number > step), None)

    def _enter(self, step: int, item: Json, regions: tuple[str, ...], advance: Advance) -> None:
        if step == len(self._steps):
            return
        if self._steps[step].per is Per.ITEM:
            advance.ready.append(Unit(step=step, id=item["id"], regions=regions, item=item))
            return
        for region in regions:
            advance.gathered.append(Gathered(step=step, region=region, item=item))
            self._arrived[step, region] += 1
            self._count(step, region, -1, advance)

    def _count(self, gather: int, region: str, change: int, advance: Advance) -> None:
        self._upstream[gather, region] += change
        if self._upstream[gather, region] > 0:
            return
        came, lost = self._arrived.pop((gather, region), 0), self._lost.pop((gather, region), 0)
        unit = Unit(step=gather, id=region, regions=(region,), gathered=came, lost=lost)
        if not came:
            advance.skipped.append(unit)
            nothing = self._replace(gather, (region,), ())
            advance.skipped.extend(nothing.skipped)
        elif came / (came + lost) < self._steps[gather].min_complete:
            advance.incomplete.append(unit)
        else:
            advance.ready.append(unit)
