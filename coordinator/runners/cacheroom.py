"""How much there is in a node's image cache, and how much may be: counted by all processes that use it, one at a time.

The bytes are those of all files, each once, whatever names it has. They are noted, and counted anew when there seem to
be too many; then images go that nobody uses.
"""

from __future__ import annotations

import errno
import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from coordinator.record.disk import remove_tree

_STEP = 8 * 1024**2
"""Bytes that room is made for at a time, of a file whose size nobody says."""
_EMPTIED = 0.9
"""What room is made for is more than is asked for: to this part of the bound, so that files are seldom counted."""


class CacheRoom:
    """How much there is in the cache, and how much may be."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder = folder
        self._limit = limit
        self._most = 0
        self._lock = threading.Lock()

    @contextmanager
    def reserved(self) -> Iterator[Reservation]:
        """Room for one file that is coming; what of it was not needed is given back."""
        reservation = Reservation(self)
        try:
            yield reservation
        finally:
            self._add(reservation.spare())

    def make(self, size: int, take: Callable[[], None] = lambda: None) -> None:
        """Makes room for so many bytes more, as far as there is anything that nobody uses, and has it taken at once.

        If the disk is full for ``take``, all goes that nobody uses. Raises OSError, if that does not help either.
        """
        with self.counted() as total:
            if total + size > self._limit or not size:
                total = self._make(size)
            self._note(total + size)
            try:
                take()
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                self._note(self._make(self._limit))
                self._take_at_last(take)

    def _take_at_last(self, take: Callable[[], None]) -> None:
        try:
            take()
        except OSError as error:
            raise OSError(error.errno, "no space left for the image cache", str(self._folder)) from error

    def excess(self) -> str | None:
        with self._lock:
            most, self._most = self._most, 0
        if not most:
            return None
        return (
            f"the image cache {str(self._folder)!r} may hold {self._limit:,} bytes, and tasks use {most:,} of it "
            "at a time, which are kept all the same: give it more by --node-cache"
        )

    def _add(self, size: int) -> None:
        if size:
            with self.counted() as total:
                self._note(max(0, total + size))

    @contextmanager
    def counted(self) -> Iterator[int]:
        """The bytes that were counted last, with nobody else counting."""
        with (self._folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                counted = int((self._folder / "size").read_text())
            except (OSError, ValueError):
                counted = self._limit  # so that it is counted anew
            yield counted

    def _note(self, size: int) -> None:
        if size > self._limit:
            with self._lock:
                self._most = max(self._most, size)
        (self._folder / "size").write_text(str(size))

    def _make(self, size: int) -> int:
        """Removes what was not used for the longest time until there is room; the bytes that are left."""
        _remove_dead_views(self._folder)
        files = {state.st_ino: state for _, state in _files(self._folder / "views")}
        kept = [(path, state) for path, state in _files(self._folder / "objects") if path.suffix != ".json"]
        files.update((state.st_ino, state) for _, state in kept)
        total = sum(state.st_size for state in files.values())
        if total + size <= self._limit:
            return total
        for path, state in sorted(kept, key=lambda one: one[1].st_mtime_ns):
            if total + size <= _EMPTIED * self._limit:
                break
            if state.st_nlink == 1:
                path.unlink(missing_ok=True)
                path.with_suffix(".json").unlink(missing_ok=True)
                total -= state.st_size
        return total


class Reservation:
    """The room of one file that is coming: it is made as large as it may become, so that whoever counts sees it."""

    def __init__(self, room: CacheRoom) -> None:
        self._room = room
        self._size = 0
        self._needed = 0

    def __call__(self, target: BinaryIO, size: int) -> None:
        """Room for ``size`` bytes in all. Raises OSError."""
        self._needed = size
        if size <= self._size:
            return
        more = size - self._size if not self._size else max(_STEP, size - self._size)
        self._size += more
        target.flush()
        self._room.make(more, lambda: _enlarge(target, self._size))

    def spare(self) -> int:
        return self._needed - self._size


def _enlarge(target: BinaryIO, size: int) -> None:
    """Takes the disk's blocks at once, so that one that is full says so before anything comes."""
    if size:
        os.posix_fallocate(target.fileno(), 0, size)


def _remove_dead_views(folder: Path) -> None:
    """Removes what processes have left in a cache that are no more; the caller holds its lock."""
    for view in tuple((folder / "views").iterdir()):
        with suppress(OSError):
            if not _is_held(view / "lock"):
                remove_tree(view)


def _is_held(path: Path) -> bool:
    try:
        with path.open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


def _files(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for parent, _, names in os.walk(folder):
        for path in (Path(parent, name) for name in names):
            with suppress(OSError):
                yield path, path.stat()
