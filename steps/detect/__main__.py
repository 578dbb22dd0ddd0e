"""Entry of the detect step: recordings in, the same recordings with ``detections`` out."""

from __future__ import annotations

import os

# One CPU is the step's share; a second BLAS thread would only wait for it. Set before numpy is loaded.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from steps.stepkit import BadInput, Json, Task, serve


def handle(task: Task) -> list[Json]:
    """The task's only item with its detections. Raises BadInput for a bad image, item or parameter."""
    # Imported here so that an error in loading them is this task's answer, and an unused start costs nothing.
    import cv2

    from steps.detect import detector, settings
    from steps.stepkit import photograph

    cv2.setNumThreads(1)
    wanted = settings.parse(task.params)
    item = task.item
    path = item.get("image")
    if not isinstance(path, str):
        raise BadInput(f"item {item.get('id')!r} has no image")
    size = (item["width"], item["height"]) if item.get("width") and item.get("height") else None
    image = photograph.read(path, size)
    found = detector.detect(image, item.get("camera"), wanted)
    height, width = image.shape[:2]
    return [{**item, "width": width, "height": height, "detections": [one.as_json() for one in found]}]


if __name__ == "__main__":
    serve(handle)
