"""Entry of the recognise step: one object in, the object with its category out."""

from __future__ import annotations

from steps.stepkit import Json, Task, serve


def handle(task: Task) -> list[Json]:
    """The task's only object, recognised; no item for what is no traffic sign."""
    # Imported here so that an error in loading them is this task's answer, and an unused start costs nothing.
    import cv2

    from steps.recognise.params import read_params
    from steps.recognise.recognise import recognise

    cv2.setNumThreads(1)
    return recognise(task.item, read_params(task.params))


if __name__ == "__main__":
    serve(handle)
