"""What tells one state of a local program from another, as an image's digest does for a container image."""

from __future__ import annotations

import hashlib
import importlib.util
import itertools
import os
import secrets
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

_MOST_FILES = 10_000
_CACHES = "__pycache__"


class _TooManyFiles(Exception):
    pass


def program_id(command: Sequence[str]) -> str:
    """An id that changes with the command and with the files that it names.

    These are the executable, the whole folder of each file on the command line, and the package behind ``-m``, by
    path, size and time. What the program loads from elsewhere is not seen. A program of more than 10,000 files has
    another id every time.
    """
    digest = hashlib.sha256(repr((tuple(command), sys.version)).encode())
    try:
        for count, path in enumerate(_files(command)):
            if count == _MOST_FILES:
                raise _TooManyFiles
            state = path.stat()
            digest.update(f"{path} {state.st_size} {state.st_mtime_ns}\n".encode(errors="surrogateescape"))
    except (OSError, _TooManyFiles):
        digest.update(secrets.token_bytes(16))
    return f"process {digest.hexdigest()}"


def _files(command: Sequence[str]) -> Iterator[Path]:
    if found := shutil.which(command[0]):
        yield Path(found).resolve()
    for before, argument in itertools.pairwise(command):
        if before == "-m":
            yield from _package(argument.partition(".")[0])
        elif Path(argument).is_dir():
            yield from _below(Path(argument))
        elif Path(argument).is_file():
            yield from _below(Path(argument).parent)


def _package(name: str) -> Iterator[Path]:
    """All files of a package, or a module's own. Nothing of it is imported."""
    try:
        found = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return
    if found is None:
        return
    for folder in found.submodule_search_locations or ():
        yield from _below(Path(folder))
    if found.origin and Path(found.origin).is_file():
        yield Path(found.origin)


def _below(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder.resolve()):
        folders[:] = sorted(name for name in folders if name != _CACHES and not name.startswith("."))
        yield from (Path(parent) / name for name in sorted(files) if not name.startswith("."))
