"""What has changed between two maps of the same place: objects that are new, gone, moved or of another category. Pure.

Objects are taken for the same one to one, the closest first: first those of one category, within a reach; then, of what
is left, those that stand where another one stood. What is left then is new or gone.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

_SEEN_WITHIN = 35.0
"""Metres from which a sign is seen for sure, if it is looked at."""
_FIELD = 45.0
"""Degrees to either side of its heading that a camera which is no panorama sees for sure."""
_FRONT = 75.0
"""Degrees to either side of its facing from which a sign's face is seen."""
_LOOKS = 3
"""Recordings that have to look at a place before what is not on the map is not there: an object needs as many."""


class Kind(StrEnum):
    """What may have happened to an object."""

    NEW = "new"
    GONE = "gone"
    FIRST_SEEN = "first seen"
    """It is not in the old run, but hardly any recording of that looks at its place."""
    NOT_SEEN = "not seen"
    """It is not in the new run, but hardly any recording of that looks at its place."""
    UNSURE = "unsure"
    """It is in one run only, and that run is not sure of it itself."""
    REJECTED = "rejected"
    """It is in one run only, because the other one's review took it out: no change in the street."""
    MOVED = "moved"
    RECLASSED = "re-classed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Thing:
    """An object: metres in one CRS, ``sigma`` its standard deviation on the ground, ``facing`` in degrees.

    ``score`` is how sure its run is of it, 0 to 1; None where nothing says so.
    """

    id: str
    x: float
    y: float
    z: float | None
    category: str | None
    sigma: float
    facing: float | None
    score: float | None
    degrees: tuple[float, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """A recording: metres in the same CRS; ``heading`` is None for what looks everywhere, as a panorama does."""

    x: float
    y: float
    heading: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """What happened to one object. ``looks`` is how many recordings of the other run look at its place."""

    kind: Kind
    old: Thing | None
    new: Thing | None
    moved: float = 0.0
    looks: int | None = None


@dataclass(frozen=True, kw_only=True)
class Limits:
    """In metres: how far an object may have moved and still be itself, and from where on it has moved at all.

    ``sure`` is the score from which on an object that is in one run only was there, or is there now. Of the 197 objects
    of five runs through rendered towns the two false ones score 0.33 and 0.58, the true ones 0.72 and more.
    """

    radius: float = 5.0
    moved: float = 1.0
    sure: float = 0.6


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """All changes, by kind and then by id; ``same`` are the objects of the new run that are as they were."""

    changes: tuple[Change, ...]
    same: tuple[Thing, ...]


def compare(
    old: Sequence[Thing],
    new: Sequence[Thing],
    limits: Limits,
    seen_before: Iterable[Look] | None = None,
    seen_again: Iterable[Look] | None = None,
) -> Comparison:
    """What has changed from ``old`` to ``new``; ``seen_before`` and ``seen_again`` are the recordings of both runs."""
    pairs = _pairs(old, new, limits)
    between = [(new[other], _between(old[one], new[other], limits)) for one, other in pairs]
    again, before = (None if looks is None else _Ground(looks) for looks in (seen_again, seen_before))
    lost = set(range(len(old))) - {one for one, _ in pairs}
    come = set(range(len(new))) - {other for _, other in pairs}
    changes = [change for _, change in between if change is not None]
    changes += [_gone(old[place], again, limits) for place in lost]
    changes += [_new(new[place], before, limits) for place in come]
    return Comparison(
        changes=tuple(sorted(changes, key=_rank)),
        same=tuple(thing for thing, change in between if change is None),
    )


def with_rejections(
    found: Comparison, out_of_old: Sequence[Thing], out_of_new: Sequence[Thing], limits: Limits
) -> Comparison:
    """What one run lacks only because its review took it out is ``rejected``: neither new nor gone."""
    come = [change.new for change in found.changes if change.new and not change.old]
    lost = [change.old for change in found.changes if change.old and not change.new]
    known = {come[place] for place, _ in _pairs(come, out_of_old, limits)}
    known_again = {lost[place] for place, _ in _pairs(lost, out_of_new, limits)}
    changes = [
        replace(change, kind=Kind.REJECTED)
        if (change.old is None and change.new in known) or (change.new is None and change.old in known_again)
        else change
        for change in found.changes
    ]
    return replace(found, changes=tuple(sorted(changes, key=_rank)))


def _gone(thing: Thing, seen_again: _Ground | None, limits: Limits) -> Change:
    """What is in the old run only."""
    looks = None if seen_again is None else seen_again.looks(thing)
    return Change(
        kind=_only_once(thing, looks, limits, Kind.GONE, Kind.NOT_SEEN), old=thing, new=None, looks=looks
    )


def _new(thing: Thing, seen_before: _Ground | None, limits: Limits) -> Change:
    """What is in the new run only."""
    looks = None if seen_before is None else seen_before.looks(thing)
    return Change(
        kind=_only_once(thing, looks, limits, Kind.NEW, Kind.FIRST_SEEN), old=None, new=thing, looks=looks
    )


def _only_once(thing: Thing, looks: int | None, limits: Limits, sure: Kind, unseen: Kind) -> Kind:
    """What to say of an object that is in one run only, at whose place ``looks`` recordings of the other one look."""
    if looks is not None and looks < _LOOKS:
        return unseen
    return Kind.UNSURE if thing.score is not None and thing.score < limits.sure else sure


def _rank(change: Change) -> tuple[int, str, str]:
    """By kind and then by id."""
    return (
        list(Kind).index(change.kind),
        change.old.id if change.old else "",
        change.new.id if change.new else "",
    )


def _between(old: Thing, new: Thing, limits: Limits) -> Change | None:
    """What happened to an object that is in both runs; None if nothing did."""
    apart = _apart(old, new)
    if old.category != new.category:
        return Change(kind=Kind.RECLASSED, old=old, new=new, moved=apart)
    if apart > _tolerance(old, new, limits):
        return Change(kind=Kind.MOVED, old=old, new=new, moved=apart)
    return None


def _tolerance(old: Thing, new: Thing, limits: Limits) -> float:
    """Metres that an object which stands still may seem to have moved by."""
    return max(limits.moved, 3.0 * math.hypot(old.sigma, new.sigma))


def _pairs(old: Sequence[Thing], new: Sequence[Thing], limits: Limits) -> list[tuple[int, int]]:
    """Which objects are the same, as places in both."""
    close = sorted(
        (old[one].category != new[other].category, apart, one, other)
        for one, other, apart in _close(old, new, limits)
    )
    free_old, free_new, pairs = set(range(len(old))), set(range(len(new))), []
    for _, _, one, other in close:
        if one in free_old and other in free_new:
            free_old.discard(one)
            free_new.discard(other)
            pairs.append((one, other))
    return pairs


def _close(old: Sequence[Thing], new: Sequence[Thing], limits: Limits) -> Iterator[tuple[int, int, float]]:
    """The pairs that may be the same, and how far they are apart."""
    ground: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for place, thing in enumerate(new):
        ground[_cell(thing.x, thing.y, limits.radius)].append(place)
    for one, thing in enumerate(old):
        for other in _around(ground, thing.x, thing.y, limits.radius):
            apart = _apart(thing, new[other])
            is_same = thing.category == new[other].category
            if apart <= (
                limits.radius if is_same else min(limits.radius, _tolerance(thing, new[other], limits))
            ):
                yield one, other, apart


def _apart(one: Thing, other: Thing) -> float:
    """Metres; in height as well where both are known, so that signs on one pole are told apart."""
    flat = math.dist((one.x, one.y), (other.x, other.y))
    return flat if one.z is None or other.z is None else math.hypot(flat, one.z - other.z)


class _Ground:
    """The recordings of a run, by where they are."""

    def __init__(self, looks: Iterable[Look]) -> None:
        self._looks = list(looks)
        self._cells: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
        for place, look in enumerate(self._looks):
            self._cells[_cell(look.x, look.y, _SEEN_WITHIN)].append(place)

    def looks(self, thing: Thing) -> int:
        """How many recordings look at the place of an object, from the side to which it shows its face."""
        near = (self._looks[place] for place in _around(self._cells, thing.x, thing.y, _SEEN_WITHIN))
        return sum(_looks_at(look, thing) for look in near)


def _looks_at(look: Look, thing: Thing) -> bool:
    east, north = thing.x - look.x, thing.y - look.y
    if math.hypot(east, north) > _SEEN_WITHIN:
        return False
    towards = math.degrees(math.atan2(east, north))
    if look.heading is not None and _turn(towards, look.heading) > _FIELD:
        return False
    return thing.facing is None or _turn(towards + 180.0, thing.facing) <= _FRONT


def _turn(one: float, other: float) -> float:
    """Degrees between two directions."""
    return abs((one - other + 180.0) % 360.0 - 180.0)


def _cell(x: float, y: float, size: float) -> tuple[int, int]:
    return math.floor(x / size), math.floor(y / size)


def _around(
    ground: defaultdict[tuple[int, int], list[int]], x: float, y: float, size: float
) -> Iterator[int]:
    """What lies in the cell of a place and in those beside it."""
    column, row = _cell(x, y, size)
    for i in (column - 1, column, column + 1):
        for j in (row - 1, row, row + 1):
            yield from ground.get((i, j), ())
