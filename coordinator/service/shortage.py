"""What the service ran out of, room or open files, as errors tell it: no client is to blame, and it may pass."""

from __future__ import annotations

import errno
import os
import resource
import sqlite3
import tempfile
from enum import Enum
from http import HTTPStatus
from pathlib import Path

from coordinator.service.refusal import Refused

_MOMENT = 1
"""Seconds after which files may be closed again."""
_PROBE = 64 * 1024
"""Bytes: more than SQLite needs at a time."""


class Lack(Enum):
    """What there is none of: by the numbers of the system's errors that say so."""

    ROOM = (errno.ENOSPC, errno.EDQUOT)
    FILES = (errno.EMFILE, errno.ENFILE)

    def is_said(self, message: str) -> bool:
        """Whether a message has the system's own words for it."""
        return any(os.strerror(number) in message for number in self.value)


def lack(error: BaseException, folder: Path) -> Lack | None:
    """What an error, or what it came of, was for want of. SQLite keeps the system's errors to itself: then the folder
    is tried."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError):
            return lack_of(cause)
        if isinstance(cause, sqlite3.Error):
            return _lack_of_sqlite(cause, folder)
        cause = cause.__cause__
    return None


def lack_of(error: OSError) -> Lack | None:
    """What a call of the system was for want of."""
    return next((each for each in Lack if error.errno in each.value), None)


def _lack_of_sqlite(error: sqlite3.Error, folder: Path) -> Lack | None:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF  # without what it says more of it
    if code == sqlite3.SQLITE_FULL:
        return Lack.ROOM
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR):
        return _tried(folder)
    return None


def _tried(folder: Path) -> Lack | None:
    """What is missing for a file in the folder."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(_PROBE))
    except OSError as error:
        return lack_of(error)
    return None


def not_stored(error: OSError, what: str) -> Refused:
    """The refusal of something that cannot be stored."""
    if lack_of(error) is Lack.FILES:
        most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        message = (
            f"has too many open files, of {most:,} that it may have: come again later, or raise ulimit -n"
        )
        return Refused("service", message, HTTPStatus.SERVICE_UNAVAILABLE, retry_after=_MOMENT)
    message = f"cannot store {what}: {error.strerror}"
    return Refused("service", message, HTTPStatus.INSUFFICIENT_STORAGE)
