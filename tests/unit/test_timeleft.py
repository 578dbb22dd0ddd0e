"""How long a run will still take."""

from __future__ import annotations

import re

import pytest

from coordinator.record.journal import Status
from coordinator.session.progress import Progress
from coordinator.session.timeleft import Pace, in_words, time_left

UNKNOWN = Pace(ran=0, left=0, seconds=0.0, known=False)


def test_what_is_left_of_each_step_adds_up() -> None:
    assert time_left([Pace(ran=10, left=5, seconds=20.0), Pace(ran=4, left=3, seconds=2.0)]) == 11.5


@pytest.mark.parametrize(
    ("ran", "seconds", "expected"), [(0, 7.0, 9.0), (1, 8.0, 14.0), (2, 12.0, 15.0), (3, 15.0, 15.0)]
)
def test_a_step_that_has_hardly_begun_is_as_quick_as_all_were_until_now(
    ran: int, seconds: float, expected: float
) -> None:
    """Here 3 s for each: of three that tell of it, those that have not ended yet."""
    begun = Pace(ran=ran, left=3, seconds=seconds)
    assert time_left([Pace(ran=10 - ran, left=0, seconds=30.0), begun]) == pytest.approx(expected)


def test_a_step_of_which_nothing_is_known_has_as_many_tasks_as_the_one_in_front_of_it() -> None:
    """Also where hardly any is left of those."""
    assert time_left([Pace(ran=10, left=5, seconds=20.0), UNKNOWN, UNKNOWN]) == 70.0
    assert time_left([Pace(ran=14, left=1, seconds=28.0), UNKNOWN]) == 32.0


def test_the_lines_of_a_run_wait_until_what_comes_of_a_task_is_known(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = [100.0]
    monkeypatch.setattr("coordinator.session.progress.time.monotonic", lambda: clock[0])
    with Progress(["position", "recognise"]) as shown:
        shown.expect("position", 4)
        for objects in (0, 5, 7):
            clock[0] += 6.0
            shown.ended("position", Status.SUCCEEDED)
            shown.expect("recognise", objects)
    lines = capsys.readouterr().err.splitlines()
    told = [re.findall(r"\d+/\d+", line) for line in lines]
    assert told == [["0/4", "0/0"], ["1/4", "0/0"], ["2/4", "0/5"], ["3/4", "0/12"]]


@pytest.mark.parametrize("steps", [[], [UNKNOWN], [Pace(ran=2, left=50, seconds=9.0), UNKNOWN]])
def test_nothing_is_said_before_anything_tells(steps: list[Pace]) -> None:
    assert time_left(steps) is None


def test_at_the_end_nothing_is_left() -> None:
    assert time_left([Pace(ran=10, left=0, seconds=20.0)]) == 0.0


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 s"), (41.4, "41 s"), (95.0, "2 min"), (3600.0, "60 min"), (12_600.0, "3.5 h")],
)
def test_it_is_said_roughly(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


def test_the_lines_of_a_run_say_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = [100.0]
    monkeypatch.setattr("coordinator.session.progress.time.monotonic", lambda: clock[0])
    with Progress(["detect"], least={"detect": 20}) as shown:
        shown.expect("detect", 20)
        for _ in range(10):
            clock[0] += 2.0
            shown.ended("detect", Status.SUCCEEDED)
    *_, last = capsys.readouterr().err.splitlines()
    assert last == "[  20.0 s]  detect 10/20 (0.5/s)   about 20 s left"


def test_results_of_an_earlier_session_do_not_make_it_look_quick(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = [100.0]
    monkeypatch.setattr("coordinator.session.progress.time.monotonic", lambda: clock[0])
    with Progress(["detect"], least={"detect": 20}) as shown:
        shown.expect("detect", 20)
        for number in range(14):
            clock[0] += 2.0 if number >= 10 else 0.0
            shown.ended("detect", Status.SUCCEEDED, reused=number < 10)
    *_, last = capsys.readouterr().err.splitlines()
    assert last.endswith("about 12 s left")
