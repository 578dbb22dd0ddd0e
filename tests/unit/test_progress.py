"""What is shown while a run goes on, and that nobody who reads it, or does not, holds the run up."""

from __future__ import annotations

import threading

import pytest

from coordinator.contract import ErrorKind
from coordinator.record.journal import Status
from coordinator.session import progress
from coordinator.session.progress import Progress
from tests.unit.builders import error
from tests.waiting import PATIENCE


def test_notes_and_the_last_line_are_there_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(["detect"], notes=["by the way"]) as shown:
        shown.expect("detect", 2)
        shown.ended("detect", Status.SUCCEEDED)
        shown.ended("detect", Status.FAILED)
        shown.failed("detect/b", error(message="it broke"))
    first, second, last = capsys.readouterr().err.splitlines()
    assert (first, second) == ("by the way", "failed: 'detect/b': crash: it broke")
    assert "detect 2/2" in last
    assert last.endswith("1 failed")


def test_the_engines_first_failure_of_each_step_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(["detect", "position"]) as shown:
        for step, unit in (("detect", "a"), ("detect", "b"), ("position", "r")):
            shown.engine_failed(step, f"{step}/{unit}", error(ErrorKind.ENGINE, "no room"))
    told = capsys.readouterr().err.splitlines()[:-1]
    assert told == [
        "the engine failed 'detect/a', which is tried again: no room",
        "the engine failed 'position/r', which is tried again: no room",
    ]


def test_a_reader_who_has_gone_is_not_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(text: str) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(progress, "_write", broken)
    with Progress(["detect"]) as shown:
        shown.note("is anybody there?")


def test_a_reader_who_does_not_read_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    reads = threading.Event()
    taken: list[str] = []

    def stuck(text: str) -> None:
        reads.wait(PATIENCE)
        taken.append(text)

    monkeypatch.setattr(progress, "_write", stuck)
    with Progress(["detect"]) as shown:
        for number in range(5000):
            shown.note(f"line {number}")
    assert not taken  # all has been said, and the reader has not read a line
    reads.set()
    shown._out._thread.join(PATIENCE)
    assert taken[0] == "line 0\n"
    assert len(taken) < 1100  # the rest was dropped
