"""A task's own folder: empty and writable for the step before; checked, and the invoking user's, after."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from coordinator.contract import ErrorKind, Success, TaskError
from coordinator.core.paths import MOUNT, WORK_MOUNT, image_paths
from coordinator.core.tasks import StepTask
from coordinator.pipeline import Rung
from coordinator.record.disk import remove_tree
from coordinator.record.files import Files
from coordinator.record.permissions import is_open, let_in, let_in_below, make_folder
from coordinator.runners.spec import MAX_WRITTEN

_NOBODY = 65534
_MOUNTS = (f"{MOUNT}/", f"{WORK_MOUNT}/")
_BLOCK = 512
"""The unit of st_blocks: what a file takes on the disk, whatever size it claims."""
_LEAST = 4096
"""Bytes that a file counts for at least: there are only so many inodes."""
_DEEPEST = 200
"""Folders in each other that a step may leave: no path becomes too long for any program that reads them later."""


@dataclass(frozen=True)
class _Left:
    """What a step left: bytes on the disk, and whether some of it is not yet ours and open to the steps to come."""

    written: int
    is_closed: bool


def step_user() -> tuple[int, int]:
    """Whom steps run as: the invoking user, or nobody where that is root."""
    return (os.getuid(), os.getgid()) if os.getuid() != 0 else (_NOBODY, _NOBODY)


def prepare(task: StepTask, files: Files) -> None:
    """Makes the task's folder anew, for the step's user; a step that writes nothing has none."""
    if not task.step.writes:
        return
    folder = files.place(task.request.work_dir)
    try:
        os.mkdir(folder)
    except FileNotFoundError:
        if (
            files.apart is not None
        ):  # it was taken away: this instance is given up, and nobody waits for the task
            raise
        make_folder(Path(folder))
    except FileExistsError:
        remove_tree(Path(folder))
        os.mkdir(folder)
    if os.getuid() == 0:
        let_in(folder.rpartition("/")[0])
        let_in(folder)
        if task.step.rung is not Rung.PROCESS:  # which is another user's program nowhere
            os.chown(folder, *step_user())


def hand_over(task: StepTask, files: Files, result: Success | TaskError) -> Success | TaskError:
    """What a successful step wrote becomes the invoking user's; what a failed one wrote goes, as do empty folders.

    A success is an error after all if the step leaves more than may be kept, or names images that are not the run's.
    """
    if isinstance(result, Success):
        result = _astray(result) or result
    if not task.step.writes:
        return result
    folder = files.place(task.request.work_dir)
    left = _left(folder) if isinstance(result, Success) else result
    if isinstance(left, TaskError):
        discard(task, files)
        return left
    if not left.written:
        with suppress(FileNotFoundError):
            os.rmdir(folder)
    elif left.is_closed and os.getuid() == 0:
        _take(Path(folder))
    return result


def discard(task: StepTask, files: Files) -> None:
    """Removes the task's folder and what its step wrote."""
    if task.step.writes:
        remove_tree(files.local(task.request.work_dir))


def _astray(result: Success) -> TaskError | None:
    """The complaint about an image of the response that lies neither in the batch nor where steps write."""
    for path in image_paths(result.items):
        if not path.startswith(_MOUNTS) or ".." in path.split("/"):
            return _breach(f"the response names the image {path!r}: images lie below {MOUNT} or {WORK_MOUNT}")
    return None


def _left(folder: str) -> _Left | TaskError:
    """What a step left in its folder, or the complaint about it: too much, or what is no file of its own."""
    owner = os.getuid()
    written = 0
    try:
        is_closed = os.stat(folder).st_uid != owner
        for entry, state in _entries(folder):
            written += max(state.st_blocks * _BLOCK, _LEAST)
            if written > MAX_WRITTEN:
                return _breach(f"the step left more than {MAX_WRITTEN:,} bytes in its work folder")
            if not stat.S_ISREG(state.st_mode) and (fault := _unfit(entry, state.st_mode, folder)):
                return _breach(f"the step left {entry.name!r} in its work folder, which {fault}")
            is_closed = is_closed or state.st_uid != owner or not is_open(state.st_mode)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return _breach("the step left folders in each other, too many to be looked into")
        return _breach(f"what the step left in its work folder cannot be looked into: {error.strerror}")
    return _Left(written=written, is_closed=is_closed)


def _entries(folder: str) -> Iterator[tuple[os.DirEntry[str], os.stat_result]]:
    """All that is below a folder. Raises OSError if it cannot be looked into, or is nested too deeply."""
    folders = [folder]
    deepest = folder.count("/") + _DEEPEST
    while folders:
        folder = folders.pop()
        if folder.count("/") > deepest:
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
        with os.scandir(folder) as entries:
            for entry in entries:
                yield entry, entry.stat(follow_symlinks=False)
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)


def _unfit(entry: os.DirEntry[str], mode: int, folder: str) -> str | None:
    """Why something below ``folder`` that is no file is not to be kept."""
    if stat.S_ISLNK(mode):
        return None if _stays_within(Path(entry.path), Path(folder)) else "is a link that leads out of it"
    return None if stat.S_ISDIR(mode) else "is no regular file"


def _stays_within(link: Path, folder: Path) -> bool:
    """Links that lead to each other do not, which :meth:`Path.resolve` no longer tells from Python 3.13 on."""
    try:
        link.stat()
    except OSError as error:
        if error.errno == errno.ELOOP:
            return False
    return link.resolve().is_relative_to(folder.resolve())


def _breach(message: str) -> TaskError:
    return TaskError(kind=ErrorKind.PROTOCOL, message=message)


def _take(folder: Path) -> None:
    """Gives a tree that the step's user wrote to root, without following what the step may have linked.

    The steps to come can read it, even what this one has kept to itself, as many programs do with new files.
    """
    for parent, folders, files in os.walk(folder):
        for path in (Path(parent) / name for name in (*folders, *files)):
            os.chown(path, 0, 0, follow_symlinks=False)
            let_in_below(path, folder)
    os.chown(folder, 0, 0)
