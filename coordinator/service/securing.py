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
def secured(images: Mapping[str, Path], known: Mapping[str, bytes | None]) -> Iterator[Secure]:
    """How to secure images, which lie where they are said to at the beginning of the block. Raises OSError.

    The registry keeps small ones, whose content is ``known``, in the record that the job enters with; others are
    synced, with their names.
    """
    kept = {name: content for name in images if (content := known.get(name)) is not None}
    if len(kept) == len(images) and sum(map(len, kept.values())) <= _SMALL:
        yield lambda: kept
        return
    with ExitStack() as stack:
        opened = []
        for path in (*images.values(), next(iter(images.values())).parent):
            opened.append(os.open(path, os.O_RDONLY))
            stack.callback(os.close, opened[-1])

        def sync() -> Mapping[str, bytes]:
            for descriptor in opened:
                os.fsync(descriptor)
            return {}

        yield sync
