"""One loop for whatever is talked with over a socket: it writes, reads and waits at the same time, by a deadline.

A :class:`Pump` belongs to one thread. It writes what it was given and reads what comes, and never waits for the one
without the other: a program that does not read cannot keep what it says from being read, nor the reverse.

Other threads have no business with a pump. They publish what they want (append to a deque, set a flag) and ring its
:class:`Bell`. Nobody rings unheard, because of the order on both sides:

    any other thread                         the pump's thread, in one turn
    1  publishes                             a  asleep = True
    2  rung = True                           b  rung? then it will not wait
    3  asleep? asleep = False, and then      c  waits for the socket, the pipe or the deadline
       a byte into the pipe                  d  asleep = False
                                             e  empties the pipe, if there is anything in it
                                             f  rung = False
                                             g  returns; its owner looks at what was published

- A ring before b is seen at b, and c does not wait. A ring after b finds ``asleep`` set, because a came before b, and
  its byte ends c. Each side raises its own flag before it looks at the other's, so one of the two sees the other.
- What a ring stood for is looked at. f may clear the ring of somebody who came after b; but he had published before
  he rang, and g comes after f. A ring after f stands until the next b. (The owner may repeat f right before g, with
  :meth:`Bell.acknowledge`: that saves the turn in which nothing new would be found.)
- Whoever takes ``asleep`` down writes a byte after that. The other way round, e could take the byte, and the flag that
  came down then would be the next turn's, for which no byte is left.
- Of two threads that find ``asleep`` set, one may have taken it down and not yet written: the other relies on that
  byte, or writes one of its own. So a byte may come late, and a turn may end without any news. Nobody relies on news.

Python's threads see reads and writes of attributes in one order, which is all that this needs. There is no lock, so
a signal handler may ring, too, even one that has interrupted a ring. While the pump's thread is awake, a ring costs
no system call; so it does not matter how often it is rung.
"""

from __future__ import annotations

import os
import select
import socket
import time
import weakref
from collections import deque
from contextlib import suppress
from types import TracebackType

_CHUNK = 256 * 1024
_RINGS = 4096
"""Maximum number of rings that are taken from the pipe at once; there is one for every thread that can ring."""
_IN, _OUT = select.POLLIN, select.POLLOUT
_MAX_WAIT = 24 * 3600.0
"""Maximum number of seconds of one wait: the system call takes no more than some weeks."""


class Bell:
    """Rung by any thread, heard by the one whose pump has it."""

    def __init__(self) -> None:
        self._rung = self._asleep = False
        self.pipe, self._into_pipe = os.pipe()
        # Not before nobody is left who could ring: a late byte must not reach a descriptor that is another's by then.
        weakref.finalize(self, _close, self.pipe, self._into_pipe).atexit = False

    def ring(self) -> None:
        """Ends the pump's turn, or the next one if none is under way. Safe in any thread and any signal handler."""
        self._rung = True
        if self._asleep:
            self._asleep = False
            os.write(self._into_pipe, b"!")

    def fall_asleep(self) -> bool:
        """The pump's thread is about to wait. False if it must not."""
        self._asleep = True
        return not self._rung

    def wake_up(self, *, heard: bool) -> None:
        """It has waited, and ``heard`` that there is something in the pipe."""
        self._asleep = False
        if heard:
            os.read(self.pipe, _RINGS)
        self._rung = False

    def acknowledge(self) -> None:
        """Call it only before looking at all that may have been published: that is what it was rung for until now."""
        self._rung = False


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


class Pump:
    """Writes to a socket and reads from it, turn by turn. It closes none; a context manager that lets go of it."""

    def __init__(self, connection: socket.socket | None = None, bell: Bell | None = None) -> None:
        """Without a ``connection`` it only waits."""
        self._poll = select.poll()
        self._bell = bell
        if bell is not None:
            self._poll.register(bell.pipe, _IN)
        self._connection: socket.socket | None = None
        self._outgoing: deque[memoryview] = deque()
        self._buffer = memoryview(bytearray(_CHUNK))
        self._ends_output = self._awaits_room = False
        if connection is not None:
            self.connect(connection)

    def __enter__(self) -> Pump:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.disconnect()

    def connect(self, connection: socket.socket) -> None:
        """Pumps this socket from now on, which becomes non-blocking."""
        connection.setblocking(False)
        self._poll.register(connection, _IN)
        self._connection = connection

    def disconnect(self) -> None:
        """Lets go of the socket, before it is closed; what has not been written is dropped."""
        self._outgoing.clear()
        self._ends_output = self._awaits_room = False
        if self._connection is not None:
            self._poll.unregister(self._connection)
            self._connection = None

    def send(self, data: bytes) -> None:
        """Takes bytes that leave while it turns, behind those it has. They are not copied."""
        if data:
            self._outgoing.append(memoryview(data))

    def end_output(self) -> None:
        """Half-closes behind the last byte that it was given."""
        self._ends_output = True

    def turn(self, deadline: float | None = None) -> bytes | None:
        """Waits until something happens or the ``deadline`` (on the monotonic clock); then reads once and writes once.

        Returns what has come, nothing if the other side has ended, None if nothing has come: bytes have left, the
        bell was rung, or it is time. Raises OSError if the connection broke.
        """
        connection = self._connection
        events = self._wait(deadline)
        if connection is None or not events:
            return None
        # In this order: a write takes a socket's error away with it, and reading would find a clean end.
        data = self._read(connection) if events & ~_OUT else None
        if events & _OUT:
            self.write()
        return data

    def write(self) -> None:
        """Writes once, if anything can leave at once, and without waiting for a turn.

        That nobody reads any more is no error, and drops what was to be written: reading tells how that came.
        """
        connection = self._connection
        if connection is None:
            return
        if self._outgoing:
            self._send_once(connection)
        if self._ends_output and not self._outgoing:
            self._ends_output = False
            with suppress(OSError):  # it has ended without reading
                connection.shutdown(socket.SHUT_WR)

    def _send_once(self, connection: socket.socket) -> None:
        outgoing = self._outgoing
        try:
            sent = connection.send(outgoing[0][:_CHUNK])
        except BlockingIOError:
            return
        except OSError:
            outgoing.clear()
            return
        if sent == len(outgoing[0]):
            outgoing.popleft()
        else:
            outgoing[0] = outgoing[0][sent:]

    def _wait(self, deadline: float | None) -> int:
        """What has happened to the socket."""
        timeout = None
        if deadline is not None:
            timeout = 1000 * min(max(0.0, deadline - time.monotonic()), _MAX_WAIT)
        self._await_room(bool(self._outgoing) or self._ends_output)
        bell = self._bell
        if bell is None:
            return sum(events for _, events in self._poll.poll(timeout))
        ready = dict(self._poll.poll(timeout if bell.fall_asleep() else 0))
        bell.wake_up(heard=ready.pop(bell.pipe, 0) != 0)
        return sum(ready.values())

    def _read(self, connection: socket.socket) -> bytes | None:
        # Into the same memory: recv makes some of that size for every few bytes, which takes longer than to copy them.
        try:
            size = connection.recv_into(self._buffer)
        except BlockingIOError:
            return None
        return bytes(self._buffer[:size])

    def _await_room(self, wanted: bool) -> None:
        if wanted != self._awaits_room and self._connection is not None:
            self._awaits_room = wanted
            self._poll.modify(self._connection, _IN | _OUT if wanted else _IN)
