"""What is behind a URL, opened to be read once: http and https by Python's own client, s3 and gs by fsspec.

A server's own word for a state of a file (its ETag, else its time of change) is its tag; who has that state already
is told so, and nothing comes.
"""

from __future__ import annotations

import http.client
import importlib
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from coordinator import __version__
from coordinator.contract import ErrorKind, TaskError
from coordinator.core.paths import scheme

_SILENCE = 60.0
"""Seconds without a byte."""
_ASK_AGAIN = {408, 425, 429}
"""The server's refusals that may pass: too slow, too early, too often."""
_NOT_MODIFIED = 304
_BLOCK = 8 * 1024**2
"""Bytes that a store is asked for at a time."""
_NEEDED = {"s3": "s3fs", "gs": "gcsfs"}
"""The packages behind fsspec's file systems: the optional extra ``remote``."""


class Readable(Protocol):
    def read1(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, kw_only=True)
class Source:
    """A file that is open: its ``size`` in bytes and its tag, as far as the server says so."""

    body: Readable
    size: int | None
    tag: str | None


class NotOpened(Exception):
    """Why there is nothing to read."""

    def __init__(self, error: TaskError) -> None:
        super().__init__(error.message)
        self.error = error


class Unchanged(Exception):
    """It is what the caller has already."""


def missing_packages(schemes: Iterable[str]) -> list[str]:
    """Those that are needed for URLs of these schemes, and are not installed here."""
    needed = sorted({_NEEDED[name] for name in schemes if name in _NEEDED})
    return [package for package in needed if _load(package) is None]


def advice(packages: Iterable[str]) -> str:
    return f"{' and '.join(packages)}, not installed here; pip install 'coordinator[remote]'"


@contextmanager
def opened(url: str, tag: str | None) -> Iterator[Source]:
    """Opens it, unless it is in the state ``tag``: then it raises Unchanged. Raises NotOpened, OSError, ValueError."""
    make = _store if scheme(url) in _NEEDED else _http
    with make(url, tag) as source:
        yield source


@contextmanager
def _http(url: str, tag: str | None) -> Iterator[Source]:
    headers = {"User-Agent": f"coordinator/{__version__}", **_condition(tag)}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=_SILENCE) as answer:
            length = answer.headers.get("Content-Length")
            state = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
            yield Source(body=answer, size=None if length is None else int(length), tag=state)
    except urllib.error.HTTPError as error:
        if error.code == _NOT_MODIFIED:
            raise Unchanged from error
        for_good = 400 <= error.code < 500 and error.code not in _ASK_AGAIN
        kind = ErrorKind.BAD_INPUT if for_good else ErrorKind.INTERNAL
        message = f"{url}: the server said {error.code} {error.reason}"
        raise NotOpened(TaskError(kind=kind, message=message)) from error
    except http.client.HTTPException as error:
        raise OSError(f"{type(error).__name__}: {error}") from error


def _condition(tag: str | None) -> dict[str, str]:
    """How a server is asked for a file only if its state is another; times have no quotes, ETags have."""
    if tag is None:
        return {}
    return {"If-None-Match" if '"' in tag else "If-Modified-Since": tag}


@contextmanager
def _store(url: str, tag: str | None) -> Iterator[Source]:
    packages = missing_packages([scheme(url)])
    if packages:
        message = f"{url} needs {advice(packages)}"
        raise NotOpened(TaskError(kind=ErrorKind.BAD_INPUT, message=message))
    try:
        with _open_in_store(url, tag) as source:
            yield source
    except (OSError, ValueError, NotOpened, Unchanged):
        raise
    except Exception as error:  # of the store's client, which has many of its own
        raise OSError(f"{type(error).__name__}: {error}") from error


def _open_in_store(url: str, tag: str | None) -> AbstractContextManager[Source]:
    store = importlib.import_module("fsspec").filesystem(scheme(url))
    try:
        facts = store.info(url)
        state = _state(facts)
        if state is not None and state == tag:
            raise Unchanged
        body = store.open(url, "rb", block_size=_BLOCK, cache_type="readahead")
    except (FileNotFoundError, PermissionError) as error:
        kind = ErrorKind.BAD_INPUT
        message = f"{url}: the store said {type(error).__name__}: {error}"
        raise NotOpened(TaskError(kind=kind, message=message)) from error
    return _closing(body, Source(body=_Whole(body), size=facts.get("size"), tag=state))


@contextmanager
def _closing(body: Any, source: Source) -> Iterator[Source]:
    with body:
        yield source


def _state(facts: dict[str, Any]) -> str | None:
    found = next(
        (facts[name] for name in ("ETag", "etag", "md5Hash", "LastModified") if facts.get(name)), None
    )
    return None if found is None else str(found)


@dataclass(frozen=True)
class _Whole:
    """A file of fsspec, read as a socket is."""

    file: Any

    def read1(self, size: int, /) -> bytes:
        data: bytes = self.file.read(size)
        return data


def _load(package: str) -> Any:
    """240 MB of other people's programs, for those whose images lie there alone."""
    try:
        return importlib.import_module(package)
    except ImportError:
        return None
