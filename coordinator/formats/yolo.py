"""YOLO: a folder of text files, one for each image, with a box in each line in parts of the image's width and height.

Source: https://docs.ultralytics.com/datasets/detect: ``class x y width height``, the middle of the box, to which
predictions add a confidence; lines of more numbers are polygons (``class x1 y1 x2 y2 ...``). Classes are numbers,
whose names stand in ``classes.txt``, ``obj.names`` or under ``names`` in ``data.yaml``.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from coordinator.errors import BatchError
from coordinator.findings import Tell
from coordinator.formats.boxes import Found, Gathering, Loss, around
from coordinator.formats.jsondocument import number

NAME = "yolo"
FOLDERS = ("labels", "obj_train_data")
_NAME_LISTS = ("classes.txt", "obj.names", "labels.txt", "_darknet.labels")
_DATA_FILES = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")
_NO_LABELS = {*_NAME_LISTS, "train.txt", "val.txt", "test.txt", "readme.txt", "notes.txt", "requirements.txt"}
_MAX_CONFIG = 1024**2


def find(folder: Path) -> Path | None:
    """The folder of label files: ``labels``, what CVAT calls it, or the batch itself beside a list of classes."""
    for name in FOLDERS:
        if (folder / name).is_dir() and _label_files(folder / name):
            return folder / name
    beside = any((folder / name).is_file() for name in _NAME_LISTS)
    return folder if beside and any(_is_label_file(path) for path in folder.glob("*.txt")) else None


def files(path: Path) -> list[Path]:
    """All that is read for the folder of labels ``path``: the labels, and what may name their classes."""
    names = (folder / name for folder in (path, path.parent) for name in (*_NAME_LISTS, *_DATA_FILES))
    return [*_label_files(path), *(one for one in names if one.is_file())]


def read(path: Path, tell: Tell) -> Found:
    """The boxes of all label files below the folder ``path``; images are named without an ending.

    Raises BatchError if there is no label file, or one cannot be read.
    """
    files = _label_files(path)
    if not files:
        raise BatchError(f"{path}: not a YOLO folder: it holds no label file (.txt)")
    gathering = Gathering(f"{path.name}/", tell, normalised=True)
    labels = _class_names(path)
    if not labels:
        gathering.warn(
            "no-categories",
            "no names of the classes (classes.txt, obj.names or 'names' in data.yaml): detections have no label",
        )
    for file in files:
        name = file.relative_to(path).with_suffix("").as_posix()
        gathering.image(name)
        for line, text in enumerate(_lines(file), start=1):
            if text.strip():
                _take(gathering, name, text.split(), labels, f"line {line} of {name}.txt")
    return Found(format=NAME, path=path, images=gathering.done(), lists_empty=False)


def _take(gathering: Gathering, image: str, fields: list[str], labels: dict[int, str], where: str) -> None:
    values = [_number(field) for field in fields]
    numbers = [value for value in values if value is not None]
    if len(numbers) < max(5, len(values)) or numbers[0] != int(numbers[0]):
        gathering.lose(Loss.BAD_BOX, where)
        return
    label = labels.get(int(numbers[0]))
    if labels and label is None:
        gathering.lose(Loss.UNKNOWN_CATEGORY, f"{where} with class {fields[0]}")
    box = _box(numbers[1:])
    if box is not None and not _is_normalised(box):
        gathering.lose(Loss.NOT_NORMALISED, where)
        return
    score = numbers[5] if len(numbers) == 6 else None
    gathering.box(image, box, where=where, score=score, label=label)


def _box(numbers: list[float]) -> list[float] | None:
    """A COCO box, in parts of the image, from the numbers behind the class."""
    if len(numbers) in (4, 5):
        x, y, width, height = numbers[:4]
        return [x - width / 2, y - height / 2, width, height] if width > 0 and height > 0 else None
    if len(numbers) % 2:
        return None
    return around(zip(numbers[::2], numbers[1::2], strict=True))


def _is_normalised(box: list[float]) -> bool:
    """Whether the box lies in the image, give or take what stands out of it at an edge."""
    x, y, width, height = box
    return width <= 1.5 and height <= 1.5 and 0 <= x + width / 2 <= 1 and 0 <= y + height / 2 <= 1


def _number(text: str) -> float | None:
    try:
        return number(float(text))
    except ValueError:
        return None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except OSError as error:
        raise BatchError(f"{path} cannot be read: {error.strerror}") from error


def _label_files(folder: Path) -> list[Path]:
    """Those of a folder for labels, empty ones and all; elsewhere, what looks like one."""
    every = sorted(path for path in folder.rglob("*.txt") if path.is_file())
    if folder.name in FOLDERS:
        return [path for path in every if path.name.lower() not in _NO_LABELS]
    return [path for path in every if _is_label_file(path)]


def _is_label_file(path: Path) -> bool:
    """Whether the first line that is not empty begins as a box does."""
    if path.name.lower() in _NO_LABELS:
        return False
    first = next((line.split() for line in _lines(path) if line.strip()), [])
    return len(first) >= 5 and all(_number(field) is not None for field in first)


def _class_names(path: Path) -> dict[int, str]:
    """The names of the classes, which lie in the folder of labels or in the one that holds it."""
    for folder in (path, path.parent):
        for name in _NAME_LISTS:
            if (folder / name).is_file():
                lines = [line.strip() for line in _lines(folder / name)]
                return {place: line for place, line in enumerate(lines) if line}
        for name in _DATA_FILES:
            if (folder / name).is_file() and (found := _from_yaml(folder / name)):
                return found
    return {}


def _from_yaml(path: Path) -> dict[int, str]:
    """``names`` of a data set's YAML: a list, or names by number. Raises BatchError for a file that is no YAML."""
    try:
        if path.stat().st_size > _MAX_CONFIG:
            raise BatchError(f"{path} is larger than {_MAX_CONFIG:,} bytes; is it the right file?")
        document = yaml.safe_load(path.read_bytes())
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BatchError(f"{path}: not valid YAML: {error}") from error
    except OSError as error:
        raise BatchError(f"{path} cannot be read: {error.strerror}") from error
    names = document.get("names") if isinstance(document, dict) else None
    if isinstance(names, list):
        return {place: str(name) for place, name in enumerate(names)}
    if isinstance(names, dict):
        return {int(place): str(name) for place, name in names.items() if str(place).isdecimal()}
    return {}
