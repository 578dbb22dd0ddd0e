"""Whether the engine sees the run's folders as this process does: it may run on another machine, or in another room.

A container that is made and never started tells, for the engine answers for files behind its mounts, too. That takes
some 20 milliseconds, once a run.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from coordinator.errors import EngineError
from coordinator.runners.api import ApiError
from coordinator.runners.engine import Engine
from coordinator.runners.spec import ContainerSpec, Mount

_MEMORY = 64 * 1024**2
_LOOKS = 3
"""So often something is looked at that changes meanwhile, as a folder for temporary files does."""
_ENTRIES = 1000
"""So many entries of a folder are looked at."""
_TARGET, _NOT_FOUND = "/seen", 404
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)")
_UNITS = (1, 10**2, 10**3, 10**6, 10**9)
"""Nanoseconds that file systems and file sharing count times in."""
_NOT_THERE = ("source path does not exist", "mounts denied", "is not shared")
"""What engines say of a folder that they do not see, or, as Docker Desktop, may not."""


@dataclass(frozen=True)
class Seen:
    """A folder that containers are to have, and what of it must look alike from here and from there.

    ``inner`` is the path of something in it without any link on the way. Where there is none it is the folder itself,
    which changes with every file that comes or goes, of which a file system on a network may tell late.
    """

    folder: Path
    inner: str = ""

    @classmethod
    def by_oldest(cls, folder: Path) -> Seen:
        """A folder of which nothing is known, by what has changed least of what lies in it. Raises OSError."""
        with os.scandir(folder) as found:
            entries = [entry for entry in islice(found, _ENTRIES) if not entry.is_symlink()]
        oldest = min(entries, key=lambda entry: entry.stat(follow_symlinks=False).st_mtime_ns, default=None)
        return cls(folder, oldest.name if oldest else "")

    @classmethod
    def of_place(cls, path: Path) -> Seen:
        """The folder in which ``path``, an absolute one, lies or will lie, or itself if it is there. Raises OSError."""
        return cls.by_oldest(next(parent for parent in (path, *path.parents) if parent.exists()))


def check_sight(engine: Engine, image_id: str, folders: Sequence[Seen], labels: dict[str, str]) -> None:
    """Raises EngineError that says what to do if the engine does not see one of the folders as this process does.

    What the engine fails of otherwise is left to the run, which knows how to deal with it.
    """
    mounts = tuple(
        Mount(source=seen.folder, target=f"{_TARGET}/{number}", read_only=True)
        for number, seen in enumerate(folders)
    )
    spec = ContainerSpec(
        image_ref=image_id,
        name=f"coordinator-sight-{secrets.token_hex(6)}",
        user="65534:65534",
        cpus=1.0,
        memory=_MEMORY,
        mounts=mounts,
        labels=labels,
    )
    try:
        with engine.created(spec) as container:
            unseen = [
                str(seen.folder) for n, seen in enumerate(folders) if not _sees(engine, container, n, seen)
            ]
    except (EngineError, ValueError) as error:
        if any(words in str(error).lower() for words in _NOT_THERE):
            raise _blind(engine, f"the folders of this run: {error}") from error
        return
    if unseen:
        raise _blind(engine, f"{' and '.join(map(repr, unseen))} as this machine has it")


def _sees(engine: Engine, container: str, number: int, seen: Seen) -> bool:
    """Whether a mounted folder is the one that it should be. Raises EngineError if the container is gone."""
    root = f"{_TARGET}/{number}"
    path, mounted = seen.folder / seen.inner, f"{root}/{seen.inner}".rstrip("/")
    engine.status_of(container, root)  # this one is there as long as the container is
    for _ in range(_LOOKS):
        before = _changed(path)
        try:
            told = engine.status_of(container, mounted)
        except ApiError as error:
            return error.status != _NOT_FOUND or not os.path.lexists(path)
        if _is_alike(told, path):
            return True
        if _changed(path) == before:
            return False
    return True


def _changed(path: Path) -> int | None:
    try:
        return path.lstat().st_mtime_ns
    except OSError:
        return None


def _is_alike(told: dict[str, Any], path: Path) -> bool:
    """Whether the engine's facts are those of the file here; its file sharing may know times less exactly."""
    try:
        here = path.lstat()
    except OSError:  # the batch is changing: its task will tell
        return True
    when = _TIME.fullmatch(str(told.get("mtime")))
    if when is None:
        return True
    seconds = int(datetime.fromisoformat(when[1] + when[3]).timestamp())
    nanoseconds = seconds * 10**9 + int((when[2] or "0").ljust(9, "0"))
    same_time = nanoseconds in {here.st_mtime_ns - here.st_mtime_ns % unit for unit in _UNITS}
    return same_time and (stat.S_ISDIR(here.st_mode) or told.get("size") == here.st_size)


def _blind(engine: Engine, what: str) -> EngineError:
    return EngineError(
        f"the engine at {engine.address} does not see {what}\n"
        "  It runs on another machine, or its file sharing leaves the folder out, or the coordinator itself runs in a\n"
        "  container: use an engine on this machine (unset DOCKER_HOST; docker context use default), share the folder\n"
        "  with it (Docker Desktop: Settings, Resources, File sharing), or mount it here at the path that it has there"
    )
