"""Images below the operator's folder, which others may change, cut short or take away at any time.

So they are read, and never mapped: a look at bytes that a file has lost meanwhile would end the whole service (SIGBUS).
Whoever wants to look at one copies it first.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from coordinator.service.refusal import TOO_LARGE, Refused

_PIECE = 1024 * 1024
_OF_OURS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
"""What the service runs out of, for which no client is to blame."""


class Missing(Exception):
    """There is no such image. Why is told to nobody: it would tell what lies elsewhere."""

    def __init__(self) -> None:
        super().__init__("names no image that can be read below the operator's folder")


@contextmanager
def opened(root: Path, name: str, field: str, most_bytes: int) -> Iterator[BinaryIO]:
    """The image of that name below ``root``, which is resolved. Its own ``name`` is where it lies, links resolved.

    Raises Missing; Refused, which blames ``field``, if it is too large; OSError for what the service
    itself lacks.
    """
    with _opened(_inside(root, name)) as file:
        state = os.fstat(file.fileno())
        if not stat.S_ISREG(state.st_mode):
            raise Missing
        if state.st_size > most_bytes:
            raise _too_large(field, most_bytes)
        yield file


def pieces(file: BinaryIO, field: str, most_bytes: int) -> Iterator[bytes]:
    """Its content, which may have grown meanwhile. Raises Refused if it is too large now."""
    size = 0
    while piece := file.read(_PIECE):
        size += len(piece)
        if size > most_bytes:
            raise _too_large(field, most_bytes)
        yield piece


def _inside(root: Path, name: str) -> Path:
    """Where a file lies that is named from the folder on, and not by a way out of it and in again."""
    asked = PurePosixPath(name)
    if asked.is_absolute() or ".." in asked.parts:
        raise Missing
    try:
        path = (root / asked).resolve()
    except (OSError, ValueError, RuntimeError) as error:  # the last is a circle of links
        raise Missing from error
    if not path.is_relative_to(root):
        raise Missing
    return path


def _opened(path: Path) -> BinaryIO:
    try:
        return open(path, "rb", opener=_open)
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in _OF_OURS:
            raise
        raise Missing from error


def _open(path: str, flags: int) -> int:
    """Does not wait for who writes into a pipe."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def _too_large(field: str, most_bytes: int) -> Refused:
    return Refused(field, f"is larger than {most_bytes:,} bytes", TOO_LARGE)
