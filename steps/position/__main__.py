"""Entry of the position step: one region's recordings in, its objects out."""

from __future__ import annotations

from steps.stepkit import Json, Task, serve


def handle(task: Task) -> list[Json]:
    """The objects of the task's region. Raises BadInput for a bad item, region or parameter."""
    # Imported here so that an error in loading it is this task's answer.
    from steps.position import locate, params

    return locate.locate(task.items, task.region, params.read_params(task.params))


if __name__ == "__main__":
    serve(handle)
