"""The messages of one connection, with limits on their sizes, and each in full, whatever else its header asks for.

Uvicorn takes a header of any size, and trailers without end; it forgets the body of a request that asks for another
protocol, and takes it for requests. This is its protocol without that.
"""

from __future__ import annotations

import json
import re
from enum import Enum, auto
from http import HTTPMethod, HTTPStatus

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from coordinator.service.answers import error_json

_MAX_HEADER_BYTES = 64 * 1024
"""Of one header; of what is no content in a body, too: trailers, and what stands around chunks."""
_BYTES_AROUND = 8
"""So much may stand around each byte of content, for a body may come in chunks of one byte."""
_WHOLE_URL = re.compile(rb"[^:/?#]+://(?:[^/?#]*@)?([^/?#]*)")


class At(Enum):
    """What of a message comes next."""

    BETWEEN = auto()
    HEADER = auto()
    BODY = auto()


BETWEEN, HEADER, BODY = At  # Python looks these up more quickly


class Wrong(Exception):
    """What a client sends is wrong: how that is answered."""

    def __init__(self, status: HTTPStatus, message: str, field: str = "header") -> None:
        super().__init__(message)
        self.answer = _answer(status, field, message)


class Messages(HttpToolsProtocol):
    """Uvicorn's connection with limits in bytes."""

    _at = BETWEEN
    _around = 0
    """Bytes of the message that are no content, of which some are forgiven for each byte of content."""
    _size = _content = 0
    """Bytes that have come in this turn, and those of them that are content."""
    _has_ended = False
    """Whether a message has ended in this turn."""

    def _read(self, data: bytes) -> None:
        """Reads what has come. Raises Wrong."""
        self._size, self._content, self._has_ended = len(data), 0, False
        left: memoryview | None = None
        try:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as asked:
                left = memoryview(data)[asked.args[0] :]
            if left is not None:
                self._read_again(left)
        except httptools.HttpParserError as error:
            if isinstance(error.__context__, Wrong):
                raise error.__context__ from None
            raise Wrong(HTTPStatus.BAD_REQUEST, "is not HTTP as it must be") from error
        if self._has_ended:
            self._around = 0
        else:
            self._count()

    def _read_again(self, left: memoryview) -> None:
        """Reads on behind a header that asks for another protocol: it is served by this one (RFC 9110, 7.8).

        The parser takes all behind such a header for the other protocol: another one reads it again, without the wish.
        """
        while True:
            if self.parser.get_method() == HTTPMethod.CONNECT.encode():
                raise Wrong(HTTPStatus.BAD_REQUEST, "asks for a tunnel, and this is no proxy")
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
        """Counts what is no content. Raises Wrong if it is too much."""
        self._around = max(0, self._around + self._size - (1 + _BYTES_AROUND) * self._content)
        if self._around <= _MAX_HEADER_BYTES:
            return
        if self._at is BODY:
            message = f"has more than {_MAX_HEADER_BYTES:,} bytes of trailers, or around its chunks"
            raise Wrong(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, message, "body")
        raise _header_too_large()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._at = HEADER

    def on_headers_complete(self) -> None:
        if self._around + self._size > _MAX_HEADER_BYTES:  # it need not be its own bytes
            own = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if own > _MAX_HEADER_BYTES:
                raise _header_too_large()
        if self.parser.should_upgrade():
            return  # it is read again
        # A whole URL says itself which host is asked (RFC 9112, 3.2.2).
        if self.url[:1] != b"/" and (whole := _WHOLE_URL.match(self.url)):
            self.headers[:] = [(name, whole[1] if name == b"host" else value) for name, value in self.headers]
        super().on_headers_complete()
        if b"#" in self.url or self.url.endswith(b"?"):
            # Of which nothing else is left. Whoever signs a path wants it as it was sent.
            self.scope["raw_path"] = self.scope.get("raw_path", b"") + b"?"
        self._at = BODY
        self.headers = []  # trailers are none of the request's headers

    def on_body(self, body: bytes) -> None:
        self._content += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._at is BODY:
            super().on_message_complete()
            self._at, self._has_ended = BETWEEN, True


def _header_too_large() -> Wrong:
    message = f"is larger than {_MAX_HEADER_BYTES:,} bytes"
    return Wrong(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, message)


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
