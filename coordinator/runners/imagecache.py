"""Images that were fetched, kept on a node's own disk within a bound, for all that run there.

    objects/ab/ab...        an image, by a digest of its URL and of what the batch says of its content
    objects/ab/ab....json   what its server said of it, and the run that has asked last
    views/1234-ab/          of one process: a lock, images that are coming, and images that its tasks use
    lock, size              who counts; the bytes of all files, at least

What a task uses has a second name in its process's view, a hard link, under the path that steps know. So nothing that
is in use is ever lost, whoever makes room; images without a second name go when room is needed, those that were not
used for the longest time first. A view ends with its process, and whoever makes room removes those of the dead.

An image in the cache counts as long as the run is the same, or the batch itself says what its content is; else the
server is asked whether it still is what it was. Two processes that want one image get it once.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from coordinator.contract import ErrorKind, TaskError
from coordinator.core.paths import FETCHED
from coordinator.core.tasks import RemoteImage
from coordinator.record.disk import remove_tree
from coordinator.record.permissions import make_folder
from coordinator.runners.cacheroom import CacheRoom
from coordinator.runners.fetch import fetch_if_changed

_PAUSE = 0.05
"""Seconds between two looks whether another process has brought an image."""
_LOCKS = 3
"""Letters of a digest by which locks are told apart: 4,096 of them."""


@dataclass(frozen=True, kw_only=True)
class _Known:
    """What is noted beside an image."""

    stamp: str
    tag: str | None
    run: str


class ImageCache:
    """One process's part in a node's cache, and its view of it."""

    def __init__(self, folder: Path, limit: int, run: str) -> None:
        """``limit`` is the bytes of all images; ``run`` names the run. Raises OSError if the folder cannot be used."""
        self._folder = folder
        self._run = run
        self._held: Counter[str] = Counter()
        self._stamps: dict[str, str] = {}
        self._lock = threading.Lock()
        self._room = CacheRoom(folder, limit)
        self._view = folder / "views" / f"{os.getpid()}-{secrets.token_hex(4)}"
        make_folder(folder / "locks")
        with self._room.counted(), ExitStack() as stack:
            make_folder(self.view)
            lock = stack.enter_context((self._view / "lock").open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._stack = stack.pop_all()
        self._room.make(0)

    @property
    def view(self) -> Path:
        """The folder that steps find at ``/work/fetch``."""
        return self._view / "fetch"

    def bring(self, image: RemoteImage, cancelled: threading.Event) -> str | TaskError:
        """Has the image in the view until :meth:`let_go` is called; what tells its content, or why it cannot be."""
        with self._lock:
            self._held[image.path] += 1
        try:
            came = self._bring(image, cancelled)
        except OSError as error:
            message = f"{image.url}: the image cache {str(self._folder)!r} cannot be used: {error}"
            came = TaskError(kind=ErrorKind.INTERNAL, message=message)
        if isinstance(came, TaskError):
            self.let_go(image.path)
        return came

    def let_go(self, path: str) -> None:
        """A task that used it has ended."""
        with self._lock:
            self._held[path] -= 1
            if not self._held[path]:
                del self._held[path]
                self._stamps.pop(path, None)
                self._seen(path).unlink(missing_ok=True)

    def excess(self) -> str | None:
        """What to say, once, if more was in use at a time than the cache may hold."""
        return self._room.excess()

    def close(self) -> None:
        """Lets go of everything."""
        remove_tree(self._view)
        self._stack.close()

    def _seen(self, path: str) -> Path:
        return self.view / Path(path).relative_to(FETCHED)

    def _bring(self, image: RemoteImage, cancelled: threading.Event) -> str | TaskError:
        said = f"{image.url}\n{image.tag or ''}\n{image.size or ''}"
        digest = hashlib.sha256(said.encode(errors="surrogateescape")).hexdigest()
        kept = _Object(self._folder / "objects" / digest[:2] / digest)
        with self._alone(digest, cancelled) as is_alone:
            if not is_alone:
                return TaskError(kind=ErrorKind.CANCELLED, message="the run was interrupted")
            if (stamp := self._stamps.get(image.path)) is not None:  # another task uses it
                return stamp
            seen = self._seen(image.path)
            make_folder(seen.parent)
            known = kept.linked(seen)
            if known and (known.run == self._run or image.tag):
                came: str | TaskError = known.stamp
            else:
                came = self._fetch(image, kept, known, cancelled)
            if isinstance(came, str):
                self._stamps[image.path] = came
            return came

    def _fetch(
        self, image: RemoteImage, kept: _Object, known: _Known | None, cancelled: threading.Event
    ) -> str | TaskError:
        """Brings it from its server if it is another there than what is ``known`` of the one in the view."""
        coming, tag = self._view / kept.path.name, known.tag if known else None
        with self._room.reserved() as reserve:
            came = fetch_if_changed(image, coming, cancelled, tag=tag, room=reserve)
            if isinstance(came, TaskError):
                return came
            if came is None:
                assert known is not None  # else it was not asked whether it is the same
                kept.note(_Known(stamp=known.stamp, tag=known.tag, run=self._run))
                return known.stamp
            seen = self._seen(image.path)
            seen.unlink(missing_ok=True)
            os.link(coming, seen)
            kept.take(coming, _Known(stamp=came.stamp, tag=came.tag, run=self._run))
            return came.stamp

    @contextmanager
    def _alone(self, digest: str, cancelled: threading.Event) -> Iterator[bool]:
        """While nobody else brings the image; False if that was not waited for."""
        with (self._folder / "locks" / digest[:_LOCKS]).open("w") as lock:
            while not cancelled.is_set():
                with suppress(BlockingIOError):
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    yield True
                    return
                cancelled.wait(_PAUSE)
            yield False


@dataclass(frozen=True)
class _Object:
    """An image in the cache, and what is noted of it."""

    path: Path

    @property
    def _note(self) -> Path:
        return self.path.with_suffix(".json")

    def known(self) -> _Known | None:
        try:
            return _Known(**json.loads(self._note.read_bytes()))
        except (OSError, ValueError, TypeError):
            return None

    def linked(self, seen: Path) -> _Known | None:
        """Gives it a second name, if it is there and something is known of it."""
        seen.unlink(missing_ok=True)
        known = self.known()
        if known is None:
            return None
        try:
            os.link(self.path, seen)
            os.utime(seen)
        except FileNotFoundError:
            return None
        return known

    def note(self, known: _Known) -> None:
        aside = self.path.with_suffix(f".{os.getpid()}")
        aside.write_text(json.dumps(asdict(known)))
        aside.replace(self._note)

    def take(self, coming: Path, known: _Known) -> None:
        """Takes the place of what is there."""
        make_folder(self.path.parent)
        self._note.unlink(missing_ok=True)  # of another content
        coming.replace(self.path)
        self.note(known)
