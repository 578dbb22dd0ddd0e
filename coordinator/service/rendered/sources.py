"""From a source's name to its content: an image below the operator's folder, or at a URL.

What a source is, is told by its content's digest. It is remembered by what tells cheaply that nothing has changed: of a
file by its stamp, of a URL with the server's word, which is asked for again after a minute.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO, Generic, TypeVar

from coordinator.service.folder import Missing, opened, pieces
from coordinator.service.mapped import mapped, mapped_file
from coordinator.service.photographs import Photograph, examine
from coordinator.service.rasters import Buffer
from coordinator.service.refusal import Refused
from coordinator.service.rendered.conditions import http_date
from coordinator.service.rendered.fetching import Fetched, Fetcher
from coordinator.service.rendered.prefixes import FIELD, is_url
from coordinator.service.rendered.shelf import Kept, Shelf

FRESH_SECONDS = 60.0
"""For which a URL's content counts as unchanged."""
_YOUNG_NS = 2_000_000_000
"""A file that changed so many nanoseconds ago may change again within one tick of its clock, and seem the same."""
_REMEMBERED = 10_000
_TRIES = 3

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A source as it was found. ``modified`` is an HTTP date, None if nobody tells.

    ``kept`` is its content if it has just been fetched: it may have to make room before it is worked on.
    """

    digest: str
    photograph: Photograph
    modified: str | None
    kept: Kept | None = field(default=None, compare=False)


class Changed(Exception):
    """A source is not any more what it was seen to be."""


class Sources:
    """All sources; safe to use from many threads. What it refuses, it blames on ``source``."""

    def __init__(
        self, images: Path | None, fetcher: Fetcher, shelf: Shelf, *, most_bytes: int, most_pixels: int
    ) -> None:
        """``images`` is the folder of those that are no URLs; the others are kept on the ``shelf``."""
        self._images = _Images(images, shelf, most_bytes, most_pixels)
        self._web = _Web(fetcher, shelf, most_pixels)

    def known(self, source: str) -> Seen | None:
        """The source as far as nobody has to be asked, and no file to be read."""
        return self._web.known(source) if is_url(source) else self._images.known(source)

    def look(self, source: str) -> Seen:
        """The source as it is now. Raises Refused, and OSError if it cannot be kept."""
        return self._web.look(source) if is_url(source) else self._images.look(source)

    def lay(self, source: str, seen: Seen, target: Path) -> None:
        """Has the content that was seen lie at ``target``. Raises Changed, and OSError."""
        if is_url(source):
            self._web.lay(source, seen, target)
        else:
            self._images.lay(source, seen, target)


class _Images:
    """Images below the operator's folder, which may change at any time. One is known by its stamp."""

    def __init__(self, root: Path | None, shelf: Shelf, most_bytes: int, most_pixels: int) -> None:
        self._root, self._shelf = root, shelf
        self._most_bytes, self._most_pixels = most_bytes, most_pixels
        self._remembered: _Memory[Seen] = _Memory()

    def known(self, source: str) -> Seen | None:
        with self._opened(source) as file:
            return self._remembered.get(_stamp(file))

    def look(self, source: str) -> Seen:
        for _ in range(_TRIES):
            with self._opened(source) as file, self._shelf.scratch() as copy:
                before = _stamp(file)
                digest = _copied(pieces(file, FIELD, self._most_bytes), copy)
                state = os.fstat(file.fileno())
                if _stamp(file) != before:
                    continue
                with mapped_file(copy) as data:
                    photograph = _examined(data, self._most_pixels)
            modified = formatdate(int(state.st_mtime), usegmt=True)
            seen = Seen(digest=digest, photograph=photograph, modified=modified)
            if time.time_ns() - state.st_mtime_ns > _YOUNG_NS:
                self._remembered.put(before, seen)
            return seen
        raise Refused(FIELD, "is being written", HTTPStatus.SERVICE_UNAVAILABLE, retry_after=1)

    def lay(self, source: str, seen: Seen, target: Path) -> None:
        with self._opened(source) as file, target.open("wb") as copy:
            stamp, digest = _stamp(file), _copied(pieces(file, FIELD, self._most_bytes), copy)
        if digest != seen.digest:
            self._remembered.drop(stamp)
            raise Changed

    @contextmanager
    def _opened(self, source: str) -> Iterator[BinaryIO]:
        """The file of that name within all limits. Raises Refused."""
        if self._root is None:
            message = "this service takes no images by path; its operator names their folder by --images"
            raise Refused(FIELD, message, HTTPStatus.FORBIDDEN)
        try:
            with opened(self._root, source, FIELD, self._most_bytes) as file:
                yield file
        except Missing as error:
            raise Refused(FIELD, str(error), HTTPStatus.NOT_FOUND) from error


class _Web:
    """Images at URLs; what was fetched stays on the shelf for other results of the same source."""

    def __init__(self, fetcher: Fetcher, shelf: Shelf, most_pixels: int) -> None:
        self._fetcher, self._shelf = fetcher, shelf
        self._most_pixels = most_pixels
        self._remembered: _Memory[tuple[float, Fetched, Seen]] = _Memory()

    def known(self, source: str) -> Seen | None:
        remembered = self._remembered.get(_short(source))
        if remembered is None or time.monotonic() - remembered[0] > FRESH_SECONDS:
            return None
        return remembered[2]

    def look(self, source: str) -> Seen:
        _, before, seen = self._remembered.get(_short(source)) or (0.0, None, None)
        aside = self._shelf.aside(secrets.token_hex(8))
        try:
            asked = time.monotonic()
            fetched = self._fetcher.fetch(source, aside, before)
            if fetched is None and before is not None and seen is not None:
                self._remembered.put(_short(source), (asked, before, seen))
                return seen
            assert fetched is not None  # nothing was known that it could be
            with mapped(aside) as data:
                photograph = _examined(data, self._most_pixels)
            modified = http_date(fetched.modified) if fetched.modified else None
            seen = Seen(digest=fetched.digest, photograph=photograph, modified=modified)
            kept = self._shelf.put(aside, _name(seen))
            self._remembered.put(_short(source), (asked, fetched, seen))
            return replace(seen, kept=kept)
        finally:
            aside.unlink(missing_ok=True)

    def lay(self, source: str, seen: Seen, target: Path) -> None:
        if self._shelf.link(_name(seen), target):
            return
        if seen.kept is None:
            self._remembered.drop(_short(source))  # so that it is fetched anew
            raise Changed
        with target.open("wb") as copy:
            _copied(seen.kept.pieces(), copy)


class _Memory(Generic[T]):
    """What is known of the sources that were asked for last, by short names; safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[str, T] = OrderedDict()

    def get(self, name: str) -> T | None:
        with self._lock:
            found = self._known.get(name)
            if found is not None:
                self._known.move_to_end(name)
            return found

    def put(self, name: str, found: T) -> None:
        with self._lock:
            self._known[name] = found
            self._known.move_to_end(name)
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)

    def drop(self, name: str) -> None:
        with self._lock:
            self._known.pop(name, None)


def _examined(data: Buffer, most_pixels: int) -> Photograph:
    """What an image is, without its parts, of which it may have thousands: it is to be remembered."""
    return replace(examine(data, FIELD, most_pixels), parts=())


def _short(source: str) -> str:
    """What stands for a source's name, which may be long, where it is to be remembered."""
    return hashlib.sha256(source.encode()).hexdigest()


def _name(seen: Seen) -> str:
    """A fetched source's on the shelf."""
    return f"{seen.digest}.source"


def _copied(content: Iterable[bytes], into: BinaryIO) -> str:
    """Writes a content that comes in pieces; returns its digest."""
    digest = hashlib.sha256()
    for piece in content:
        digest.update(piece)
        into.write(piece)
    into.flush()
    return digest.hexdigest()


def _stamp(file: BinaryIO) -> str:
    state = os.fstat(file.fileno())
    return f"{state.st_dev} {state.st_ino} {state.st_size} {state.st_mtime_ns} {state.st_ctime_ns}"
