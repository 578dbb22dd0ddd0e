"""One client's connection: what it waits for has a deadline and a largest size, what is no HTTP is told in our form.

Uvicorn waits for a header for ever, takes one of any size, and trailers without end; it forgets the body of a request
that asks for another protocol, and answers nobody who has ended the way there. This is its protocol without all that.
"""

from __future__ import annotations

import asyncio
import json
import re
from enum import Enum, auto
from http import HTTPMethod, HTTPStatus

import httptools
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from coordinator.service.answers import error_json
from coordinator.service.joined import Joined

HEADER_SECONDS = 10.0
"""Seconds that a header may take from a connection's start, or from its first byte on a connection that is kept."""
DRAIN_SECONDS = 30.0
"""Seconds for which a body that nobody wants is read on: most clients look for an answer only behind it."""
_MAX_HEADER_BYTES = 64 * 1024
"""Of one header; of what is no content in a body, too: trailers, and what stands around chunks."""
_BYTES_AROUND = 8
"""So much may stand around each byte of content, for a body may come in chunks of one byte."""
_WHOLE_URL = re.compile(rb"[^:/?#]+://(?:[^/?#]*@)?([^/?#]*)")


class _At(Enum):
    """What of a message comes next."""

    BETWEEN = auto()
    HEADER = auto()
    BODY = auto()


_BETWEEN, _HEADER, _BODY = _At  # Python looks these up more quickly


class _Wrong(Exception):
    """What a client sends is wrong: how that is answered."""

    def __init__(self, status: HTTPStatus, message: str, field: str = "header") -> None:
        super().__init__(message)
        self.answer = _answer(status, field, message)


class _InTurn(FlowControl):
    """Reads nothing more while a request waits for its turn: each answer would let in thousands of others."""

    def __init__(self, transport: asyncio.Transport, connection: HttpToolsProtocol) -> None:
        super().__init__(transport)
        self._waiting = connection.pipeline

    def resume_reading(self) -> None:
        if self.read_paused and not self._waiting:
            super().resume_reading()


class Connection(HttpToolsProtocol):
    """Uvicorn's connection with limits, in seconds and in bytes."""

    _at = _BETWEEN
    _timer: asyncio.TimerHandle | None = None
    _last: bytes | None = None
    """What is said behind the answers that are due: after it, nothing is heard any more."""
    _around = 0
    """Bytes of the message that are no content, of which some are forgiven for each byte of content."""
    _read = _content = 0
    """Bytes that have come in this turn, and those of them that are content."""
    _has_ended = False
    """Whether a message has ended in this turn."""
    _drips = False
    """Whether any of an unwanted body has come since somebody looked."""
    _drained = 0.0
    """The moment until which that may go on."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._joined = Joined(transport, self.loop)
        super().connection_made(self._joined)  # type: ignore[arg-type]
        self.flow = _InTurn(transport, self)
        self._await_header()

    def connection_lost(self, exc: Exception | None) -> None:
        self._have_header()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)
        self._joined.unwatch()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Nothing more will come: whoever asked in full before gets an answer, and then the connection ends."""
        if self._at is _BODY or not self._is_due:
            return False
        self.cycle.keep_alive = False
        return True

    def pause_writing(self) -> None:
        super().pause_writing()
        self._joined.watch()

    def resume_writing(self) -> None:
        self._joined.unwatch()
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        if self._last is not None:
            return
        self._read, self._content, self._has_ended = len(data), 0, False
        try:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as asked:
                self._read_again(memoryview(data)[asked.args[0] :])
            if self._has_ended:
                self._around = 0
            else:
                self._count()
        except _Wrong as wrong:
            self._fail(wrong)
        except httptools.HttpParserError as error:
            told = error.__context__
            self._fail(
                told
                if isinstance(told, _Wrong)
                else _Wrong(HTTPStatus.BAD_REQUEST, "is not HTTP as it must be")
            )

    def _read_again(self, left: memoryview) -> None:
        """Reads on behind a header that asks for another protocol: it is served by this one (RFC 9110, 7.8).

        The parser takes all behind such a header for the other protocol: another one reads it again, without the wish.
        """
        while True:
            if self.parser.get_method() == HTTPMethod.CONNECT.encode():
                raise _Wrong(HTTPStatus.BAD_REQUEST, "asks for a tunnel, and this is no proxy")
            version = self.parser.get_http_version().encode()
            header = b"%s %s HTTP/%s\r\n" % (self.parser.get_method(), self.url, version)
            header += b"".join(b"%s: %s\r\n" % field for field in self.headers if field[0] != b"upgrade")
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
            self.parser.feed_data(header + b"\r\n")
            try:
                self.parser.feed_data(left)
            except httptools.HttpParserUpgrade as asked:
                left = left[asked.args[0] :]
            else:
                return

    def _count(self) -> None:
        """Counts what is no content. Raises _Wrong if it is too much."""
        self._around = max(0, self._around + self._read - (1 + _BYTES_AROUND) * self._content)
        if self._around <= _MAX_HEADER_BYTES:
            return
        if self._at is _BODY:
            message = f"has more than {_MAX_HEADER_BYTES:,} bytes of trailers, or around its chunks"
            raise _Wrong(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, message, "body")
        raise _header_too_large()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._at = _HEADER
        self._unset_keepalive_if_required()
        self._await_header()

    def on_headers_complete(self) -> None:
        if self._around + self._read > _MAX_HEADER_BYTES:  # it need not be its own bytes
            own = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if own > _MAX_HEADER_BYTES:
                raise _header_too_large()
        if self.parser.should_upgrade():
            return  # it is read again
        if whole := _WHOLE_URL.match(self.url):  # then that says which host is asked (RFC 9112, 3.2.2)
            self.headers[:] = [(name, whole[1] if name == b"host" else value) for name, value in self.headers]
        self._have_header()
        super().on_headers_complete()
        if b"#" in self.url or self.url.endswith(b"?"):
            # Of which nothing else is left. Whoever signs a path wants it as it was sent.
            self.scope["raw_path"] = self.scope.get("raw_path", b"") + b"?"
        self._at = _BODY
        self.headers = []  # trailers are none of the request's headers

    def on_body(self, body: bytes) -> None:
        self._content += len(body)
        self._drips = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._at is _BODY:
            super().on_message_complete()
            self._at, self._has_ended = _BETWEEN, True

    def on_response_complete(self) -> None:
        self._joined.flush()
        others_wait = bool(self.pipeline)
        super().on_response_complete()
        if others_wait:
            return
        if self._last is not None:
            self._end(self._last)
        elif self._at is _HEADER:
            self._unset_keepalive_if_required()  # it has a deadline of its own
        elif self._at is _BODY:
            self._drained, self._drips = self.loop.time() + DRAIN_SECONDS, False

    def timeout_keep_alive_handler(self) -> None:
        if self._at is _BODY and self._drips and self.loop.time() < self._drained:
            self._drips = False
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )
        else:
            super().timeout_keep_alive_handler()

    def _await_header(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(HEADER_SECONDS, self._header_is_late)

    def _have_header(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _header_is_late(self) -> None:
        self._timer = None
        if self.flow.read_paused:  # we do not listen
            self._await_header()
        else:
            message = f"has not come within {HEADER_SECONDS:g} seconds"
            self._fail(_Wrong(HTTPStatus.REQUEST_TIMEOUT, message))

    @property
    def _is_due(self) -> bool:
        """Whether there is anything to answer."""
        return self.cycle is not None and not self.cycle.response_complete

    def _fail(self, wrong: _Wrong) -> None:
        """Ends the connection with this, behind the answers to what has come before and in full."""
        self._have_header()
        last, has_to_wait = wrong.answer, self._is_due
        if self._at is _BODY:  # of a request that may be waiting, or being answered, or that is
            if self.pipeline:
                self.pipeline.popleft()
            elif self.cycle.response_started:
                last = b""
            else:
                has_to_wait = False
        if has_to_wait:
            self._last = last
        else:
            self._end(last)

    def _end(self, last: bytes) -> None:
        self._last = last
        if not self.transport.is_closing():
            if last:
                self.transport.write(last)
            self.transport.close()


def _header_too_large() -> _Wrong:
    message = f"is larger than {_MAX_HEADER_BYTES:,} bytes"
    return _Wrong(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, message)


def _answer(status: HTTPStatus, field: str, message: str) -> bytes:
    """A whole answer, after which the connection ends."""
    body = json.dumps(error_json(field, message)).encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}",
        "content-type: application/json",
        f"content-length: {len(body)}",
        "x-content-type-options: nosniff",
        "connection: close",
    )
    return "\r\n".join((*head, "", "")).encode() + body
