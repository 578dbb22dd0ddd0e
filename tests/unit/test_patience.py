"""Patience with an engine that does not answer."""

from __future__ import annotations

import threading
from typing import cast

import pytest

from coordinator.errors import EngineError
from coordinator.runners.api import Api, ApiError
from coordinator.runners.patience import EngineGone, Patience


class FakeApi:
    """Answers, or refuses, after so many calls without an answer."""

    def __init__(self, silent_calls: float, *, refuses: bool = False) -> None:
        self.is_silent = silent_calls > 0
        self.calls = 0
        self.silent_calls = silent_calls
        self._refuses = refuses

    def call(self, method: str, path: str) -> None:
        self.calls += 1
        self.is_silent = self.calls <= self.silent_calls
        if self.is_silent:
            raise EngineError("connection refused")
        if self._refuses:
            raise ApiError(500, "busy")


def waits(api: FakeApi, seconds: float = 60.0) -> tuple[Patience, list[str]]:
    patience = Patience(cast(Api, api), seconds)
    told: list[str] = []
    patience.tell = told.append
    return patience, told


class Now(threading.Event):
    """An event whose pauses take no time."""

    def wait(self, timeout: float | None = None) -> bool:
        return self.is_set()


def test_an_engine_that_answers_is_not_even_asked() -> None:
    api = FakeApi(0)
    patience, told = waits(api)
    patience.wait(Now())
    assert (api.calls, told) == (0, [])


@pytest.mark.parametrize("refuses", [False, True])
def test_one_that_comes_back_is_waited_for_and_both_are_told_once(refuses: bool) -> None:
    patience, told = waits(FakeApi(3, refuses=refuses))
    patience.wait(Now())
    assert told == [
        "the container engine does not answer; waiting for it, 60 s at most",
        "the container engine answers again",
    ]


def test_one_that_stays_away_is_given_up_and_then_waited_for_no_longer() -> None:
    api = FakeApi(float("inf"))
    patience, _ = waits(api, seconds=0.0)
    with pytest.raises(
        EngineGone, match=r"away for 0 s \(connection refused\)\n.*the same command continues"
    ):
        patience.wait(Now())
    assert patience.is_over
    asked = api.calls
    with pytest.raises(EngineGone):
        patience.wait(Now())
    assert api.calls == asked + 1
    api.silent_calls = 0
    patience.wait(Now())  # it has come back all the same
    assert not patience.is_over
    with pytest.raises(EngineGone):
        patience.check()  # for whoever gave up meanwhile


def test_a_run_that_is_cancelled_waits_no_longer() -> None:
    cancelled = Now()
    cancelled.set()
    patience, told = waits(FakeApi(float("inf")))
    patience.wait(cancelled)
    assert told == []
