"""SIGKILL at random moments of a run: nothing that was done is done again, and the end is that of any other run.

``COORDINATOR_KILLS=100`` kills so often, over all rungs together, and from 100 on before and after every single change
that a run makes to its folder; ``COORDINATOR_KILL_SEED`` repeats a failure.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from coordinator.runners.engine import Engine
from tests.acceptance.conftest import ROOT, coordinator, left_behind
from tests.integration.conftest import STEPS
from tests.integration.invariants import violations
from tests.waiting import PATIENCE

RUNGS = {
    "fresh": ("--rung", "fresh"),
    "prestart": ("--rung", "fresh", "--prestart", "2"),
    "chunk": ("--rung", "fresh", "--chunk", "3"),
    "exec": ("--rung", "exec"),
    "resident": ("--rung", "resident"),
    "process": ("--rung", "process"),
}
KILLS = int(os.environ.get("COORDINATOR_KILLS", "10"))
SEED = int(os.environ.get("COORDINATOR_KILL_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
RESULTS = ("objects.geojson", "objects.csv", "detections.json")
RECORDINGS = 4
COUNTED = """
import os, signal, sys
from pathlib import Path
from coordinator.cli import main
from coordinator.record.journal import Journal

at, run, tally = int(sys.argv.pop(1)), sys.argv.pop(1), Path(sys.argv.pop(1))
changes, commit = 0, Journal.commit

def change():
    global changes
    changes += 1
    if changes == at:
        os.kill(os.getpid(), signal.SIGKILL)

def hook(event, arguments):
    if event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR):
        return
    if event in ("open", "os.mkdir", "os.rmdir", "os.remove", "os.rename", "sqlite3.connect"):
        if str(arguments[0]).startswith(run):
            change()

def counted(journal):
    change()
    commit(journal)
    change()

Journal.commit = counted
sys.addaudithook(hook)
code = main(sys.argv[1:])
tally.write_text(str(changes))
sys.exit(code)
"""
"""A coordinator that is killed at its n-th change, or tells how many there were."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a run came to: its files of results and every task's end with its items."""

    files: dict[str, bytes]
    tasks: list[tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class Survey:
    """A batch whose recordings lie in three regions, and a pipeline with every kind of step that writes files."""

    folder: Path
    engine: Engine

    def command(self, rung: str, run: Path) -> tuple[str | Path, ...]:
        pipeline = self.folder / "pipeline.yaml"
        return ("run", self.folder / "batch", "--pipeline", pipeline, "--out", run, *RUNGS[rung])

    def kill(self, rung: str, run: Path, moment: float) -> None:
        """Starts the run, or goes on with it, and kills it ``moment`` seconds later if it has not ended."""
        command = [sys.executable, "-m", "coordinator", *map(str, self.command(rung, run))]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(moment)
        process.kill()
        process.wait()

    def kill_at_change(self, change: int, run: Path) -> int:
        """Runs it on local processes, killed right before a change to the run folder; how many it came to."""
        tally = self.folder / "changes"
        arguments = map(str, (change, run, tally, *self.command("process", run)))
        ended = subprocess.run(
            [sys.executable, "-c", COUNTED, *arguments], cwd=ROOT, capture_output=True, timeout=PATIENCE
        )
        if ended.returncode == -signal.SIGKILL:
            return change
        assert ended.returncode == 0, ended.stderr.decode()  # this time it made fewer changes than that
        return int(tally.read_text())

    def finish(self, rung: str, run: Path) -> None:
        ended = coordinator(*self.command(rung, run))
        assert ended.code == 0, ended.err
        assert violations(run) == []
        assert left_behind(self.engine, run) == []


def outcome(run: Path) -> Outcome:
    with _journal(run) as db:
        tasks = db.execute("SELECT id, step, unit, status, items FROM tasks ORDER BY id").fetchall()
    return Outcome(files={name: (run / name).read_bytes() for name in RESULTS}, tasks=tasks)


def succeeded(run: Path) -> tuple[int, set[str]]:
    """The session and the tasks that have succeeded, as the journal has it at this moment."""
    if not (run / "journal.db").exists():
        return 0, set()
    with _journal(run) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'gathered'").fetchone():
            return 0, set()
        session = db.execute("SELECT value FROM facts WHERE name = 'session'").fetchone()
        tasks = db.execute("SELECT id FROM tasks WHERE status = 'succeeded'")
        return int(session[0]) if session else 0, {task for (task,) in tasks}


def attempted_since(run: Path, session: int) -> set[str]:
    if not session:
        return set()
    with _journal(run) as db:
        return {task for (task,) in db.execute("SELECT task FROM attempts WHERE session > ?", (session,))}


def _journal(run: Path) -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(f"{(run / 'journal.db').as_uri()}?mode=ro", uri=True))


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory, engine: Engine, survey_image: str) -> Iterator[Survey]:
    folder = tmp_path_factory.mktemp("survey")
    batch = folder / "batch"
    batch.mkdir()
    rows = (f"r{number},a.jpg,16,12,{100 * number},50,0\n" for number in range(RECORDINGS))
    (batch / "recordings.csv").write_text("id,image,width,height,x,y,heading\n" + "".join(rows))
    (batch / "batch.yaml").write_text("crs: EPSG:28992\nregion: {size: 200, halo: 20}\n")
    step = {
        "image_ref": survey_image,
        "resources": {"cpus": 0.5, "memory": "64m"},
        "command": ["python3", str(STEPS / "survey" / "survey.py")],
    }
    kinds = {"detect": "item", "align": "batch", "position": "region", "recognise": "item"}
    steps = [{**step, "name": name, "per": per, "params": {"move": 60}} for name, per in kinds.items()]
    (folder / "pipeline.yaml").write_text(yaml.safe_dump({"name": "survey", "steps": steps}))
    yield Survey(folder=folder, engine=engine)
    assert left_behind(engine, folder) == []


@pytest.fixture(scope="module")
def undisturbed(survey: Survey) -> Outcome:
    """What an uninterrupted run comes to, on whatever rung."""
    run = survey.folder / "undisturbed"
    survey.finish("process", run)
    return outcome(run)


@pytest.mark.parametrize("rung", RUNGS)
def test_a_killed_run_goes_on_to_the_same_end(survey: Survey, undisturbed: Outcome, rung: str) -> None:
    chance = random.Random(f"{SEED} {rung}")
    run = survey.folder / rung
    started = time.monotonic()
    survey.finish(rung, run)
    duration = time.monotonic() - started
    assert outcome(run) == undisturbed
    for number in range(-(-KILLS // len(RUNGS))):
        shutil.rmtree(run)
        moments = [chance.uniform(0, duration)]
        if number % 3 == 0:  # once more, while it goes on
            moments.append(chance.uniform(0, duration))
        print(f"{rung}: seed {SEED}, killed after", *(f"{moment:.3f} s" for moment in moments))
        for moment in moments:
            before, done = succeeded(run)
            survey.kill(rung, run, moment)
            assert not attempted_since(run, before) & done, "what had succeeded ran again"
        session, done = succeeded(run)
        survey.finish(rung, run)
        assert outcome(run) == undisturbed
        assert not attempted_since(run, session) & done, "what had succeeded ran again"


def test_a_run_killed_at_any_change_goes_on_to_the_same_end(survey: Survey, undisturbed: Outcome) -> None:
    run = survey.folder / "changes-run"
    changes = survey.kill_at_change(0, run)
    assert outcome(run) == undisturbed
    every = range(1, changes)
    chosen = every if KILLS >= 100 else sorted(random.Random(SEED).sample(every, 3))
    for change in chosen:
        print(f"seed {SEED}, killed at change {change} of {changes}")
        shutil.rmtree(run)
        survey.kill_at_change(change, run)
        session, done = succeeded(run)
        survey.finish("process", run)
        assert outcome(run) == undisturbed
        assert not attempted_since(run, session) & done, "what had succeeded ran again"
