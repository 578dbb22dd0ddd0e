"""Having a job's images survive the machine, while it is already at work and its files may be moved."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_SMALL = 64 * 1024
"""Maximum number of bytes of a job's images that the registry keeps."""


def _nothing() -> None:
    """There is nothing to sync."""


@dataclass(frozen=True, kw_only=True)
class Images:
    """A job's images: those that the registry is to keep, by their names, and what syncs the others.

    ``sync`` raises OSError.
    """

    kept: Mapping[str, bytes] = field(default_factory=dict)
    sync: Callable[[], None] = _nothing


@contextmanager
def secured(images: Mapping[str, Path], known: Mapping[str, bytes | None]) -> Iterator[Images]:
    """Images that lie where they are said to at the beginning of the block, and may be moved in it. Raises OSError.

    The registry keeps small ones, whose content is ``known``, in the record that the job enters with; others are
    synced, with their names.
    """
    kept = {name: content for name in images if (content := known.get(name)) is not None}
    if len(kept) == len(images) and sum(map(len, kept.values())) <= _SMALL:
        yield Images(kept=kept)
        return
    with ExitStack() as stack:
        opened = []
        for path in (*images.values(), next(iter(images.values())).parent):
            opened.append(os.open(path, os.O_RDONLY))
            stack.callback(os.close, opened[-1])

        def sync() -> None:
            for descriptor in opened:
                os.fsync(descriptor)

        yield Images(sync=sync)
