"""Whether the user whom steps run as may read the batch, told by modes and ACLs before anything starts.

Only what lies in the batch counts: containers do not come by the folders above it.
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from coordinator.errors import BatchError
from coordinator.runners.workfolder import step_user

_READ, _ENTER = 4, 1
_ACL = "system.posix_acl_access"
_OWNER, _USER, _OWN_GROUP, _GROUP, _MASK, _OTHER = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
"""The tags of an ACL's entries (linux/posix_acl_xattr.h)."""
_GROUPS = (_OWN_GROUP, _GROUP)
_NAMED = 3


def unreadable(batch: Path, images: Iterable[Path]) -> str | None:
    """What to say of those of ``images``, files below ``batch``, that steps may not read; None if there are none.

    Raises BatchError if steps may not read anything: they may not enter the batch, or read any of the images.
    """
    user = step_user()
    if not _may(batch, user, _ENTER):
        raise BatchError(f"{_who(user)} may not enter {_shown(batch)}; {_todo(batch)}")
    found = {image: _barred(batch, image, user) for image in images}
    bars = [bar for bar in found.values() if bar is not None]
    if not bars:
        return None
    named = ", ".join(_shown(bar) for bar in dict.fromkeys(bars[:_NAMED]))
    if len(bars) == len(found):
        raise BatchError(f"{_who(user)} may not read the photographs: {named}; {_todo(batch)}")
    return (
        f"{len(bars)} of the first {len(found)} photographs may not be read by the user whom steps run as, "
        f"so that their tasks will fail: {named}; {_todo(batch)}"
    )


def _barred(batch: Path, image: Path, user: tuple[int, int]) -> Path | None:
    """What keeps the user from an image: a folder on the way to it or the file itself; None if nothing does."""
    between = [folder for folder in image.parents if folder != batch and folder.is_relative_to(batch)]
    try:
        for folder in reversed(between):
            if not _may(folder, user, _ENTER):
                return folder
        return None if _may(image, user, _READ) else image
    except OSError:  # it is not there, which its task will tell
        return None


def _may(path: Path, user: tuple[int, int], wanted: int) -> bool:
    """Whether the user, who is in no further group, may do it. Raises OSError."""
    state = path.stat()
    try:
        entries = list(_entries(os.getxattr(path, _ACL)))
    except OSError:  # no ACL, or no such thing on this file system
        entries = [
            (_OWNER, state.st_mode >> 6 & 7, 0),
            (_OWN_GROUP, state.st_mode >> 3 & 7, 0),
            (_OTHER, state.st_mode & 7, 0),
        ]
    return permits(entries, user, (state.st_uid, state.st_gid), wanted)


def permits(
    entries: Sequence[tuple[int, int, int]], user: tuple[int, int], owner: tuple[int, int], wanted: int
) -> bool:
    """The kernel's rule (acl(5), access check algorithm) over entries of tag, permissions and id.

    ``user`` and ``owner`` are user and group ids, ``wanted`` is 4 for reading, 1 for entering.
    """
    uid, gid = user
    mask = next((permissions for tag, permissions, _ in entries if tag == _MASK), 7)
    by_tag = {tag: permissions for tag, permissions, _ in entries}
    if uid == owner[0]:
        return bool(by_tag[_OWNER] & wanted)
    for tag, permissions, named in entries:
        if tag == _USER and named == uid:
            return bool(permissions & mask & wanted)
    groups = [
        permissions
        for tag, permissions, named in entries
        if tag in _GROUPS and gid == (owner[1] if tag == _OWN_GROUP else named)
    ]
    if groups:
        return any(permissions & mask & wanted for permissions in groups)
    return bool(by_tag[_OTHER] & wanted)


def _entries(acl: bytes) -> Iterator[tuple[int, int, int]]:
    """The entries of an ACL's extended attribute: a version, then tag, permissions and id of each."""
    return struct.iter_unpack("<HHI", acl[4:])


def _who(user: tuple[int, int]) -> str:
    why = ", nobody, because the coordinator runs as root" if os.getuid() == 0 else ", without further groups"
    return f"steps run as user {user[0]} and group {user[1]}{why}, who"


def _shown(path: Path) -> str:
    state = path.stat()
    return f"{str(path)!r} ({stat.filemode(state.st_mode)}, user {state.st_uid}, group {state.st_gid})"


def _todo(batch: Path) -> str:
    return f"chmod -R o+rX {str(batch)!r}, or start the coordinator as the user who owns it"
