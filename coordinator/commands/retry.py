"""``retry --failed``: a run's failures are tried again, with the options that the run itself had.

A plain ``run`` tries them again, too, but also everything that is new or has changed. This does not: recordings
that have come since are left out, and results stay that an earlier image or earlier parameters of a step made.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

from coordinator.errors import RunFolderError, UsageError
from coordinator.record.history import History
from coordinator.record.journal import SessionState
from coordinator.record.runfolder import RunFolder, read_about
from coordinator.session.options import FailedOnly, RunOptions


def retry_options(run_folder: Path, step: str | None) -> RunOptions | None:
    """What to run; None if nothing has failed (at ``step``).

    Raises CoordinatorError for a folder that is no run's, and for a step that the run has not.
    """
    with History(RunFolder(run_folder, run_folder).journal) as history:
        failed = Counter(failure.step for failure in history.failures())
        # An earlier retry that was interrupted may have left only what depends on its failures.
        is_halfway = history.covered and history.state is not SessionState.COMPLETE
        steps = json.loads(history.fact("steps") or "[]")
    if step is not None and step not in (*steps, *failed):
        raise UsageError(f"this run has no step {step!r}; its steps are {', '.join(steps)}")
    if not (is_halfway or (failed[step] if step else failed.total())):
        return None
    settings = read_about(run_folder).get("job")
    if settings is None:
        raise RunFolderError(f"{run_folder / 'run.json'} does not tell with which settings it ran; use `run`")
    return replace(RunOptions.from_settings(settings, run_folder), failed_only=FailedOnly(step))
