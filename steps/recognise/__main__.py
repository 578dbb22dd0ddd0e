"""Entry of the recognise step: one object in, the object with its category out."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from steps.stepkit import Json, Task, serve

if TYPE_CHECKING:
    from steps.recognise.classifier import Classifier


@functools.cache
def _classifier() -> Classifier:
    """The trained weights, read at the first object and kept while the process answers more."""
    from steps.recognise.classifier import load

    return load()


def handle(task: Task) -> list[Json]:
    """The task's only object, recognised; no item for what is no traffic sign."""
    # Imported here so that an error in loading them is this task's answer, and an unused start costs nothing.
    import cv2

    from steps.recognise.params import read_params
    from steps.recognise.recognise import recognise

    cv2.setNumThreads(1)
    return recognise(task.item, read_params(task.params), _classifier())


if __name__ == "__main__":
    serve(handle)
