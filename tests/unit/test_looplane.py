"""A kept lane in an event loop: what becomes of its tasks, whatever its program does and whoever asks."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from coordinator.contract import ErrorKind, TaskError
from coordinator.core.tasks import Outcome, StepTask
from coordinator.errors import EngineError
from coordinator.record.files import Files
from coordinator.runners.kept import Ending, Program
from coordinator.runners.looplane import LoopLane
from coordinator.service.eventloop import running_loop
from coordinator.strictjson import encode_line
from tests.unit.builders import item, request, task
from tests.unit.test_lane import PATIENCE, Echo, asked

Opened = Echo | Exception


class Stage:
    """A lane that has these programs opened in turn, and what it gives."""

    def __init__(
        self, lane: LoopLane, outcomes: queue.SimpleQueue[Outcome], opening: threading.Event
    ) -> None:
        self.lane, self.opening = lane, opening
        self._outcomes = outcomes

    def submit(self, *names: str) -> None:
        for name in names:
            self.lane.submit(asked(name))

    def next(self) -> tuple[str, str]:
        """The next task to end, by its name, and how: "ok" or the kind of its error."""
        outcome = self._outcomes.get(timeout=PATIENCE)
        result = outcome.result
        return outcome.task.removeprefix("step/"), str(result.kind) if isinstance(result, TaskError) else "ok"

    def gave_nothing(self) -> bool:
        return self._outcomes.empty()


class Ends(Echo):
    """A program that ends in some way, or of which that cannot be learnt."""

    def __init__(self, answered: Sequence[str], ending: Ending | EngineError) -> None:
        super().__init__(answered)
        self.ending = ending

    def end(self, *, kill: bool) -> Ending:
        self.connection.close()
        if isinstance(self.ending, EngineError):
            raise self.ending
        return self.ending


@contextmanager
def stage(folder: Path, *programs: Opened, at_once: bool = True) -> Iterator[Stage]:
    """With ``at_once`` false, programs open only once ``opening`` is set."""
    outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
    coming, opening = iter(programs), threading.Event()
    if at_once:
        opening.set()

    def open_program(task: StepTask) -> Program:
        assert opening.wait(PATIENCE)
        program = next(coming)
        if isinstance(program, Exception):
            raise program
        return program

    def take(ended: Sequence[Outcome]) -> None:
        for one in ended:
            outcomes.put(one)

    files = Files(batch=folder, work=folder)
    with running_loop() as loop, ThreadPoolExecutor(2) as threads:
        lane = LoopLane(loop, threads, open_program, files, take)
        try:
            yield Stage(lane, outcomes, opening)
        finally:
            opening.set()
            lane.cancel()
            lane.close()
            lane.join()


def test_answers_in_any_order(tmp_path: Path) -> None:
    with stage(tmp_path, Echo(["b", "a"])) as play:
        play.submit("a", "b")
        assert [play.next(), play.next()] == [("b", "ok"), ("a", "ok")]


def test_tasks_that_come_while_it_is_opened_are_asked_in_order(tmp_path: Path) -> None:
    program = Echo([])
    with stage(tmp_path, program, at_once=False) as play:
        play.submit("a", "b", "c")
        assert not play.lane.is_open
        play.opening.set()
        heard = b""
        while heard.count(b"\n") < 3:
            heard += program.theirs.recv(1 << 16)
        assert [line.partition(b'"step/')[2][:1] for line in heard.splitlines()] == [b"a", b"b", b"c"]
        for name in "cab":
            program.theirs.sendall(encode_line({"task": f"step/{name}", "items": []}))
        assert [play.next()[0] for _ in range(3)] == ["c", "a", "b"]


def test_a_program_that_does_not_read_is_written_to_when_it_does(tmp_path: Path) -> None:
    program = Echo([])
    large = task(
        request("step/large", [{**item("large"), "text": "x" * 3_000_000}]), timeout=600.0, writes=False
    )
    with stage(tmp_path, program) as play:
        play.lane.submit(large)
        play.submit("b")
        assert program.hears(b'"step/b"')
        program.theirs.sendall(encode_line({"task": "step/large", "items": []}))
        assert play.next() == ("large", "ok")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (EngineError("no engine"), "engine"),
        (RuntimeError("a bug"), "internal"),
        (OSError("full"), "internal"),
    ],
)
def test_one_that_cannot_be_opened_is_the_head_s_failure(tmp_path: Path, error: Exception, kind: str) -> None:
    with stage(tmp_path, error, Echo(["c"]), at_once=False) as play:
        play.submit("a", "b")
        play.opening.set()
        assert [play.next(), play.next()] == [("a", kind), ("b", "lost")]
        play.submit("c")
        assert play.next() == ("c", "ok")


@pytest.mark.parametrize(
    ("answered", "ending", "kinds"),
    [
        (["x"], Ending(exit_code=0), ["lost", "lost"]),
        ([], Ending(exit_code=0), ["crash", "lost"]),
        (["x"], Ending(exit_code=1), ["crash", "lost"]),
        ([], EngineError("cannot tell"), ["engine", "lost"]),
    ],
    ids=["well, after an answer", "well, without", "badly", "nobody knows how"],
)
def test_a_program_that_ends(
    tmp_path: Path, answered: list[str], ending: Ending | EngineError, kinds: list[str]
) -> None:
    program = Ends(answered, ending)
    with stage(tmp_path, program, Echo(["c"])) as play:
        if answered:
            play.submit("x")
            assert play.next() == ("x", "ok")
        play.submit("a", "b")
        assert program.hears(b'"step/b"')
        program.theirs.close()
        assert [play.next(), play.next()] == [("a", kinds[0]), ("b", kinds[1])]
        play.submit("c")
        assert play.next() == ("c", "ok")


@pytest.mark.parametrize(
    "said", [b"no json\n", encode_line({"task": "step/other", "items": []}), b"x" * 200_000]
)
def test_one_that_babbles_is_ended(tmp_path: Path, said: bytes) -> None:
    program = Echo([])
    with stage(tmp_path, program, Echo(["c"])) as play:
        play.submit("a", "b")
        assert program.hears(b'"step/b"')
        program.theirs.sendall(said)
        assert [play.next(), play.next()] == [("a", "protocol"), ("b", "lost")]
        play.submit("c")
        assert play.next() == ("c", "ok")


def test_one_that_hangs_is_ended_when_the_head_s_time_is_up(tmp_path: Path) -> None:
    with stage(tmp_path, Echo([]), Echo(["c"])) as play:
        play.lane.submit(task(request("step/a", [item("a")]), timeout=0.2, writes=False))
        play.submit("b")
        assert [play.next(), play.next()] == [("a", "timeout"), ("b", "lost")]
        play.submit("c")
        assert play.next() == ("c", "ok")


def test_the_next_head_has_time_of_its_own(tmp_path: Path) -> None:
    program = Echo([])
    with stage(tmp_path, program) as play:
        play.submit("a")
        play.lane.submit(task(request("step/b", [item("b")]), timeout=0.2, writes=False))
        assert program.hears(b'"step/b"')
        threading.Event().wait(0.4)  # longer than the second may take, which does not count yet
        assert play.gave_nothing()
        program.theirs.sendall(encode_line({"task": "step/a", "items": []}))
        assert [play.next(), play.next()] == [("a", "ok"), ("b", "timeout")]


@pytest.mark.parametrize("at_once", [True, False], ids=["while it talks", "while it is opened"])
def test_cancel_ends_all_and_what_comes_later(tmp_path: Path, at_once: bool) -> None:
    with stage(tmp_path, Echo([]), at_once=at_once) as play:
        play.submit("a", "b")
        play.lane.cancel()
        play.opening.set()
        assert sorted([play.next(), play.next()]) == [("a", "cancelled"), ("b", "cancelled")]
        play.submit("c")
        assert play.next() == ("c", "cancelled")


def test_a_closed_one_serves_what_is_pending_and_ends_its_program_then(tmp_path: Path) -> None:
    program = Echo([])
    with stage(tmp_path, program) as play:
        play.submit("a")
        assert program.hears(b'"step/a"')
        play.lane.close()
        ended = threading.Thread(target=play.lane.join, daemon=True)
        ended.start()
        program.theirs.sendall(encode_line({"task": "step/a", "items": []}))
        assert play.next() == ("a", "ok")
        assert program.hears_the_end()
        assert ended.is_alive()  # until its program has ended, too
        program.theirs.close()
        ended.join(PATIENCE)
        assert not ended.is_alive()


def test_nothing_reaches_the_sink_before_submit_returns(tmp_path: Path) -> None:
    """Whoever submits may hold a lock for which the sink waits."""
    lock, ended = threading.Lock(), threading.Event()

    def fail(task: StepTask) -> Program:
        raise EngineError("no engine")

    def take(outcomes: Sequence[Outcome]) -> None:
        assert lock.acquire(timeout=PATIENCE)
        lock.release()
        ended.set()

    with running_loop() as loop, ThreadPoolExecutor(1) as threads:
        lane = LoopLane(loop, threads, fail, Files(batch=tmp_path, work=tmp_path), take)

        def submit() -> None:
            with lock:
                lane.submit(asked("a"))

        loop.call_soon_threadsafe(submit)
        assert ended.wait(PATIENCE)
        lane.close()
        lane.join()


def test_a_folder_that_cannot_be_made_is_the_task_s_failure(tmp_path: Path) -> None:
    program = Echo(["a"])
    with stage(tmp_path, program, Echo(["c"])) as play:
        play.submit("a")
        assert play.next() == ("a", "ok")
        odd = task(request("step/odd", [item("odd")]), timeout=600.0, writes=True)
        (tmp_path / "step").write_text("in the way")
        play.lane.submit(odd)
        assert play.next() == ("odd", str(ErrorKind.INTERNAL))
        play.submit("c")
        assert play.next() == ("c", "ok")
