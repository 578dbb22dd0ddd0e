"""Entry of the detect step: recordings in, the same recordings with ``detections`` out."""

from __future__ import annotations

import os

# One CPU is the step's share; a second BLAS thread would only wait for it. Set before numpy is loaded.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from collections.abc import Sequence
from typing import TYPE_CHECKING

from steps.stepkit import BadInput, Json, Task, serve

if TYPE_CHECKING:
    from steps.stepkit.arrays import Image

_AT_ONCE = 8
"""Photographs that go through a model on a GPU at once, if so many wait."""


def handle(task: Task) -> list[Json]:
    """The task's only item with its detections. Raises BadInput for a bad image, item or parameter."""
    # Imported here so that an error in loading them is this task's answer, and an unused start costs nothing.
    from steps.detect import detector, settings

    wanted = settings.parse(task.params)
    image = _read(task.item)
    found = detector.detect(image, task.item.get("camera"), wanted)
    return [_told(task.item, image, [one.as_json() for one in found])]


def handle_together(tasks: Sequence[Task]) -> list[list[Json] | BadInput] | None:
    """Several tasks at once where a GPU runs a model; None elsewhere: a CPU gains nothing from it (docs/models.md)."""
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
    images: dict[int, Image] = {}
    for number, task in enumerate(tasks):
        try:
            images[number] = _read(task.item)
        except BadInput as error:
            results[number] = error
    looks = [
        detector.look(image, tasks[number].item.get("camera"), wanted) for number, image in images.items()
    ]
    for (number, image), found in zip(images.items(), detector.together(looks, model.find), strict=True):
        results[number] = [_told(tasks[number].item, image, [one.as_json() for one in found])]
    return [results[number] for number in range(len(tasks))]


def _read(item: Json) -> Image:
    import cv2

    from steps.stepkit import photograph

    cv2.setNumThreads(1)
    path = item.get("image")
    if not isinstance(path, str):
        raise BadInput(f"item {item.get('id')!r} has no image")
    size = (item["width"], item["height"]) if item.get("width") and item.get("height") else None
    return photograph.read(path, size)


def _told(item: Json, image: Image, detections: list[Json]) -> Json:
    height, width = image.shape[:2]
    return {**item, "width": width, "height": height, "detections": detections}


if __name__ == "__main__":
    serve(handle, handle_together, most=_AT_ONCE)
