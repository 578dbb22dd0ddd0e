"""Whether a coordinator is at work in a folder: a lock that ends with its process, however that ends."""

from __future__ import annotations

import fcntl
import os
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from coordinator.errors import RunFolderError
from coordinator.strictjson import Json

_NAME = ".lock"
_OWNER = re.compile(r"process (?P<process>\d+) on (?P<host>\S+), started (?P<started>.+)")
_MAX_TRIES, _PAUSE = 5, 0.02


@dataclass(frozen=True)
class Owner:
    """The coordinator that is at work on a run folder, in its own words."""

    words: str

    def __str__(self) -> str:
        return self.words or "another coordinator"

    def as_json(self) -> Json | None:
        """Process, host and time of its start; None if it has not yet said them."""
        found = _OWNER.fullmatch(self.words)
        return {**found.groupdict(), "process": int(found["process"])} if found else None


@contextmanager
def locked(folder: Path, called: str = "run folder") -> Iterator[None]:
    """Holds a folder, ``called`` so, against a second coordinator; the lock dies with the process.

    Raises RunFolderError, which names the owner, if it is held, and if the folder cannot be written.
    """
    with _opened(folder, called) as lock:
        try:
            _take(lock)
        except OSError as error:
            lock.seek(0)
            first = Owner(lock.read().strip())
            raise RunFolderError(f"{called} {str(folder)!r} is in use by {first}") from error
        try:
            _sign(lock)
        except OSError as error:
            raise _unwritable(folder, called, error) from error
        yield


def _opened(folder: Path, called: str) -> TextIO:
    try:
        return (folder / _NAME).open("a+", encoding="utf-8")
    except OSError as error:
        raise _unwritable(folder, called, error) from error


def _sign(lock: TextIO) -> None:
    """Writes who holds it: past the file's buffer, which would try once more at its end what a full disk refuses."""
    lock.truncate(0)
    started = time.strftime("%Y-%m-%d %H:%M:%S")
    words = f"process {os.getpid()} on {socket.gethostname()}, started {started}"
    os.write(lock.fileno(), words.encode())


def _unwritable(folder: Path, called: str, error: OSError) -> RunFolderError:
    return RunFolderError(f"{called} {str(folder)!r} cannot be written: {error.strerror}")


def owner(folder: Path) -> Owner | None:
    """Who is at work in ``folder``, None if nobody is. A lock that cannot be read counts as held."""
    try:
        with (folder / _NAME).open(encoding="utf-8", errors="replace") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return Owner(lock.read().strip())
            return None
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return Owner(f"somebody whose lock cannot be read ({error.strerror})")


def _take(lock: TextIO) -> None:
    """Takes the lock. Who only looks whether it is held (:func:`owner`) holds it for a moment: that is waited for."""
    for _ in range(_MAX_TRIES):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_PAUSE)
        else:
            return
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
