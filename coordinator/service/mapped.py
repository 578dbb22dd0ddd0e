"""Files that are looked at where they lie, without being read into memory.

Only the service's own: a look at bytes that a file has lost meanwhile ends the whole process (SIGBUS), so none that
anybody else can write to is mapped.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from coordinator.service.rasters import Buffer


@contextmanager
def mapped(path: Path) -> Iterator[Buffer]:
    """The bytes of one of the service's files, as long as the block lasts, without reading what nobody looks at.

    Raises OSError.
    """
    with path.open("rb") as file, mapped_file(file) as data:
        yield data


@contextmanager
def mapped_file(file: BinaryIO) -> Iterator[Buffer]:
    """The same of one that is open, and maybe has no name. Raises OSError."""
    if not os.fstat(file.fileno()).st_size:  # nothing cannot be mapped
        yield b""
        return
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        yield data
