"""The things of a drawn municipality, in local metres: x east, y north, the ground at z = 0."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from images.render.town.sight import Box
from images.render.town.streets import Street
from steps.stepkit.arrays import F64


@dataclass(frozen=True, eq=False)
class House:
    """A box with a front on the street; ``look`` chooses its façade, ``storeys`` and ``gabled`` its shape."""

    box: Box
    storeys: int
    gabled: bool
    look: int
    garden: float


@dataclass(frozen=True, eq=False)
class Sign:
    """A sign's face: its centre (3,), the unit vector it looks along (2,), its category and side in metres.

    ``tilt`` (radians) turns it about its normal; ``fade`` are factors on its blue, green and red.
    """

    centre: F64
    normal: F64
    category: int
    size: float
    tilt: float = 0.0
    fade: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def body(self) -> Box:
        """The thin box the face fills, which hides what is behind it."""
        right = np.array([-self.normal[1], self.normal[0]])
        low, high = float(self.centre[2]) - self.size / 2, float(self.centre[2]) + self.size / 2
        return Box(self.centre[:2], right, self.size, 0.02, low, high)


@dataclass(frozen=True, eq=False)
class Pole:
    """A pole with its signs, the lowest first, and perhaps a supplementary plate (a look) below them."""

    foot: F64
    height: float
    signs: tuple[Sign, ...]
    plate: int | None = None


@dataclass(frozen=True, eq=False)
class Tree:
    """A tree: foot (2,), total height, crown width, and the height at which the crown begins."""

    foot: F64
    height: float
    crown: float
    bole: float
    look: int


@dataclass(frozen=True, eq=False)
class Car:
    """A parked car or van; ``box.along`` is where it points."""

    box: Box
    van: bool
    look: int


@dataclass(frozen=True, eq=False)
class Poster:
    """A free-standing advertising panel with two sides."""

    box: Box
    look: int


@dataclass(frozen=True, eq=False)
class Lamp:
    """A street lamp with a round globe, or (``signal``) a traffic light; ``towards`` (2,) is where it faces."""

    foot: F64
    towards: F64
    height: float
    signal: bool
    look: int


@dataclass(frozen=True, eq=False)
class Municipality:
    """Everything that stands in the drawn municipality."""

    streets: tuple[Street, ...]
    houses: tuple[House, ...]
    poles: tuple[Pole, ...]
    trees: tuple[Tree, ...]
    cars: tuple[Car, ...]
    posters: tuple[Poster, ...]
    lamps: tuple[Lamp, ...]
