"""What clients are told of a file that failed: with the name that they know, and what it was for want of."""

from __future__ import annotations

import errno
import os
import re
from functools import lru_cache
from pathlib import Path

from coordinator.contract import ErrorKind, TaskError
from coordinator.core.paths import MOUNT, WORK_MOUNT
from coordinator.service.jobs import File
from coordinator.service.store import Store

NO_ROOM = TaskError(kind=ErrorKind.INTERNAL, message="the service has no room to store the results")
_FULL = (errno.ENOSPC, errno.EDQUOT)
_SAID_WHEN_FULL = tuple(os.strerror(number) for number in _FULL)


def is_full(error: OSError) -> bool:
    """Whether a disk is full, or its owner's share of it."""
    return error.errno in _FULL


def as_told(error: TaskError, file: File, store: Store) -> TaskError:
    """A task's error as its client is to read it: with the client's name for the file in place of our paths."""
    if error.kind is ErrorKind.INTERNAL and any(said in error.message for said in _SAID_WHEN_FULL):
        return NO_ROOM
    message = _our_paths(store.path).sub(lambda _: repr(file.name), error.message)
    return TaskError(kind=error.kind, message=message)


@lru_cache(maxsize=4)
def _our_paths(data: Path) -> re.Pattern[str]:
    folders = "|".join(map(re.escape, (str(MOUNT), str(WORK_MOUNT), str(data))))
    return re.compile(rf"'?(?:{folders})/[^'\s]*'?")
