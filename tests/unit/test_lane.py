"""A kept lane hears what other threads ask of it, at whatever moment they do."""

from __future__ import annotations

import itertools
import queue
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from coordinator import runners
from coordinator.contract import ErrorKind
from coordinator.core.tasks import Outcome, StepTask
from coordinator.record.files import Files
from coordinator.runners.kept import Ending
from coordinator.runners.lane import Lane
from coordinator.strictjson import encode_line
from tests.unit.builders import item, request, task

PATIENCE = 5.0
"""Seconds after which what was asked counts as not heard; the tasks' own timeout is far longer."""
NEVER = float("inf")
ROOM = str(Path(runners.__file__).parent)


def asked(name: str) -> StepTask:
    return task(request(f"step/{name}", [item(name)]), timeout=600.0, writes=False)


class Echo:
    """A program whose other end the test holds. Asked for the first time, it answers these tasks, and then no more."""

    def __init__(self, answered: Sequence[str]) -> None:
        self.connection, self.theirs = socket.socketpair()
        self.theirs.settimeout(PATIENCE)
        self.answered = answered
        self.was_asked = False

    def encode(self, request: bytes) -> bytes:
        if not self.was_asked:
            for name in self.answered:
                self.theirs.sendall(encode_line({"task": f"step/{name}", "items": []}))
        self.was_asked = True
        return request

    def decode(self, data: bytes) -> bytes:
        return data

    def decode_line(self, line: bytes) -> bytes:
        return line

    def end(self, *, kill: bool) -> Ending:
        self.connection.close()
        return Ending(exit_code=137 if kill else 0, stderr=b"")

    def hears(self, wanted: bytes) -> bool:
        """Whether this comes in time."""
        return any(wanted in heard for heard in self._pieces())

    def hears_the_end(self) -> bool:
        """Whether its input ends in time."""
        return list(self._pieces())[-1:] == [b""]

    def _pieces(self) -> Iterator[bytes]:
        piece = b"any"
        while piece:
            try:
                piece = self.theirs.recv(1 << 16)
            except TimeoutError:
                return
            except ConnectionResetError:  # it ended before all that it was told had been read here
                piece = b""
            yield piece


class Moment:
    """Acts once, in the lane's own thread, before one of its instructions.

    That is what the lane's thread sees of another one that has its turn just then.
    """

    def __init__(self, act: Callable[[], None], is_settled: Callable[[], bool]) -> None:
        self._act = act
        self._is_settled = is_settled
        self._left = NEVER
        self._is_awaited = False
        self._sleeps = threading.Event()
        self._is_over = threading.Event()
        """It has come, or the lane was settled and fell asleep before."""
        self._has_come = False

    def wait_for(self, number: float, ask: Callable[[], None]) -> bool:
        """Acts before the ``number``-th instruction from ``ask`` on. False if the lane was asleep again before."""
        assert self._sleeps.wait(PATIENCE)
        self._is_over.clear()
        self._left = number
        self._is_awaited = True
        ask()
        assert self._is_over.wait(PATIENCE)
        return self._has_come

    def trace(self, frame: FrameType, event: str, arg: object) -> Callable[..., Any] | None:
        if not frame.f_code.co_filename.startswith(ROOM):
            return None
        frame.f_trace_opcodes = True
        return self._step

    def profile(self, frame: FrameType, event: str, arg: Any) -> None:
        if event == "c_call" and arg.__name__ == "poll":
            self._sleeps.set()
            if self._is_awaited and self._is_settled():
                self._is_awaited = False
                self._is_over.set()

    def _step(self, frame: FrameType, event: str, arg: object) -> Callable[..., Any]:
        if event == "opcode" and self._is_awaited:
            self._left -= 1
            if self._left < 0:
                self._is_awaited = False
                self._has_come = True
                self._act()
                self._is_over.set()
        return self._step


class Stage:
    """A lane, its program, and what it has given."""

    def __init__(self, folder: Path, act: Callable[[Lane], None], answered: Sequence[str]) -> None:
        self.program = Echo(answered)
        self.outcomes: queue.SimpleQueue[Sequence[Outcome]] = queue.SimpleQueue()
        self._act = act
        self._moment = Moment(lambda: act(self.lane), self._is_settled)
        threading.settrace(self._moment.trace)
        threading.setprofile(self._moment.profile)
        try:
            files = Files(batch=folder, work=folder)
            self.lane = Lane(lambda _: self.program, files, self.outcomes.put)
        finally:
            threading.settrace(None)
            threading.setprofile(None)

    def serves(self, name: str) -> None:
        """Submits a task to whose end nothing happens."""
        assert not self._moment.wait_for(NEVER, lambda: self.lane.submit(asked(name)))
        assert self.result() == "ok"

    def plays(self, number: int, name: str) -> bool:
        """Submits a task and acts at this moment; False if the lane was asleep before it came: then it acts now."""
        came = self._moment.wait_for(number, lambda: self.lane.submit(asked(name)))
        if not came:
            self._act(self.lane)
        return came

    def result(self) -> str | None:
        """How its next task ended, "ok" for well; None if it did not end in time."""
        try:
            (outcome,) = self.outcomes.get(timeout=PATIENCE)
        except queue.Empty:
            return None
        return getattr(outcome.result, "kind", "ok")

    def has_ended(self) -> bool:
        """Whether the lane ends in time."""
        ended = threading.Thread(target=self.lane.join, daemon=True)
        ended.start()
        ended.join(PATIENCE)
        return not ended.is_alive()

    def clear(self) -> None:
        self.program.theirs.close()
        self.lane.cancel()
        self.lane.close()
        self.lane.join()

    def _is_settled(self) -> bool:
        return not self.outcomes.empty() if self.program.answered else self.program.was_asked


def at_every_moment(
    folder: Path,
    act: Callable[[Lane], None],
    is_heard: Callable[[Stage], bool],
    answered: Sequence[str] = (),
    served: Sequence[str] = (),
) -> None:
    """Acts at each instruction between a task's coming and the lane's sleep, on a new lane for each."""
    for number in itertools.count():
        stage = Stage(folder, act, answered)
        try:
            for name in served:
                stage.serves(name)
            came = stage.plays(number, "a")
            assert is_heard(stage), f"not heard at moment {number}"
        finally:
            stage.clear()
        if not came:
            assert number > 100, "the lane's thread was not followed"
            return


def cancel_and_close(lane: Lane) -> None:
    lane.cancel()
    lane.close()


def test_a_lane_at_work_is_cancelled_at_once(tmp_path: Path) -> None:
    at_every_moment(tmp_path, Lane.cancel, lambda stage: stage.result() == ErrorKind.CANCELLED)


def test_a_lane_at_work_that_is_cancelled_and_closed_ends_at_once(tmp_path: Path) -> None:
    def is_heard(stage: Stage) -> bool:
        return stage.result() == ErrorKind.CANCELLED and stage.has_ended()

    at_every_moment(tmp_path, cancel_and_close, is_heard)


def test_an_idle_lane_is_cancelled_at_once(tmp_path: Path) -> None:
    def is_heard(stage: Stage) -> bool:
        ended = stage.result() in ("ok", ErrorKind.CANCELLED)
        return ended and (not stage.program.was_asked or stage.program.hears_the_end())

    at_every_moment(tmp_path, Lane.cancel, is_heard, answered=["a"])


def test_a_lane_at_work_takes_another_task_at_once(tmp_path: Path) -> None:
    def submit(lane: Lane) -> None:
        lane.submit(asked("b"))

    at_every_moment(tmp_path, submit, lambda stage: stage.program.hears(b'"step/b"'))


def test_an_idle_lane_that_is_closed_ends_at_once(tmp_path: Path) -> None:
    def is_heard(stage: Stage) -> bool:
        return stage.result() == "ok" and stage.program.hears_the_end()

    at_every_moment(tmp_path, Lane.close, is_heard, answered=["a"])


def test_a_lane_that_is_closed_tells_that_it_has_ended(tmp_path: Path) -> None:
    told: queue.SimpleQueue[bool] = queue.SimpleQueue()

    def close(lane: Lane) -> None:
        lane.close(lambda: told.put(stage.program.connection.fileno() == -1))

    stage = Stage(tmp_path, close, answered=["a"])
    try:
        stage.serves("a")
        close(stage.lane)
        assert stage.program.hears_the_end()
        assert told.empty()
        stage.program.theirs.close()
        assert told.get(timeout=PATIENCE), "it was told before its program had ended"
    finally:
        stage.clear()


def test_a_lane_whose_last_answer_came_out_of_turn_ends_at_once_when_it_is_closed(tmp_path: Path) -> None:
    def is_heard(stage: Stage) -> bool:
        return stage.result() == "ok" and stage.program.hears_the_end()

    at_every_moment(tmp_path, Lane.close, is_heard, answered=["z", "a"], served=["z"])
