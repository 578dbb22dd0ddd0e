"""From a source's name to its content: an image below the operator's folder, or at a URL.

What a source is, is told by its content's digest. It is remembered with what tells cheaply that nothing has changed: of
a file its stamp, of a URL the server's word, which is asked for again after a minute.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO, Generic, TypeVar

from coordinator.service.mapped import mapped
from coordinator.service.photographs import Photograph, examine
from coordinator.service.refusal import TOO_LARGE, Refused
from coordinator.service.rendered.fetching import Fetched, Fetcher
from coordinator.service.rendered.prefixes import FIELD, is_url
from coordinator.service.rendered.shelf import Shelf

FRESH_SECONDS = 60.0
"""For which a URL's content counts as unchanged."""
_YOUNG_NS = 2_000_000_000
"""A file that changed so many nanoseconds ago may change again within one tick of its clock, and seem the same."""
_REMEMBERED = 10_000
_CHUNK = 1024 * 1024
_TRIES = 3

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A source as it was found. ``modified`` is an HTTP date, None if nobody tells."""

    digest: str
    photograph: Photograph
    modified: str | None


class Changed(Exception):
    """A source is not any more what it was seen to be."""


class Sources:
    """All sources; safe to use from many threads. What it refuses, it blames on ``source``."""

    def __init__(
        self, images: Path | None, fetcher: Fetcher, shelf: Shelf, *, most_bytes: int, most_pixels: int
    ) -> None:
        """``images`` is the folder of those that are no URLs; the others are kept on the ``shelf``."""
        self._folder = _Folder(images, most_bytes, most_pixels)
        self._web = _Web(fetcher, shelf, most_pixels)

    def known(self, source: str) -> Seen | None:
        """The source as far as nobody has to be asked, and no file to be read."""
        return self._web.known(source) if is_url(source) else self._folder.known(source)

    def look(self, source: str) -> Seen:
        """The source as it is now. Raises Refused, and OSError if it cannot be kept."""
        return self._web.look(source) if is_url(source) else self._folder.look(source)

    def lay(self, source: str, seen: Seen, target: Path) -> None:
        """Has the content that was seen lie at ``target``. Raises Changed, and OSError."""
        if is_url(source):
            self._web.lay(source, seen, target)
        else:
            self._folder.lay(source, seen, target)


class _Folder:
    """Images below a folder, which may change at any time."""

    def __init__(self, root: Path | None, most_bytes: int, most_pixels: int) -> None:
        self._root = root
        self._most_bytes, self._most_pixels = most_bytes, most_pixels
        self._remembered: _Memory[tuple[str, Seen]] = _Memory()

    def known(self, source: str) -> Seen | None:
        remembered = self._remembered.get(source)
        if remembered is None:
            return None
        with self._opened(source) as file:
            return remembered[1] if _stamp(file) == remembered[0] else None

    def look(self, source: str) -> Seen:
        for _ in range(_TRIES):
            with self._opened(source) as file:
                before = _stamp(file)
                digest = hashlib.sha256()
                while chunk := file.read(_CHUNK):
                    digest.update(chunk)
                # By its descriptor: at its path there may be another one by now.
                opened = Path(f"/proc/self/fd/{file.fileno()}")
                with mapped(opened) as data:
                    photograph = examine(data, FIELD, self._most_pixels)
                state = os.fstat(file.fileno())
                if _stamp(file) != before:
                    continue
            seen = Seen(
                digest=digest.hexdigest(),
                photograph=photograph,
                modified=formatdate(int(state.st_mtime), usegmt=True),
            )
            if time.time_ns() - state.st_mtime_ns > _YOUNG_NS:
                self._remembered.put(source, (before, seen))
            return seen
        raise Refused(FIELD, "is being written", HTTPStatus.SERVICE_UNAVAILABLE, retry_after=1)

    def lay(self, source: str, seen: Seen, target: Path) -> None:
        digest = hashlib.sha256()
        with self._opened(source) as file, target.open("wb") as copy:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                copy.write(chunk)
        if digest.hexdigest() != seen.digest:
            self._remembered.drop(source)
            raise Changed

    @contextmanager
    def _opened(self, source: str) -> Iterator[BinaryIO]:
        """The file of that name within all limits. Raises Refused."""
        if self._root is None:
            message = "this service takes no images by path; its operator names their folder by --images"
            raise Refused(FIELD, message, HTTPStatus.FORBIDDEN)
        missing = Refused(
            FIELD, "names no image that can be read below the operator's folder", HTTPStatus.NOT_FOUND
        )
        try:
            path = (self._root / source).resolve()
            if not path.is_relative_to(self._root):
                raise missing
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except (OSError, ValueError, RuntimeError) as error:  # the last is a circle of links
            raise missing from error
        try:
            state = os.fstat(descriptor)
            if not stat.S_ISREG(state.st_mode):
                raise missing
            if state.st_size > self._most_bytes:
                raise Refused(FIELD, f"is larger than {self._most_bytes:,} bytes", TOO_LARGE)
            with open(descriptor, "rb", closefd=False) as file:
                yield file
        finally:
            os.close(descriptor)


class _Web:
    """Images at URLs; what was fetched stays on the shelf for other results of the same source."""

    def __init__(self, fetcher: Fetcher, shelf: Shelf, most_pixels: int) -> None:
        self._fetcher, self._shelf = fetcher, shelf
        self._most_pixels = most_pixels
        self._remembered: _Memory[tuple[float, Fetched, Seen]] = _Memory()

    def known(self, source: str) -> Seen | None:
        remembered = self._remembered.get(source)
        if remembered is None or time.monotonic() - remembered[0] > FRESH_SECONDS:
            return None
        return remembered[2]

    def look(self, source: str) -> Seen:
        _, before, seen = self._remembered.get(source) or (0.0, None, None)
        aside = self._shelf.aside(secrets.token_hex(8))
        try:
            asked = time.monotonic()
            fetched = self._fetcher.fetch(source, aside, before)
            if fetched is None and before is not None and seen is not None:
                self._remembered.put(source, (asked, before, seen))
                return seen
            assert fetched is not None  # nothing was known that it could be
            with mapped(aside) as data:
                photograph = examine(data, FIELD, self._most_pixels)
            seen = Seen(digest=fetched.digest, photograph=photograph, modified=fetched.modified)
            self._shelf.put(aside, _name(seen))
            self._remembered.put(source, (asked, fetched, seen))
            return seen
        finally:
            aside.unlink(missing_ok=True)

    def lay(self, source: str, seen: Seen, target: Path) -> None:
        if not self._shelf.link(_name(seen), target):
            self._remembered.drop(source)  # so that it is fetched anew
            raise Changed


class _Memory(Generic[T]):
    """What is known of the sources that were asked for last; safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[str, T] = OrderedDict()

    def get(self, source: str) -> T | None:
        with self._lock:
            found = self._known.get(source)
            if found is not None:
                self._known.move_to_end(source)
            return found

    def put(self, source: str, found: T) -> None:
        with self._lock:
            self._known[source] = found
            self._known.move_to_end(source)
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)

    def drop(self, source: str) -> None:
        with self._lock:
            self._known.pop(source, None)


def _name(seen: Seen) -> str:
    """A fetched source's on the shelf."""
    return f"{seen.digest}.source"


def _stamp(file: BinaryIO) -> str:
    state = os.fstat(file.fileno())
    return f"{state.st_dev} {state.st_ino} {state.st_size} {state.st_mtime_ns} {state.st_ctime_ns}"
