"""What a local program imports that an image of it would hold: read from the ``requirements.txt`` beside its code."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def lacking(command: Sequence[str]) -> list[str]:
    """The lines of the requirements of the package behind ``python3 -m`` that this interpreter has in no version.

    Nothing of the package is imported. Empty for any other command.
    """
    if command[0] not in ("python", "python3"):
        return []
    return [line for path in _files(command) for line in _lines(path) if not _is_here(line)]


def _files(command: Sequence[str]) -> Iterator[Path]:
    for before, argument in itertools.pairwise(command):
        if before == "-m":
            top, *inner = argument.split(".")
            for folder in _folders(top):
                path = folder.joinpath(*inner, "requirements.txt")
                if path.is_file():
                    yield path


def _folders(package: str) -> list[Path]:
    try:
        found = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return []
    return [Path(folder) for folder in (found.submodule_search_locations or ())] if found else []


def _lines(path: Path) -> Iterator[str]:
    for line in path.read_text(encoding="utf-8").splitlines():
        wanted = line.partition("#")[0].strip()
        if _NAME.match(wanted):
            yield wanted


def _is_here(line: str) -> bool:
    name = _NAME.match(line)
    assert name is not None
    try:
        importlib.metadata.distribution(name[0])
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
