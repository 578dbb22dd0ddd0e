"""COCO: a data set (images, annotations, categories), or a list of results, whose images another file or the ids name.

Source: "Data format" and "Results format" of https://cocodataset.org. ``score`` is 1.0 where there is none; an
annotation with a segmentation alone is taken by the box around it.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

from coordinator.errors import BatchError
from coordinator.findings import Tell, named
from coordinator.formats.boxes import Found, Gathering, ImageDetections, Loss, around, checked
from coordinator.formats.jsondocument import count, load, number, shape, text
from coordinator.strictjson import Json, readable

NAME, RESULTS = "coco", "coco-results"
_HEAD = 4096
_FIRST_KEY = re.compile(rb'(\xef\xbb\xbf)?\s*\{\s*"(info|licenses|images|annotations|categories)"')
_RESULT_KEYS = {"image_id", "bbox", "category_id", "score", "segmentation"}


def is_data_set(document: object) -> bool:
    return isinstance(document, dict) and "images" in document and "annotations" in document


def is_results(document: object) -> bool:
    if not isinstance(document, list) or not document or not isinstance(document[0], dict):
        return False
    return "image_id" in document[0] and bool(document[0].keys() & (_RESULT_KEYS - {"image_id"}))


def read(path: Path, tell: Tell) -> Found:
    """The detections of a COCO file. Raises BatchError for one that is neither a data set nor a list of results."""
    document = load(path)
    if is_data_set(document):
        return from_data_set(path, document, tell)
    if is_results(document):
        return from_results(path, document, tell)
    raise BatchError(
        f"{path}: not a COCO detections file, but {shape(document)}; it should be an object with the lists "
        "'images' and 'annotations', or a list of results with 'image_id' and 'bbox'"
    )


def from_data_set(path: Path, document: Json, tell: Tell) -> Found:
    """The data set ``document`` that was read from ``path``. Raises BatchError for lists that are none."""
    reading = _Reading(path, tell, _list(path, document, "annotations"), document.get("categories"))
    reading.images(_list(path, document, "images"))
    return Found(format=NAME, path=path, images=reading.done())


def from_results(path: Path, results: list[Any], tell: Tell) -> Found:
    """A list of results; its images are those of a data set in the same folder, or named by the ids themselves."""
    beside = _data_set_beside(path)
    reading = _Reading(path, tell, results, (beside or {}).get("categories"))
    if beside is not None:
        reading.images(beside["images"])
    else:
        for one in results:
            if isinstance(one, dict) and (name := _as_name(one.get("image_id"))):
                reading.image(one["image_id"], name)
    return Found(format=RESULTS, path=path, images=reading.done(), lists_empty=False)


class _Reading:
    """One file's annotations on their way to its images."""

    def __init__(self, path: Path, tell: Tell, annotations: list[Any], categories: object) -> None:
        self._all = Gathering(path.name, tell)
        self._annotations = annotations
        self._names: dict[Hashable, str] = {}
        self._labels = _labels(categories)
        self._twice: list[str] = []
        self._as_text: list[str] = []

    def image(
        self, image_id: Hashable, name: str, width: int | None = None, height: int | None = None
    ) -> None:
        """An image that the file lists, or an id of it that is new."""
        known = self._names.get(image_id)
        if known is not None and known != name:
            self._twice.append(f"{image_id}: {known} and {name}")
        elif known is None and name in self._all.images:
            self._all.lose(Loss.MERGED, name)
        self._names.setdefault(image_id, name)
        self._all.image(name, width, height)

    def images(self, entries: list[Any]) -> None:
        for place, entry in enumerate(entries):
            name = text(entry.get("file_name")) if isinstance(entry, dict) else None
            image_id = entry.get("id") if isinstance(entry, dict) else None
            if name is None or not isinstance(image_id, int | str):
                self._all.lose(Loss.NO_NAME, f"entry {place} of 'images'")
                continue
            self.image(image_id, name, count(entry.get("width")), count(entry.get("height")))
        if self._twice:
            self._all.error(
                "image-ids-twice",
                f"one id stands for two images, so that nobody knows whose the boxes are: {named(self._twice)}; "
                "give each image an id of its own",
            )

    def done(self) -> dict[str, ImageDetections]:
        ids: set[Hashable] = set()
        for place, annotation in enumerate(self._annotations):
            if not isinstance(annotation, dict):
                self._all.lose(Loss.NO_TRACE, f"annotation number {place}")
                continue
            own = annotation.get("id")
            if isinstance(own, int | str):
                if own in ids:
                    self._all.lose(Loss.ID_TWICE, str(own))
                ids.add(own)
            self._take(annotation, f"annotation {place if own is None else own}")
        if self._as_text:
            self._all.note(
                "ids-as-text",
                f"image ids are numbers in one list and text in the other; they are taken for the same: "
                f"{named(self._as_text)}",
            )
        if not self._labels and any(isinstance(a, dict) and "category_id" in a for a in self._annotations):
            self._all.note(
                "no-categories", "there is no list of categories, so that no detection has a label"
            )
        return self._all.done()

    def _take(self, annotation: Json, where: str) -> None:
        name = _same_id(annotation.get("image_id"), self._names)
        if name is None:
            told = readable(repr(annotation.get("image_id")))
            self._all.lose(Loss.UNKNOWN_IMAGE, f"{where} with image_id {told}")
            return
        if annotation["image_id"] not in self._names:
            self._as_text.append(where)
        where = f"{where} of {name}"
        if annotation.get("iscrowd") in (1, True):
            self._all.lose(Loss.CROWD, where)
            return
        label = None
        if self._labels and annotation.get("category_id") is not None:
            label = _same_id(annotation["category_id"], self._labels)
            if label is None:
                told = readable(repr(annotation["category_id"]))
                self._all.lose(Loss.UNKNOWN_CATEGORY, f"{where} with category_id {told}")
        self._all.box(name, _box(annotation), where=where, score=annotation.get("score"), label=label)


def _list(path: Path, document: Json, name: str) -> list[Any]:
    found = document[name]
    if not isinstance(found, list):
        raise BatchError(f"{path}: not a COCO detections file: {name!r} is {shape(found)}, not a list")
    return found


def _labels(categories: object) -> dict[Hashable, str]:
    entries = categories if isinstance(categories, list) else []
    return {
        entry["id"]: name
        for entry in entries
        if isinstance(entry, dict)
        and isinstance(entry.get("id"), int | str)
        and (name := text(entry.get("name")))
    }


def _same_id(wanted: object, known: Mapping[Hashable, str]) -> str | None:
    """What ``known`` has by this id; a number and its digits as text are the same where only one of them is there."""
    if not isinstance(wanted, int | str | float):
        return None
    if wanted in known:
        return known[wanted]
    if isinstance(wanted, str):
        digits = wanted.strip()
        return known.get(int(digits)) if digits.isdecimal() and len(digits) < 20 else None
    return known.get(str(wanted))


def _box(annotation: Json) -> list[float] | None:
    """The annotation's box; without one, the box around its polygons."""
    if annotation.get("bbox") or not isinstance(annotation.get("segmentation"), list):
        return checked(annotation.get("bbox"))
    points: list[tuple[float, float]] = []
    for polygon in annotation["segmentation"]:
        flat = [number(value) for value in polygon] if isinstance(polygon, list) else []
        values = [value for value in flat if value is not None]
        if len(values) != len(flat) or len(values) < 6 or len(values) % 2:
            return None
        points += zip(values[::2], values[1::2], strict=True)
    return around(points)


def _as_name(image_id: object) -> str | None:
    """What an id says of its image where nothing else does: a file's name, with or without its ending."""
    if isinstance(image_id, bool):
        return None
    return str(image_id) if isinstance(image_id, int) else text(image_id)


def _data_set_beside(path: Path) -> Json | None:
    """The only COCO data set among the other JSON files of the folder, for a list of results."""
    found = []
    for other in sorted(path.parent.glob("*.json")):
        if other != path and looks_like_data_set(other):
            document = load(other)
            if is_data_set(document) and isinstance(document["images"], list):
                found.append(document)
    return found[0] if len(found) == 1 else None


def looks_like_data_set(path: Path) -> bool:
    """By its first key, which is one of the few that COCO has, before the rest is looked through for the others."""
    with path.open("rb") as file:
        if _FIRST_KEY.match(file.read(_HEAD)) is None:
            return False
        file.seek(0)
        content = file.read()
    return b'"images"' in content and b'"annotations"' in content
