"""The pump over a socket pair whose other end the test holds, and its bell."""

from __future__ import annotations

import gc
import os
import socket
import struct
import threading
import time
from collections.abc import Iterator

import pytest

from coordinator.runners.pump import Bell, Pump

LONG = 30.0
"""Seconds that no test here waits if all is well."""


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    theirs.settimeout(LONG)
    with ours, theirs:
        yield ours, theirs


Ends = tuple[socket.socket, socket.socket]


def until(pump: Pump, deadline: float) -> bytes:
    """What comes in one piece, however many turns it takes."""
    while (data := pump.turn(deadline)) is None:
        assert time.monotonic() < deadline
    return data


def soon() -> float:
    return time.monotonic() + LONG


def read_to_end(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(1 << 20), b""))


def test_it_writes_while_it_reads(ends: Ends) -> None:
    ours, theirs = ends
    said, answer = os.urandom(3_000_000), os.urandom(3_000_000)
    heard = []

    def both_at_once() -> None:
        reader = threading.Thread(target=lambda: heard.append(read_to_end(theirs)))
        reader.start()
        theirs.sendall(answer)
        theirs.shutdown(socket.SHUT_WR)
        reader.join()

    other = threading.Thread(target=both_at_once)
    other.start()
    with Pump(ours) as pump:
        pump.send(said[:1000])
        pump.send(b"")
        pump.send(said[1000:])
        pump.end_output()
        deadline, came = soon(), b""
        while len(came) < len(answer) or not heard:
            came += pump.turn(deadline) or b""
            assert time.monotonic() < deadline
    other.join()
    assert came == answer
    assert heard == [said]


def test_an_output_that_is_read_by_nobody_keeps_nothing_from_being_read(ends: Ends) -> None:
    ours, theirs = ends
    with Pump(ours) as pump:
        pump.send(b"x" * 10_000_000)
        theirs.sendall(b"I do not listen")
        assert until(pump, soon()) == b"I do not listen"


def test_an_input_without_a_byte_ends_all_the_same(ends: Ends) -> None:
    ours, theirs = ends
    with Pump(ours) as pump:
        pump.end_output()
        assert pump.turn(soon()) is None
    assert theirs.recv(1) == b""


def test_the_end_of_what_comes_is_told(ends: Ends) -> None:
    ours, theirs = ends
    theirs.shutdown(socket.SHUT_WR)
    with Pump(ours) as pump:
        assert pump.turn(soon()) == b""


def test_a_connection_that_breaks_is_told_even_if_something_was_to_be_written() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname())
        theirs, _ = server.accept()
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    theirs.close()
    with ours, Pump(ours) as pump:
        pump.send(b"anything")
        with pytest.raises(ConnectionResetError):
            until(pump, soon())


def test_a_turn_ends_at_its_deadline(ends: Ends) -> None:
    with Pump(ends[0]) as pump:
        deadline = time.monotonic() + 0.05
        assert pump.turn(deadline) is None
        assert time.monotonic() >= deadline
        assert pump.turn(time.monotonic() - 1) is None


def test_there_is_no_deadline_that_is_too_far_away(ends: Ends) -> None:
    ours, theirs = ends
    theirs.sendall(b"here")
    with Pump(ours) as pump:
        assert pump.turn(float("inf")) == b"here"


def test_another_socket_begins_without_what_the_last_one_was_to_be_told(ends: Ends) -> None:
    ours, theirs = ends
    others, their_end = socket.socketpair()
    with others, their_end, Pump(ours) as pump:
        pump.send(b"for the first")
        pump.end_output()
        pump.disconnect()
        pump.connect(others)
        pump.send(b"for the second")
        pump.write()
        assert their_end.recv(100) == b"for the second"
    theirs.setblocking(False)
    with pytest.raises(BlockingIOError):
        theirs.recv(1)


class TestBell:
    def test_a_bell_that_was_rung_before_ends_the_next_turn_and_no_other(self) -> None:
        bell = Bell()
        pump = Pump(bell=bell)
        bell.ring()
        assert pump.turn(soon()) is None
        deadline = time.monotonic() + 0.05
        pump.turn(deadline)
        assert time.monotonic() >= deadline

    def test_it_is_heard_from_another_thread(self, ends: Ends) -> None:
        bell = Bell()
        pump = Pump(ends[0], bell)
        later = threading.Timer(0.05, bell.ring)
        later.start()
        deadline = soon()
        assert pump.turn(deadline) is None
        assert time.monotonic() < deadline
        later.join()

    def test_who_comes_while_the_thread_is_awake_is_looked_at_without_a_system_call(self) -> None:
        bell = Bell()
        for _ in range(1_000_000):  # more than any pipe takes
            bell.ring()

    def test_whatever_is_published_is_looked_at(self) -> None:
        """Four threads ring as often as they can; what nobody looks at makes this wait for its deadline."""
        bell = Bell()
        pump = Pump(bell=bell)
        published = [0] * 4
        seen = [0] * 4

        def publish(number: int) -> None:
            for count in range(2_000):
                published[number] = count + 1
                bell.ring()
                while seen[number] <= count:
                    time.sleep(0)

        threads = [threading.Thread(target=publish, args=(number,), daemon=True) for number in range(4)]
        for thread in threads:
            thread.start()
        deadline = soon()
        while min(seen) < 2_000:
            pump.turn(deadline)
            assert time.monotonic() < deadline
            seen[:] = published
        for thread in threads:
            thread.join()

    def test_its_pipe_is_closed_with_the_last_who_could_ring(self) -> None:
        bell = Bell()
        ring, listening = bell.ring, os.dup(bell.pipe)
        os.set_blocking(listening, False)
        del bell
        gc.collect()
        with pytest.raises(BlockingIOError):
            os.read(listening, 1)
        del ring
        gc.collect()
        assert os.read(listening, 1) == b""
        os.close(listening)
