"""Faults of the run itself on a real engine: signals, streams, disks, journals, clocks. docs/faults.md names them."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest
import yaml

from coordinator.errors import ExitCode
from coordinator.runners.engine import FOLDER_LABEL, Engine
from coordinator.session.options import RunOptions
from coordinator.session.run import run
from tests.acceptance.conftest import ROOT, as_from_a_terminal, coordinator, interrupt, start_coordinator
from tests.integration.conftest import left_behind
from tests.integration.disks import fill, small_disk
from tests.integration.invariants import violations
from tests.waiting import PATIENCE, eventually, eventually_heard

NAMES = ("a", "b", "c")


@dataclass(frozen=True)
class Site:
    """Three recordings in one region, and a survey of them that may be told to misbehave."""

    folder: Path
    engine: Engine

    @property
    def run(self) -> Path:
        return self.folder / "run"

    @property
    def command(self) -> tuple[str | Path, ...]:
        return ("run", self.folder / "batch", "--pipeline", self.folder / "p.yaml", "--out", self.run)

    def mood(self, **how: Any) -> None:
        """How the first step is to behave."""
        (self.folder / "batch" / "mood.json").write_text(json.dumps(how))

    def asked(self, **options: Any) -> RunOptions:
        return RunOptions(
            batch=self.folder / "batch", out=self.run, pipeline=str(self.folder / "p.yaml"), **options
        )

    def go(self) -> None:
        """Lets the step answer at the recordings that it holds."""
        (self.folder / "batch" / "go").touch()

    def is_at_work_on(self, name: str) -> bool:
        """Whether the first step has been given a recording, and has not ended yet."""
        return (self.run / "work" / "detect" / name).is_dir() and f"detect/{name}" not in self.succeeded()

    def goes_on(self) -> None:
        """The same command, with a step that behaves, comes to a good end and does nothing again."""
        session, done = self.session, self.succeeded()
        self.mood()
        ended = coordinator(*self.command)
        assert ended.code == 0, ended.err
        assert violations(self.run) == []
        assert self.succeeded() == {*(f"detect/{name}" for name in NAMES), "position/0_0"}
        # A region may have gone ahead without what failed: then it is positioned again.
        query = "SELECT task FROM attempts WHERE session > ? AND task LIKE 'detect/%'"
        assert not {task for (task,) in self._journal(query, session)} & done
        assert len(json.loads((self.run / "objects.geojson").read_text())["features"]) == len(NAMES)

    @property
    def session(self) -> int:
        found = self._journal("SELECT value FROM facts WHERE name = 'session'")
        return int(found[0][0]) if found else 0

    @property
    def state(self) -> str:
        return str(self._journal("SELECT value FROM facts WHERE name = 'session_state'")[0][0])

    def succeeded(self) -> set[str]:
        return {task for (task,) in self._journal("SELECT id FROM tasks WHERE status = 'succeeded'")}

    def attempts(self) -> list[tuple[Any, ...]]:
        return self._journal("SELECT task, error_kind, submitted, ended FROM attempts ORDER BY submitted")

    def _journal(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        try:
            with closing(sqlite3.connect(f"file:{self.run / 'journal.db'}?mode=ro", uri=True)) as db:
                return db.execute(query, values).fetchall()
        except sqlite3.OperationalError:  # it is not there yet, or has no tables yet
            return []

    def failure(self, task: str) -> str:
        query = "SELECT error_message FROM tasks WHERE id = ?"
        return str(self._journal(query, task)[0][0])

    def containers(self) -> int:
        labels = self.engine.containers().values()
        return sum(one.get(FOLDER_LABEL) == str(self.run) for one in labels)

    @contextmanager
    def running(self, *options: str, at: str = "b", until: int = 1) -> Iterator[subprocess.Popen[str]]:
        """The run in another process, from the moment on that so many tasks have succeeded, and it is ``at`` the next.

        The step is to hold that recording, or to hang at it: then the run cannot end before the test is ready.
        """
        process = start_coordinator(*self.command, *options)
        try:
            eventually(lambda: len(self.succeeded()) >= until and self.is_at_work_on(at))
            yield process
        finally:
            process.kill()
            process.communicate()


@pytest.fixture
def site(tmp_path: Path, survey_image: str, engine: Engine) -> Site:
    batch = tmp_path / "batch"
    batch.mkdir()
    rows = (f"{name},a.jpg,16,12,{10 + number},50,0\n" for number, name in enumerate(NAMES))
    (batch / "recordings.csv").write_text("id,image,width,height,x,y,heading\n" + "".join(rows))
    (batch / "batch.yaml").write_text("crs: EPSG:28992\nregion: {size: 100, halo: 5}\n")
    step = {"image_ref": survey_image, "resources": {"cpus": 1, "memory": "64m"}, "retries": 0}
    steps = [{**step, "name": "detect"}, {**step, "name": "position", "per": "region"}]
    (tmp_path / "p.yaml").write_text(yaml.safe_dump({"name": "survey", "steps": steps}))
    return Site(tmp_path, engine)


class TestSignals:
    def test_sigint_twice_ends_what_runs_at_once(self, site: Site) -> None:
        site.mood(hang=["b"])
        with site.running("--jobs", "1") as process:
            interrupt(process, signal.SIGINT)
            assert process.poll() is None
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode == 130
        assert "interrupted; the same command continues this run" in out
        assert site.containers() == 0
        assert not (site.run / "work" / "detect" / "b").exists()
        site.goes_on()

    def test_sigterm_lets_running_tasks_end(self, site: Site) -> None:
        site.mood(hold=["b"])
        with site.running("--jobs", "1") as process:
            interrupt(process, signal.SIGTERM)
            site.go()
            process.communicate(timeout=PATIENCE)
        assert (process.returncode, site.state) == (130, "interrupted")
        assert [(task, kind) for task, kind, _, _ in site.attempts()] == [
            ("detect/a", None),
            ("detect/b", None),
        ]
        assert site.succeeded() == {"detect/a", "detect/b"}
        site.goes_on()

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
    def test_signals_without_end_leave_nothing(self, site: Site, number: signal.Signals) -> None:
        site.mood(hang=NAMES)
        process = start_coordinator(*site.command)
        eventually(lambda: site.session and site.containers() >= 1)
        while process.poll() is None:  # until after its last container
            process.send_signal(number)
            time.sleep(0.02)
        process.communicate()
        assert process.returncode in (
            130,
            -number,
        )  # the last one may come when all is done but to say goodbye
        assert site.state == "interrupted"
        assert site.containers() == 0
        site.goes_on()

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
    def test_signals_before_it_begins_leave_nothing(self, site: Site, number: signal.Signals) -> None:
        """From the container on that tells which folders the engine sees."""
        site.mood(hang=NAMES)
        process = start_coordinator(*site.command)
        while not site.containers():  # without a pause: it is there for some milliseconds
            assert process.poll() is None
        while process.poll() is None:
            process.send_signal(number)
            time.sleep(0.002)
        process.communicate()
        assert process.returncode in (130, -number)
        assert site.containers() == 0
        site.goes_on()

    def test_the_terminal_goes(self, site: Site) -> None:
        site.mood(hold=["b"])
        ours, theirs = pty.openpty()
        command = [sys.executable, "-m", "coordinator", *map(str, site.command), "--jobs", "1"]
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=_with_this_terminal,
        )
        os.close(theirs)
        try:
            eventually(lambda: site.is_at_work_on("b"))
            os.close(ours)
            eventually_heard(process.pid, signal.SIGHUP)
            site.go()
            assert process.wait(PATIENCE) == 130
        finally:
            process.kill()
        assert site.state == "interrupted"
        assert site.succeeded() == {"detect/a", "detect/b"}
        site.goes_on()

    def test_nohup_is_respected(self, site: Site) -> None:
        site.mood(hold=["b"])
        command = ["nohup", sys.executable, "-m", "coordinator", *map(str, site.command)]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        eventually(lambda: site.is_at_work_on("b"))
        process.send_signal(signal.SIGHUP)
        site.go()
        process.communicate(timeout=PATIENCE)
        assert process.returncode == 0

    def test_containers_end_by_themselves_when_their_run_is_killed(
        self, site: Site, client: docker.DockerClient
    ) -> None:
        """Whatever is in work at that moment answers, and finds that its input has ended."""
        site.mood(hold=["b", "c"])
        with site.running("--rung", "resident") as process:
            process.kill()
            process.wait()
        assert site.containers() >= 2
        site.go()
        eventually(lambda: not client.containers.list(filters={"label": f"{FOLDER_LABEL}={site.run}"}))
        assert site.containers() >= 2  # they have ended; the next run removes them
        site.goes_on()


class TestStreams:
    @pytest.mark.parametrize("crash", [[], ["b"]], ids=["all well", "one failed"])
    def test_nobody_reads_what_it_says(self, site: Site, crash: list[str]) -> None:
        """Both readers have gone before it says a word, as with ``2>&1 | head -0``."""
        site.mood(crash=crash)
        process = start_coordinator(*site.command)
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        process.stderr.close()
        assert process.wait(PATIENCE) == (1 if crash else 0)
        assert violations(site.run) == []

    def test_whoever_reads_stderr_has_stopped_to(self, site: Site) -> None:
        site.mood(crash=["b"])
        reader, writer = os.pipe()
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        os.write(writer, bytes(4096))
        command = [sys.executable, "-m", "coordinator", *map(str, site.command)]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=writer)
        os.close(writer)
        try:
            out, _ = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
            os.close(reader)
        assert process.returncode == 1
        assert b"detect      2 succeeded, 1 failed" in out

    def test_no_streams_at_all(self, site: Site) -> None:
        site.mood()
        shell = f'cd {ROOT} && exec {sys.executable} -m coordinator "$@" <&- >&- 2>&-'
        ended = subprocess.run(["sh", "-c", shell, "sh", *map(str, site.command)], timeout=PATIENCE)
        assert ended.returncode == 0
        assert len(site.succeeded()) == len(NAMES) + 1


class TestDisks:
    def test_full_in_mid_run(self, site: Site) -> None:
        """Output and journal lie on one disk, which fills up while the run goes on."""
        site.mood(hold=["b"])
        with small_disk(site.run, 120):
            with site.running("--jobs", "1") as process:
                ballast = fill(site.run)
                site.go()
                _, err = process.communicate(timeout=PATIENCE)
            assert process.returncode == 2, err
            assert "coordinator: run folder" in err
            assert "full" in err or "No space left" in err
            assert "the same command continues" in err
            assert "Traceback" not in err
            assert site.containers() == 0
            assert len(site.succeeded()) >= 1
            again = coordinator(*site.command)
            assert again.code == 2
            assert "only 0 MB are free on its disk" in again.err
            ballast.unlink()
            site.goes_on()

    def test_full_where_steps_write(self, site: Site) -> None:
        """The journal lies on another disk and has room: tasks fail, the run does not."""
        site.mood()
        with small_disk(site.run / "work", 1) as work:
            ballast = fill(work)
            ended = coordinator(*site.command)
            assert ended.code == 1, ended.err
            assert "detect      3 failed" in ended.out
            assert "No space left" in site.failure("detect/a")
            ballast.unlink()
            site.goes_on()

    def test_full_where_the_journal_lies(self, site: Site) -> None:
        """No byte of it is lost that was committed before."""
        site.mood(hold=["b"])
        work = site.folder / "elsewhere"
        work.mkdir()
        with small_disk(site.run, 120):
            (site.run / "work").mkdir()
            subprocess.run(["mount", "--bind", work, site.run / "work"], check=True)
            try:
                with site.running("--jobs", "1") as process:
                    ballast = fill(site.run)
                    site.go()
                    _, err = process.communicate(timeout=PATIENCE)
                assert process.returncode == 2, err
                assert "database or disk is full" in err or "No space left" in err
                ballast.unlink()
                site.goes_on()
            finally:
                subprocess.run(["umount", "-l", site.run / "work"], check=True)

    def test_the_output_is_read_only(self, site: Site) -> None:
        site.mood()
        with small_disk(site.folder / "disk", 200, read_only=True) as disk:
            elsewhere = ("--out", disk / "run")
            ended = coordinator(*site.command[:-2], *elsewhere)
            assert ended.code == 2
            assert f"run folder '{disk / 'run'}' cannot be written; name another with --out" in ended.err

    def test_the_evidence_cannot_be_kept(self, site: Site) -> None:
        site.mood(crash=["b"])
        with small_disk(site.run / "failures", 1, read_only=True):
            ended = coordinator(*site.command)
        assert ended.code == 1, ended.err
        assert "detect      2 succeeded, 1 failed" in ended.out
        assert "cannot survey b" in site.failure("detect/b")
        assert "its evidence could not be kept: Read-only file system" in site.failure("detect/b")
        site.goes_on()

    def test_the_run_folder_goes_in_mid_run(self, site: Site) -> None:
        site.mood(hold=["b"])
        with site.running("--jobs", "1") as process:
            shutil.rmtree(site.run)
            site.go()
            _, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 2, err
        assert "journal.db has been removed while the run went on" in err
        assert "Traceback" not in err
        assert left_behind(site.engine, site.folder) == []
        shutil.rmtree(site.run, ignore_errors=True)
        site.goes_on()


class TestJournal:
    def test_truncated(self, site: Site) -> None:
        site.mood()
        assert coordinator(*site.command).code == 0
        journal = site.run / "journal.db"
        with journal.open("r+b") as file:
            file.truncate(journal.stat().st_size // 2)
        ended = coordinator(*site.command)
        assert ended.code == 2, ended.err
        assert "journal" in ended.err
        assert "malformed" in ended.err
        assert "Traceback" not in ended.err
        assert coordinator("status", site.run).code == 2
        journal.rename(site.folder / "journal.damaged")
        site.goes_on()

    def test_its_write_ahead_log_is_lost(self, site: Site) -> None:
        """What was committed since the last checkpoint is gone, and is done again."""
        site.mood(hang=["b"])
        with site.running("--jobs", "1") as process:
            process.kill()
            process.wait()
        (site.run / "journal.db-wal").unlink()
        (site.run / "journal.db-shm").unlink()
        site.goes_on()

    def test_the_clock_goes_back(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        real = time.time
        started = real()
        monkeypatch.setattr(time, "time", lambda: 2 * started - real() - 3600)
        site.mood(pause=0.1)
        assert run(site.asked(jobs=1), "a test").exit_code is ExitCode.DONE
        monkeypatch.undo()
        assert all(0.1 < ended - submitted < 60 for _, _, submitted, ended in site.attempts())
        told = json.loads((site.run / "run.json").read_text())
        assert 0 < told["seconds"] < 60
        assert told["started"] < told["finished"]
        assert "detect" in coordinator("status", site.run).out


class TestLeftovers:
    def test_half_written_files_of_a_dead_run(self, site: Site) -> None:
        site.mood()
        site.run.mkdir()
        for name in (".objects.geojson.part", ".run.json.part", ".old.part"):
            (site.run / name).write_text("half")
        assert coordinator(*site.command).code == 0
        assert not list(site.run.glob(".*.part"))

    def test_the_work_folder_of_a_task_that_is_no_more(self, site: Site) -> None:
        site.mood(hang=["c"])
        with site.running("--jobs", "1", at="c", until=2) as process:
            process.kill()
            process.wait()
        site.mood()
        table = site.folder / "batch" / "recordings.csv"
        table.write_text("".join(table.read_text().splitlines(keepends=True)[:-1]))
        assert coordinator(*site.command).code == 0
        assert {path.name for path in (site.run / "work" / "detect").iterdir()} == {"a", "b"}

    def test_a_copy_of_a_run_folder_runs_beside_it(self, site: Site) -> None:
        site.mood(crash=["b", "c"])
        assert coordinator(*site.command).code == 1
        shutil.copytree(site.run, site.folder / "copy")
        site.mood(pause=0.5)
        both = [start_coordinator(*site.command[:-1], site.folder / name) for name in ("run", "copy")]
        for process in both:
            _, err = process.communicate(timeout=PATIENCE)
            assert process.returncode == 0, err
        assert violations(site.folder / "copy") == []
        site.goes_on()


class TestQuarantine:
    def test_what_kills_its_step_every_time_is_set_aside(self, site: Site) -> None:
        site.mood(crash=["b"])
        pipeline = site.folder / "p.yaml"
        pipeline.write_text(pipeline.read_text().replace("retries: 0", "retries: 1"))
        for kills in (2, 4):
            ended = coordinator(*site.command, "--rung", "exec", "--jobs", "1")
            assert ended.code == 1, ended.err
            assert f"cannot survey b (quarantined: it killed its step {kills} times)" in ended.out
            assert "the same command tries them again, `retry --failed` them alone" in ended.out
        query = "SELECT container FROM attempts WHERE task = 'detect/b'"
        assert len(set(site._journal(query))) == 4  # never twice in the same container
        site.goes_on()


class TestBatch:
    def test_it_changes_in_mid_run(self, site: Site) -> None:
        batch = site.folder / "batch"
        (batch / "recordings.csv").unlink()
        (batch / "batch.yaml").unlink()
        images = [f"{number:02}.png" for number in range(8)]
        sample = _png()
        for name in images:
            (batch / name).write_bytes(sample)
        site.mood(hold=[images[1]])
        command = (*site.command, "--until", "detect")
        with site.running("--until", "detect", "--jobs", "1", at=images[1]) as process:
            (batch / images[-1]).unlink()
            (batch / "99.png").write_bytes(sample)
            site.go()
            out, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 1, err
        assert "batch       1 failed" in out
        assert "detect      7 succeeded" in out
        assert violations(site.run) == []
        ended = coordinator(*command)
        assert ended.code == 0, ended.err
        assert "detect      8 succeeded" in ended.out
        assert len(site._journal("SELECT 1 FROM attempts WHERE session = 2")) == 1


def _with_this_terminal() -> None:
    """Stdin is the terminal of the session that begins here."""
    as_from_a_terminal()
    fcntl.ioctl(0, 0x540E, 0)  # TIOCSCTTY


def _png() -> bytes:
    import cv2
    import numpy as np

    return cv2.imencode(".png", np.zeros((4, 4, 3), np.uint8))[1].tobytes()
