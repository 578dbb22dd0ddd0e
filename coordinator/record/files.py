"""The files that a run's tasks read and write, as this machine has them: steps and requests know only logical paths."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path, PurePosixPath

from coordinator.core.paths import APART, FETCHED, MOUNT, WORK_MOUNT, task_mount


@dataclass(frozen=True)
class Files:
    """The batch and the work folder behind ``/batch`` and ``/work``.

    ``own`` is where this run's tasks have their folders: all of ``/work``, or a room in a folder that several share.
    ``fetched`` is where images named by URL lie that are not in the work folder, but steps find there all the same.
    """

    batch: Path
    work: Path
    own: PurePosixPath = WORK_MOUNT
    apart: tuple[str, Path] | None = None
    """A folder below ``/work``, and where that really lies until somebody takes over what is in it."""

    def of_instance(self, step: str, label: str) -> Files:
        """The same where the tasks of a step write: an instance that was given up disturbs nobody who came after it."""
        return replace(self, apart=(f"{self.own}/{step}", self.work / APART / label))

    fetched: Path | None = None

    @cached_property
    def mounts(self) -> dict[str, Path]:
        """The folders that steps find, by where they find them, those within others first."""
        apart = {} if self.apart is None else dict([self.apart])
        fetched = {} if self.fetched is None else {_FETCHED: self.fetched}
        return {**apart, **fetched, _MOUNT: self.batch, _WORK_MOUNT: self.work}

    def task_folder(self, step: str, unit: str) -> str:
        """A task's own folder as its step sees it."""
        return task_mount(step, unit, self.own)

    def local(self, mounted: str) -> Path:
        """Where a path below ``/batch`` or ``/work`` really lies. Raises ValueError for any other path."""
        return Path(self.place(mounted))

    def place(self, mounted: str) -> str:
        """The same as text: for what is asked several times a task, as path objects take ten times as long."""
        if ".." in mounted and ".." in mounted.split("/"):
            raise ValueError(f"{mounted!r} climbs out of its folder")
        for mount, folder in self.mounts.items():
            if mounted.startswith(mount) and mounted[len(mount) : len(mount) + 1] in ("", "/"):
                return f"{folder}/{mounted[len(mount) :].lstrip('/')}"
        raise ValueError(f"{mounted!r} lies neither below {MOUNT} nor below {WORK_MOUNT}")

    def stamp(self, image: str) -> str:
        """What tells one content of an image file from another: its path, size and time of change."""
        try:
            state = os.stat(self.place(image))  # noqa: PTH116 (a path object would cost as much as the look)
        except (OSError, ValueError):
            return f"{image} absent"
        return f"{image} {state.st_size} {state.st_mtime_ns}"

    def content_stamp(self, image: str) -> str:
        """The same by what is in the file; it costs reading it."""
        try:
            path = self.local(image)
            state = path.stat()
            told = _digest(path, state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino)
        except (OSError, ValueError):
            return f"{image} absent"
        return f"{image} {told}"

    def holds(self, image: str) -> bool:
        """Whether the image is a file with something in it."""
        try:
            state = self.local(image).stat()
        except (OSError, ValueError):
            return False
        return stat.S_ISREG(state.st_mode) and state.st_size > 0


_MOUNT, _WORK_MOUNT, _FETCHED = str(MOUNT), str(WORK_MOUNT), str(FETCHED)


@lru_cache(maxsize=65_536)
def _digest(path: Path, *state: int) -> str:
    """The SHA-256 of a file that several steps read, computed once for each of its states."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
