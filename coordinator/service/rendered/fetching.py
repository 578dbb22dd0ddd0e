"""Fetching a source by HTTP: from the operator's hosts alone, at addresses that were looked at, within limits.

Written on the standard library's client, because the one thing that matters is what others hide: which address is
connected to. A name is looked up once, its addresses are checked, and one of those is used. No proxy, no cookies, no
credentials, no compression; redirects are followed by hand, and each is checked as the first URL was.
"""

from __future__ import annotations

import hashlib
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urljoin

from coordinator import __version__
from coordinator.service.refusal import FOREIGN, TOO_LARGE, Refused
from coordinator.service.rendered.prefixes import FIELD, Allowed, Place, check_addresses

_MAX_REDIRECTS = 5
_CHUNK = 256 * 1024
_MOST_SAID = 1000
_REDIRECTS = (301, 302, 303, 307, 308)
_GONE = (404, 410)
_BAD, _LATE = HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """What came: the ``digest`` of its content, and how the server names and dates its state."""

    digest: str
    tag: str | None
    modified: str | None


class Fetcher:
    """Safe to use from many threads."""

    def __init__(self, allowed: Allowed, *, most_bytes: int, seconds: float) -> None:
        """``most_bytes`` of a source, and ``seconds`` for all of its way, redirects included."""
        self._allowed = allowed
        self._most_bytes, self._seconds = most_bytes, seconds
        self._tls = ssl.create_default_context()
        self._cuts: set[_Cut] = set()

    def fetch(self, url: str, into: Path, known: Fetched | None = None) -> Fetched | None:
        """Writes what is at a URL; None if it still is what is ``known``. Raises Refused, and OSError of the disk."""
        deadline = time.monotonic() + self._seconds
        place, may_be_private = self._allowed.check(url)
        for _ in range(_MAX_REDIRECTS + 1):
            with self._asked(place, may_be_private, known, deadline) as answer:
                location = answer.headers["Location"] if answer.status in _REDIRECTS else None
                if not location:
                    if answer.status == HTTPStatus.NOT_MODIFIED and known is not None:
                        return None
                    _check_status(answer, place)
                    return self._taken(answer, into, deadline)
            place, may_be_private = self._redirected(place, location)
        raise Refused(FIELD, f"redirects more than {_MAX_REDIRECTS} times", _BAD)

    def _redirected(self, place: Place, location: str) -> tuple[Place, bool]:
        try:
            return self._allowed.check(urljoin(str(place), location))
        except (Refused, ValueError) as error:
            message = f"is redirected to {location[:200]!r}, where this service does not go"
            raise Refused(FIELD, message, FOREIGN) from error

    @contextmanager
    def _asked(
        self, place: Place, may_be_private: bool, known: Fetched | None, deadline: float
    ) -> Iterator[http.client.HTTPResponse]:
        """The answer of one host, whose connection ends with the block or at the deadline, whatever it does."""
        try:
            with self._connected(place, may_be_private, deadline) as wire:
                connection = http.client.HTTPConnection(place.host, place.port)
                connection.sock = wire
                with _network():
                    connection.request("GET", place.target, headers=_headers(place, known))
                    answer = connection.getresponse()
                with answer:
                    yield answer
        except (_Late, _Broken) as error:
            if isinstance(error, _Late) or time.monotonic() >= deadline:  # then the connection was cut
                message = f"has not come from {place.authority} within {self._seconds:g} s"
                raise Refused(FIELD, message, _LATE) from error
            raise Refused(FIELD, f"cannot be had from {place.authority}: {error}"[:300], _BAD) from error

    @contextmanager
    def _connected(self, place: Place, may_be_private: bool, deadline: float) -> Iterator[socket.socket]:
        with _dialled(place, may_be_private, deadline) as plain, self._until(plain, deadline) as cut:
            if place.scheme == "http":
                yield plain
                return
            with _network():
                secret = self._tls.wrap_socket(
                    plain, server_hostname=place.host, do_handshake_on_connect=False
                )
            with secret:
                cut.wire = secret
                with _network():
                    secret.do_handshake()
                yield secret

    @contextmanager
    def _until(self, wire: socket.socket, deadline: float) -> Iterator[_Cut]:
        """Has a connection end at the deadline, or with the service."""
        with _Cut(wire, deadline) as cut:
            self._cuts.add(cut)
            try:
                yield cut
            finally:
                self._cuts.discard(cut)

    def close(self) -> None:
        """Ends all connections."""
        for cut in list(self._cuts):
            cut.now()

    def _taken(self, answer: http.client.HTTPResponse, into: Path, deadline: float) -> Fetched:
        promised = answer.length
        if promised is not None and promised > self._most_bytes:
            raise self._too_large()
        digest, size = hashlib.sha256(), 0
        with into.open("wb") as file:
            while chunk := _read(answer):
                size += len(chunk)
                if size > self._most_bytes:
                    raise self._too_large()
                digest.update(chunk)
                file.write(chunk)
        if time.monotonic() >= deadline:  # or else one that was cut would count as its end
            raise _Late
        if promised is not None and size < promised:
            raise _Broken(f"{size:,} of {promised:,} bytes came")
        tag, modified = (_sent_back(answer.headers[name]) for name in ("ETag", "Last-Modified"))
        return Fetched(digest=digest.hexdigest(), tag=tag, modified=modified)

    def _too_large(self) -> Refused:
        return Refused(FIELD, f"is larger than {self._most_bytes:,} bytes", TOO_LARGE)


class _Late(Exception):
    """The time is over."""


class _Broken(Exception):
    """The host cannot be reached, or what it says is no answer."""


class _Cut:
    """Ends a connection at the deadline: what sends a byte now and then would meet no timeout of a socket."""

    def __init__(self, wire: socket.socket, deadline: float) -> None:
        self.wire = wire
        """The connection, or what was put around it."""
        self._timer = threading.Timer(max(0.0, deadline - time.monotonic()), self.now)
        self._timer.daemon = True

    def __enter__(self) -> _Cut:
        self._timer.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._timer.cancel()

    def now(self) -> None:
        """Does not wait for the deadline."""
        with suppress(OSError):
            # As of any socket: an encrypted one would first forget its keys, while another thread reads.
            socket.socket.shutdown(self.wire, socket.SHUT_RDWR)


@contextmanager
def _network() -> Iterator[None]:
    """Tells faults of the network from those of the disk."""
    try:
        yield
    except TimeoutError as error:
        raise _Late from error
    except OSError as error:
        raise _Broken(str(error) or type(error).__name__) from error
    except (http.client.HTTPException, ValueError) as error:  # whose words are the server's own
        raise _Broken("its answer is no HTTP, or broke off") from error


def _read(answer: http.client.HTTPResponse) -> bytes:
    with _network():
        return answer.read(_CHUNK)


def _sent_back(header: str | None) -> str | None:
    """What a server said of a state, if it can be said to it again, and is not too long to be remembered."""
    is_fit = header and len(header) <= _MOST_SAID and header.isascii() and header.isprintable()
    return header if is_fit else None


def _headers(place: Place, known: Fetched | None) -> Mapping[str, str]:
    asked = {
        "Host": place.authority,
        "User-Agent": f"coordinator/{__version__}",
        "Accept": "image/*,*/*;q=0.1",
        "Accept-Encoding": "identity",
        "Connection": "close",
    }
    if known and known.tag:
        asked["If-None-Match"] = known.tag
    elif known and known.modified:
        asked["If-Modified-Since"] = known.modified
    return asked


def _check_status(answer: http.client.HTTPResponse, place: Place) -> None:
    if answer.status in _GONE:
        raise Refused(
            FIELD, f"{place.authority} has none there: it answers {answer.status}", HTTPStatus.NOT_FOUND
        )
    if answer.status != HTTPStatus.OK:
        raise Refused(FIELD, f"{place.authority} answers {answer.status} {answer.reason}"[:200], _BAD)
    encoding = answer.headers["Content-Encoding"] or "identity"
    if encoding.strip().lower() != "identity":
        message = f"{place.authority} sends it compressed ({encoding[:40]}), which it was asked not to do"
        raise Refused(FIELD, message, _BAD)


def _dialled(place: Place, may_be_private: bool, deadline: float) -> socket.socket:
    """A connection to one of a host's addresses, all of which were looked at."""
    try:
        found = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise _Broken(f"it has no address ({error})") from error
    if not may_be_private:
        check_addresses(place.host, [str(address[0]) for *_, address in found])
    failed: Exception = _Late()
    for family, kind, protocol, _, address in found:
        left = deadline - time.monotonic()
        if left <= 0:
            raise _Late
        wire = socket.socket(family, kind, protocol)
        try:
            wire.settimeout(left)
            with _network():
                wire.connect(address)
        except (_Late, _Broken) as error:
            wire.close()
            failed = error
        else:
            return wire
    raise failed
