"""Joining a cluster whose head starts no server for its client."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from coordinator.cluster.joining import ClusterError, join

FAILED = "Initialization failure from server:\nRuntimeError: Starting Ray client server failed. See its .err"
ZOMBIE = (
    "Initialization failure from server:\npsutil.ZombieProcess: PID still exists but it's a zombie (pid=297)"
)


class Ray:
    """Refuses with each of the reasons in turn, then lets in."""

    def __init__(self, *reasons: str) -> None:
        self._reasons = list(reasons)
        self.asked = 0

    def init(self, **options: object) -> None:
        self.asked += 1
        if self._reasons:
            raise ConnectionAbortedError(self._reasons.pop(0))


@pytest.fixture
def address() -> Iterator[str]:
    """Of something that takes connections."""
    with socket.create_server(("127.0.0.1", 0)) as head:
        yield f"ray://127.0.0.1:{head.getsockname()[1]}"


def test_a_head_whose_server_died_is_asked_again_and_that_is_told(
    address: str, caplog: pytest.LogCaptureFixture
) -> None:
    ray = Ray(FAILED, ZOMBIE, FAILED)
    join(ray, address)
    assert ray.asked == 4
    told = f"the head at {address} did not get a server for this client started; asking again"
    assert caplog.messages == [told] * 3


def test_it_is_not_asked_for_ever(address: str) -> None:
    ray = Ray(*[FAILED] * 100)
    with pytest.raises(ClusterError, match=r"5 times in a row\n.*GRPC_ENABLE_FORK_SUPPORT=0"):
        join(ray, address)
    assert ray.asked == 5


def test_what_another_try_would_not_mend_is_told_at_once(address: str) -> None:
    ray = Ray("the token is wrong")
    with pytest.raises(ClusterError, match=r"no Ray cluster answers .*: the token is wrong"):
        join(ray, address)
    assert ray.asked == 1


def test_nobody_listens(address: str) -> None:
    ray = Ray()
    with socket.create_server(("127.0.0.1", 0)) as gone:
        nowhere = f"ray://127.0.0.1:{gone.getsockname()[1]}"
    with pytest.raises(ClusterError, match="no Ray cluster answers"):
        join(ray, nowhere)
    assert ray.asked == 0
