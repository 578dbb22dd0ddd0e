"""Which recordings are paired: each with the nearest ones that have a baseline to it.

A vehicle that stands takes thousands of frames at one place, which have no baseline to each other and the same one
to all others. So cells of recordings are compared first, and only the recordings of cells that may hold a partner.
"""

from __future__ import annotations

import math

import numpy as np

from steps.position.nearby import Cells, Grid, runs
from steps.position.params import Params
from steps.stepkit.arrays import F64, I64

_CELLS_PER_BASELINE = 8
_FARTHER = (4.0, 16.0, math.inf)
"""Radii, in baselines, within which partners are looked for one after the other."""


def partners(centre: F64, params: Params) -> tuple[I64, I64]:
    """Pairs of recordings (a, b), a < b, both (P,), where one is among the other's nearest partners.

    ``centre`` (R, 3) in metres. Of equally near ones the first is nearer.
    """
    found = [np.empty((0, 2), dtype=np.int64)]
    cells = Cells(centre[:, :2], params.min_baseline_m / _CELLS_PER_BASELINE)
    for place, point in cells.pairs(*_cell_pairs(cells, params)):
        apart = centre[point, :2] - centre[place, :2]
        distance2 = apart[:, 0] * apart[:, 0] + apart[:, 1] * apart[:, 1]
        distance = np.sqrt(distance2)
        is_partner = (distance2 <= params.max_range_m * params.max_range_m) & (
            distance >= params.min_baseline_m
        )
        place, point, distance = place[is_partner], point[is_partner], distance[is_partner]
        order = np.lexsort([point, distance, place])
        place, point = place[order], point[order]
        nearest = np.arange(len(place)) - np.searchsorted(place, place, "left") < params.max_partners
        found.append(np.sort(np.stack([place[nearest], point[nearest]], axis=1), axis=1))
    pairs = np.unique(np.concatenate(found), axis=0)
    return pairs[:, 0], pairs[:, 1]


def _cell_pairs(cells: Cells, params: Params) -> tuple[I64, I64, I64]:
    """For each cell the run (first, count) of those, in the third array, that may hold a partner of its recordings.

    Looked for near by first: where recordings are dense, all partners are near.
    """
    one, other = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    left = np.arange(len(cells.count), dtype=np.int64)
    for radius in sorted({min(far * params.min_baseline_m, params.max_range_m) for far in _FARTHER}):
        lacking = [np.empty(0, dtype=np.int64)]
        for place, near in Grid(cells.middle, radius + cells.slack).within(cells.middle[left]):
            cell = left[place]
            apart = cells.middle[near] - cells.middle[cell]
            distance = np.sqrt(apart[:, 0] * apart[:, 0] + apart[:, 1] * apart[:, 1])
            least, most = distance - cells.slack, distance + cells.slack
            enough = _enough(cell, least, most, cells.count[near], radius, params)
            settled = (enough < np.inf) | (radius == params.max_range_m)
            kept = settled & (most >= params.min_baseline_m) & (least <= enough)
            one.append(cell[kept])
            other.append(near[kept])
            lacking.append(np.unique(cell[~settled]))
        left = np.concatenate(lacking)
    cell, near = np.concatenate(one), np.concatenate(other)
    return runs(cell, near, len(cells.count))


def _enough(cell: I64, least: F64, most: F64, count: I64, radius: float, params: Params) -> F64:
    """(P,) the distance within which the cell of each pair surely has all its partners; infinity beyond the radius.

    The pairs are (P,) each: a cell, the bounds of its distance to another one, and the recordings in that.
    """
    sure = np.flatnonzero((least >= params.min_baseline_m) & (most <= radius))
    sure = sure[np.lexsort([most[sure], cell[sure]])]
    total = np.cumsum(count[sure])
    start = np.searchsorted(cell[sure], cell[sure], "left")
    before = total[start] - count[sure][start]
    reached = sure[total - before >= params.max_partners]
    owner, at = np.unique(cell[reached], return_index=True)
    limit = np.append(most[reached[at]], np.inf)
    place = np.searchsorted(owner, cell)
    return np.asarray(
        limit[np.where(np.append(owner, -1)[place] == cell, place, len(owner))], dtype=np.float64
    )
