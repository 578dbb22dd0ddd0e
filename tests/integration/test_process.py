"""Kept lanes without an engine: local processes that answer line after line, or misbehave."""

from __future__ import annotations

import itertools
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest

from coordinator.contract import ErrorKind, Request, Success, TaskError
from coordinator.core.resources import Grant
from coordinator.core.seating import Seat
from coordinator.core.tasks import Outcome, StepTask
from coordinator.pipeline import Resources, Step
from coordinator.record.files import Files
from coordinator.record.runfolder import RunFolder
from coordinator.runners.lanerunner import LaneRunner
from coordinator.runners.process import open_process
from coordinator.runners.realpaths import RealPaths
from tests.waiting import PATIENCE, eventually

PROGRAM = """
import json, os, subprocess, sys, time
lines = []
while line := lines.pop(0) if lines else sys.stdin.readline():
    request = json.loads(line)
    item = request["items"][0]
    do = item.get("do")
    lines += (sys.stdin.readline() for _ in range(int(item.get("ahead", 0))))
    if do == "crash":
        sys.exit(7)
    if do == "hang":
        if "begun" in item:
            open(item["begun"], "w").close()
        time.sleep(3600)
    if do == "junk":
        print("no JSON", flush=True)
        continue
    if do == "endless junk":
        while True:
            print("log, " * 1000, end="")
    if do == "burrow":
        os.chdir(request["work_dir"])
        for _ in range(1500):
            os.mkdir("d")
            os.chdir("d")
        if item["id"] == "fails":
            sys.exit(3)
    if do == "mutter":
        print("still at it", file=sys.stderr, flush=True)
        answer = json.dumps({"task": request["task"], "items": []})
        print(answer + '\\n{"task": "half an ans', end="", flush=True)
        time.sleep(3600)
    if do == "fork":
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
        item = {**item, "child": child.pid}
    if do == "other":
        request["task"] = "somebody else's"
    if do == "twice":
        print(json.dumps({"task": request["task"], "items": []}))
    if do == "last":
        print(json.dumps({"task": request["task"], "items": []}), flush=True)
        sys.exit(0)
    if do == "babble":
        item = {**item, "pid": os.getpid()}
    if do == "refuse":
        print(json.dumps({"task": request["task"], "error": {"kind": "bad_input", "message": "no"}}), flush=True)
        continue
    seen = open(item["image"]).read() if do == "read" else None
    print(json.dumps({"task": request["task"], "items": [{**item, "seen": seen}]}), flush=True)
    if do == "babble":
        print("\\n".join(["so, what next?"] * 10_000), flush=True)
"""
"""A task begins once the program has as many tasks behind it as it says ``ahead``."""


class Bench:
    """A runner of local processes, and the outcomes it has given."""

    def __init__(self, folder: Path) -> None:
        # A batch whose real path contains what steps see as the mount of the run's files.
        batch = folder / "work" / "batch"
        batch.mkdir(parents=True)
        (folder / "run").mkdir()
        program = folder / "program.py"
        program.write_text(PROGRAM)
        run = RunFolder(folder / "run")
        run.create()
        self.files = run.files(batch)
        self._outcomes: queue.SimpleQueue[Sequence[Outcome]] = queue.SimpleQueue()
        self.runner = LaneRunner(partial(open_process, self.files), self.files, self._outcomes.put)
        self.command: tuple[str, ...] = (sys.executable, str(program))

    def submit(self, *items: dict[str, str], timeout: float = PATIENCE) -> None:
        """One task for each item, all on one lane."""
        for item in items:
            step = Step(name="step", image_ref="none", command=self.command, timeout=timeout)
            request = Request(
                task=f"step/{item['id']}",
                step="step",
                params={},
                items=[item],
                region=None,
                work_dir=self.files.task_folder("step", item["id"]),
            )
            seat = Seat(lane=1, step=step, grant=Grant(resources=Resources()))
            self.runner.submit(StepTask(request=request, step=step, image_id="none"), seat)

    def outcomes(self, count: int) -> dict[str, Success | TaskError]:
        """The results of so many outcomes by the id of their item."""
        return {name: outcome.result for name, outcome in self.full_outcomes(count).items()}

    def full_outcomes(self, count: int) -> dict[str, Outcome]:
        """So many outcomes by the id of their item."""
        found: dict[str, Outcome] = {}
        while len(found) < count:
            for outcome in self._outcomes.get(timeout=PATIENCE):
                found[outcome.task.removeprefix("step/")] = outcome
        return found


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.runner.cancel()
    made.runner.close()


def has_ended(process: int) -> bool:
    """Whether it has gone, or is a zombie because nobody reaps it here."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes() == b""
    except OSError:
        return True


def _kinds(results: dict[str, Success | TaskError]) -> dict[str, str]:
    return {name: result.kind if isinstance(result, TaskError) else "ok" for name, result in results.items()}


def test_many_tasks_go_through_one_process(bench: Bench) -> None:
    bench.submit(*({"id": f"{number}"} for number in range(300)))
    assert set(_kinds(bench.outcomes(300)).values()) == {"ok"}


def test_what_a_program_took_to_open_is_told_once_and_is_not_its_first_tasks_time(bench: Bench) -> None:
    bench.submit({"id": "first"}, {"id": "second"})
    opened = {name: outcome.times.open for name, outcome in bench.full_outcomes(2).items()}
    assert opened["first"] is not None
    assert opened["second"] is None


def test_paths_are_the_mounted_ones_outside_and_the_real_ones_inside(bench: Bench) -> None:
    (bench.files.batch / "a.txt").write_text("the file's content")
    bench.submit({"id": "a", "image": "/batch/a.txt", "do": "read"})
    result = bench.outcomes(1)["a"]
    assert isinstance(result, Success)
    assert result.items == [{"id": "a", "image": "/batch/a.txt", "do": "read", "seen": "the file's content"}]


def test_a_batch_that_really_lies_below_a_work_folder_is_found() -> None:
    paths = RealPaths(Files(batch=Path("/work/town/demo"), work=Path("/runs/work")))
    line = b'{"image": "/batch/a.jpg", "work_dir": "/work/step/a"}'
    assert paths.real(line) == b'{"image": "/work/town/demo/a.jpg", "work_dir": "/runs/work/step/a"}'


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("crash", ErrorKind.CRASH),
        ("junk", ErrorKind.PROTOCOL),
        ("other", ErrorKind.PROTOCOL),
        ("hang", ErrorKind.TIMEOUT),
    ],
)
def test_the_head_pays_and_what_waits_behind_it_is_lost(bench: Bench, fault: str, kind: ErrorKind) -> None:
    bench.submit({"id": "before", "ahead": "2"})
    bench.submit({"id": "bad", "do": fault}, timeout=0.4 if fault == "hang" else PATIENCE)
    bench.submit({"id": "behind"})
    assert _kinds(bench.outcomes(3)) == {"before": "ok", "bad": kind, "behind": ErrorKind.LOST}
    bench.submit({"id": "after"})
    assert _kinds(bench.outcomes(1)) == {"after": "ok"}


def test_a_second_answer_is_charged_to_the_task_it_disturbs(bench: Bench) -> None:
    bench.submit({"id": "twice", "do": "twice"}, {"id": "behind"})
    kinds = _kinds(bench.outcomes(2))
    assert kinds == {"twice": "ok", "behind": ErrorKind.PROTOCOL}


def test_junk_without_an_end_is_not_waited_for(bench: Bench) -> None:
    bench.submit({"id": "flood", "do": "endless junk"})
    outcome = bench.full_outcomes(1)["flood"]
    assert isinstance(outcome.result, TaskError)
    assert outcome.result.kind is ErrorKind.PROTOCOL
    assert "byte 0: it begins with 'log, log," in outcome.result.message
    assert outcome.evidence.stdout.startswith(b"log, log, ")


def test_ten_megabytes_that_are_never_read_do_not_hang_the_lane(bench: Bench) -> None:
    bench.command = (sys.executable, "-c", "import time; time.sleep(3600)")
    bench.submit({"id": "deaf", "ballast": "x" * 10_000_000}, timeout=0.5)
    assert _kinds(bench.outcomes(1)) == {"deaf": ErrorKind.TIMEOUT}


@pytest.mark.parametrize(("name", "kind"), [("fails", ErrorKind.CRASH), ("answers", ErrorKind.PROTOCOL)])
def test_folders_nested_a_thousand_deep_are_refused_and_removed(
    bench: Bench, name: str, kind: ErrorKind
) -> None:
    bench.submit({"id": name, "do": "burrow"}, {"id": "behind"})
    result = bench.outcomes(2)[name]
    assert isinstance(result, TaskError)
    assert result.kind == kind, result.message
    assert not bench.files.local(bench.files.task_folder("step", name)).exists()


def test_half_an_answer_is_evidence_of_a_timeout(bench: Bench) -> None:
    bench.submit({"id": "before", "do": "mutter", "ahead": "1"})
    bench.submit({"id": "slow"}, timeout=0.5)
    outcome = bench.full_outcomes(2)["slow"]
    assert isinstance(outcome.result, TaskError)
    assert outcome.result.kind is ErrorKind.TIMEOUT
    evidence = outcome.evidence
    assert (evidence.stdout, evidence.stderr) == (b'{"task": "half an ans', b"still at it\n")


def test_who_babbles_out_of_turn_is_ended_and_no_later_task_pays(bench: Bench) -> None:
    bench.submit({"id": "chatty", "do": "babble"})
    result = bench.outcomes(1)["chatty"]
    assert isinstance(result, Success)
    eventually(lambda: has_ended(result.items[0]["pid"]))
    bench.submit({"id": "next"})
    assert _kinds(bench.outcomes(1)) == {"next": "ok"}


def test_what_a_program_has_started_ends_with_it(bench: Bench) -> None:
    bench.submit({"id": "parent", "do": "fork"})
    result = bench.outcomes(1)["parent"]
    assert isinstance(result, Success)
    child = result.items[0]["child"]
    assert not has_ended(child)
    bench.runner.cancel()
    bench.runner.close()
    eventually(lambda: has_ended(child))


def test_a_program_that_ends_well_after_an_answer_is_to_blame_for_nothing(bench: Bench) -> None:
    bench.submit({"id": "last", "do": "last", "ahead": "1"}, {"id": "behind"})
    assert _kinds(bench.outcomes(2)) == {"last": "ok", "behind": ErrorKind.LOST}


def test_an_error_that_the_step_tells_ends_only_its_task(bench: Bench) -> None:
    bench.submit({"id": "refused", "do": "refuse"}, {"id": "behind"})
    assert _kinds(bench.outcomes(2)) == {"refused": ErrorKind.BAD_INPUT, "behind": "ok"}


def test_cancelling_ends_everything_soon(bench: Bench, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    bench.submit({"id": "hangs", "do": "hang", "begun": str(begun)}, {"id": "behind"}, timeout=3600.0)
    eventually(begun.exists)
    started = time.monotonic()
    bench.runner.cancel()
    assert set(_kinds(bench.outcomes(2)).values()) == {ErrorKind.CANCELLED}
    assert time.monotonic() - started < 30  # nothing of an hour


@pytest.mark.parametrize("moment", [1, 2, 3])
def test_a_cancel_is_heard_whatever_the_lane_is_about_to_do(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    """It comes while the lane turns: at one of the times when it asks the clock, the last of them to learn how long it
    may wait. A lane that did not hear it would wait until the head's time is up, an hour.
    """
    begun, clock, asked = tmp_path / "begun", time.monotonic, itertools.count(1)

    def cancelled_meanwhile() -> float:
        if threading.current_thread().name == "lane" and next(asked) == moment:
            bench.runner.cancel()
        return clock()

    bench.submit({"id": "hangs", "do": "hang", "begun": str(begun)}, timeout=3600.0)
    eventually(begun.exists)
    monkeypatch.setattr(time, "monotonic", cancelled_meanwhile)
    bench.submit({"id": "behind"}, timeout=3600.0)  # makes the lane turn once
    assert _kinds(bench.outcomes(2)) == {"hangs": "cancelled", "behind": "cancelled"}


def test_a_command_that_is_not_there_fails_its_task_with_the_reason(bench: Bench) -> None:
    bench.command = ("/no/such/program",)
    bench.submit({"id": "a"})
    result = bench.outcomes(1)["a"]
    assert isinstance(result, TaskError)
    assert "/no/such/program" in result.message


_OWNER = """
import pathlib, signal, sys
from coordinator.record.files import Files
from coordinator.runners.process import LocalProcess
here = pathlib.Path(sys.argv[1])
program = LocalProcess(["sh", "-c", "sleep 1000 & echo $$ $!; wait"], Files(batch=here, work=here))
print(program.connection.recv(100).decode(), flush=True)
signal.pause()
"""


def test_a_program_and_what_it_has_started_end_with_a_coordinator_that_is_killed(tmp_path: Path) -> None:
    command = (sys.executable, "-c", _OWNER, str(tmp_path))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        processes = [int(one) for one in owner.stdout.readline().split()]
        assert not any(has_ended(one) for one in processes)
        owner.kill()
    eventually(lambda: all(has_ended(one) for one in processes))
