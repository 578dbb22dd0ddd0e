"""What a step is asked while it is checked: a request of the author's, or one made up with a small photograph."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from pydantic import Field, ValidationError

from coordinator.batch.folder import open_batch
from coordinator.batch.recording import BadRecording
from coordinator.contract import Items, RegionMessage, Request
from coordinator.core.paths import MOUNT, WORK_MOUNT, image_paths, task_mount
from coordinator.errors import BatchError, UsageError
from coordinator.plainfile import read_file
from coordinator.record.files import Files
from coordinator.strictjson import Json, encode_line

STEP = "check-step"
ABSENT = str(MOUNT / "no-such-image.jpg")
JUNK = b'this line is no JSON {"task":\n'
_PHOTOGRAPH = "photograph.jpg"
_WIDTH, _HEIGHT = 320, 240


@dataclass(frozen=True, kw_only=True)
class Question:
    """What every request of a check has in common: its task's id is the only thing that changes."""

    params: Json
    items: list[Json]
    region: RegionMessage | None = None

    def request(self, name: str) -> Request:
        """The request of the task ``check-step/NAME``."""
        return Request(
            task=f"{STEP}/{name}",
            step=STEP,
            params=self.params,
            items=self.items,
            region=self.region,
            work_dir=task_mount(STEP, name),
        )

    def without_images(self) -> Question | None:
        """The same with every image's path leading nowhere; None if it names no image."""
        if not image_paths(self.items):
            return None
        return Question(params=self.params, items=_with_images(self.items, ABSENT), region=self.region)


def incomplete(name: str) -> bytes:
    """A line that is JSON, and a request without its items."""
    return encode_line({"protocol": 1, "task": f"{STEP}/{name}", "step": STEP})


class _Example(Request):
    """A request as an author writes it: everything but the items may be left out."""

    task: str = "sample"
    step: str = "sample"
    params: Json = Field(default_factory=dict)
    items: Items
    region: RegionMessage | None = None
    work_dir: str = ""


def question(batch: Path, *, request: str | None, item: str | None, params: str | None) -> Question:
    """The question to ask. ``request`` is a file; ``item`` and ``params`` are JSON texts.

    Paths of images may be relative to the batch. Without an item it is the batch's first recording.
    Raises UsageError for what cannot be asked, BatchError for a batch without a photograph.
    """
    if request is not None:
        sample = _read_sample(Path(request))
    else:
        items = [_object(item, "--item") if item is not None else _first_recording(batch)]
        sample = _sample({"items": items}, "--item")
    given = _object(params, "--params") if params is not None else {}
    asked = Question(params=sample.params | given, items=_from_batch(sample.items), region=sample.region)
    for image in image_paths(asked.items):
        _must_exist(image, batch)
    return asked


def make_batch(folder: Path) -> None:
    """A batch of one small photograph that every user can read. Raises OSError if it cannot be written."""
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    rows, columns = np.mgrid[0:_HEIGHT, 0:_WIDTH]
    picture = np.stack([columns * 255 // _WIDTH, rows * 255 // _HEIGHT, (rows + columns) % 256], axis=-1)
    written, data = cv2.imencode(".jpg", picture.astype(np.uint8))
    assert written
    (folder / _PHOTOGRAPH).write_bytes(data.tobytes())
    (folder / _PHOTOGRAPH).chmod(0o644)


def _first_recording(batch: Path) -> Json:
    for recording in open_batch(batch).recordings():
        if not isinstance(recording, BadRecording) and recording.url is None:
            return recording.item
    raise BatchError(f"batch {str(batch)!r} holds no recording that can be used; name one with --item")


def _read_sample(path: Path) -> _Example:
    try:
        text = read_file(path).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"request {str(path)!r} cannot be read: {error}") from error
    return _sample(_object(text, f"request {str(path)!r}"), f"request {str(path)!r}")


def _sample(document: Json, what: str) -> _Example:
    try:
        return _Example.model_validate(document)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise UsageError(f"{what}: {where}: {problem['msg']}") from error


def _object(text: str, what: str) -> Json:
    try:
        document = json.loads(text)
        encode_line({"document": document})
    except ValueError as error:
        raise UsageError(f"{what} is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise UsageError(f"{what} must be a JSON object")
    return document


def _from_batch(items: list[Json]) -> list[Json]:
    """The items with every image's path as a step finds it."""
    return [_mapped(item, lambda path: path if path.startswith("/") else str(MOUNT / path)) for item in items]


def _with_images(items: list[Json], path: str) -> list[Json]:
    return [_mapped(item, lambda _: path) for item in items]


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    """A document with every image's path changed."""
    if isinstance(value, dict):
        return {
            name: change(part) if name == "image" and isinstance(part, str) else _mapped(part, change)
            for name, part in value.items()
        }
    if isinstance(value, list):
        return [_mapped(part, change) for part in value]
    return value


def _must_exist(image: str, batch: Path) -> None:
    path = Path(image)
    if path.is_relative_to(WORK_MOUNT):
        raise UsageError(f"image {image!r} was written by a step; name one of the batch")
    try:
        exists = Files(batch=batch.resolve(), work=batch).local(image).is_file()
    except ValueError as error:
        raise UsageError(f"image {error}") from error
    if not exists:
        raise UsageError(
            f"image {image!r} is not in the batch {str(batch)!r}; name the batch with --batch BATCH_DIR"
        )
