"""While the service starts, its address answers 503; then the next one takes the same sockets over."""

from __future__ import annotations

import socket

import httpx
import pytest

from coordinator.errors import UsageError
from coordinator.service.waitingroom import WaitingRoom, listening


def test_everybody_is_told_that_it_is_starting_until_somebody_answers() -> None:
    with listening("127.0.0.1", 0) as sockets:
        address = f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
        room = WaitingRoom(sockets)
        for method, path in (("GET", "/"), ("POST", "/process"), ("DELETE", "/jobs/0"), ("HEAD", "/static/")):
            answer = httpx.request(method, address + path)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
            if method != "HEAD":
                assert answer.json()["error"] == {
                    "field": "service",
                    "message": "is starting; come again in a moment",
                }
        assert httpx.get(f"{address}/healthz").json() == {"status": "starting", "workers": 0}
        room.close()
        with socket.create_connection(sockets[0].getsockname()[:2]):
            taken, _ = sockets[0].accept()
            taken.close()


def test_an_address_that_is_taken_is_told() -> None:
    with listening("127.0.0.1", 0) as sockets:
        port = sockets[0].getsockname()[1]
        with (
            pytest.raises(UsageError, match=r"cannot listen on 127\.0\.0\.1 port"),
            listening("127.0.0.1", port),
        ):
            pytest.fail("two listen at one address")


def test_all_addresses_of_a_name_have_the_same_port() -> None:
    with listening("localhost", 0) as sockets:
        assert len({one.getsockname()[1] for one in sockets}) == 1
