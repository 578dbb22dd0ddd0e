"""One client's connection: whatever it waits for has a deadline, and what is no HTTP is told in our form.

Uvicorn waits for a header for ever, and answers nobody who has ended the way there. This is its protocol without that.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from coordinator.service.joined import Joined
from coordinator.service.messages import BODY, HEADER, Messages, Wrong

HEADER_SECONDS = 10.0
"""Seconds that a header may take from a connection's start, or from its first byte on a connection that is kept."""
DRAIN_SECONDS = 30.0
"""Seconds for which a body that nobody wants is read on: most clients look for an answer only behind it."""


class _InTurn(FlowControl):
    """Reads nothing more while a request waits for its turn: each answer would let in thousands of others."""

    def __init__(self, transport: asyncio.Transport, connection: HttpToolsProtocol) -> None:
        super().__init__(transport)
        self._waiting = connection.pipeline

    def resume_reading(self) -> None:
        if self.read_paused and not self._waiting:
            super().resume_reading()


class Connection(Messages):
    """A connection whose waits have ends, and that ends so that its client hears why."""

    _timer: asyncio.TimerHandle | None = None
    _last: bytes | None = None
    """What is said behind the answers that are due; whatever else comes is not looked at."""
    _drips = False
    """Whether anything has come since somebody looked."""
    _drained = 0.0
    """The moment until which that may go on; 0 if nothing is unwanted."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._joined = Joined(transport, self.loop, self._hears_out)
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
        if self._at is BODY or not self._is_due:
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
        self._drips = True
        if self._last is not None:
            return
        try:
            self._read(data)
        except Wrong as wrong:
            self._fail(wrong)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._drained = 0.0
        self._unset_keepalive_if_required()
        self._await_header()

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        if self._at is BODY:
            self._have_header()

    def on_response_complete(self) -> None:
        self._joined.flush()
        others_wait = bool(self.pipeline)
        super().on_response_complete()
        if others_wait or self._drained:
            return
        if self._last is not None:
            self._end(self._last)
        elif self._at is HEADER:
            self._unset_keepalive_if_required()  # it has a deadline of its own
        elif self._at is BODY:
            self._drained, self._drips = self.loop.time() + DRAIN_SECONDS, False

    def timeout_keep_alive_handler(self) -> None:
        is_unwanted = self._at is BODY or self._last is not None
        if is_unwanted and self._drips and self.loop.time() < self._drained:
            self._go_on_draining()
        else:
            super().timeout_keep_alive_handler()

    def _go_on_draining(self) -> None:
        self._unset_keepalive_if_required()
        self._drips = False
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

    def _hears_out(self) -> bool:
        """Before an end: who is speaking still must be able to go on, or may miss the answer (RFC 9112, 9.6)."""
        is_amid = self._at is BODY and not self.pipeline and self.cycle.response_complete
        if self._drained or self.transport.is_closing() or not (is_amid or self._last is not None):
            return False
        if self._is_due:  # its body is broken
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self._last, self._drained = b"", self.loop.time() + DRAIN_SECONDS
        self.flow.resume_reading()
        self._joined.write_eof()
        self._go_on_draining()
        return True

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
            self._fail(Wrong(HTTPStatus.REQUEST_TIMEOUT, message))

    @property
    def _is_due(self) -> bool:
        """Whether there is anything to answer."""
        return self.cycle is not None and not self.cycle.response_complete

    def _fail(self, wrong: Wrong) -> None:
        """Ends the connection with this, behind the answers to what has come before and in full."""
        self._have_header()
        last, has_to_wait = wrong.answer, self._is_due
        if self._at is BODY:  # of a request that may be waiting, or being answered, or that is
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
