"""Rotations as other tools write them, and the heading, pitch and roll that the contract has for them.

Frames: the world is x east, y north, z up; a camera is x right, y down, z forward. Vectors and matrices are tuples,
because a reader is loaded before every run and turns a few numbers for each recording.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

Vector = tuple[float, float, float]
Matrix = tuple[Vector, Vector, Vector]
"""Rows."""

_STRAIGHT = 1e-9
"""A view closer than this to the plumb line has no direction of its own."""
_ORTHOGONAL = 1e-14
_MAX_STEPS = 50
_FAR = 0.01
"""Of an element: more than any file rounds."""


def angles(turn: Matrix) -> tuple[float, float, float]:
    """Heading, pitch and roll in degrees of a camera-to-world rotation; heading is in [0, 360).

    Heading turns clockwise from north to the image's centre, pitch is positive upwards, roll positive clockwise as the
    camera sees it. Looking straight up or down, where heading and roll are one, the roll is 0.
    """
    level = math.hypot(turn[0][2], turn[1][2])
    pitch = math.degrees(math.atan2(turn[2][2], level))
    if level < _STRAIGHT:
        return math.degrees(math.atan2(-turn[1][0], turn[0][0])) % 360.0, pitch, 0.0
    heading = math.degrees(math.atan2(turn[0][2], turn[1][2])) % 360.0
    return heading, pitch, math.degrees(math.atan2(-turn[2][0], -turn[2][1]))


def vector(values: Iterable[float]) -> Vector:
    """Three numbers as a vector. Raises ValueError for another count, TypeError for what is no number."""
    x, y, z = (float(value) for value in values)
    return x, y, z


def transposed(matrix: Matrix) -> Matrix:
    """The inverse of a rotation."""
    a, b, c = matrix
    return (a[0], b[0], c[0]), (a[1], b[1], c[1]), (a[2], b[2], c[2])


def applied(matrix: Matrix, point: Vector) -> Vector:
    """``matrix @ point``."""
    a, b, c = matrix
    return _dot(a, point), _dot(b, point), _dot(c, point)


def product(one: Matrix, other: Matrix) -> Matrix:
    """``one @ other``."""
    a, b, c = (applied(transposed(other), row) for row in one)
    return a, b, c


def added(one: Vector, other: Vector, factor: float = 1.0) -> Vector:
    """``one + factor * other``."""
    return one[0] + factor * other[0], one[1] + factor * other[1], one[2] + factor * other[2]


def from_angle_axis(axis: Vector) -> Matrix:
    """The rotation about ``axis`` by its length in radians (Rodrigues' formula)."""
    angle = math.hypot(*axis)
    if angle == 0.0:
        return (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
    half = math.sin(angle / 2) / angle
    return from_quaternion(math.cos(angle / 2), axis[0] * half, axis[1] * half, axis[2] * half)


def from_quaternion(w: float, x: float, y: float, z: float) -> Matrix:
    """The rotation of a quaternion, the scalar first (Hamilton's convention); it need not be of length 1.

    Raises ValueError for a quaternion of length 0.
    """
    square = w * w + x * x + y * y + z * z
    if square == 0.0:
        raise ValueError("a quaternion of length 0 is no rotation")
    s = 2.0 / square
    return (
        (1 - s * (y * y + z * z), s * (x * y - w * z), s * (x * z + w * y)),
        (s * (x * y + w * z), 1 - s * (x * x + z * z), s * (y * z - w * x)),
        (s * (x * z - w * y), s * (y * z + w * x), 1 - s * (x * x + y * y)),
    )


def nearest_rotation(matrix: Matrix) -> Matrix:
    """The rotation nearest to a matrix that is one up to rounding, by Newton's iteration (Higham 1986).

    Raises ValueError for a matrix that is far from a rotation, or a reflection.
    """
    turn = matrix
    for _ in range(_MAX_STEPS):
        a, b, c = (
            vector([(mine + other) / 2 for mine, other in zip(row, inverse, strict=True)])
            for row, inverse in zip(turn, _inverse_transposed(turn), strict=True)
        )
        change = _difference((a, b, c), turn)
        turn = a, b, c
        if change < _ORTHOGONAL:
            break
    if _difference(turn, matrix) > _FAR:
        raise ValueError("its matrix is no rotation")
    return turn


def _difference(one: Matrix, other: Matrix) -> float:
    """The largest difference of two matrices' elements."""
    rows = zip(one, other, strict=True)
    return max(abs(a - b) for row, old in rows for a, b in zip(row, old, strict=True))


def _inverse_transposed(matrix: Matrix) -> Matrix:
    a, b, c = matrix
    rows = _cross(b, c), _cross(c, a), _cross(a, b)
    determinant = _dot(a, rows[0])
    if determinant <= 0.0:
        raise ValueError("its matrix is no rotation")
    first, second, third = (vector([value / determinant for value in row]) for row in rows)
    return first, second, third


def _dot(one: Vector, other: Vector) -> float:
    return one[0] * other[0] + one[1] * other[1] + one[2] * other[2]


def _cross(one: Vector, other: Vector) -> Vector:
    return (
        one[1] * other[2] - one[2] * other[1],
        one[2] * other[0] - one[0] * other[2],
        one[0] * other[1] - one[1] * other[0],
    )
