"""A region's objects in blocks that are small enough to be solved at once, each with what surrounds it.

A block is a square on the CRS's zero, halved until its own objects have few enough views. It is solved together with
the objects around it, the nearest first, and only its own objects are kept: what is farther away hardly matters.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from steps.stepkit.arrays import F64, I64

VIEWS_OF_AN_OBJECT = 16
"""More views than these, evenly spread around an object, hardly tell more and cost with the cube of their number."""
_LARGEST_M, _SMALLEST_M = 256.0, 2.0
_OWN_VIEWS, _VIEWS = 300, 420
_AROUND_M = 75.0


@dataclass(frozen=True, kw_only=True)
class Block:
    """Indices of objects: those that are solved, and which of them the block keeps."""

    objects: I64
    """(K,) ascending."""
    own: I64
    """(O,) some of ``objects``."""
    middle: F64
    """(2,) metres."""


def spread(origin: F64, point: F64, owner: I64) -> I64:
    """Indices, ascending, of at most VIEWS_OF_AN_OBJECT views (M,) of each object, evenly spread around it.

    ``origin`` (M, 3) is where views were taken, ``point`` (K, 3) the objects', ``owner`` (M,) ascending.
    """
    offset = origin - point[owner]
    order = np.lexsort([np.arctan2(offset[:, 0], offset[:, 1]), owner])
    count = np.bincount(owner)
    first = np.cumsum(count) - count
    place = np.arange(len(owner)) - first[owner[order]]
    most = np.minimum(count, VIEWS_OF_AN_OBJECT)[owner[order]]
    share = place * most // count[owner[order]]
    kept = np.ones(len(owner), dtype=np.bool_)
    kept[1:] = (np.diff(share) != 0) | (np.diff(owner[order]) != 0)
    return np.sort(order[kept])


def blocks(point: F64, views: I64) -> Iterator[Block]:
    """The blocks of objects at ``point`` (K, 3), in metres, with ``views`` (K,) views each."""
    for own, middle in _squares(point[:, :2], views, np.arange(len(point), dtype=np.int64), _LARGEST_M):
        apart = np.hypot(*(point[:, :2] - middle).T)
        reach = float(apart[own].max()) + _AROUND_M
        near = np.setdiff1d(np.flatnonzero(apart <= reach), own)
        near = near[np.lexsort([near, apart[near]])]
        total = views[own].sum() + np.cumsum(views[near])
        yield Block(objects=np.sort(np.append(own, near[total <= _VIEWS])), own=own, middle=middle)


def _squares(ground: F64, views: I64, among: I64, side: float) -> Iterator[tuple[I64, F64]]:
    """The objects of each square, with its middle; squares with too many views are cut into four."""
    cell = np.floor(ground[among] / side).astype(np.int64)
    for own in np.unique(cell, axis=0):
        mine = among[(cell == own).all(axis=1)]
        if views[mine].sum() <= _OWN_VIEWS or side <= _SMALLEST_M:
            yield mine, (own + 0.5) * side
        else:
            yield from _squares(ground, views, mine, side / 2)
