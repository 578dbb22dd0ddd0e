"""Which file or folder of a batch holds detections made elsewhere, found by its name and its first bytes."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

from coordinator.errors import BatchError
from coordinator.findings import Finding, Level, Tell, named
from coordinator.formats import coco, cvat, labelstudio, voc, yolo
from coordinator.formats.boxes import Found
from coordinator.formats.jsondocument import load, shape

DETECTIONS = "detections.json"
JSON = "json"
"""A JSON file of any of the forms that are known: which one, its content says."""
_HEAD = 1 << 16
_A_LIST = re.compile(rb"(\xef\xbb\xbf)?\s*\[\s*\{")
_FOLDERS = (".", "annotations")
"""Where JSON files may lie: CVAT's and others' COCO exports have them in a folder of their own."""

_READERS: dict[str, Callable[[Path, Tell], Found]] = {
    yolo.NAME: yolo.read,
    cvat.NAME: cvat.read,
    voc.NAME: voc.read,
}
_BY_STRUCTURE = ((yolo.NAME, yolo.find), (cvat.NAME, cvat.find), (voc.NAME, voc.find))


def find(folder: Path) -> list[tuple[str, Path]]:
    """The format and place of everything that looks like detections, what counts first.

    The order: ``detections.json``; a folder of YOLO's labels; CVAT's ``annotations.xml``; VOC's ``Annotations``; other
    JSON files of the folder that look like COCO's or Label Studio's, results before the data set whose images they use.
    """
    found = [(JSON, folder / DETECTIONS)] if os.path.lexists(folder / DETECTIONS) else []
    found += [(name, path) for name, search in _BY_STRUCTURE if (path := search(folder)) is not None]
    others = [
        path
        for place in _FOLDERS
        for path in sorted((folder / place).glob("*.json"))
        if path.name != DETECTIONS and path.is_file() and _looks_like_detections(path)
    ]
    others.sort(key=lambda path: not _is_list(path))
    return found + [(JSON, path) for path in others]


def files(folder: Path) -> list[Path]:
    """The files, and folders with all that is in them, that :func:`find` finds something in."""
    found = find(folder)
    whole = [path for name, path in found if name != yolo.NAME]
    return whole + [path for name, place in found if name == yolo.NAME for path in yolo.files(place)]


def read(folder: Path, tell: Tell) -> Found | None:
    """The detections of a batch, from the first of the places that have any; None if there is none.

    Raises BatchError for a file that is not what its name and its first bytes promise.
    """
    places = find(folder)
    if not places:
        return None
    (name, path), *rest = places
    found = _READERS[name](path, tell) if name in _READERS else read_json(path, tell)
    unread = [
        other for _, other in rest if found.format != coco.RESULTS or not coco.looks_like_data_set(other)
    ]
    if unread:
        names = named(other.relative_to(folder).as_posix() for other in unread)
        here = path.relative_to(folder).as_posix()
        text = f"detections are read from {here!r} and not from {names}; put aside what is not to be read"
        tell(Finding(kind="detections-twice", level=Level.WARNING, text=text))
    return found


def read_json(path: Path, tell: Tell) -> Found:
    """A JSON file, COCO's or Label Studio's. Raises BatchError for any other."""
    document = load(path)
    if coco.is_data_set(document):
        return coco.from_data_set(path, document, tell)
    if coco.is_results(document):
        return coco.from_results(path, document, tell)
    if labelstudio.is_export(document):
        return labelstudio.from_tasks(path, document, tell)
    raise BatchError(
        f"{path}: not a COCO detections file, nor a Label Studio export, but {shape(document)};\n"
        "  COCO is an object with the lists 'images' and 'annotations', or a list of results with 'image_id' and 'bbox'"
    )


def _looks_like_detections(path: Path) -> bool:
    if coco.looks_like_data_set(path):
        return True
    head = _head(path)
    if not _A_LIST.match(head):
        return False
    results = b'"image_id"' in head and b'"bbox"' in head
    tasks = b'"data"' in head and (b'"annotations"' in head or b'"predictions"' in head)
    return results or tasks or b'"rectanglelabels"' in head


def _is_list(path: Path) -> bool:
    return _A_LIST.match(_head(path)) is not None


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD)
