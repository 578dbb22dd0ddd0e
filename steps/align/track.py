"""From photographs to models: features, pairs that geometry confirms, reconstructions by connected component."""

from __future__ import annotations

import math
import os
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from steps.align import colmap, pairs, rotations
from steps.align.features import Features, features
from steps.align.matching import match
from steps.align.model import Link, Model
from steps.align.params import Params
from steps.align.poses import Priors
from steps.stepkit import BadInput, Json
from steps.stepkit.arrays import F64

_KEPT = 200
"""Photographs whose features lie in memory at once (about 2 MB each); others are read again."""
_SURE = 4.0
_SURE_DEG = 3.0
"""A pair may be turned this many standard deviations of its headings, and so many degrees, off its priors."""
_MOST = 400
"""Photographs in one reconstruction. Larger components are cut where the order of their drives says."""
_EVERY = 50


@dataclass(frozen=True, kw_only=True)
class Tracked:
    """What photographs alone tell."""

    models: list[list[Model]]
    """By connected component: what was reconstructed of it, each model in a frame of its own."""
    reasons: dict[int, str]
    """Why recordings are in no model, by place."""


def track(
    items: Sequence[Json], priors: Priors, driven: pairs.Drives, params: Params, folder: Path
) -> Tracked:
    """Models of the items' photographs. What is written below ``folder`` on the way is removed."""
    colmap.seed()
    kept = folder / "features"
    kept.mkdir(parents=True, exist_ok=True)
    try:
        unread = _extract(items, params, kept)
        read = _reader(items, params, kept)
        wanted = [
            pair for pair in pairs.pairs(items, priors, driven, params) if not unread.keys() & set(pair)
        ]
        views = {
            place: _view(items[place], read(place)) for place in range(len(items)) if place not in unread
        }
        links = list(_links(wanted, views, read, priors, params))
        models = list(_reconstructed(views, links, driven, folder / "colmap", threads(params)))
    finally:
        shutil.rmtree(kept, ignore_errors=True)
    return Tracked(models=models, reasons=unread | _unconnected(views, links, models))


def threads(params: Params) -> int:
    """Threads that the step may use."""
    return params.threads or len(os.sched_getaffinity(0))


def say(text: str) -> None:
    """Tell of the progress."""
    print(f"align: {text}", file=sys.stderr, flush=True)


def _extract(items: Sequence[Json], params: Params, folder: Path) -> dict[int, str]:
    """Have all features in the folder; returns why there are none, by place."""
    unread: dict[int, str] = {}
    for place, item in enumerate(items):
        try:
            features(item, params, folder)
        except (BadInput, ValueError, OSError) as error:
            unread[place] = "unreadable photograph"
            say(f"{item['id']}: {error}")
        if (place + 1) % _EVERY == 0:
            say(f"features of {place + 1} of {len(items)} photographs")
    return unread


def _reader(items: Sequence[Json], params: Params, folder: Path) -> Callable[[int], Features]:
    @lru_cache(maxsize=_KEPT)
    def read(place: int) -> Features:
        return features(items[place], params, folder)

    return read


def _view(item: Json, found: Features) -> colmap.View:
    return colmap.View(rays=found.rays, sd=found.sd, round_about=item["camera"]["model"] == "equirectangular")


def _links(
    wanted: Sequence[tuple[int, int]],
    views: Mapping[int, colmap.View],
    read: Callable[[int], Features],
    priors: Priors,
    params: Params,
) -> Iterator[Link]:
    """The pairs whose geometry is confirmed, by their features and by their priors."""
    told: Counter[str] = Counter()
    for number, (one, other) in enumerate(wanted, 1):
        if number % (_EVERY * 10) == 0:
            say(f"{number} of {len(wanted)} pairs compared, {told['confirmed']} confirmed")
        matches = match(read(one).descriptors, read(other).descriptors)
        if len(matches) < params.min_matches:
            told["too little in common"] += 1
            continue
        found = colmap.verified(views[one], views[other], matches, params.min_matches)
        if found is None:
            told["no common geometry"] += 1
        elif not _believable(found[1], priors, one, other):
            told["turned unlike their headings"] += 1
        else:
            told["confirmed"] += 1
            yield Link(one=one, other=other, matches=found[0])
    say(f"{len(wanted)} pairs: " + ", ".join(f"{count} {name}" for name, count in told.most_common()))


def _believable(turn: F64, priors: Priors, one: int, other: int) -> bool:
    expected = priors.turn[other].T @ priors.turn[one]
    off = float(np.linalg.norm(rotations.vectors(turn @ expected.T)))
    doubt = float(np.hypot(priors.turn_sd[one].max(), priors.turn_sd[other].max()))
    return off <= _SURE * doubt + math.radians(_SURE_DEG)


def _reconstructed(
    views: dict[int, colmap.View], links: list[Link], driven: pairs.Drives, folder: Path, count: int
) -> Iterator[list[Model]]:
    rank = pairs.ranks(driven)
    groups = pairs.components(len(rank), [(link.one, link.other) for link in links])
    for group in groups:
        if len(group) < 3:
            continue
        ordered = sorted(group, key=rank.__getitem__)
        parts = -(-len(ordered) // _MOST)
        for part in np.array_split(np.array(ordered), parts):
            inside = set(part.tolist())
            own = [link for link in links if link.one in inside and link.other in inside]
            chosen = {place: views[place] for place in sorted(inside)}
            say(f"reconstruction of {len(inside)} photographs from {len(own)} pairs")
            yield colmap.reconstruct(chosen, own, folder, count)


def _unconnected(
    views: dict[int, colmap.View], links: list[Link], models: list[list[Model]]
) -> dict[int, str]:
    linked = {place for link in links for place in (link.one, link.other)}
    modelled = {int(place) for group in models for model in group for place in model.places}
    left = sorted(views.keys() - modelled)
    return {
        place: "not reconstructed" if place in linked else "nothing in common with others" for place in left
    }
