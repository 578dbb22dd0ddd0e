"""What signals do, in whatever moment of a run they come."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator

import pytest

from coordinator.session.interrupts import Interrupts
from tests.waiting import PATIENCE

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Target:
    """What a run gives to be ended."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.cancelled = threading.Event()

    def driven(self, interrupts: Interrupts) -> None:
        interrupts.drive(drain=lambda: self.said.append("drain"), cancel=self.cancelled.set, note=self.note)

    def note(self, text: str) -> None:
        self.said.append(text.partition(":")[0])


def _send(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.fixture(autouse=True)
def _as_from_a_terminal() -> Iterator[None]:
    """Whoever starts the tests may have them ignore a signal, nohup SIGHUP for one; a run would respect that."""
    before = {number: signal.getsignal(number) for number in NUMBERS}
    for number, handler in before.items():
        if handler is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def target() -> Target:
    return Target()


@pytest.mark.parametrize("number", NUMBERS)
def test_the_first_drains_and_the_second_cancels(target: Target, number: int) -> None:
    with Interrupts() as interrupts:
        target.driven(interrupts)
        _send(number)
        assert target.said == ["drain", "interrupted"]
        assert not target.cancelled.is_set()
        _send(signal.SIGTERM)
        assert target.cancelled.wait(PATIENCE)


def test_one_that_comes_before_there_are_tasks_drains_as_soon_as_there_are(target: Target) -> None:
    with Interrupts() as interrupts:
        _send(signal.SIGTERM)
        target.driven(interrupts)
        assert target.said == ["drain", "interrupted"]


def test_two_before_there_are_tasks_end_the_run() -> None:
    with Interrupts():
        _send(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            _send(signal.SIGTERM)


@pytest.mark.parametrize("number", NUMBERS)
def test_afterwards_everything_is_as_before(number: int) -> None:
    before = signal.getsignal(number)
    with Interrupts():
        assert signal.getsignal(number) != before
    assert signal.getsignal(number) == before


def test_a_hangup_that_is_ignored_stays_so(target: Target) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interrupts() as interrupts:
            target.driven(interrupts)
            _send(signal.SIGHUP)
        assert target.said == []
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_cancelling_never_waits_in_the_handler() -> None:
    """It takes locks that the interrupted thread may hold."""
    lock = threading.Lock()
    done = threading.Event()

    def cancel() -> None:
        with lock:
            done.set()

    nothing: Callable[[], None] = lambda: None  # noqa: E731
    with Interrupts() as interrupts:
        interrupts.drive(drain=nothing, cancel=cancel, note=lambda text: None)
        with lock:
            _send(signal.SIGTERM)
            _send(signal.SIGTERM)
        assert done.wait(PATIENCE)
