"""Results and fetched sources on the disk, whole or not there; what was used longest ago goes first.

A name is there once its file has been synced and moved, so neither a kill nor a power cut leaves half of one.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, cast

_LEFT = 0.9
"""The share of the room that is in use after old files have gone: looking at all of them costs too much for each."""
_ASIDE = ".part"
_PIECE = 256 * 1024


class Kept:
    """A file that is open as long as anybody has this, even if it is not on the shelf any more.

    Many may read it at a time, from many threads.
    """

    def __init__(self, path: Path) -> None:
        """Raises OSError."""
        self.descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        state = os.fstat(self.descriptor)
        self.size, self.taken = state.st_size, state.st_blocks * 512
        """Its bytes, and those that it takes on the disk."""

    def __del__(self) -> None:
        # Not by whoever used it last: of those who waited for it, any may have left.
        if hasattr(self, "descriptor"):
            os.close(self.descriptor)

    def read(self, begin: int) -> bytes:
        """A piece of its content; nothing at its end."""
        return os.pread(self.descriptor, _PIECE, begin)

    def pieces(self) -> Iterator[bytes]:
        """All of its content."""
        begin = 0
        while piece := self.read(begin):
            begin += len(piece)
            yield piece


class Shelf:
    """A folder of files within a number of bytes; safe to use from many threads."""

    def __init__(self, folder: Path, room: int) -> None:
        """``room`` is the most bytes that the files may take; the one that came last may exceed it."""
        self._folder, self._room = folder, room
        self._lock = threading.Lock()
        self.size = 0
        """The bytes that the files take; one that came twice counts twice until all are looked at."""

    def start(self) -> None:
        """Removes what an earlier process left half done, and what is too much. Raises OSError."""
        for path in self._folder.glob(f"*{_ASIDE}"):
            path.unlink(missing_ok=True)
        with self._lock:
            self._make_room(keeping=None)

    def aside(self, name: str) -> Path:
        """Where a file may be written that is to be put here; it goes at the next start if it is not."""
        return self._folder / f"{name}{_ASIDE}"

    def scratch(self) -> BinaryIO:
        """A new file without a name, which is gone once it is closed. Raises OSError."""
        return cast(BinaryIO, TemporaryFile(dir=self._folder, suffix=_ASIDE))

    def open(self, name: str) -> Kept | None:
        """The file of that name, which now was used last; None if it is not there. Raises OSError."""
        try:
            kept = Kept(self._folder / name)
        except FileNotFoundError:
            return None
        with suppress(OSError):  # only the order in which files go
            os.utime(kept.descriptor)
        return kept

    def link(self, name: str, target: Path) -> bool:
        """Gives a file a second name outside; False if it is not there. Raises OSError."""
        try:
            target.hardlink_to(self._folder / name)
        except FileNotFoundError:
            return False
        return True

    def put(self, path: Path, name: str) -> Kept:
        """Moves a file here, and opens it, as it may have to make room at once for the next.

        Raises OSError; ValueError if it is no regular file.
        """
        if not stat.S_ISREG(path.lstat().st_mode):
            raise ValueError(f"{str(path)!r} is no file")
        kept = Kept(path)
        os.fsync(kept.descriptor)
        with self._lock:
            path.replace(self._folder / name)
            self.size += kept.taken
            if self.size > self._room:
                self._make_room(keeping=name)
        return kept

    def _make_room(self, keeping: str | None) -> None:
        """Looks at all files, and removes the oldest if they take too much. The lock is held."""
        with os.scandir(self._folder) as entries:
            found = [(entry.stat(follow_symlinks=False), entry.name) for entry in entries]
        self.size = sum(state.st_blocks * 512 for state, _ in found)
        if self.size <= self._room:
            return
        for state, name in sorted(found, key=lambda one: one[0].st_mtime_ns):
            if self.size <= self._room * _LEFT:
                break
            if name != keeping and not name.endswith(_ASIDE):
                (self._folder / name).unlink(missing_ok=True)
                self.size -= state.st_blocks * 512
