"""Label Studio's JSON export: a list of tasks, each with an image and what was drawn on it, in percents of its size.

Source: https://labelstud.io/guide/export ("Raw JSON format of completed tasks", and the short form JSON_MIN).
A task's first annotation that was not cancelled counts; without one, its first prediction.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from coordinator.core.paths import IMAGE_SUFFIXES
from coordinator.errors import BatchError
from coordinator.findings import Tell
from coordinator.formats.boxes import Found, Gathering, Loss, around, from_corners
from coordinator.formats.jsondocument import count, load, number, shape, text
from coordinator.strictjson import Json

NAME = "label-studio"
_LABELS = ("rectanglelabels", "polygonlabels", "ellipselabels", "labels")


def is_export(document: object) -> bool:
    if not isinstance(document, list) or not document or not isinstance(document[0], dict):
        return False
    first = document[0]
    if isinstance(first.get("data"), dict):
        return "annotations" in first or "predictions" in first or "completions" in first
    return any(_drawn(value) for value in first.values())


def read(path: Path, tell: Tell) -> Found:
    """The boxes of an export. Raises BatchError if the file is none."""
    document = load(path)
    if not is_export(document):
        raise BatchError(f"{path}: not a Label Studio export (a list of tasks), but {shape(document)}")
    return from_tasks(path, document, tell)


def from_tasks(path: Path, tasks: list[Any], tell: Tell) -> Found:
    """The export ``tasks`` that was read from ``path``."""
    gathering = Gathering(path.name, tell, normalised=True)
    for place, task in enumerate(tasks):
        data = task.get("data", task) if isinstance(task, dict) else None
        image = _image(data) if isinstance(data, dict) else None
        if image is None:
            gathering.lose(Loss.NO_NAME, f"task number {place}")
            continue
        shapes = list(_shapes(task))
        sizes = [(count(one.get("original_width")), count(one.get("original_height"))) for one in shapes]
        width, height = next((size for size in sizes if None not in size), (None, None))
        gathering.image(image, width, height)
        for number_, one in enumerate(shapes):
            _take(gathering, image, one, f"shape {one.get('id', number_)} of {image}")
    return Found(format=NAME, path=path, images=gathering.done())


def _image(data: Json) -> str | None:
    """The path or URL of a task's image: ``image``, or the first text that ends like a photograph's name."""
    texts = [value for value in (data.get("image"), *data.values()) if text(value)]
    for value in texts:
        parts = urlsplit(value)
        if {PurePosixPath(end).suffix.lower() for end in (parts.path, parts.query)} & IMAGE_SUFFIXES:
            return str(value)
    return text(data.get("image"))


def _shapes(task: Json) -> Iterator[Json]:
    """What was drawn, whichever form the export has; relations and choices are no shapes."""
    if not isinstance(task.get("data"), dict):
        for value in task.values():
            yield from _drawn(value)
        return
    for name in ("annotations", "completions", "predictions"):
        for one in task.get(name) or []:
            if isinstance(one, dict) and not one.get("was_cancelled"):
                results = one.get("result")
                yield from (
                    r for r in results or [] if isinstance(r, dict) and isinstance(r.get("value"), dict)
                )
                return


def _drawn(value: object) -> list[Json]:
    """The shapes of the short form: objects with their numbers and the labels among them."""
    entries = value if isinstance(value, list) else []
    return [
        {**entry, "value": entry}
        for entry in entries
        if isinstance(entry, dict) and any(isinstance(entry.get(name), list) for name in _LABELS)
    ]


def _take(gathering: Gathering, image: str, one: Json, where: str) -> None:
    value = one["value"]
    if "choices" in value or "text" in value:
        return
    if not {"x", "y", "points"} & value.keys() or ({"x", "y"} <= value.keys() and not _extent(value)):
        gathering.lose(Loss.NO_BOX, where)
        return
    if number(value.get("rotation")):
        gathering.lose(Loss.ROTATED, where)
    names: list[object] = next((value[name] for name in _LABELS if isinstance(value.get(name), list)), [])
    label = text(names[0]) if names else None
    gathering.box(image, _box(value, one), where=where, score=one.get("score"), label=label)


def _extent(value: Json) -> bool:
    return {"width", "height"} <= value.keys() or {"radiusX", "radiusY"} <= value.keys()


def _box(value: Json, one: Json) -> list[float] | None:
    """A COCO box in parts of the image; None if a number is missing or there is no area.

    ``rotation`` is in degrees clockwise, about a rectangle's upper left corner and an ellipse's middle, in pixels:
    without the image's size a turned one is taken as if the image were square.
    """
    if "points" in value:
        pairs = value["points"] if isinstance(value["points"], list) else []
        flat = [number(edge) for pair in pairs for edge in (pair if isinstance(pair, list) else [None])]
        known = [edge / 100 for edge in flat if edge is not None]
        whole = len(known) == len(flat) == 2 * len(pairs)
        return around(zip(known[::2], known[1::2], strict=True)) if whole else None
    ellipse = "radiusX" in value
    keys = ("x", "y", "radiusX", "radiusY") if ellipse else ("x", "y", "width", "height")
    numbers = [number(value.get(key)) for key in keys]
    if any(edge is None for edge in numbers):
        return None
    x, y, a, b = (edge / 100 for edge in numbers if edge is not None)
    turn = number(value.get("rotation")) or 0.0
    aspect = (count(one.get("original_width")) or 1) / (count(one.get("original_height")) or 1)
    if ellipse:
        return _ellipse(x, y, a, b, turn, aspect)
    if a <= 0 or b <= 0:
        return None
    return around([_turned(x, y, dx, dy, turn, aspect) for dx in (0, a) for dy in (0, b)])


def _turned(x: float, y: float, dx: float, dy: float, degrees: float, aspect: float) -> tuple[float, float]:
    """(x + dx, y + dy), in parts of the image, turned clockwise about (x, y); ``aspect`` is width over height."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return x + dx * c - dy / aspect * s, y + dx * aspect * s + dy * c


def _ellipse(x: float, y: float, a: float, b: float, degrees: float, aspect: float) -> list[float] | None:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    half_width, half_height = math.hypot(a * c, b / aspect * s), math.hypot(a * aspect * s, b * c)
    return from_corners(x - half_width, y - half_height, x + half_width, y + half_height)
