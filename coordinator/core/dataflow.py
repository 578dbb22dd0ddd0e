"""What is ready, and what a finished task makes ready. Pure: no IO, no clock.

Rules
    An item enters a step. A step per item makes it a unit of its own; a step per region gathers it in each
    of the item's regions and becomes one unit per region as soon as that region has nothing left upstream.
    There is no barrier over the batch: regions are counted one by one.

    A step per batch is the barrier that is asked for by name. It gathers every item, whatever its regions, in one
    place (``EVERYTHING``), and becomes one unit when nothing is left upstream. By then all is known, so regions
    begin anew behind it: every item that comes of it is where it says itself that it is, and is counted there.

    ``_upstream[step, place]`` is the number of items of that place which have not yet reached that
    gathering step, nor been lost on the way. It falls when an item arrives or is lost, and rises when one item becomes
    several. What it starts from, before the first step and behind each step per batch: regions from their
    census, and a later step per region from the one unit before it; a step per batch from the items, or from the
    units of the regions before it. What may still come, of the batch or of a step per batch, counts there as one more.

    A place goes ahead without the items it lost, if the share that came is at least its step's
    ``min_complete``; one that gathered nothing is skipped. What a region lost in front of a step per batch it has
    lost behind it, too.

The items that wait are not held here: they go to the caller, to be stored, so that memory does not grow with the batch.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from coordinator.pipeline import Per, Step
from coordinator.strictjson import Json

EVERYTHING = "all"
"""The one unit of a step per batch."""


def _nowhere(item: Json) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, kw_only=True)
class Unit:
    """What one task works on: one item, or a region or the batch, whose items lie in the store (``item`` is None).

    ``gathered`` and ``lost`` count such a place's items that came, and those that failed on their way.
    """

    step: int
    id: str
    regions: tuple[str, ...]
    item: Json | None = None
    gathered: int = 0
    lost: int = 0


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """An item that waits for a gathering step, in a region, or in the batch's one place."""

    step: int
    region: str
    item: Json


@dataclass(kw_only=True)
class Advance:
    """What one event led to.

    Units that are ready, items to store, places that came to nothing, places that lost too many items.
    """

    ready: list[Unit] = field(default_factory=list)
    gathered: list[Gathered] = field(default_factory=list)
    skipped: list[Unit] = field(default_factory=list)
    incomplete: list[Unit] = field(default_factory=list)


class Dataflow:
    """The moving state of one run: how many items are still upstream of each gathering step and place."""

    def __init__(
        self,
        steps: Sequence[Step],
        census: Mapping[str, int],
        around: Callable[[Json], tuple[str, ...]] = _nowhere,
    ) -> None:
        """``census`` counts the recordings of each region; ``around`` tells the regions of an item by what it says."""
        self._steps = steps
        self._around = around
        self._gathering = [number for number, step in enumerate(steps) if step.per is not Per.ITEM]
        self._upstream: dict[tuple[int, str], int] = {}
        self._arrived: defaultdict[tuple[int, str], int] = defaultdict(int)
        self._lost: defaultdict[tuple[int, str], int] = defaultdict(int)
        self._regions = tuple(census)
        self._announced = dict(census)
        self._begin(-1, census, items=0)

    def admit(self, item: Json, regions: tuple[str, ...]) -> Advance:
        """A recording enters the first step; a region that did not announce it goes without it."""
        advance = Advance()
        self._note_arrival()
        self._enter(0, item, self._expected(regions), advance)
        return advance

    def lose(self, regions: tuple[str, ...]) -> Advance:
        """A recording of the census turned out to be none (an id used twice)."""
        advance, expected = Advance(), self._expected(regions)
        self._note_arrival()
        self._note_lost(-1, expected)
        self._replace(-1, expected, (), advance)
        return advance

    def close(self) -> Advance:
        """The batch has ended: what the census announced and never came is waited for no longer."""
        advance = Advance()
        gather = self._next_gathering(-1)
        if gather is not None and not self._is_barrier(gather):
            for region, missing in self._announced.items():
                if missing:
                    self._count(gather, region, -missing, advance)
        self._announced.clear()
        self._end(-1, advance)
        return advance

    def finish(self, unit: Unit, items: Sequence[Json]) -> Advance:
        """A unit is done and ``items`` take its place."""
        advance = Advance()
        self._follow(unit, items, advance)
        return advance

    def fail(self, unit: Unit) -> Advance:
        """A unit failed for good: nothing takes its place."""
        self._note_lost(unit.step, unit.regions)
        return self.finish(unit, ())

    # -- where items are --------------------------------------------------------------------------------

    def _is_barrier(self, step: int) -> bool:
        return self._steps[step].per is Per.BATCH

    def _places(self, gather: int, regions: tuple[str, ...]) -> tuple[str, ...]:
        """Where items of these regions gather for a step."""
        return (EVERYTHING,) if self._is_barrier(gather) else regions

    def _expected(self, regions: tuple[str, ...]) -> tuple[str, ...]:
        """The regions in which the census announced one more recording (files may come and go in between)."""
        expected = tuple(region for region in regions if self._announced.get(region, 0) > 0)
        for region in expected:
            self._announced[region] -= 1
        return expected

    def _gathering_behind(self, step: int) -> Iterator[int]:
        """The gathering steps behind ``step``, up to the first one per batch."""
        for gather in self._gathering:
            if gather > step:
                yield gather
                if self._is_barrier(gather):
                    return

    def _next_gathering(self, step: int) -> int | None:
        return next(self._gathering_behind(step), None)

    # -- what is counted --------------------------------------------------------------------------------

    def _begin(self, step: int, census: Mapping[str, int], items: int) -> None:
        """Sets what is upstream of the steps behind ``step``: so many items, so many of them in each region."""
        counts = census
        for gather in self._gathering_behind(step):
            if self._is_barrier(gather):
                self._upstream[gather, EVERYTHING] = items + 1
                return
            self._upstream.update({(gather, region): count for region, count in counts.items()})
            counts, items = dict.fromkeys(census, 1), len(census)

    def _end(self, step: int, advance: Advance) -> None:
        """No more than what is counted will come from ``step`` (-1 is the batch) to the next step per batch."""
        for gather in self._gathering_behind(step):
            if self._is_barrier(gather):
                self._count(gather, EVERYTHING, -1, advance)

    def _note_arrival(self) -> None:
        """One more recording than was known of is on its way to a step per batch; regions have announced theirs."""
        gather = self._next_gathering(-1)
        if gather is not None and self._is_barrier(gather):
            self._upstream[gather, EVERYTHING] += 1

    def _note_lost(self, step: int, regions: tuple[str, ...]) -> None:
        """Something failed on its way to the next step per region, and to those per batch in front of that."""
        for gather in self._gathering:
            if gather > step:
                for place in self._places(gather, regions):
                    self._lost[gather, place] += 1
                if not self._is_barrier(gather):
                    return

    def _follow(self, unit: Unit, items: Sequence[Json], advance: Advance) -> None:
        """``items`` take the unit's place."""
        if self._is_barrier(unit.step):
            self._divide(unit.step, items, advance)
        else:
            self._replace(unit.step, unit.regions, items, advance)

    def _replace(self, step: int, regions: tuple[str, ...], items: Sequence[Json], advance: Advance) -> None:
        gather = self._next_gathering(step)
        if gather is not None:
            for place in self._places(gather, regions):
                self._count(gather, place, len(items) - 1, advance)
        for item in items:
            self._enter(step + 1, item, regions, advance)

    def _divide(self, step: int, items: Sequence[Json], advance: Advance) -> None:
        """What comes of a step per batch enters the next; regions are counted anew, those that get nothing first."""
        around = [self._around(item) for item in items]
        census = Counter(dict.fromkeys(self._regions, 0))
        census.update(region for regions in around for region in regions)
        self._begin(step, census, len(items))
        gather = self._next_gathering(step)
        if gather is not None and not self._is_barrier(gather):
            for region in (region for region, count in census.items() if not count):
                self._count(gather, region, 0, advance)
        for item, regions in zip(items, around, strict=True):
            self._enter(step + 1, item, regions, advance)
        self._end(step, advance)

    def _enter(self, step: int, item: Json, regions: tuple[str, ...], advance: Advance) -> None:
        if step == len(self._steps):
            return
        if self._steps[step].per is Per.ITEM:
            advance.ready.append(Unit(step=step, id=item["id"], regions=regions, item=item))
            return
        for place in self._places(step, regions):
            advance.gathered.append(Gathered(step=step, region=place, item=item))
            self._arrived[step, place] += 1
            self._count(step, place, -1, advance)

    def _count(self, gather: int, place: str, change: int, advance: Advance) -> None:
        self._upstream[gather, place] += change
        if self._upstream[gather, place] > 0:
            return
        came, lost = self._arrived.pop((gather, place), 0), self._lost.pop((gather, place), 0)
        regions = () if self._is_barrier(gather) else (place,)
        unit = Unit(step=gather, id=place, regions=regions, gathered=came, lost=lost)
        if not came:
            advance.skipped.append(unit)
            self._follow(unit, (), advance)
        elif came / (came + lost) < self._steps[gather].min_complete:
            advance.incomplete.append(unit)
        else:
            advance.ready.append(unit)
