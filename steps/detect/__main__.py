"""Entry of the detect step: recordings in, the same recordings with ``detections`` out."""

from __future__ import annotations

import os

# One CPU is the step's share; a second BLAS thread would only wait for it. Set before numpy is loaded.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from collections.abc import Sequence
from typing import TYPE_CHECKING

from steps.stepkit import BadInput, Json, Task, serve

if TYPE_CHECKING:
    from steps.detect.detection import Detection
    from steps.detect.settings import Settings
    from steps.detect.sight import Sight

Size = tuple[int, int]
_AT_ONCE = 8
"""Photographs that go through a model on a GPU at once, if so many wait."""
_MOST_BYTES = 256 * 1024**2
"""Of pixels of photographs in memory at once."""


def handle(task: Task) -> list[Json]:
    """The task's only item with its detections. Raises BadInput for a bad image, item or parameter."""
    # Imported here so that an error in loading them is this task's answer, and an unused start costs nothing.
    from steps.detect import detector, settings

    wanted = settings.parse(task.params)
    size, seen = _read(task.item, wanted)
    found = detector.detect(seen.image, seen.camera, wanted)
    return [_told(task.item, size, seen.leave(found))]


def handle_together(tasks: Sequence[Task]) -> list[list[Json] | BadInput] | None:
    """Several tasks at once where a GPU runs a model; None elsewhere: a CPU gains nothing from it (docs/models.md).

    None, too, for photographs that are too large to be in memory at once.
    """
    from steps.detect import detector, onnx_model, settings

    params = tasks[0].params
    if (
        not params.get("model")
        or params.get("device") != "cuda"
        or any(task.params != params for task in tasks)
    ):
        return None
    wanted = settings.parse(params)
    model = onnx_model.load(wanted)
    results: dict[int, list[Json] | BadInput] = {}
    read: dict[int, tuple[Size, Sight]] = {}
    for number, task in enumerate(tasks):
        try:
            read[number] = _read(task.item, wanted)
        except BadInput as error:
            results[number] = error
        if sum(seen.image.nbytes for _, seen in read.values()) > _MOST_BYTES:
            return None
    looks = [detector.look(seen.image, seen.camera, wanted) for _, seen in read.values()]
    for (number, (size, seen)), found in zip(read.items(), detector.together(looks, model.find), strict=True):
        results[number] = [_told(tasks[number].item, size, seen.leave(found))]
    return [results[number] for number in range(len(tasks))]


def _read(item: Json, wanted: Settings) -> tuple[Size, Sight]:
    """The photograph's (width, height), and what is looked at of it, beside which nothing of it is kept."""
    import cv2

    from steps.detect.sight import sight
    from steps.stepkit import photograph

    cv2.setNumThreads(1)
    path = item.get("image")
    if not isinstance(path, str):
        raise BadInput(f"item {item.get('id')!r} has no image")
    image = photograph.read(path, photograph.promised(item, f"item {item.get('id')!r}"))
    height, width = image.shape[:2]
    return (width, height), sight(image, item.get("camera"), wanted.elevation)


def _told(item: Json, size: Size, found: list[Detection]) -> Json:
    detections = [one.as_json() for one in found]
    return {**item, "width": size[0], "height": size[1], "detections": detections}


if __name__ == "__main__":
    serve(handle, handle_together, most=_AT_ONCE)
