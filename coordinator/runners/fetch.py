"""Images that a batch names by URL, brought to where steps find them."""

from __future__ import annotations

import http.client
import os
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import BinaryIO

from coordinator import __version__
from coordinator.contract import ErrorKind, TaskError
from coordinator.formats.imagelimits import MAX_BYTES
from coordinator.record.permissions import let_in, make_folder

_FETCH_SILENCE, _FETCH_TIMEOUT = 60.0, 600.0
"""Seconds without a byte, and for a whole image."""
_ASK_AGAIN = {408, 425, 429}
"""The server's refusals that may pass: too slow, too early, too often."""
_CHUNK = 1024 * 1024


def fetch(url: str, path: Path, cancelled: threading.Event) -> TaskError | None:
    """Brings the file behind ``url`` to ``path``, whole or not at all; says why if it could not."""
    aside = path.with_name(f".{path.name}.part")
    request = urllib.request.Request(url, headers={"User-Agent": f"coordinator/{__version__}"})
    try:
        make_folder(path.parent)
        with urllib.request.urlopen(request, timeout=_FETCH_SILENCE) as source, aside.open("wb") as target:
            if fault := _copy(source, target, cancelled):
                return fault.model_copy(update={"message": f"{url}: {fault.message}"})
            expected = source.headers.get("Content-Length")
            received = target.tell()
            target.flush()
            os.fsync(target.fileno())
        if expected is not None and received != int(expected):
            raise OSError(f"{received} of {expected} bytes arrived")
        let_in(aside)
        aside.replace(path)
    except urllib.error.HTTPError as error:
        for_good = 400 <= error.code < 500 and error.code not in _ASK_AGAIN
        kind = ErrorKind.BAD_INPUT if for_good else ErrorKind.INTERNAL
        return TaskError(kind=kind, message=f"{url}: the server said {error.code} {error.reason}")
    except (OSError, ValueError, http.client.HTTPException) as error:
        return TaskError(kind=ErrorKind.INTERNAL, message=f"{url}: {type(error).__name__}: {error}")
    finally:
        aside.unlink(missing_ok=True)
    return None


def _copy(source: http.client.HTTPResponse, target: BinaryIO, cancelled: threading.Event) -> TaskError | None:
    """Copies what comes until it ends, is too much, takes too long or is wanted no more."""
    deadline = time.monotonic() + _FETCH_TIMEOUT
    while data := source.read1(_CHUNK):
        target.write(data)
        if cancelled.is_set():
            return TaskError(kind=ErrorKind.CANCELLED, message="the run was interrupted")
        if target.tell() > MAX_BYTES:
            return TaskError(kind=ErrorKind.BAD_INPUT, message=f"more than {MAX_BYTES:,} bytes")
        if time.monotonic() > deadline:
            message = f"only {target.tell()} bytes within {_FETCH_TIMEOUT:g} s"
            return TaskError(kind=ErrorKind.TIMEOUT, message=message)
    return None
