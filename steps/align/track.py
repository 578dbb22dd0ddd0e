"""From photographs to models: features, pairs that geometry confirms, reconstructions by connected component."""

from __future__ import annotations

import math
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from steps.align import colmap, pairs, rotations, seams
from steps.align.features import Features, features
from steps.align.matching import match
from steps.align.model import Link, View
from steps.align.overlap import overlapping
from steps.align.params import Params
from steps.align.poses import Priors
from steps.align.seams import Component
from steps.stepkit import BadInput, Json, cpus

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

    components: list[Component]
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
        count = params.threads or cpus.threads()
        unread = _extract(items, params, kept, count)
        read = _reader(items, params, kept)
        wanted = [
            pair for pair in pairs.pairs(items, priors, driven, params) if not unread.keys() & set(pair)
        ]
        views = {
            place: _view(items[place], read(place)) for place in range(len(items)) if place not in unread
        }
        links = list(_links(wanted, views, read, priors, params, count))
        components = list(_reconstructed(views, links, driven, folder / "colmap"))
    finally:
        shutil.rmtree(kept, ignore_errors=True)
    return Tracked(components=components, reasons=unread | _unconnected(views, links, components))


def say(text: str) -> None:
    """Tell of the progress."""
    print(f"align: {text}", file=sys.stderr, flush=True)


def _extract(items: Sequence[Json], params: Params, folder: Path, count: int) -> dict[int, str]:
    """Have all features in the folder, ``count`` photographs at a time; returns why there are none, by place."""

    def extract(item: Json) -> str | None:
        try:
            features(item, params, folder)
        except (BadInput, ValueError, OSError) as error:
            say(f"{item['id']}: {error}")
            # Without the path: what is wrong with one photograph is often wrong with many.
            return " ".join(str(error).replace(repr(item["image"]), "").split())
        return None

    unread: dict[int, str] = {}
    with ThreadPoolExecutor(count) as pool:
        for place, reason in enumerate(pool.map(extract, items)):
            if reason is not None:
                unread[place] = f"unreadable photograph: {reason}"
            if (place + 1) % _EVERY == 0 or place + 1 == len(items):
                say(f"features of {place + 1} of {len(items)} photographs")
    return unread


def _reader(items: Sequence[Json], params: Params, folder: Path) -> Callable[[int], Features]:
    @lru_cache(maxsize=_KEPT)
    def read(place: int) -> Features:
        return features(items[place], params, folder)

    return read


def _view(item: Json, found: Features) -> View:
    return View(rays=found.rays, sd=found.sd, round_about=item["camera"]["model"] == "equirectangular")


def _links(
    wanted: Sequence[tuple[int, int]],
    views: Mapping[int, View],
    read: Callable[[int], Features],
    priors: Priors,
    params: Params,
    count: int,
) -> Iterator[Link]:
    """The pairs whose geometry is confirmed, by features and by priors; ``count`` are compared at a time."""

    def compare(pair: tuple[int, int]) -> Link | str:
        one, other = pair
        expected = priors.turn[other].T @ priors.turn[one]
        doubt = float(np.hypot(priors.turn_sd[one].max(), priors.turn_sd[other].max()))
        here, there = overlapping(views[one], views[other], expected, doubt)
        found = match(read(one).descriptors[here], read(other).descriptors[there])
        matches = np.stack([here[found[:, 0]], there[found[:, 1]]], axis=1)
        if len(matches) < params.min_matches:
            return "too little in common"
        motion = colmap.verified(views[one], views[other], matches, params.min_matches)
        if motion is None:
            return "no common geometry"
        off = float(np.linalg.norm(rotations.vectors(motion[1] @ expected.T)))
        if off > _SURE * doubt + math.radians(_SURE_DEG):
            return "turned unlike their headings"
        return Link(one=one, other=other, matches=motion[0])

    told: Counter[str] = Counter()
    with ThreadPoolExecutor(count) as pool:
        for number, found in enumerate(pool.map(compare, wanted), 1):
            told[found if isinstance(found, str) else "confirmed"] += 1
            if number % (_EVERY * 10) == 0:
                say(f"{number} of {len(wanted)} pairs compared, {told['confirmed']} confirmed")
            if not isinstance(found, str):
                yield found
    say(f"{len(wanted)} pairs: " + ", ".join(f"{count} {name}" for name, count in told.most_common()))


def _reconstructed(
    views: dict[int, View], links: list[Link], driven: pairs.Drives, folder: Path
) -> Iterator[Component]:
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
            models = colmap.reconstruct(chosen, own, folder)
            yield Component(models=models, sightings=seams.sightings(models, own, views))


def _unconnected(views: dict[int, View], links: list[Link], components: list[Component]) -> dict[int, str]:
    groups = pairs.components(max(views, default=-1) + 1, [(link.one, link.other) for link in links])
    together = {place: len(group) for group in groups for place in group}
    modelled = {int(place) for one in components for model in one.models for place in model.places}
    reasons = {1: "nothing in common with others", 2: "too few photographs in common: three are needed"}
    left = sorted(views.keys() - modelled)
    return {place: reasons.get(together[place], "not reconstructed") for place in left}
