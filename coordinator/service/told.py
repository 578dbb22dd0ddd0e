"""What clients are told of a file that failed: with the name that they know, and what it was for want of."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from coordinator.contract import ErrorKind, TaskError
from coordinator.core.paths import MOUNT, WORK_MOUNT
from coordinator.service.jobs import File
from coordinator.service.shortage import Lack
from coordinator.service.store import Store

NO_ROOM = TaskError(kind=ErrorKind.INTERNAL, message="the service has no room to store the results")
TOO_MANY_FILES = TaskError(
    kind=ErrorKind.INTERNAL, message="the service has too many open files: raise ulimit -n"
)
_OURS = (ErrorKind.INTERNAL, ErrorKind.ENGINE)


def as_told(error: TaskError, file: File, store: Store) -> TaskError:
    """A task's error as its client is to read it: with the client's name for the file in place of our paths."""
    if error.kind in _OURS and Lack.ROOM.is_said(error.message):
        return NO_ROOM
    if error.kind in _OURS and Lack.FILES.is_said(error.message):
        return TOO_MANY_FILES
    message = _our_paths(store.path).sub(lambda _: repr(file.name), error.message)
    return TaskError(kind=error.kind, message=message)


@lru_cache(maxsize=4)
def _our_paths(data: Path) -> re.Pattern[str]:
    folders = "|".join(map(re.escape, (str(MOUNT), str(WORK_MOUNT), str(data))))
    return re.compile(rf"'?(?:{folders})/[^'\s]*'?")
