"""CVAT for images 1.1: ``annotations.xml`` with boxes, polygons and ellipses in pixels.

Source: https://docs.cvat.ai/docs/dataset_management/formats/format-cvat. Rotations are degrees clockwise about a
shape's middle.
"""

from __future__ import annotations

import math
from pathlib import Path

from coordinator.errors import BatchError
from coordinator.findings import Tell
from coordinator.formats.boxes import Found, Gathering, Loss, around, from_corners
from coordinator.formats.jsondocument import count, number, text
from coordinator.formats.markup import walk

NAME = "cvat"
_SHAPES = {"box", "polygon", "polyline", "points", "ellipse", "mask", "cuboid", "skeleton", "tag"}
_DRAWN_AROUND = {"box", "polygon", "ellipse"}


def find(folder: Path) -> Path | None:
    """``annotations.xml`` in the folder."""
    path = folder / "annotations.xml"
    return path if path.is_file() else None


def read(path: Path, tell: Tell) -> Found:
    """The shapes of a CVAT export. Raises BatchError if the file is none, or one of a video."""
    images = _Images(path, Gathering(path.name, tell))
    walk(path, images)
    if not images.is_cvat:
        raise BatchError(f"{path}: not CVAT: its outermost element is not <annotations>")
    return Found(format=NAME, path=path, images=images.gathering.done())


class _Images:
    """The elements of an export on their way to its images."""

    def __init__(self, path: Path, gathering: Gathering) -> None:
        self.gathering = gathering
        self.is_cvat = False
        self._path = path
        self._depth = 0
        self._image: str | None = None
        self._number = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth == 1:
            self.is_cvat = tag == "annotations"
        elif self.is_cvat and tag == "track":
            raise BatchError(f"{self._path}: CVAT for video; export it as 'CVAT for images 1.1'")
        elif self.is_cvat and self._depth == 2 and tag == "image":
            self._open(attributes)
        elif self._depth == 3 and self._image is not None and tag in _SHAPES:
            self._take(tag, attributes, self._image)

    def data(self, text: str) -> None:
        return None

    def end(self, tag: str) -> None:
        if self._depth == 2:
            self._image = None
        self._depth -= 1

    def _open(self, attributes: dict[str, str]) -> None:
        self._image = text(attributes.get("name"))
        self._number = 0
        if self._image is None:
            self.gathering.lose(Loss.NO_NAME, f"image {attributes.get('id', '?')}")
            return
        if self._image in self.gathering.images:
            self.gathering.lose(Loss.MERGED, self._image)
        self.gathering.image(
            self._image, count(_number(attributes, "width")), count(_number(attributes, "height"))
        )

    def _take(self, tag: str, attributes: dict[str, str], image: str) -> None:
        self._number += 1
        where = f"{tag} {self._number} of {image}"
        if tag == "tag":
            return
        if tag not in _DRAWN_AROUND:
            self.gathering.lose(Loss.NO_BOX, where)
            return
        if _number(attributes, "rotation"):
            self.gathering.lose(Loss.ROTATED, where)
        box = {"box": _box, "polygon": _polygon, "ellipse": _ellipse}[tag](attributes)
        self.gathering.box(image, box, where=where, label=text(attributes.get("label")))


def _number(attributes: dict[str, str], name: str) -> float | None:
    try:
        return number(float(attributes[name]))
    except (KeyError, ValueError):
        return None


def _numbers(attributes: dict[str, str], *names: str) -> list[float] | None:
    found = [value for name in names if (value := _number(attributes, name)) is not None]
    return found if len(found) == len(names) else None


def _box(attributes: dict[str, str]) -> list[float] | None:
    corners = _numbers(attributes, "xtl", "ytl", "xbr", "ybr")
    if corners is None:
        return None
    x0, y0, x1, y1 = corners
    if not (turn := _number(attributes, "rotation")):
        return from_corners(x0, y0, x1, y1)
    if x1 <= x0 or y1 <= y0:
        return None
    c, s = abs(math.cos(math.radians(turn))), abs(math.sin(math.radians(turn)))
    return _about(x0 + x1, y0 + y1, (x1 - x0) * c + (y1 - y0) * s, (x1 - x0) * s + (y1 - y0) * c)


def _about(x2: float, y2: float, width: float, height: float) -> list[float] | None:
    """A box from twice its middle and its size."""
    return from_corners((x2 - width) / 2, (y2 - height) / 2, (x2 + width) / 2, (y2 + height) / 2)


def _polygon(attributes: dict[str, str]) -> list[float] | None:
    points = []
    for pair in attributes.get("points", "").split(";"):
        x, _, y = pair.partition(",")
        found = _numbers({"x": x, "y": y}, "x", "y")
        if found is None:
            return None
        points.append((found[0], found[1]))
    return around(points)


def _ellipse(attributes: dict[str, str]) -> list[float] | None:
    found = _numbers(attributes, "cx", "cy", "rx", "ry")
    if found is None:
        return None
    x, y, a, b = found
    turn = math.radians(_number(attributes, "rotation") or 0.0)
    c, s = math.cos(turn), math.sin(turn)
    return _about(2 * x, 2 * y, 2 * math.hypot(a * c, b * s), 2 * math.hypot(a * s, b * c))
