"""A task's own folder: empty and writable for the step before, the invoking user's after."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from coordinator.runfolder import RunFolder
from coordinator.tasks import StepTask

_NOBODY = 65534


def step_user() -> tuple[int, int]:
    """Whom steps run as: the invoking user, or nobody where that is root."""
    return (os.getuid(), os.getgid()) if os.getuid() != 0 else (_NOBODY, _NOBODY)


def prepare(task: StepTask, run: RunFolder) -> None:
    """Makes the task's folder anew, for the step's user; a step that writes nothing has none."""
    if not task.step.writes:
        return
    folder = run.local(task.request.work_dir)
    try:
        folder.mkdir()
    except FileNotFoundError:
        folder.mkdir(parents=True)
    except FileExistsError:
        shutil.rmtree(folder)
        folder.mkdir()
    if os.getuid() == 0:
        os.chown(folder, *step_user())


def hand_over(task: StepTask, run: RunFolder, *, keep: bool) -> None:
    """What a successful step wrote becomes the invoking user's; what a failed one wrote goes, as do empty folders."""
    if not task.step.writes:
        return
    folder = run.local(task.request.work_dir)
    try:
        folder.rmdir()
        return
    except FileNotFoundError:
        return
    except OSError:
        pass  # not empty
    if not keep:
        shutil.rmtree(folder, ignore_errors=True)
    elif os.getuid() == 0:
        _take(folder)


def _take(folder: Path) -> None:
    """Gives a tree that the step's user wrote to root, without following what the step may have linked."""
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(Path(parent) / name, 0, 0, follow_symlinks=False)
    os.chown(folder, 0, 0)
