"""Which photographs can show the same: drives, and pairs out of order and priors."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, pairwise

import numpy as np

from steps.align.params import Params
from steps.align.poses import Priors
from steps.stepkit import Json
from steps.stepkit.arrays import F64, I64, Mask

_JUMP_M = 60.0
"""Two photographs in succession that are farther apart than this do not belong to one drive."""
_TURNS = 5
"""Recordings in succession that are no turn of cars that drive at the same time."""
_PAUSE_S = 300.0
"""Seconds after which a receiver's errors have little to do with those before."""
_SURE = 3.0
"""Standard deviations of their priors by which two photographs may be nearer than they seem."""
_BESIDE = 3
"""In lengths of those that follow: what is nearer in order shows no more than those do, and is not compared for it."""
_ALIKE_DEG = 60.0
"""Cameras that look further apart than this seldom show the same, if neither goes all the way round."""
_NUMBER = re.compile(r"(\d+)")


@dataclass(frozen=True, kw_only=True)
class Drives:
    """The order in which n recordings were made."""

    order: I64
    """Places of the recordings, one after the other, shape (n,)."""
    drive: I64
    """The drive's number of each recording (by its place, not in order), shape (n,)."""
    receiver: I64
    """The number of each recording's receiver, whose errors go on from drive to drive, shape (n,)."""
    passed: I64
    """When its receiver passed there: rank among all, receiver by receiver, shape (n,)."""


def drives(items: Sequence[Json], priors: Priors) -> Drives:
    """Recordings drive by drive, in the order of time (of folders and ids where not all have times), cut at jumps.

    Cars that drive at the same time are told apart by place: a recording goes on where the nearest drive stands.
    """
    timed = all(isinstance(item.get("time"), str) for item in items)

    def key(place: int) -> tuple[object, ...]:
        name = _natural(items[place]["id"])
        return (str(items[place]["time"]), name) if timed else (name,)

    order = sorted(range(len(items)), key=key)
    drive = np.zeros(len(items), dtype=np.int64)
    last: list[int] = []
    for here in order:
        going = [
            number
            for number, place in enumerate(last)
            if timed or _folder(items[place]) == _folder(items[here])
        ]
        number = _continued(here, going, last, priors)
        last[number : number + 1] = [here]
        drive[here] = number
    receiver = _receivers(items, order, drive, timed=timed)
    return Drives(
        order=np.array(sorted(order, key=drive.__getitem__), dtype=np.int64),
        drive=drive,
        receiver=receiver,
        passed=_rank(np.array(sorted(order, key=receiver.__getitem__), dtype=np.int64)),
    )


def _receivers(items: Sequence[Json], order: Sequence[int], drive: I64, *, timed: bool) -> I64:
    """Whose errors go on from recording to recording, shape (n,); ``order`` is that of time.

    One car's drives follow each other, those of cars that drive at the same time come in turns of a few recordings.
    """
    runs = [list(run) for _, run in groupby(order, key=lambda place: int(drive[place]))]
    sizes = np.bincount(drive)
    long = [len(run) >= min(_TURNS, sizes[drive[run[0]]]) for run in runs]
    whose: list[int] = []
    last: dict[int, int] = {}
    for number, run in enumerate(runs):
        own = int(drive[run[0]])
        if number and long[number - 1] and long[number]:
            follows = _follows(items[runs[number - 1][-1]], items[run[0]], timed=timed)
            whose.append(whose[-1] if follows else number)
        else:
            whose.append(last.get(own, number))
        last[own] = whose[-1]
    receiver = np.empty(len(drive), np.int64)
    for run, of in zip(runs, whose, strict=True):
        receiver[run] = of
    return receiver


def _follows(before: Json, here: Json, *, timed: bool) -> bool:
    if not timed:
        return _folder(before) == _folder(here)
    try:
        pause = datetime.fromisoformat(here["time"]) - datetime.fromisoformat(before["time"])
    except (ValueError, TypeError):  # of a form of its own, or one with a zone and one without
        return False
    return pause.total_seconds() <= _PAUSE_S


def _continued(here: int, going: list[int], last: list[int], priors: Priors) -> int:
    """The number of the drive that a recording goes on with: the nearest one, or a new one."""
    if not going:
        return len(last)
    at = np.array([last[number] for number in going])
    apart = np.linalg.norm(priors.position[at] - priors.position[here], axis=1)
    doubt = _SURE * np.hypot(priors.position_sd[at], priors.position_sd[here])
    nearest = int(np.argmin(apart - doubt))
    return going[nearest] if apart[nearest] <= _JUMP_M + doubt[nearest] else len(last)


def pairs(items: Sequence[Json], priors: Priors, driven: Drives, params: Params) -> list[tuple[int, int]]:
    """Pairs of places (lower one first), sorted: those that follow each other, and the nearest ones."""
    round_about = np.array([item["camera"]["model"] == "equirectangular" for item in items])
    found = set(_following(driven, params.following))
    rank = ranks(driven)
    for place in range(len(items)):
        near = _near(place, priors, round_about, params)
        along = (driven.drive[near] == driven.drive[place]) & (
            np.abs(rank[near] - rank[place]) <= _BESIDE * params.following
        )
        chosen = near[~along][: params.neighbours].tolist()
        found.update((min(place, other), max(place, other)) for other in chosen)
    return sorted(found)


def ranks(driven: Drives) -> I64:
    """Each recording's place in the order, shape (n,)."""
    return _rank(driven.order)


def _rank(order: I64) -> I64:
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return rank


def components(count: int, linked: Sequence[tuple[int, int]]) -> list[list[int]]:
    """The connected components of ``count`` places under links, each sorted, the largest first."""
    above = list(range(count))

    def root(place: int) -> int:
        while above[place] != place:
            above[place] = above[above[place]]
            place = above[place]
        return place

    for one, other in linked:
        above[root(one)] = root(other)
    groups: dict[int, list[int]] = {}
    for place in range(count):
        groups.setdefault(root(place), []).append(place)
    return sorted(groups.values(), key=lambda group: (-len(group), group[0]))


def path(positions: F64, order: I64, receiver: I64) -> F64:
    """Metres driven up to each recording, shape (n,), by its place; each receiver begins at 0.

    ``order``: the recordings receiver by receiver, ``receiver``: whose they are, shape (n,) each.
    """
    metres = np.zeros(len(positions))
    for before, here in pairwise(order):
        if receiver[before] == receiver[here]:
            metres[here] = metres[before] + np.linalg.norm(positions[here] - positions[before])
    return metres


def _following(driven: Drives, count: int) -> Iterator[tuple[int, int]]:
    order = driven.order.tolist()
    for at, place in enumerate(order):
        for other in order[at + 1 : at + 1 + count]:
            if driven.drive[place] == driven.drive[other]:
                yield min(place, other), max(place, other)


def _near(place: int, priors: Priors, round_about: Mask, params: Params) -> I64:
    """Places of the others that may show what this one does, the nearest first."""
    apart = np.linalg.norm(priors.position[:, :2] - priors.position[place, :2], axis=1)
    doubt = np.hypot(priors.position_sd, priors.position_sd[place])
    ahead = priors.turn[:, :, 2]
    cosine = np.clip(ahead @ ahead[place], -1.0, 1.0)
    allowed = np.radians(_ALIKE_DEG) + np.hypot(priors.turn_sd[:, 2], priors.turn_sd[place, 2])
    alike = round_about | round_about[place] | (np.arccos(cosine) <= allowed)
    fits = (apart <= params.radius_m + doubt) & alike
    fits[place] = False
    chosen = np.flatnonzero(fits)
    return chosen[np.argsort(apart[chosen], kind="stable")].astype(np.int64)


def _natural(name: str) -> tuple[object, ...]:
    """A key by which a9 comes before a10."""
    return tuple((1, int(part), "") if part.isdigit() else (0, 0, part) for part in _NUMBER.split(name))


def _folder(item: Json) -> str:
    return str(item["id"]).rpartition("/")[0]
