"""A connection on a real socket: other protocols, trailers, many requests at once, halves, bodies that nobody reads."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
import uvicorn
from starlette.types import Message, Receive, Scope, Send

from coordinator.service import connections, joined
from coordinator.service.connections import Connection
from tests.waiting import PATIENCE, eventually

UPGRADE = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAA\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


def asked(path: bytes, body: bytes = b"", *, headers: bytes = b"", method: bytes = b"POST") -> bytes:
    if b"chunked" not in headers and b"Content-Length" not in headers:
        headers += b"Content-Length: %d\r\n" % len(body)
    return b"%s %s HTTP/1.1\r\nHost: l\r\n%s\r\n%s" % (method, path, headers, body)


GET = asked(b"/at-once", method=b"GET")


@dataclass
class Town:
    """An application, and what it has seen; ``/echo`` reads a body, ``/held`` waits, others answer at once."""

    port: int = 0
    server: uvicorn.Server | None = None
    go: threading.Event = field(default_factory=threading.Event)
    bodies: list[bytes] = field(default_factory=list)
    scopes: list[Scope] = field(default_factory=list)
    gone: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        body = b""
        if scope["path"] in ("/echo", "/held", "/stream"):
            message: Message = {"more_body": True}
            while message.get("more_body"):
                message = await receive()
                if message["type"] == "http.disconnect":
                    self.gone += 1
                    return
                body += message["body"]
            self.bodies.append(body)
        if scope["path"] == "/held":
            await asyncio.to_thread(self.go.wait, PATIENCE)
        if scope["path"] == "/stream":
            await self._stream(receive, send)
            return
        said = b"%s %d" % (scope["path"].encode(), len(body))
        size = b"%d" % len(said)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", size)]})
        await send({"type": "http.response.body", "body": said})

    async def _stream(self, receive: Receive, send: Send) -> None:
        """Events, until nobody is left to hear them."""
        gone = asyncio.ensure_future(receive())
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while not gone.done():
            await send({"type": "http.response.body", "body": b"x" * 500_000, "more_body": True})
            await asyncio.sleep(0.01)
        self.gone += 1

    @property
    def open(self) -> int:
        """The number of connections that are open."""
        assert self.server is not None
        return len(self.server.server_state.connections)


@pytest.fixture
def town(monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    """A server of the application that is kept no longer than is asked for."""
    monkeypatch.setattr(connections, "DRAIN_SECONDS", 0.5)
    town = Town()
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        town.port = int(listening.getsockname()[1])
        config = uvicorn.Config(
            town, http=Connection, lifespan="off", log_level="critical", timeout_keep_alive=1
        )
        town.server = uvicorn.Server(config)
        thread = threading.Thread(target=town.server.run, args=([listening],))
        thread.start()
        eventually(lambda: town.server is not None and town.server.started)
        yield town
        town.go.set()
        town.server.should_exit = True
        thread.join()


@dataclass
class Client:
    """A client, answer by answer."""

    town: Town
    heard: bytes = b""

    def __enter__(self) -> Client:
        self.socket = socket.create_connection(("127.0.0.1", self.town.port), timeout=PATIENCE)
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, *pieces: bytes) -> Client:
        for number, piece in enumerate(pieces):
            if number:
                time.sleep(0.02)
            self.socket.sendall(piece)
        return self

    def more(self) -> None:
        data = self.socket.recv(65536)
        if not data:
            raise EOFError(self.heard)
        self.heard += data

    def answer(self) -> tuple[int, bytes]:
        while b"\r\n\r\n" not in self.heard:
            self.more()
        head, self.heard = self.heard.split(b"\r\n\r\n", 1)
        lines = head.lower().split(b"\r\n")
        (length,) = (int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length"))
        while len(self.heard) < length:
            self.more()
        body, self.heard = self.heard[:length], self.heard[length:]
        return int(head.split()[1]), body

    def ends(self) -> None:
        """Waits for the connection's end."""
        with pytest.raises((EOFError, ConnectionError)):
            self.more()


def blamed(answer: tuple[int, bytes]) -> tuple[int, str]:
    status, body = answer
    return status, json.loads(body)["error"]["field"]


class TestAnotherProtocol:
    @pytest.mark.parametrize("body", [b"x", b"y" * 500_000], ids=["small", "large"])
    def test_who_asks_for_it_is_served_by_this_one(self, town: Town, body: bytes) -> None:
        with Client(town) as client:
            for _ in range(2):
                assert client.send(asked(b"/echo", body, headers=UPGRADE)).answer() == (
                    200,
                    b"/echo %d" % len(body),
                )
        assert town.bodies == [body, body]
        assert (b"host", b"l") in town.scopes[0]["headers"]

    @pytest.mark.parametrize("upgrade", [UPGRADE, UPGRADE.replace(b"h2c", b"websocket")])
    def test_a_body_is_never_a_request(self, town: Town, upgrade: bytes) -> None:
        inner = asked(b"/inner", method=b"DELETE")
        whole = asked(b"/echo", inner, headers=upgrade)
        for cut in (len(whole) - len(inner), len(whole) - 9, 60):
            with Client(town) as client:
                assert client.send(whole[:cut], whole[cut:], GET).answer()[1] == b"/echo %d" % len(inner)
                assert client.answer() == (200, b"/at-once 0")
        assert b"/inner" not in [scope["raw_path"] for scope in town.scopes]

    def test_many_at_once_and_in_chunks(self, town: Town) -> None:
        chunked = asked(b"/echo", b"3\r\nabc\r\n0\r\n\r\n", headers=UPGRADE + CHUNKED)
        with Client(town) as client:
            client.send((chunked + asked(b"/echo", headers=UPGRADE) + GET) * 50)
            told = [client.answer()[1] for _ in range(150)]
        assert told == [b"/echo 3", b"/echo 0", b"/at-once 0"] * 50

    def test_what_is_wrong_behind_is_told(self, town: Town) -> None:
        with Client(town) as client:
            client.send(asked(b"/echo", headers=UPGRADE) + asked(b"/" + b"a" * 70_000))
            assert client.answer() == (200, b"/echo 0")
            assert blamed(client.answer()) == (431, "header")

    def test_a_tunnel_is_refused(self, town: Town) -> None:
        with Client(town) as client:
            assert client.send(b"CONNECT l:443 HTTP/1.1\r\nHost: l\r\n\r\n" + GET).answer()[0] == 400
            client.ends()
        assert not town.scopes


class TestSizes:
    @pytest.mark.parametrize(
        "trailer", [b"".join(b"X-%d: v\r\n" % number for number in range(20_000)), b"X: " + b"v" * 500_000]
    )
    def test_trailers_have_a_limit(self, town: Town, trailer: bytes) -> None:
        body = b"3\r\nabc\r\n0\r\n" + trailer + b"\r\n\r\n"
        with Client(town) as client:
            client.send(asked(b"/echo", b"", headers=CHUNKED))
            try:
                client.send(body)
                assert blamed(client.answer()) == (431, "body")
            except ConnectionError:
                pass  # it was still speaking
        eventually(lambda: town.gone == 1)

    def test_a_trailer_is_no_header(self, town: Town) -> None:
        whole = asked(b"/echo", b"3\r\nabc\r\n0\r\nAuthorization: me\r\n\r\n", headers=CHUNKED)
        with Client(town) as client:
            assert client.send(whole).answer() == (200, b"/echo 3")
        assert b"authorization" not in dict(town.scopes[0]["headers"])

    def test_a_body_of_tiny_chunks_is_well(self, town: Town) -> None:
        whole = asked(b"/echo", b"1\r\nx\r\n" * 100_000 + b"0\r\n\r\n", headers=CHUNKED)
        with Client(town) as client:
            assert client.send(whole).answer() == (200, b"/echo 100000")

    def test_what_stands_around_chunks_has_a_limit(self, town: Town) -> None:
        body = (b"1;x=" + b"y" * 60_000 + b"\r\nx\r\n") * 9
        with Client(town) as client:
            client.send(asked(b"/echo", b"", headers=CHUNKED))
            try:
                client.send(body)
                assert blamed(client.answer()) == (431, "body")
            except ConnectionError:
                pass
        eventually(lambda: town.gone == 1)

    def test_a_header_counts_its_own_bytes_only(self, town: Town) -> None:
        with Client(town) as client:
            client.send(GET * 2000)
            assert [client.answer()[0] for _ in range(2000)] == [200] * 2000

    def test_a_header_that_comes_in_one_piece_has_the_limit_too(self, town: Town) -> None:
        with Client(town) as client:
            client.send(asked(b"/at-once", headers=b"X: " + b"y" * 66_000 + b"\r\n"))
            assert blamed(client.answer()) == (431, "header")

    @pytest.mark.parametrize("size", [65_540, 70_000, 400_000])
    def test_a_url_that_is_too_long_is_told_as_such(self, town: Town, size: int) -> None:
        with Client(town) as client, suppress(ConnectionError):  # it was still speaking
            client.send(asked(b"/" + b"a" * size))
            assert blamed(client.answer()) == (431, "header")

    def test_what_waits_for_its_turn_is_not_added_to(self, town: Town) -> None:
        with Client(town) as client:
            client.socket.settimeout(0.2)
            client.send(asked(b"/held"))
            with pytest.raises(TimeoutError):
                client.send(GET * 500_000)
            assert town.server is not None
            (connection,) = town.server.server_state.connections
            assert isinstance(connection, Connection)
            assert len(connection.pipeline) < 10_000


@pytest.mark.parametrize(
    ("url", "path", "host"),
    [(b"http://evil.example/a?b", "/a", b"evil.example"), (b"http://u:p@[::1]:8080/", "/", b"[::1]:8080")],
)
def test_a_whole_url_says_which_host_is_asked(town: Town, url: bytes, path: str, host: bytes) -> None:
    with Client(town) as client:
        assert client.send(asked(url)).answer()[0] == 200
    (scope,) = town.scopes
    assert (scope["path"], [value for name, value in scope["headers"] if name == b"host"]) == (path, [host])


class TestDeadlines:
    @pytest.mark.parametrize(
        ("first", "then"),
        [
            (GET, b"\r\n"),
            (asked(b"/at-once", headers=b"Content-Length: 100000\r\n"), b"x"),
            (asked(b"/at-once", headers=CHUNKED), b"1"),
        ],
        ids=["line", "body", "chunk"],
    )
    def test_a_connection_that_is_kept_ends(self, town: Town, first: bytes, then: bytes) -> None:
        begun = time.monotonic()
        with Client(town) as client:
            assert client.send(first).answer()[0] == 200
            client.send(then)
            client.ends()
        assert time.monotonic() - begun > 0.9

    def test_a_body_that_nobody_reads_does_not_last(self, town: Town) -> None:
        with Client(town) as client:
            client.send(asked(b"/at-once", headers=b"Content-Length: 100000\r\n")).answer()
            while town.open:
                with suppress(ConnectionError):
                    client.send(b"x")
                time.sleep(0.05)

    def test_behind_such_a_body_the_connection_is_kept(self, town: Town) -> None:
        with Client(town) as client:
            assert client.send(asked(b"/at-once", headers=b"Content-Length: 3\r\n")).answer()[0] == 200
            assert client.send(b"abc", GET).answer()[0] == 200

    def test_who_takes_no_answer_is_cut_off(self, town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(joined, "STALLED_SECONDS", 0.2)
        with Client(town) as client:
            client.send(asked(b"/stream"))
            eventually(lambda: town.gone == 1)


class TestLastWords:
    """Who is cut off while speaking may never hear the answer: it is lost in the network's own refusal."""

    @pytest.mark.parametrize("headers", [b"Connection: close\r\n", b""])
    @pytest.mark.parametrize("body", [b"x" * 3_000_000, b"garbage" * 100_000], ids=["well", "broken"])
    def test_who_speaks_on_hears_the_answer(self, town: Town, headers: bytes, body: bytes) -> None:
        is_broken = body.startswith(b"garbage")
        path = b"/echo" if is_broken else b"/at-once"
        with Client(town) as client:
            client.send(asked(path, body, headers=headers + (CHUNKED if is_broken else b"")))
            assert client.answer()[0] == (400 if is_broken else 200)
            if headers or is_broken:
                client.ends()
        eventually(lambda: town.open == 0)

    def test_what_is_said_then_is_no_request(self, town: Town) -> None:
        with Client(town) as client:
            client.send(asked(b"/at-once", headers=b"Connection: close\r\nContent-Length: 3\r\n"))
            assert client.answer()[0] == 200
            client.send(b"abc" + GET)
            client.ends()
        assert len(town.scopes) == 1

    def test_that_has_an_end(self, town: Town) -> None:
        with Client(town) as client:
            client.send(b"garbage")
            assert client.answer()[0] == 400
            while town.open:
                with suppress(ConnectionError):
                    client.send(b"x")
                time.sleep(0.05)


class TestHalves:
    @pytest.mark.parametrize("path", [b"/echo", b"/held", b"/at-once"])
    def test_who_has_said_all_gets_the_answer(self, town: Town, path: bytes) -> None:
        with Client(town) as client:
            client.send(asked(path, b"x"))
            client.socket.shutdown(socket.SHUT_WR)
            time.sleep(0.05)
            town.go.set()
            assert client.answer()[0] == 200
            client.ends()
        eventually(lambda: town.open == 0)

    def test_all_that_were_asked_for_are_answered(self, town: Town) -> None:
        with Client(town) as client:
            client.send(asked(b"/held", b"x") + GET + asked(b"/echo", b"xyz") + GET[:9])
            client.socket.shutdown(socket.SHUT_WR)
            town.go.set()
            assert [client.answer()[1] for _ in range(3)] == [b"/held 1", b"/at-once 0", b"/echo 3"]
            client.ends()
        eventually(lambda: town.open == 0)

    def test_half_a_body_is_no_request(self, town: Town) -> None:
        with Client(town) as client:
            client.send(asked(b"/echo", b"x" * 10)[:-1])
            client.socket.shutdown(socket.SHUT_WR)
            client.ends()
        eventually(lambda: town.gone == 1)

    def test_who_goes_is_missed(self, town: Town) -> None:
        with Client(town) as client:
            client.send(asked(b"/stream"))
            client.more()
        eventually(lambda: town.gone == 1 and town.open == 0)

    def test_nobody_is_left_when_who_waited_has_gone(self, town: Town) -> None:
        with Client(town) as client:
            client.send(asked(b"/held"))
            eventually(lambda: town.bodies)
        town.go.set()
        eventually(lambda: town.open == 0)


class TestGarbage:
    @pytest.mark.parametrize("path", [b"/echo", b"/held"])
    def test_behind_a_request_is_told_behind_its_answer(self, town: Town, path: bytes) -> None:
        with Client(town) as client:
            client.send(GET + asked(path, b"abc") + b"\0garbage")
            town.go.set()
            assert [client.answer()[1] for _ in range(2)] == [b"/at-once 0", path + b" 3"]
            assert blamed(client.answer()) == (400, "header")
            client.ends()

    def test_in_a_body_that_waits_for_its_turn(self, town: Town) -> None:
        with Client(town) as client:
            client.send(asked(b"/held", b"abc") + asked(b"/echo", b"garbage", headers=CHUNKED))
            town.go.set()
            assert client.answer() == (200, b"/held 3")
            assert blamed(client.answer())[0] == 400
            client.ends()
        assert len(town.scopes) == 1

    def test_in_a_body_that_is_read(self, town: Town) -> None:
        with Client(town) as client:
            assert client.send(asked(b"/echo", b"garbage", headers=CHUNKED)).answer()[0] == 400
            client.ends()
        eventually(lambda: town.open == 0)

    def test_in_a_body_that_nobody_reads(self, town: Town) -> None:
        with Client(town) as client:
            assert client.send(asked(b"/at-once", headers=CHUNKED)).answer()[0] == 200
            client.send(b"garbage")
            client.ends()

    def test_half_a_header_behind_a_request(self, town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(connections, "HEADER_SECONDS", 0.1)
        with Client(town) as client:
            client.send(asked(b"/held") + GET[:9])
            time.sleep(0.2)
            town.go.set()
            assert client.answer()[0] == 200
            assert blamed(client.answer()) == (408, "header")
            client.ends()
