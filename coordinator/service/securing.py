"""Having a job's images survive the machine, while it is already at work and its files may be moved."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

_SMALL = 64 * 1024
"""Maximum number of bytes of a job's images that the registry keeps."""

Secure = Callable[[], Mapping[str, bytes]]
"""Has images survive the machine, or gives those that the registry is to keep, by their names. Raises OSError."""


@contextmanager
def secured(folder: Path, images: Mapping[str, Path]) -> Iterator[Secure]:
    """How to secure images, which lie in ``folder`` at the beginning of the block. Raises OSError.

    The registry keeps small ones, in the transaction that the job enters with; others are synced, with their names.
    """
    if sum(path.stat().st_size for path in images.values()) <= _SMALL:
        kept = {name: path.read_bytes() for name, path in images.items()}
        yield lambda: kept
        return
    with ExitStack() as stack:
        opened = []
        for path in (*images.values(), folder, folder.parent):
            opened.append(os.open(path, os.O_RDONLY))
            stack.callback(os.close, opened[-1])

        def sync() -> Mapping[str, bytes]:
            for descriptor in opened:
                os.fsync(descriptor)
            return {}

        yield sync
