"""Entry of the imaging step: an item with an image in, one item for every image that is made of it out."""

from __future__ import annotations

import os

# The operations use no BLAS, and its threads would take a start's time. Set before numpy is loaded.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from steps.imaging.allocator import keep_freed_memory
from steps.stepkit import BadInput, Json, Task, serve

_CAMERA = "camera"


def handle(task: Task) -> list[Json]:
    """The images made of the task's only item. Raises BadInput for a bad image, item or parameter."""
    # Imported here so that an error in loading them is this task's answer, and an unused start costs nothing.
    import cv2

    from steps.imaging import plan, reading
    from steps.imaging.image import size_of
    from steps.stepkit import photograph

    # Workers run side by side, as many as there are CPUs; a second thread of one would only wait for another.
    cv2.setNumThreads(1)
    wanted = plan.parse(task.params)
    item = task.item
    path = item.get("image")
    if not isinstance(path, str):
        raise BadInput(f"item {item.get('id')!r} has no image")
    size = photograph.promised(item, f"item {item.get('id')!r}")
    # A camera model tells where a pixel looks. Better none than that of another image.
    kept = {name: value for name, value in item.items() if name != _CAMERA or not wanted.moves_pixels}
    made = []
    results = plan.results(wanted, reading.read(path, size), item["id"])
    for number, (name, result) in enumerate(results):
        file = wanted.writer(result, task.work_dir / str(number))
        width, height = size_of(result)
        made.append({**kept, "id": name, "image": str(file), "width": width, "height": height})
    return made


if __name__ == "__main__":
    keep_freed_memory()
    serve(handle)
