"""Files that are looked at where they lie, without being read into memory."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from coordinator.service.rasters import Buffer


@contextmanager
def mapped(path: Path) -> Iterator[Buffer]:
    """A file's bytes, as long as the block lasts, without reading what nobody looks at. Raises OSError."""
    if not path.stat().st_size:  # nothing cannot be mapped
        yield b""
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        yield data
