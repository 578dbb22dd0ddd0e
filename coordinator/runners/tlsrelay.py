"""An engine over TLS, behind a plain socket of this process: whoever speaks with it need not know.

Streams of containers are half-closed, looked into (``MSG_PEEK``) and polled, of which Python's sockets over TLS can do
nothing. So a thread of its own passes on what is said, both ways, and either end as an end.
"""

from __future__ import annotations

import select
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress

_CHUNK = 64 * 1024
_ROOM = 256 * 1024
"""Bytes that wait for one side at most before no more are read from the other."""
_IN, _OUT, _GONE = select.POLLIN, select.POLLOUT, select.POLLHUP | select.POLLERR


def over_tls(
    far: socket.socket, context: ssl.SSLContext, host: str, deadline: float, note: Callable[[str], None]
) -> socket.socket:
    """A plain socket that leads to the peer of ``far``, which is taken over, and whose certificate is for ``host``.

    ``note`` hears, in another thread, why the connection broke later on, if it did. Raises OSError, ``ssl.SSLError``
    among them, if the peer is not who it should be or is not done by the deadline.
    """
    talk = _Talk(far, context, host)
    try:
        talk.shake_hands(deadline)
        near, inner = socket.socketpair()
    except BaseException:
        far.close()
        raise
    threading.Thread(target=_Relay(inner, talk, note).run, name="tls", daemon=True).start()
    return near


class _Talk:
    """One TLS connection, without waiting: what has come is taken in, what is to go is put out."""

    def __init__(self, far: socket.socket, context: ssl.SSLContext, host: str) -> None:
        far.setblocking(False)
        self.far = far
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._to_send = bytearray()
        self.is_over = False
        """Whether the peer says nothing more."""

    @property
    def waiting(self) -> int:
        """Bytes that the network has not taken so far."""
        self._to_send += self._outgoing.read()
        return len(self._to_send)

    def shake_hands(self, deadline: float) -> None:
        """Raises OSError."""
        while True:
            try:
                self._tls.do_handshake()
                return
            except ssl.SSLWantReadError:
                self._turn(deadline)
            except ssl.SSLError:
                self.send()  # the peer is told why
                raise

    def _turn(self, deadline: float) -> None:
        poll = select.poll()
        poll.register(self.far, _IN | (_OUT if self.waiting else 0))
        events = sum(found for _, found in poll.poll(1000 * max(0.0, deadline - time.monotonic())))
        if not events:
            raise TimeoutError("timed out")
        if events & _OUT:
            self.send()
        if events & ~_OUT:
            self.receive()

    def send(self) -> None:
        """Sends what the network takes now. Raises OSError."""
        with suppress(BlockingIOError):
            while self.waiting:
                del self._to_send[: self.far.send(self._to_send[:_CHUNK])]

    def receive(self) -> None:
        """Takes in what has come. Raises OSError."""
        with suppress(BlockingIOError):
            data = self.far.recv(_CHUNK)
            self._incoming.write(data) if data else self._incoming.write_eof()

    def read(self) -> bytes:
        """All that can be read of what has come. Raises OSError if the peer ends without saying so."""
        found = bytearray()
        while not self.is_over:
            try:
                data = self._tls.read(_CHUNK)
            except ssl.SSLWantReadError:
                break
            except ssl.SSLZeroReturnError:
                data = b""
            found += data
            self.is_over = not data
        return bytes(found)

    def write(self, data: bytes) -> None:
        self._tls.write(data)

    def end(self) -> None:
        """Says that nothing more comes; what the peer still says can be read."""
        with suppress(ssl.SSLError):  # it waits for the peer's own end, which is no hurry
            self._tls.unwrap()


class _Relay:
    """Passes on between a plain socket and a TLS connection until both sides have ended, or either has gone."""

    def __init__(self, near: socket.socket, talk: _Talk, note: Callable[[str], None]) -> None:
        near.setblocking(False)
        self._near = near
        self._talk = talk
        self._note = note
        self._to_near = bytearray()
        self._near_is_over = self._told_near = self._was_heard = False

    def run(self) -> None:
        """To the end; the near side takes a connection that breaks for an end, and who asks is told what broke."""
        with self._near, self._talk.far:
            try:
                self._pass_on()  # what came with the handshake
                while not self._is_done() and self._wait():
                    self._pass_on()
            except ConnectionResetError as error:
                # What it said before may have gone with the connection: most do so to who comes without a certificate.
                hint = "" if self._was_heard else "; does it ask for a certificate (cert.pem, key.pem)?"
                self._note(f"{error}{hint}")
            except OSError as error:
                self._note(str(error))

    def _is_done(self) -> bool:
        return self._told_near and self._near_is_over and not self._talk.waiting

    def _wait(self) -> bool:
        """Waits until something happens and takes it in; False if either side has gone."""
        talk = self._talk
        reads_far = not talk.is_over and len(self._to_near) < _ROOM
        reads_near = not self._near_is_over and talk.waiting < _ROOM
        poll = select.poll()
        poll.register(talk.far, (_IN if reads_far else 0) | (_OUT if talk.waiting else 0))
        poll.register(self._near, (_IN if reads_near else 0) | (_OUT if self._to_near else 0))
        ready = dict(poll.poll())
        far, near = ready.get(talk.far.fileno(), 0), ready.get(self._near.fileno(), 0)
        if near & _GONE or (far & _GONE and talk.is_over):
            return False
        if far & ~_OUT:
            talk.receive()
        if near & _IN:
            self._take_from_near()
        return True

    def _take_from_near(self) -> None:
        data = self._near.recv(_CHUNK)
        if data:
            self._talk.write(data)
        else:
            self._near_is_over = True
            self._to_near += self._talk.read()  # an end is not said while there is something to be read
            self._talk.end()

    def _pass_on(self) -> None:
        self._to_near += self._talk.read()
        self._was_heard |= bool(self._to_near)
        with suppress(BlockingIOError):
            while self._to_near:
                del self._to_near[: self._near.send(self._to_near[:_CHUNK])]
        if self._talk.is_over and not self._to_near and not self._told_near:
            self._told_near = True
            self._near.shutdown(socket.SHUT_WR)
        self._talk.send()
