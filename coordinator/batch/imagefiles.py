"""The image files of a batch: which there are, and which are not to be given to steps."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path, PurePosixPath

from coordinator.batch.recording import BadRecording
from coordinator.core.paths import IMAGE_SUFFIXES
from coordinator.errors import BatchError
from coordinator.formats.imagelimits import NO_FILE

MISSING = "does not exist"
"""Why there is nothing to look at."""
_LINK = "a link that leaves the batch (or leads nowhere); copy the file instead"


def image_files(batch: Path) -> Iterator[Path | BadRecording]:
    """All image files below a batch's folder, by name; hidden ones are passed over, links are not followed.

    Raises BatchError if the folder itself cannot be read.
    """
    pending = [batch]
    while pending:
        folder = pending.pop()
        try:
            files, folders = _names(folder)
        except OSError as error:
            if folder == batch:
                raise BatchError(f"batch {str(folder)!r} cannot be read: {error.strerror}") from error
            name = _readable_name(folder.relative_to(batch).as_posix())
            yield BadRecording(id=name, reason=f"the folder cannot be read: {error.strerror}")
            continue
        for name in files:
            yield _checked(folder / name, batch)
        pending.extend(folder / name for name in reversed(folders))


def is_inside(image: str) -> bool:
    """Whether a path that a table gives stays below the batch's folder, links aside."""
    return not image.startswith("/") and ".." not in image.split("/") and "\0" not in image


def refusal(image: str, batch: Path) -> str | None:
    """Why a file that a table names is not to be given to steps; MISSING for one that a step would not find."""
    try:
        state = os.lstat(f"{batch}/{image}")  # a path object would cost as much as the look
    except OSError as error:
        return (
            MISSING if error.errno in (errno.ENOENT, errno.ENOTDIR) else f"cannot be read: {error.strerror}"
        )
    mode = state.st_mode
    if not _folder_stays_within(image.rpartition("/")[0], batch) or (
        stat.S_ISLNK(mode) and not _stays_within(batch / image, batch)
    ):
        return f"is {_LINK}"
    if stat.S_ISREG(mode) and not state.st_size:
        return "is empty"
    if stat.S_ISLNK(mode) or stat.S_ISREG(mode):
        return None
    return NO_FILE


def _checked(path: Path, batch: Path) -> Path | BadRecording:
    name = path.relative_to(batch).as_posix()
    try:
        name.encode()
    except UnicodeEncodeError:
        reason = "the file name is not UTF-8; rename the file"
        return BadRecording(id=_readable_name(name), reason=reason)
    if path.is_symlink() and not _stays_within(path, batch):
        return BadRecording(id=name, reason=_LINK)
    return path


def _names(folder: Path) -> tuple[list[str], list[str]]:
    """The names of a folder's image files and of its sub-folders, each in order. Raises OSError."""
    files: list[str] = []
    folders: list[str] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
            elif PurePosixPath(entry.name).suffix.lower() in IMAGE_SUFFIXES:
                files.append(entry.name)
    return sorted(files, key=os.fsencode), sorted(folders, key=os.fsencode)


def _readable_name(name: str) -> str:
    """A file's name as text, whatever bytes it is made of."""
    return os.fsencode(name).decode(errors="backslashreplace")


def _stays_within(path: Path, folder: Path) -> bool:
    try:
        return path.resolve(strict=True).is_relative_to(folder)
    except (OSError, RuntimeError):
        return False


@lru_cache(maxsize=1024)
def _folder_stays_within(inner: str, folder: Path) -> bool:
    """The same for the folder ``inner`` below ``folder``, which many rows of a table share."""
    return _stays_within(folder / inner, folder)
