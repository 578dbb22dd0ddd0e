"""What tells one state of a local program from another, as an image's digest does for a container image."""

from __future__ import annotations

import hashlib
import importlib.util
import itertools
import os
import re
import secrets
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from coordinator.record.runfolder import JOURNAL

_MAX_FILES = 10_000
_CACHES = "__pycache__"
_IGNORE = ".dockerignore"


class _TooManyFiles(Exception):
    pass


def program_id(command: Sequence[str]) -> str:
    """An id that changes with the command and with the files that it names.

    These are the executable, the whole folder of each file on the command line, and the package behind ``-m``, by
    path, size and time. What the program loads from elsewhere is not seen. What a package's .dockerignore keeps out of
    its images does not count here either: a README that was edited makes no results anew. A program of more than
    10,000 files has another id every time.
    """
    digest = hashlib.sha256(repr((tuple(command), sys.version)).encode())
    try:
        for count, path in enumerate(_files(command)):
            if count == _MAX_FILES:
                raise _TooManyFiles
            state = path.stat()
            digest.update(f"{path} {state.st_size} {state.st_mtime_ns}\n".encode(errors="surrogateescape"))
    except (OSError, _TooManyFiles):
        digest.update(secrets.token_bytes(16))
    return f"process {digest.hexdigest()}"


def program_content(command: Sequence[str]) -> str:
    """An id that changes with what is in those files, wherever and whenever they were installed; Python's own aside.

    What cannot be read, or is too much to be, is as another one's every time.
    """
    digest = hashlib.sha256()
    files = _named(command) if command[0] in ("python", "python3") else _files(command)
    try:
        for count, path in enumerate(files):
            if count == _MAX_FILES:
                raise _TooManyFiles
            with path.open("rb") as file:
                digest.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    except (OSError, _TooManyFiles):
        digest.update(secrets.token_bytes(16))
    return digest.hexdigest()


def _files(command: Sequence[str]) -> Iterator[Path]:
    if found := shutil.which(command[0]):
        yield Path(found).resolve()
    yield from _named(command)


def _named(command: Sequence[str]) -> Iterator[Path]:
    """The files that the command names behind its executable."""
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
        is_left_out = _left_out(Path(folder) / _IGNORE)
        root = Path(folder).resolve()
        yield from (path for path in _below(root) if not is_left_out(path.relative_to(root).as_posix()))
    if found.origin and Path(found.origin).is_file():
        yield Path(found.origin)


def _below(folder: Path) -> Iterator[Path]:
    """All files but hidden ones, and those of runs: what a program has done does not make it another program."""
    for parent, folders, files in os.walk(folder.resolve()):
        if JOURNAL in files:
            folders.clear()
            continue
        folders[:] = sorted(name for name in folders if name != _CACHES and not name.startswith("."))
        yield from (Path(parent) / name for name in sorted(files) if not name.startswith("."))


def _left_out(ignore: Path) -> Callable[[str], object]:
    """Whether a path, relative to the package, is one of those that a .dockerignore names, or lies below one."""
    lines = ignore.read_text(encoding="utf-8").splitlines() if ignore.is_file() else []
    patterns = [
        stripped.strip("/") for line in lines if (stripped := line.strip()) and not stripped.startswith("#")
    ]
    # Exceptions bring files back, in an order that counts. Who has some is better off with too many files than too few.
    if not patterns or any(pattern.startswith("!") for pattern in patterns):
        return lambda path: False
    return re.compile(f"(?:{'|'.join(_regex(pattern) for pattern in patterns)})(?:/.*)?").fullmatch


def _regex(pattern: str) -> str:
    """One line of a .dockerignore, as far as its signs are ``*``, ``?`` and ``**/``; any other stands for itself."""
    signs = {"**/": "(?:.*/)?", "*": "[^/]*", "?": "[^/]"}
    return "".join(signs.get(part) or re.escape(part) for part in re.findall(r"\*\*/|.", pattern))
