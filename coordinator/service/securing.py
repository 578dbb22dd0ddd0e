"""Having a job's images survive the machine, while it is already at work and its files may be moved."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

SMALL = 64 * 1024
"""Maximum number of bytes of an image that is kept in memory as it comes, and of a job's images in the registry."""


class Image(Protocol):
    """Where an image lies, and what is in it, if that is in memory."""

    @property
    def path(self) -> Path: ...
    @property
    def content(self) -> bytes | None: ...


def _nothing() -> None:
    """There is nothing to sync."""


@dataclass(frozen=True, kw_only=True)
class Images:
    """A job's images: those that the registry is to keep, by their names, and what syncs the others.

    ``sync`` raises OSError.
    """

    kept: Mapping[str, bytes] = field(default_factory=dict)
    sync: Callable[[], None] = _nothing

    def synced(self, written: Future[None]) -> Future[None]:
        """Syncs the images; the future is done when they and what is ``written`` last, or holds why they do not."""
        if self.sync is _nothing:
            return written
        stored: Future[None] = Future()
        try:
            self.sync()
        except OSError as error:
            stored.set_exception(error)
        else:
            written.add_done_callback(lambda _: _pass_on(written, stored))
        return stored


@contextmanager
def secured(images: Mapping[str, Image]) -> Iterator[Images]:
    """Images, by their names, that lie in their places at the beginning of the block, and may be moved in it.

    The registry keeps small ones, whose content is known, in the record that the job enters with; others are
    synced, with their names. Raises OSError.
    """
    kept = {name: image.content for name, image in images.items() if image.content is not None}
    if len(kept) == len(images) and sum(map(len, kept.values())) <= SMALL:
        yield Images(kept=kept)
        return
    with ExitStack() as stack:
        opened = []
        paths = [image.path for image in images.values()]
        for path in (*paths, paths[0].parent):
            opened.append(os.open(path, os.O_RDONLY))
            stack.callback(os.close, opened[-1])

        def sync() -> None:
            for descriptor in opened:
                os.fsync(descriptor)

        yield Images(sync=sync)


def _pass_on(done: Future[None], to: Future[None]) -> None:
    """Has a future end as another one has."""
    error = done.exception()
    if error:
        to.set_exception(error)
    else:
        to.set_result(None)
