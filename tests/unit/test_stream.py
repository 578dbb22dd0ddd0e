"""The exchange with a container, over a socket pair whose other end plays the engine."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.runners.stream import Cut, Exchange, exchange
from tests.unit.builders import PROPERTY
from tests.waiting import PATIENCE

STDOUT, STDERR = 1, 2
KEPT = 64 * 1024
Peer = Callable[[socket.socket], None]


def frame(stream: int, body: bytes) -> bytes:
    return struct.pack(">BxxxL", stream, len(body)) + body


@contextmanager
def engine(play: Peer) -> Iterator[socket.socket]:
    """Our end of a connection whose other end is played by ``play`` in a thread."""
    ours, theirs = socket.socketpair()
    thread = threading.Thread(target=play, args=(theirs,))
    thread.start()
    try:
        with ours:
            yield ours
    finally:
        thread.join(PATIENCE)
        theirs.close()


def talk(
    play: Peer,
    request: bytes = b"{}\n",
    *,
    received: bytes = b"",
    seconds: float = PATIENCE,
    cap: int = 10**6,
) -> Exchange:
    with engine(play) as connection:
        return exchange(connection, received, request, deadline=time.monotonic() + seconds, cap=cap)


def says(*pieces: bytes) -> Peer:
    """An engine that sends these pieces and ends."""

    def play(connection: socket.socket) -> None:
        for piece in pieces:
            connection.sendall(piece)
        connection.shutdown(socket.SHUT_RDWR)

    return play


def read_to_end(connection: socket.socket) -> bytes:
    data = b""
    while piece := connection.recv(1 << 20):
        data += piece
    return data


TALK = frame(STDERR, b"loading") + frame(STDOUT, b'{"task": ') + frame(STDOUT, b"") + frame(STDOUT, b'"t"}\n')


class TestFrames:
    @pytest.mark.parametrize("cut", range(len(TALK) + 1))
    def test_they_may_be_cut_anywhere(self, cut: int) -> None:
        result = talk(says(TALK[cut:]), received=TALK[:cut])
        assert (result.stdout, result.stderr) == (b'{"task": "t"}\n', b"loading")
        assert result.cut is None

    def test_they_may_come_byte_by_byte(self) -> None:
        result = talk(says(*(TALK[at : at + 1] for at in range(len(TALK)))))
        assert (result.stdout, result.stderr) == (b'{"task": "t"}\n', b"loading")

    @PROPERTY
    @given(
        st.lists(st.tuples(st.sampled_from([STDOUT, STDERR]), st.binary(max_size=20)), max_size=8), st.data()
    )
    def test_whatever_is_written_arrives_in_order(
        self, written: list[tuple[int, bytes]], data: st.DataObject
    ) -> None:
        stream = b"".join(frame(*one) for one in written)
        cut = data.draw(st.integers(0, len(stream)))
        result = talk(says(stream[cut:]), received=stream[:cut])
        assert result.stdout == b"".join(body for kind, body in written if kind == STDOUT)
        assert result.stderr == b"".join(body for kind, body in written if kind == STDERR)

    def test_silence_is_an_end_like_another(self) -> None:
        result = talk(says())
        assert result.cut is None
        assert (result.stdout, result.stderr) == (b"", b"")

    @pytest.mark.parametrize("cut", [3, 8, 12])
    def test_an_end_in_the_middle_of_a_frame_is_told(self, cut: int) -> None:
        result = talk(says(frame(STDOUT, b"12345678")[:cut]))
        assert result.broken == "the stream ended in the middle of a frame"
        assert result.cut is Cut.BROKEN

    def test_a_connection_that_breaks_is_told(self) -> None:
        def play(connection: socket.socket) -> None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()

        with socket.create_server(("127.0.0.1", 0)) as server:
            ours = socket.create_connection(server.getsockname())
            theirs, _ = server.accept()
        play(theirs)
        with ours:
            result = exchange(ours, b"", b"{}\n", deadline=time.monotonic() + PATIENCE, cap=100)
        assert result.broken.startswith("the connection to the engine broke")

    def test_what_the_engine_itself_says_is_told(self) -> None:
        result = talk(says(frame(3, b"runtime failed")))
        assert (result.cut, result.broken) == (Cut.BROKEN, "the engine said: runtime failed")


class TestStderr:
    def test_up_to_twice_the_limit_all_of_it_is_kept(self) -> None:
        text = bytes(range(256)) * (2 * KEPT // 256)
        assert talk(says(frame(STDERR, text[:1000]), frame(STDERR, text[1000:]))).stderr == text

    @pytest.mark.parametrize("piece", [1 << 18, 5000])
    def test_of_a_flood_the_head_and_the_tail(self, piece: int) -> None:
        head, tail = b"first words\n", b"\nlast words"
        flood = head + b"x" * 600_000 + tail
        frames = [frame(STDERR, flood[at : at + piece]) for at in range(0, len(flood), piece)]
        result = talk(says(*frames, frame(STDOUT, b"ok")))
        assert result.stderr.startswith(head)
        assert result.stderr.endswith(tail)
        assert f"\n... {len(flood) - 2 * KEPT} bytes left out ...\n".encode() in result.stderr
        assert len(result.stderr) < 2 * KEPT + 100
        assert result.stdout == b"ok"


class TestLimits:
    def test_exactly_the_cap_is_allowed(self) -> None:
        result = talk(says(frame(STDOUT, b"12345"), frame(STDOUT, b"678")), cap=8)
        assert (result.stdout, result.cut) == (b"12345678", None)

    def test_a_byte_more_ends_the_exchange_at_once(self) -> None:
        def play(connection: socket.socket) -> None:
            connection.sendall(frame(STDOUT, b"x" * 9))
            connection.settimeout(PATIENCE)
            read_to_end(connection)  # the connection stays open: the exchange must not wait for its end

        result = talk(play, cap=8, request=b"{}\n")
        assert result.cut is Cut.SIZE

    def test_junk_without_an_end_is_given_up_soon(self) -> None:
        def play(connection: socket.socket) -> None:
            connection.sendall(frame(STDERR, b"why") + frame(STDOUT, b"log, log " * 10_000))
            connection.settimeout(PATIENCE)
            read_to_end(connection)

        result = talk(play)
        assert (result.cut, result.stderr) == (Cut.JUNK, b"why")
        assert result.stdout.startswith(b"log, log ")

    def test_a_step_that_says_nothing_is_given_up_at_the_deadline(self) -> None:
        started = time.monotonic()
        result = talk(lambda connection: None, seconds=0.05)
        assert result.cut is Cut.TIME
        assert 0.05 <= time.monotonic() - started < PATIENCE / 2

    def test_one_that_talks_for_ever_too_and_its_words_are_kept(self) -> None:
        stop = threading.Event()

        def play(connection: socket.socket) -> None:
            while not stop.wait(0.005):
                connection.sendall(words)

        words = frame(STDERR, b"still here\n")
        with engine(play) as connection:
            # Its first words came with the reply: whether more come before the deadline is up to the machine.
            result = exchange(connection, words, b"{}\n", deadline=time.monotonic() + 0.05, cap=10)
            stop.set()
        assert result.cut is Cut.TIME
        assert result.stderr.startswith(b"still here\n")


class TestRequest:
    def test_the_step_sees_the_whole_request_and_then_the_end_of_its_input(self) -> None:
        request = b"x" * 3_000_000 + b"\n"
        seen: list[bytes] = []

        def play(connection: socket.socket) -> None:
            seen.append(read_to_end(connection))  # returns only at the half-close
            connection.sendall(frame(STDOUT, b"done"))
            connection.shutdown(socket.SHUT_RDWR)

        result = talk(play, request)
        assert seen == [request]
        assert (result.stdout, result.cut) == (b"done", None)

    def test_a_step_that_answers_before_it_has_read_everything(self) -> None:
        def play(connection: socket.socket) -> None:
            connection.sendall(frame(STDOUT, b"{arly" * 200_000))
            read_to_end(connection)
            connection.shutdown(socket.SHUT_RDWR)

        result = talk(play, b"x" * 3_000_000)
        assert (len(result.stdout), result.cut) == (1_000_000, None)

    def test_a_step_that_never_reads_and_never_answers_does_not_hang_the_run(self) -> None:
        result = talk(lambda connection: None, b"x" * 10_000_000, seconds=0.05)
        assert result.cut is Cut.TIME

    def test_a_step_that_answers_and_ends_without_reading_is_no_error(self) -> None:
        result = talk(says(frame(STDOUT, b"done")), b"x" * 10_000_000)
        assert result.stdout == b"done"
