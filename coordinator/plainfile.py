"""Files that people name: opened only if they are files, for a pipe that nobody writes into would be read for ever.

The error is an OSError as any other of a file, so that whoever reads says of it what it says of those.
"""

from __future__ import annotations

import errno
import stat
from pathlib import Path
from typing import BinaryIO

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
_HANDED_OVER = ("/dev/stdin", "/dev/fd/", "/proc/self/fd/")
"""What a shell makes of ``<(command)`` and its like is a pipe that somebody does write into."""


class NoFile(OSError):
    """There is something, and it is no file; ``strerror`` says what."""

    def __str__(self) -> str:
        return str(self.strerror)


def check_file(path: Path) -> None:
    """Raises NoFile if there is something else at ``path``, behind any link; another OSError if there is nothing."""
    mode = path.stat().st_mode
    if stat.S_ISREG(mode) or (str(path).startswith(_HANDED_OVER) and not stat.S_ISDIR(mode)):
        return
    kind = next((name for is_one, name in _KINDS if is_one(mode)), "something else")
    raise NoFile(errno.EINVAL, f"it is no file, but {kind}", str(path))


def open_file(path: Path) -> BinaryIO:
    """Raises OSError, NoFile among them."""
    check_file(path)
    return path.open("rb")


def read_file(path: Path) -> bytes:
    """All of it. Raises OSError, NoFile among them."""
    with open_file(path) as file:
        return file.read()
