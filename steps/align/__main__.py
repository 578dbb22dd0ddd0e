"""Entry of the align step: all recordings of a batch in, the same with refined poses out."""

from __future__ import annotations

import signal

from steps.stepkit import Json, Task, serve


def handle(task: Task) -> list[Json]:
    """The task's recordings with refined poses. Raises BadInput for a bad item or parameter."""
    asked_to_end = signal.getsignal(signal.SIGTERM)
    # Imported here so that an error in loading it is this task's answer.
    from steps.align import align, params

    # COLMAP's log takes the signal over as it is loaded, and would tell of it instead of ending.
    signal.signal(signal.SIGTERM, asked_to_end)
    return align.align(task.items, params.read_params(task.params), task.work_dir)


if __name__ == "__main__":
    serve(handle)
