"""Images that a batch names by URL, brought to where steps find them."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from coordinator.contract import ErrorKind, TaskError
from coordinator.core.tasks import RemoteImage
from coordinator.formats.imagelimits import MAX_BYTES
from coordinator.record.permissions import let_in, make_folder
from coordinator.runners.sources import NotOpened, Source, Unchanged, opened

_FETCH_TIMEOUT = 600.0
"""Seconds for a whole image."""
_CHUNK = 1024 * 1024

Room = Callable[[BinaryIO, int], None]
"""Makes room for a file that is to have so many bytes. Raises OSError."""


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """What came: ``stamp`` tells its content from any other, ``tag`` is the server's own word for its state."""

    stamp: str
    tag: str | None


def _as_it_comes(target: BinaryIO, size: int) -> None:
    """The disk is asked for nothing in advance."""


def fetch(
    image: RemoteImage, path: Path, cancelled: threading.Event, *, room: Room = _as_it_comes
) -> Fetched | TaskError:
    """Brings the image to ``path``, whole or not at all; says why if it could not."""
    came = fetch_if_changed(image, path, cancelled, tag=None, room=room)
    assert came is not None  # nothing is there that it could be the same as
    return came


def fetch_if_changed(
    image: RemoteImage, path: Path, cancelled: threading.Event, *, tag: str | None, room: Room
) -> Fetched | TaskError | None:
    """The same; None, and nothing is written, if it still is in the state ``tag``."""
    url, aside = image.url, path.with_name(f".{path.name}.part")
    try:
        make_folder(path.parent)
        with opened(url, tag) as source, aside.open("wb") as target:
            came = _take(image, source, target, cancelled, room)
            if isinstance(came, TaskError):
                return came.model_copy(update={"message": f"{url}: {came.message}"})
            target.flush()
            os.fsync(target.fileno())
        let_in(aside)
        aside.replace(path)
    except Unchanged:
        return None
    except NotOpened as reason:
        return reason.error
    except (OSError, ValueError) as error:
        return TaskError(kind=ErrorKind.INTERNAL, message=f"{url}: {type(error).__name__}: {error}")
    finally:
        aside.unlink(missing_ok=True)
    return came


def _take(
    image: RemoteImage, source: Source, target: BinaryIO, cancelled: threading.Event, room: Room
) -> Fetched | TaskError:
    """Copies what comes. Raises OSError if the disk is full, or it is less than was said."""
    if source.size is not None and source.size <= MAX_BYTES:
        room(target, source.size)
    digest = hashlib.sha256()
    if fault := _copy(source, target, digest, cancelled, room):
        return fault
    received = target.tell()
    target.truncate()
    if source.size is not None and received != source.size:
        raise OSError(f"{received} of {source.size} bytes arrived")
    if image.size is not None and received != image.size:
        message = f"{received:,} bytes came, and the batch says {image.size:,}: it is another image"
        return TaskError(kind=ErrorKind.BAD_INPUT, message=message)
    return Fetched(stamp=digest.hexdigest(), tag=source.tag)


def _copy(
    source: Source, target: BinaryIO, digest: Any, cancelled: threading.Event, room: Room
) -> TaskError | None:
    """Copies what comes until it ends, is too much, takes too long or is wanted no more."""
    deadline = time.monotonic() + _FETCH_TIMEOUT
    while data := source.body.read1(_CHUNK):
        if source.size is None:
            room(target, target.tell() + len(data))
        target.write(data)
        digest.update(data)
        if cancelled.is_set():
            return TaskError(kind=ErrorKind.CANCELLED, message="the run was interrupted")
        if target.tell() > MAX_BYTES:
            return TaskError(kind=ErrorKind.BAD_INPUT, message=f"more than {MAX_BYTES:,} bytes")
        if time.monotonic() > deadline:
            message = f"only {target.tell()} bytes within {_FETCH_TIMEOUT:g} s"
            return TaskError(kind=ErrorKind.TIMEOUT, message=message)
    return None
