"""Who sends slowly: what a body owes in every period, and a header's deadline on a real connection."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from coordinator.service import connections
from coordinator.service.connections import Connection
from coordinator.service.holding import Holding, Share
from coordinator.service.pace import PERIOD, Pace, PaceLimits
from coordinator.service.refusal import Refused
from coordinator.service.uploads import UploadLimits, receive
from tests.waiting import PATIENCE, eventually

LIMITS = PaceLimits(rate=100, seconds=1000.0)
OWED = int(100 * PERIOD)


class TestPace:
    def test_what_a_period_owes_begins_the_next(self) -> None:
        pace = Pace(LIMITS, begun=5.0)
        assert pace.deadline == 5 + PERIOD
        pace.note(OWED, now=10.0)
        assert pace.deadline == 10 + PERIOD

    def test_a_byte_now_and_then_moves_nothing(self) -> None:
        pace = Pace(LIMITS, begun=0.0)
        for moment in range(20):
            pace.note(1, now=float(moment))
        assert pace.deadline == PERIOD

    def test_what_came_at_first_is_no_credit_for_later(self) -> None:
        pace = Pace(LIMITS, begun=0.0)
        pace.note(1000 * OWED, now=1.0)
        pace.note(1, now=20.0)
        assert pace.deadline == 1 + PERIOD

    def test_the_whole_has_an_end_however_quick_it_is(self) -> None:
        pace = Pace(LIMITS, begun=0.0)
        pace.note(OWED, now=990.0)
        assert pace.deadline == 1000.0


def test_a_body_that_drips_is_refused(tmp_path: Path) -> None:
    async def drip() -> AsyncIterator[bytes]:
        yield b'--B\r\nContent-Disposition: form-data; name="actions"\r\n\r\n'
        while True:
            yield b"-"
            await asyncio.sleep(0.01)

    limits = UploadLimits(files=1, file_bytes=9, request_bytes=10**6, pace=PaceLimits(rate=1, seconds=0.1))
    with pytest.raises(Refused) as refused:
        asyncio.run(receive(drip(), b"B", lambda number: tmp_path / str(number), limits, Share(Holding())))
    assert (refused.value.status, refused.value.field) == (408, "body")
    assert "came too slowly" in refused.value.message


async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that answers 204, and for which path."""
    headers = [(b"x-path", scope["raw_path"])]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body"})


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A server whose clients have little time for their headers."""
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.3)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(nothing, http=Connection, lifespan="off", log_level="critical")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        eventually(lambda: server.started)
        yield int(listening.getsockname()[1])
        server.should_exit = True
        thread.join()


def said(port: int, *sent: bytes) -> bytes:
    """What a client hears to the end of its connection, if it sends this and then nothing.

    A client that a busy machine makes later than the deadline may hear nothing of the answer: it tries again.
    """
    for _ in range(20):
        with (
            suppress(ConnectionError),
            socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as client,
        ):
            for piece in sent:
                client.sendall(piece)
                time.sleep(0.02)
            return b"".join(iter(lambda: client.recv(65536), b""))
    raise AssertionError("twenty connections were reset")


GET = b"GET / HTTP/1.1\r\nHost: l\r\n"


@pytest.mark.parametrize(
    ("sent", "status", "message"),
    [
        ((), 408, "has not come within"),
        ((GET,), 408, "has not come within"),
        ((GET, *[b"X-a: b\r\n"] * 9), 408, "has not come within"),
        ((GET + b"X-a: " + bytes(70_000).replace(b"\0", b"a"),), 431, "larger than 65,536 bytes"),
        ((b"NO SUCH\r\n\r\n",), 400, "is not HTTP"),
    ],
)
def test_a_header_that_does_not_come(port: int, sent: Sequence[bytes], status: int, message: str) -> None:
    head, body = said(port, *sent).split(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    told = json.loads(body)["error"]
    assert told["field"] == "header"
    assert message in told["message"]


def test_the_second_header_of_a_connection_has_its_time_too(port: int) -> None:
    first, second = said(port, GET + b"\r\n", GET).split(b"\r\n\r\n", 1)
    assert first.startswith(b"HTTP/1.1 204 ")
    assert second.startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize(
    ("target", "path"),
    [(b"/a", b"/a"), (b"/a?b", b"/a"), (b"/a?", b"/a?"), (b"/a#b", b"/a?"), (b"/a?#", b"/a?")],
)
def test_what_stands_behind_a_path_leaves_a_trace(port: int, target: bytes, path: bytes) -> None:
    told = said(port, b"GET %b HTTP/1.1\r\nHost: l\r\nConnection: close\r\n\r\n" % target)
    assert b"x-path: %b\r\n" % path in told
