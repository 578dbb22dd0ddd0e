"""Neighbour search: a hash grid of points on the ground, and cells of points that stand close together."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from steps.stepkit.arrays import F64, I64

_CELLS_PER_RADIUS = 2
"""Smaller cells waste less area around the circle, but cost more look-ups."""
_SLACK_M = 1e-6
"""More than national coordinates lose by rounding."""
_ROWS_AT_ONCE = 1 << 16
"""Rows worked on together: many enough to hide Python's cost, few enough to stay in the processor's cache."""


def chunks(rows: I64) -> list[I64]:
    """Indices 0..N-1 in order, cut where the rows they stand for, shape (N,), reach a workable number."""
    cuts = np.flatnonzero(np.diff(np.cumsum(rows) // _ROWS_AT_ONCE)) + 1
    return np.split(np.arange(len(rows), dtype=np.int64), cuts)


def ragged(start: I64, count: I64) -> tuple[I64, I64]:
    """The runs ``start[k] .. start[k] + count[k]`` laid end to end: (whose run k, the index in it), both (sum,)."""
    owner = np.repeat(np.arange(len(count), dtype=np.int64), count)
    before = np.cumsum(count) - count
    return owner, np.arange(len(owner), dtype=np.int64) - before[owner] + start[owner]


def around(points: F64, places: F64, side: float) -> I64:
    """(N,) how many points lie in the nine squares around each place; squares of this side lie on the CRS's zero.

    ``points`` (P, 2 or 3) and ``places`` (N, 2 or 3), of which x and y count, and ``side`` in metres.
    """
    square = np.sort(_key(*np.floor(points[:, :2] / side).astype(np.int64).T))
    column, row = np.floor(places[:, :2] / side).astype(np.int64).T
    count = np.zeros(len(places), dtype=np.int64)
    for step in (-1, 0, 1):
        count += np.searchsorted(square, _key(column + step, row + 1), "right")
        count -= np.searchsorted(square, _key(column + step, row - 1), "left")
    return count


class Grid:
    """Points on the ground, found again by a radius fixed beforehand. Cells lie on the CRS's own zero."""

    def __init__(self, points: F64, radius: float) -> None:
        """``points`` (N, 2 or 3), of which x and y count; ``radius`` in metres."""
        self._points = points
        self._radius = radius
        key = _key(*self._cell(points))
        self._order = np.argsort(key, kind="stable")
        self._sorted = key[self._order]

    def _cell(self, points: F64) -> tuple[I64, I64]:
        cell = np.floor(points[:, :2] * (_CELLS_PER_RADIUS / self._radius)).astype(np.int64)
        return cell[:, 0], cell[:, 1]

    def within(self, places: F64) -> Iterator[tuple[I64, I64]]:
        """Pairs (place, point) no farther apart on the ground than the radius, in chunks of whole places.

        ``places`` (N, 2 or 3) in metres, of which x and y count; of each chunk two arrays of P indices.
        """
        if not len(places):
            return
        column, row = self._cell(places)
        steps = np.arange(-_CELLS_PER_RADIUS, _CELLS_PER_RADIUS + 1)
        # Keys of one column's cells follow each other, so a column of cells is one run of sorted points.
        columns = column[:, None] + steps
        start = np.searchsorted(self._sorted, _key(columns, row[:, None] - _CELLS_PER_RADIUS), "left")
        stop = np.searchsorted(self._sorted, _key(columns, row[:, None] + _CELLS_PER_RADIUS), "right")
        for chunk in chunks((stop - start).sum(axis=1)):
            run, at = ragged(start[chunk].ravel(), (stop - start)[chunk].ravel())
            place, point = chunk[run // len(steps)], self._order[at]
            apart = self._points[point, :2] - places[place, :2]
            near = apart[:, 0] * apart[:, 0] + apart[:, 1] * apart[:, 1] <= self._radius * self._radius
            yield place[near], point[near]


def _key(column: I64, row: I64) -> I64:
    key: I64 = (column << 32) + row
    return key


class Cells:
    """Points gathered into small cubes (in the plane: squares), since many may stand at one place.

    What holds for all points of one cell and all of another needs to be asked once, not for each pair of points.
    """

    def __init__(self, points: F64, side: float, group: I64 | None = None) -> None:
        """``points`` (N, D) and ``side`` in metres; points of different groups, (N,), share no cell."""
        at = np.floor(points / side).astype(np.int64)
        columns = at if group is None else np.column_stack([at, group])
        self.members: I64 = np.lexsort(columns.T)
        """(N,) indices of points, cell after cell."""
        ordered = columns[self.members]
        new = np.r_[True, (ordered[1:] != ordered[:-1]).any(axis=1)][: len(points)]
        self.first: I64 = np.flatnonzero(new)
        """(C,) where in ``members`` a cell begins; of groups the first comes first."""
        self.count: I64 = np.diff(np.append(self.first, len(points)))
        """(C,)"""
        self.of: I64 = np.empty(len(points), dtype=np.int64)
        """(N,) the cell of each point."""
        self.of[self.members] = np.cumsum(new) - 1
        self.middle: F64 = np.asarray((at[self.members][self.first] + 0.5) * side, dtype=np.float64)
        """(C, D) metres."""
        self.slack = side * points.shape[1] ** 0.5 + _SLACK_M
        """By how much the distance of two points may differ from that of their cells' middles, metres."""

    def pairs(self, first: I64, count: I64, other: I64) -> Iterator[tuple[I64, I64]]:
        """Pairs (place, point) of the points of each cell c with those of the cells ``other[first[c]:][:count[c]]``.

        ``first`` and ``count`` are (C,). In chunks of whole places, of each two arrays of P indices of points.
        """
        rows = np.bincount(np.repeat(np.arange(len(count)), count), self.count[other], len(count))
        for chunk in chunks(rows.astype(np.int64)[self.of]):
            cell = self.of[chunk]
            run, pair = ragged(first[cell], count[cell])
            of_pair, at = ragged(self.first[other[pair]], self.count[other[pair]])
            yield chunk[run[of_pair]], self.members[at]


def runs(cell: I64, other: I64, cells: int) -> tuple[I64, I64, I64]:
    """Pairs of cells, (P,) each, as :meth:`Cells.pairs` takes them; ``cells`` is how many there are."""
    count = np.bincount(cell, minlength=cells)
    return np.cumsum(count) - count, count, other[np.argsort(cell, kind="stable")]
