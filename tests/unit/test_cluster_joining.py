"""Joining a cluster whose head is busy."""

from __future__ import annotations

import pytest

from coordinator.cluster.joining import join


class Ray:
    """Refuses with each of the reasons in turn, then lets in."""

    def __init__(self, *reasons: str) -> None:
        self._reasons = list(reasons)
        self.asked = 0

    def init(self, **options: object) -> None:
        self.asked += 1
        if self._reasons:
            raise ConnectionAbortedError(self._reasons.pop(0))


BUSY = "Initialization failure from server:\nRuntimeError: Starting Ray client server failed. See ray_client_server.err"


def test_a_head_that_was_too_busy_is_asked_once_more() -> None:
    ray = Ray(BUSY)
    join(ray, "ray://head:10001")
    assert ray.asked == 2


@pytest.mark.parametrize("reasons", [(BUSY, BUSY, BUSY), ("", "the token is wrong")])
def test_it_is_not_asked_for_ever(reasons: tuple[str, ...]) -> None:
    ray = Ray(*reasons)
    with pytest.raises(ConnectionAbortedError):
        join(ray, "ray://head:10001")
    assert ray.asked <= 2
