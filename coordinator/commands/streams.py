"""The three standard streams where they are not as they should be: closed by who started us, or no longer read."""

from __future__ import annotations

import os
import sys
from contextlib import suppress


def open_missing_streams() -> None:
    """A stream that was closed by who started us must not become the first file that is opened."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = sys.stdout or os.fdopen(1, "w")
    sys.stderr = sys.stderr or os.fdopen(2, "w")


def stdout_is_lost() -> bool:
    """Whether stdout takes no more, not even an empty line, as on a full disk; for when something could not be written.

    Python does not say which file an error of writing is about.
    """
    try:
        print(flush=True)
    except OSError:
        return True
    return False


def drop_stdout() -> None:
    """Our stdout takes no more, as its reader (head, less) has gone or its disk is full; no more is written, not even
    at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def warn(told: str) -> None:
    """A warning beside what the command prints, which ends as well if nobody reads it."""
    with suppress(OSError):
        print(f"coordinator: warning: {told}", file=sys.stderr, flush=True)
