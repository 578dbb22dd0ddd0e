"""One client's connection: its header has a deadline and a largest size, and what is no HTTP is told in our form.

Uvicorn waits for a header for ever and takes one of any size; this is its protocol with both ends tied up.
"""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from coordinator.service.answers import error_json

HEADER_SECONDS = 10.0
"""Seconds that a header may take from a connection's start, or from its first byte on a connection that is kept."""
_MAX_HEADER_BYTES = 64 * 1024
_MAX_JOINED = 64 * 1024
"""Bytes of an answer that wait for the turn's end."""


class _Joined:
    """A transport that sends what is written in one turn of the loop in one go: an answer's header with its body."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._pieces: list[bytes] = []
        self._size = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if not self._pieces:
            self._loop.call_soon(self.flush)
        self._pieces.append(data)
        self._size += len(data)
        if self._size > _MAX_JOINED:
            self.flush()

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def flush(self) -> None:
        """Sends what has been written."""
        if self._pieces:
            data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
            self._pieces.clear()
            self._size = 0
            self._transport.write(data)


class Connection(HttpToolsProtocol):
    """Uvicorn's connection with a limit on headers, in seconds and in bytes."""

    _timer: asyncio.TimerHandle | None = None
    _header_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._joined = _Joined(transport, self.loop)
        super().connection_made(self._joined)  # type: ignore[arg-type]
        self._await_header()

    def connection_lost(self, exc: Exception | None) -> None:
        self._have_header()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._timer is None:
            return
        self._header_bytes += len(data)
        if self._header_bytes > _MAX_HEADER_BYTES:
            message = f"is larger than {_MAX_HEADER_BYTES:,} bytes"
            self._end(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, message)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._await_header()

    def on_headers_complete(self) -> None:
        self._have_header()
        super().on_headers_complete()
        if b"#" in self.url or self.url.endswith(b"?"):
            # Of which nothing else is left. Whoever signs a path wants it as it was sent.
            self.scope["raw_path"] = self.scope.get("raw_path", b"") + b"?"

    def on_response_complete(self) -> None:
        self._joined.flush()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        self._end(HTTPStatus.BAD_REQUEST, "is not HTTP as it must be")

    def _await_header(self) -> None:
        if self._timer is None:
            self._header_bytes = 0
            self._timer = self.loop.call_later(HEADER_SECONDS, self._header_is_late)

    def _have_header(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _header_is_late(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self._end(HTTPStatus.REQUEST_TIMEOUT, f"has not come within {HEADER_SECONDS:g} seconds")
        else:  # the beginning of a next request, behind one that is being answered
            self.cycle.keep_alive = False

    def _end(self, status: HTTPStatus, message: str) -> None:
        self._have_header()
        if not self.transport.is_closing():
            self.transport.write(_answer(status, error_json("header", message)))
            self.transport.close()


def _answer(status: HTTPStatus, document: dict[str, Any]) -> bytes:
    """A whole answer, after which the connection ends."""
    body = json.dumps(document).encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}",
        "content-type: application/json",
        f"content-length: {len(body)}",
        "x-content-type-options: nosniff",
        "connection: close",
    )
    return "\r\n".join((*head, "", "")).encode() + body
