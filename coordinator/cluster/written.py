"""What instances write: in folders of their own, from which the head takes over what counts, each task's once.

An instance that was given up may live on, cut off from everybody, and write. Nobody looks there any more.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from coordinator.core.paths import APART, FETCH, unit_folder
from coordinator.pipeline import Step
from coordinator.record.disk import remove_tree
from coordinator.record.files import Files
from coordinator.record.permissions import make_folder


class Written:
    """The run's work folder, as the head keeps it."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def take_over(self, step: Step, label: str, task: str) -> None:
        """Brings what a task that succeeded has written to where the run keeps it. Raises OSError if it cannot."""
        if not step.writes:
            return
        self.forget(step, task)
        source, target = self._files.work / APART / label / _folder(step, task), self._kept(step, task)
        with suppress(FileNotFoundError):  # it has written nothing
            try:
                source.rename(target)
            except FileNotFoundError:
                source.stat()
                make_folder(target.parent)  # for the step's first
                source.rename(target)

    def forget(self, step: Step, task: str) -> None:
        """Removes what a task has written in an earlier session."""
        if step.writes and (kept := self._kept(step, task)).exists():
            remove_tree(kept)

    def drop(self, step: Step, label: str) -> None:
        """Removes what an instance has written and nobody has taken over."""
        if step.writes:
            remove_tree(self._files.work / APART / label)

    def close(self) -> None:
        """Removes what one that lives on may have written while its folder was being removed."""
        remove_tree(self._files.work / APART)
        with suppress(OSError):  # nothing lies in it: it was made for nodes' images to be mounted on
            (self._files.work / FETCH).rmdir()

    def _kept(self, step: Step, task: str) -> Path:
        return self._files.local(str(self._files.own / step.name / _folder(step, task)))


def _folder(step: Step, task: str) -> str:
    return unit_folder(task.removeprefix(f"{step.name}/"))
