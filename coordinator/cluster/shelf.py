"""Requests with many items: written into the run's folder, which every node sees, and sent by the file's name.

A region's request may be tens of megabytes. However many of them wait or are under way, the head so holds the items of
the one that it just reads from the journal, and none of them pass through Ray's store.
"""

from __future__ import annotations

import itertools
import json
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from coordinator.cluster.messages import ShelvedTask
from coordinator.core.tasks import StepTask
from coordinator.record.disk import remove_tree
from coordinator.record.files import Files
from coordinator.strictjson import Json, encode_line

MANY = 64
"""With fewer items than this a request travels with its message."""
_NAME = ".items"
"""No step is called so: the folder lies beside those of the steps."""


class Shelf:
    """The files of one session; the scheduler's thread writes them, and removes each once its task has ended."""

    def __init__(self, files: Files) -> None:
        """Removes what a session that was killed has left."""
        self._folder = _folder(files)
        self._names: dict[str, str] = {}
        # An instance of a session that was killed may still look for its own.
        self._new = (f"{secrets.token_hex(4)}-{number}" for number in itertools.count(1))
        remove_tree(self._folder)

    def put(self, task: StepTask) -> StepTask:
        """The task as it is to travel: without its items if they are many. Raises OSError if the disk is full."""
        items = task.request.items
        if len(items) < MANY:
            return task
        self._folder.mkdir(exist_ok=True)
        name = self._names[task.id] = next(self._new)
        with (self._folder / name).open("wb") as file:
            file.writelines(map(encode_line, items))
        bare = task.request.model_copy(update={"items": []})
        return ShelvedTask(**{**vars(task), "request": bare}, shelved=name)

    def remove(self, task: str) -> None:
        """The task of that id has ended, or is lost."""
        name = self._names.pop(task, None)
        if name is not None:
            with suppress(FileNotFoundError):
                (self._folder / name).unlink()

    def close(self) -> None:
        """Removes what is left."""
        remove_tree(self._folder)


def taken(tasks: list[StepTask], files: Files) -> Iterator[StepTask]:
    """The tasks of a message with their items. Raises OSError if this machine does not see them."""
    for task in tasks:
        yield _with_items(task, files) if isinstance(task, ShelvedTask) else task


def _with_items(task: ShelvedTask, files: Files) -> StepTask:
    with (_folder(files) / task.shelved).open("rb") as file:
        items: list[Json] = [json.loads(line) for line in file]
    whole = task.request.model_copy(update={"items": items})
    return StepTask(
        request=whole, step=task.step, image_id=task.image_id, attempt=task.attempt, images=task.images
    )


def _folder(files: Files) -> Path:
    return files.work / _NAME
