"""Folders and files that steps can read, whatever umask and default ACLs the coordinator was started with.

An ordinary user's steps run as himself and need nothing of this. Root's run as nobody (runners/workfolder.py): what
root makes for them is opened to everybody. A run folder that is closed all the same keeps it from everybody but the
containers, which do not come that way.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

_ENTER_AND_READ, _READ = 0o755, 0o644
_INHERITED = "system.posix_acl_default"
"""What a folder hands on to all that is made in it, in place of the umask."""


def make_folder(folder: Path) -> None:
    """Makes a folder that steps can read, and those above it that are missing; one that is there is opened to them.

    Raises OSError as ``mkdir`` does.
    """
    if not folder.parent.exists():
        make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    let_in(folder)


def let_in(path: Path | str) -> None:
    """Lets steps read a file or folder of ours, to which no step can write. Raises OSError."""
    if os.getuid() != 0:
        return
    state = os.stat(path)  # noqa: PTH116 (a path object would cost as much as the look)
    wanted = _opened(state.st_mode)
    if wanted != state.st_mode:
        Path(path).chmod(stat.S_IMODE(wanted))
        if stat.S_ISDIR(state.st_mode):
            with suppress(OSError):  # there is none, or no such thing on this file system
                os.removexattr(path, _INHERITED)


def let_in_below(path: Path, folder: Path) -> None:
    """The same for what a step has left in ``folder``, where it may still exchange anything for a link that leads out.

    Raises OSError.
    """
    mode = path.lstat().st_mode
    wanted = _opened(mode)
    if wanted == mode or stat.S_ISLNK(mode):
        return
    opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if Path(f"/proc/self/fd/{opened}").readlink().is_relative_to(folder.resolve()):
            os.fchmod(opened, stat.S_IMODE(wanted))
    finally:
        os.close(opened)


def is_open(mode: int) -> bool:
    """Whether steps may read a file, or look into a folder, of this mode; of a link it means nothing."""
    return stat.S_ISLNK(mode) or _opened(mode) == mode


def _opened(mode: int) -> int:
    return mode | (_ENTER_AND_READ if stat.S_ISDIR(mode) else _READ)
