"""Cameras of photographs as they are stored, turned to how they are shown: EXIF orientation.

Structure from motion works on stored pixels, the contract on those of the upright image.
"""

from __future__ import annotations

import math
from typing import Any

from coordinator.formats.attitude import Matrix, product
from coordinator.strictjson import Json

_TURNS = {1: 0, 3: 2, 6: 1, 8: 3}
"""Quarter turns clockwise that bring the stored image upright, by EXIF orientation; the others are mirrored."""


def known(orientation: Any) -> int:
    """An EXIF orientation as a number; 1 if it is absent, or is none of the four that only turn."""
    return orientation if isinstance(orientation, int) and orientation in _TURNS else 1


def upright_size(width: int, height: int, orientation: int) -> tuple[int, int]:
    """Width and height of the upright image."""
    return (height, width) if _TURNS[orientation] % 2 else (width, height)


def upright_turn(turn: Matrix, orientation: int) -> Matrix:
    """The rotation from the upright camera to the world, from that of the stored one."""
    angle = _TURNS[orientation] * math.pi / 2
    s, c = round(math.sin(angle)), round(math.cos(angle))
    return product(turn, ((c, s, 0.0), (-s, c, 0.0), (0.0, 0.0, 1.0)))


def upright_pinhole(camera: Json, width: int, height: int, orientation: int) -> Json:
    """A pinhole camera for the upright image; ``width`` and ``height`` are the stored one's.

    A quarter turn clockwise takes the stored (x, y) to (-y, x).
    """
    turned = camera
    for _ in range(_TURNS[orientation]):
        turned = {
            **turned,
            "fx": turned["fy"],
            "fy": turned["fx"],
            "cx": height - 1 - turned["cy"],
            "cy": turned["cx"],
            "p1": turned.get("p2", 0.0),
            "p2": -turned.get("p1", 0.0),
        }
        width, height = height, width
    return turned
