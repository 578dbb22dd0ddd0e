"""A task's own folder: empty and writable for the step before; checked, and the invoking user's, after."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from coordinator.contract import ErrorKind, Success, TaskError
from coordinator.core.paths import MOUNT, WORK_MOUNT, image_paths
from coordinator.core.tasks import StepTask
from coordinator.record.disk import remove_tree
from coordinator.record.files import Files
from coordinator.record.permissions import let_in, let_in_below, make_folder
from coordinator.runners.spec import MAX_WRITTEN

_NOBODY = 65534
_MOUNTS = (f"{MOUNT}/", f"{WORK_MOUNT}/")
_BLOCK = 512
"""The unit of st_blocks: what a file takes on the disk, whatever size it claims."""
_LEAST = 4096
"""Bytes that a file counts for at least: there are only so many inodes."""
_TOO_DEEP = "the step left folders in each other, too many to be looked into"


def step_user() -> tuple[int, int]:
    """Whom steps run as: the invoking user, or nobody where that is root."""
    return (os.getuid(), os.getgid()) if os.getuid() != 0 else (_NOBODY, _NOBODY)


def prepare(task: StepTask, files: Files) -> None:
    """Makes the task's folder anew, for the step's user; a step that writes nothing has none."""
    if not task.step.writes:
        return
    folder = files.local(task.request.work_dir)
    try:
        folder.mkdir()
    except FileNotFoundError:
        if (
            files.apart is not None
        ):  # it was taken away: this instance is given up, and nobody waits for the task
            raise
        make_folder(folder)
    except FileExistsError:
        remove_tree(folder)
        folder.mkdir()
    if os.getuid() == 0:
        let_in(folder.parent)
        let_in(folder)
        os.chown(folder, *step_user())


def hand_over(task: StepTask, files: Files, result: Success | TaskError) -> Success | TaskError:
    """What a successful step wrote becomes the invoking user's; what a failed one wrote goes, as do empty folders.

    A success is an error after all if the step leaves more than may be kept, or names images that are not the run's.
    """
    if isinstance(result, Success):
        result = _astray(result) or result
    if not task.step.writes:
        return result
    folder = files.local(task.request.work_dir)
    if isinstance(result, Success):
        result = _excess(folder) or result
    if isinstance(result, TaskError):
        discard(task, files)
    elif not _is_removed_as_empty(folder) and os.getuid() == 0:
        _take(folder)
    return result


def discard(task: StepTask, files: Files) -> None:
    """Removes the task's folder and what its step wrote."""
    if task.step.writes:
        remove_tree(files.local(task.request.work_dir))


def _is_removed_as_empty(folder: Path) -> bool:
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _astray(result: Success) -> TaskError | None:
    """The complaint about an image of the response that lies neither in the batch nor where steps write."""
    for path in image_paths(result.items):
        if not path.startswith(_MOUNTS) or ".." in path.split("/"):
            return _breach(f"the response names the image {path!r}: images lie below {MOUNT} or {WORK_MOUNT}")
    return None


def _excess(folder: Path) -> TaskError | None:
    """The complaint about what a step left in its folder: too much, or what is no file of its own."""
    written = 0
    try:
        for parent, folders, files in os.walk(folder, onerror=_raise):
            for path in (Path(parent) / name for name in (*folders, *files)):
                state = path.lstat()
                written += max(state.st_blocks * _BLOCK, _LEAST)
                if written > MAX_WRITTEN:
                    return _breach(f"the step left more than {MAX_WRITTEN:,} bytes in its work folder")
                if fault := _unfit(path, state.st_mode, folder):
                    return _breach(f"the step left {path.name!r} in its work folder, which {fault}")
    except RecursionError:
        return _breach(_TOO_DEEP)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:  # from Python 3.12 on, os.walk does not call itself
            return _breach(_TOO_DEEP)
        return _breach(f"what the step left in its work folder cannot be looked into: {error.strerror}")
    return None


def _raise(error: OSError) -> None:
    raise error


def _unfit(path: Path, mode: int, folder: Path) -> str | None:
    """Why something below ``folder`` is not to be kept."""
    if stat.S_ISLNK(mode):
        return None if _stays_within(path, folder) else "is a link that leads out of it"
    return None if stat.S_ISREG(mode) or stat.S_ISDIR(mode) else "is no regular file"


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
