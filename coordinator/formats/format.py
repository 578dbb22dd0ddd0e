"""What a format of recordings is: a name, where a folder has it, and how it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from coordinator.findings import Tell
from coordinator.formats.row import Entry


@dataclass(frozen=True)
class File:
    """A file (or folder of files) of recordings in a batch's ``folder``.

    ``projected`` says that the batch names a CRS, in which poses without longitude and latitude may be.
    """

    path: Path
    folder: Path
    projected: bool = False


@dataclass(frozen=True)
class Format:
    """One format: its name for ``--format``, where a folder has it, and its rows.

    ``read`` raises BatchError for a file that is none of this format.
    """

    name: str
    find: Callable[[Path], Path | None]
    read: Callable[[File, Tell], Iterator[Entry]]
