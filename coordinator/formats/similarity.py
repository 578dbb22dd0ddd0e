"""The similarity transform (scale, rotation, shift) that brings points of one frame nearest to those of another.

Horn, "Closed-form solution of absolute orientation using unit quaternions", J. Opt. Soc. Am. A 1987; the scale is
that of Umeyama, "Least-squares estimation of transformation parameters between two point patterns", PAMI 1991.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from coordinator.formats.attitude import Matrix, Vector, added, applied, from_quaternion

_SWEEPS = 50
_DIAGONAL = 1e-15


@dataclass(frozen=True)
class Similarity:
    """``point -> scale * turn @ (point - source) + target``: about the middles of both patterns, where it is exact."""

    scale: float
    turn: Matrix
    source: Vector
    target: Vector

    def applied(self, point: Vector) -> Vector:
        """The point in the other frame."""
        return added(self.target, applied(self.turn, added(point, self.source, -1.0)), self.scale)


def fit(source: Sequence[Vector], target: Sequence[Vector]) -> Similarity:
    """The similarity that brings ``source`` nearest to ``target``, point by point; at least 3, not on one line.

    Raises ValueError if all of ``source`` is one point.
    """
    start, goal = middle(source), middle(target)
    mine = [added(point, start, -1.0) for point in source]
    other = [added(point, goal, -1.0) for point in target]
    square = sum(_square(point) for point in mine)
    if square == 0.0:
        raise ValueError("all points are one")
    s = [[sum(a[i] * b[j] for a, b in zip(mine, other, strict=True)) for j in range(3)] for i in range(3)]
    quadratic = [
        [s[0][0] + s[1][1] + s[2][2], s[1][2] - s[2][1], s[2][0] - s[0][2], s[0][1] - s[1][0]],
        [0.0, s[0][0] - s[1][1] - s[2][2], s[0][1] + s[1][0], s[2][0] + s[0][2]],
        [0.0, 0.0, s[1][1] - s[0][0] - s[2][2], s[1][2] + s[2][1]],
        [0.0, 0.0, 0.0, s[2][2] - s[0][0] - s[1][1]],
    ]
    w, x, y, z = _eigen(_mirrored(quadratic))[0][1]
    turn = from_quaternion(w, x, y, z)
    along = sum(
        sum(p * q for p, q in zip(applied(turn, a), b, strict=True)) for a, b in zip(mine, other, strict=True)
    )
    return Similarity(along / square, turn, start, goal)


def middle(points: Sequence[Vector]) -> Vector:
    """The mean of points."""
    count = len(points)
    return (
        math.fsum(point[0] for point in points) / count,
        math.fsum(point[1] for point in points) / count,
        math.fsum(point[2] for point in points) / count,
    )


def spreads(points: Sequence[Vector]) -> tuple[float, float, float]:
    """The standard deviations of points along their own three axes, the largest first."""
    centre = middle(points)
    own = [added(point, centre, -1.0) for point in points]
    moments = [[sum(p[i] * p[j] for p in own) / len(own) for j in range(3)] for i in range(3)]
    first, second, third = (math.sqrt(max(0.0, value)) for value, _ in _eigen(moments))
    return first, second, third


def root_mean_square(one: Sequence[Vector], other: Sequence[Vector]) -> float:
    """Of the distances between points, pair by pair."""
    squares = (_square(added(a, b, -1.0)) for a, b in zip(one, other, strict=True))
    return math.sqrt(math.fsum(squares) / len(one))


def _square(point: Vector) -> float:
    return point[0] ** 2 + point[1] ** 2 + point[2] ** 2


def _mirrored(upper: list[list[float]]) -> list[list[float]]:
    size = range(len(upper))
    return [[upper[min(i, j)][max(i, j)] for j in size] for i in size]


def _eigen(symmetric: list[list[float]]) -> list[tuple[float, list[float]]]:
    """Eigenvalues with their unit vectors, the largest first, by Jacobi's rotations."""
    size = range(len(symmetric))
    matrix = [list(row) for row in symmetric]
    vectors = [[float(i == j) for j in size] for i in size]
    for _ in range(_SWEEPS):
        beside = sum(matrix[i][j] ** 2 for i in size for j in size if i != j)
        if beside <= _DIAGONAL**2 * sum(matrix[i][j] ** 2 for i in size for j in size):
            break
        for p in size:
            for q in range(p + 1, len(symmetric)):
                if matrix[p][q]:
                    _rotate(matrix, vectors, p, q)
    pairs = [(matrix[j][j], [vectors[i][j] for i in size]) for j in size]
    return sorted(pairs, key=lambda pair: pair[0], reverse=True)


def _rotate(matrix: list[list[float]], vectors: list[list[float]], p: int, q: int) -> None:
    """One of Jacobi's rotations, in place: it makes element (p, q) zero."""
    angle = math.atan2(2 * matrix[p][q], matrix[q][q] - matrix[p][p]) / 2
    c, s = math.cos(angle), math.sin(angle)
    for row in (*matrix, *vectors):
        row[p], row[q] = c * row[p] - s * row[q], s * row[p] + c * row[q]
    upper, lower = matrix[p], matrix[q]
    matrix[p] = [c * a - s * b for a, b in zip(upper, lower, strict=True)]
    matrix[q] = [s * a + c * b for a, b in zip(upper, lower, strict=True)]
