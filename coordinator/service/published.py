"""What is published of jobs, as links name it: ``ID/photo-0.jpg`` and ``ID/original/photo.jpg``.

The original lies beside the results as ``original~photo.jpg``: a folder of its own would cost as much as a small image.
The version before made that folder, and what it left is found, too.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path, PurePosixPath

ORIGINALS = "original"
MARK = f"{ORIGINALS}~"
"""How the files of originals begin. No result is called so, as no client's name keeps a tilde."""


def find(static: Path, path: str) -> Path | list[str] | None:
    """What is at a URL's path below ``static``: a file, the names in a folder, or None if there is nothing.

    The names of folders end with a slash.
    """
    parts = PurePosixPath(path).parts
    if "\0" in path or any(part.startswith((".", "/", MARK)) for part in parts):
        return None
    is_original = parts[1:2] == (ORIGINALS,)
    if is_original and len(parts) == 3 and _is_file(marked := static / parts[0] / f"{MARK}{parts[2]}"):
        return marked
    found = static.joinpath(*parts)
    if _is_file(found):
        return found
    names = _names(found)
    if names is None and is_original and len(parts) == 2:
        return _originals(found.parent) or None
    return names


def _is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def _names(folder: Path) -> list[str] | None:
    """What a folder shows; None if it is none."""
    try:
        if not stat.S_ISDIR(folder.lstat().st_mode):
            return None
        with os.scandir(folder) as entries:
            seen = {_shown(entry) for entry in entries if not entry.name.startswith(".")}
    except OSError:
        return None
    return sorted(seen)


def _shown(entry: os.DirEntry[str]) -> str:
    if entry.name.startswith(MARK):
        return f"{ORIGINALS}/"
    return f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name


def _originals(folder: Path) -> list[str]:
    try:
        names = [path.name for path in folder.iterdir()]
    except OSError:
        return []
    return sorted(name.removeprefix(MARK) for name in names if name.startswith(MARK))
