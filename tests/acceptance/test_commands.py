"""``status``, ``retry``, ``clean``, ``replay`` as a user types them, beside runs that live and after some that died."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from coordinator.record.journal import Journal
from coordinator.runners.engine import FOLDER_LABEL, Engine
from coordinator.runners.spec import HOST_LABEL
from tests.acceptance.conftest import coordinator, interrupt, start_coordinator
from tests.waiting import PATIENCE, eventually

PHOTOGRAPHS = ("a.jpg", "b.jpg", "c.jpg")


@dataclass
class Site:
    """A small batch, a pipeline of one step that misbehaves on demand (and one behind it), a run folder."""

    folder: Path
    image: str
    engine: Engine

    @property
    def run(self) -> Path:
        return self.folder / "run"

    @property
    def command(self) -> tuple[str | Path, ...]:
        return ("run", self.folder / "batch", "--pipeline", self.folder / "p.yaml", "--out", self.run)

    def photographs(self, *names: str) -> None:
        (self.folder / "batch").mkdir(exist_ok=True)
        table = "".join(f"{name},{name},16,12\n" for name in names)
        (self.folder / "batch" / "recordings.csv").write_text("id,image,width,height\n" + table)

    def go(self) -> None:
        """Lets the step answer at what it holds."""
        (self.folder / "batch" / "go").touch()

    def pipeline(self, fault: str, *only: str, then: bool = False) -> None:
        step = {
            "name": "step",
            "image_ref": self.image,
            "params": {"fault": fault, "only": list(only)},
            "resources": {"cpus": 0.5, "memory": "64m"},
            "timeout": 3600,
            "retries": 0,
        }
        second = {**step, "name": "second", "per": "region", "params": {"fault": "crash", "only": []}}
        steps = [step, second] if then else [step]
        (self.folder / "p.yaml").write_text(yaml.safe_dump({"name": "test", "steps": steps}))

    def containers(self) -> set[str]:
        """The containers of this site's run that are on the engine, ended or not."""
        found = self.engine.containers().items()
        return {one for one, labels in found if labels.get(FOLDER_LABEL, "").startswith(str(self.run))}

    def attempts(self) -> list[tuple[int, str]]:
        """Every attempt so far, as session and task."""
        with Journal(self.run / "journal.db") as journal:
            query = "SELECT session, task FROM attempts ORDER BY session, task"
            return list(journal._db.execute(query))

    @contextmanager
    def running(self, is_far_enough: Callable[[], bool]) -> Iterator[subprocess.Popen[str]]:
        """The run in another process, from the moment on that it is far enough."""
        process = start_coordinator(*self.command)
        try:
            eventually(is_far_enough)
            yield process
        finally:
            process.kill()
            process.communicate()

    def hangs(self) -> bool:
        """Whether the other photographs are done, and the last one's container and the network's are all there are."""
        return self.succeeded() == 2 and len(self.containers()) == 2

    def succeeded(self) -> int:
        """How many tasks of the first step have succeeded, as the journal has it."""
        journal = f"{(self.run / 'journal.db').as_uri()}?mode=ro"
        query = "SELECT COUNT(*) FROM tasks WHERE step = 'step' AND status = 'succeeded'"
        try:
            with closing(sqlite3.connect(journal, uri=True)) as db:
                return int(db.execute(query).fetchone()[0])
        except sqlite3.OperationalError:  # it is not there yet, or has no tables yet
            return 0


def told(run: Path) -> dict[str, Any]:
    ended = coordinator("status", run, "--json")
    assert ended.code == 0, ended.err
    report: dict[str, Any] = json.loads(ended.out)
    return report


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def site(tmp_path: Path, chaos_image: str, clean_engine: Engine) -> Site:
    made = Site(tmp_path, chaos_image, clean_engine)
    made.photographs(*PHOTOGRAPHS)
    return made


class TestBesideALiveRun:
    def test_it_survives_clean_and_is_seen_by_status(self, site: Site) -> None:
        site.pipeline("hold", "c.jpg")
        with site.running(site.hangs) as process:
            before = site.containers()
            status = told(site.run)
            assert (status["state"], status["owner"]["process"]) == ("at work", process.pid)
            assert status["continue"] is None
            for arguments in ((), ("--dry-run",)):
                ended = coordinator("clean", site.run, *arguments)
                assert f"left alone: process {process.pid} on " in ended.out
                assert "0 containers, 0 work folders" in ended.out
            everything = coordinator("clean", "--dry-run").out
            assert f"{site.run}: would remove 0 containers, 0 work folders\n  left alone: " in everything
            assert site.containers() == before
            assert (site.run / "work" / "step" / "c.jpg").is_dir()
            site.go()
            _, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, err
        assert site.succeeded() == 3

    def test_a_second_coordinator_is_told_who_is_first(self, site: Site) -> None:
        site.pipeline("hang", "c.jpg")
        with site.running(site.hangs) as process:
            ended = coordinator("retry", "--failed", site.run)
            assert (ended.code, ended.out) == (0, "nothing has failed\n")
            ended = coordinator(*site.command)
            assert ended.code == 2
            assert f"is in use by process {process.pid} on " in ended.err
            interrupt(process, signal.SIGTERM)
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=PATIENCE)
        assert process.returncode == 130
        assert told(site.run)["state"] == "interrupted"


class TestAfterARunThatDied:
    @pytest.fixture
    def dead(self, site: Site) -> Site:
        site.pipeline("hang", "c.jpg")
        with site.running(site.hangs) as process:
            process.kill()
            process.wait()
        assert len(site.containers()) >= 2
        return site

    def test_status_says_so_and_clean_removes_what_is_left(self, dead: Site) -> None:
        status = told(dead.run)
        assert (status["state"], status["owner"]) == ("died", None)
        assert str(dead.run) in status["continue"]
        left = len(dead.containers())
        ended = coordinator("clean", "--dry-run", dead.run)
        assert f"would remove {left} containers, 1 work folders\n  work/step/c.jpg\n" in ended.out
        assert len(dead.containers()) == left
        ended = coordinator("clean", dead.run)
        assert (ended.code, f"removed {left} containers, 1 work folders" in ended.out) == (0, True)
        assert dead.containers() == set()
        assert not (dead.run / "work" / "step" / "c.jpg").exists()
        assert "removed 0 containers, 0 work folders" in coordinator("clean", dead.run).out

    def test_the_next_run_removes_its_containers_first(self, dead: Site) -> None:
        left = len(dead.containers())
        dead.pipeline("hang")
        ended = coordinator(*dead.command)
        assert ended.code == 0, ended.err
        assert f"removed {left} containers that an earlier session left behind" in ended.err
        assert dead.containers() == set()

    def test_every_container_says_whose_it_is(self, dead: Site) -> None:
        labels = dead.engine.containers()
        assert all(labels[container][HOST_LABEL] for container in dead.containers())
        coordinator("clean", dead.run)


class TestRetry:
    def test_only_the_failures_run_again_and_what_depends_on_them(self, site: Site) -> None:
        site.pipeline("crash", "b.jpg", then=True)
        assert coordinator(*site.command).code == 1
        status = told(site.run)
        assert status["state"] == "complete"
        assert status["continue"] == f"python -m coordinator retry --failed {site.run}"
        assert [(one["count"], one["kind"], one["tasks"]) for one in status["failures"]] == [
            (1, "crash", ["step/b.jpg"])
        ]
        site.photographs(*PHOTOGRAPHS, "new.jpg")
        site.pipeline("crash", then=True)
        ended = coordinator("retry", "--failed", site.run)
        assert ended.code == 0, ended.err
        again = [task for session, task in site.attempts() if session == 2]
        assert len(again) == 2
        assert again[1] == "step/b.jpg"
        assert again[0].startswith("second/")
        assert "step        3 succeeded" in ended.out
        assert told(site.run)["continue"] is None
        assert not list((site.run / "failures").iterdir())
        ended = coordinator("retry", "--failed", site.run)
        assert (ended.code, ended.out) == (0, "nothing has failed\n")

    def test_the_failures_of_other_steps_stay(self, site: Site) -> None:
        site.pipeline("crash", "b.jpg", then=True)
        coordinator(*site.command)
        ended = coordinator("retry", "--failed", site.run, "--step", "second")
        assert (ended.code, ended.out) == (0, "nothing has failed at second\n")
        ended = coordinator("retry", "--failed", site.run, "--step", "paint")
        assert ended.code == 2
        assert "its steps are step, second" in ended.err

    def test_an_interrupted_run_keeps_its_failures_and_is_tried_as_a_whole(self, site: Site) -> None:
        site.pipeline("crash", "b.jpg")
        coordinator(*site.command, "--jobs", "1")
        site.photographs(*PHOTOGRAPHS, "new.jpg")
        site.pipeline("hang", "a.jpg")
        process = start_coordinator(*site.command, "--jobs", "1")
        eventually(lambda: len(site.containers()) == 2)
        interrupt(process, signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)
        assert process.returncode == 130
        status = told(site.run)
        assert (status["state"], status["failures"][0]["tasks"]) == ("interrupted", ["step/b.jpg"])
        assert "about to crash" in coordinator("replay", site.run, "step/b.jpg").err
        site.pipeline("crash")
        ended = coordinator("retry", "--failed", site.run)
        assert ended.code == 0, ended.err
        assert "step        4 succeeded" in ended.out
        assert told(site.run)["state"] == "complete"

    def test_a_pipeline_that_has_moved_is_told(self, site: Site) -> None:
        site.pipeline("crash", "b.jpg")
        coordinator(*site.command)
        (site.folder / "p.yaml").unlink()
        ended = coordinator("retry", "--failed", site.run)
        assert ended.code == 2
        assert "no such file" in ended.err


class TestReplay:
    @pytest.fixture
    def failed(self, site: Site) -> Site:
        site.pipeline("crash", "b.jpg")
        assert coordinator(*site.command).code == 1
        return site

    def test_the_task_runs_again_and_the_run_stays_as_it_is(self, failed: Site) -> None:
        before = contents(failed.run)
        ended = coordinator("replay", failed.run, "step/b.jpg")
        assert ended.code == 1
        assert ended.out == ""
        said, verdict = ended.err.splitlines()
        assert said == "about to crash"
        assert verdict.startswith("coordinator: crash: the step ended with exit code 3: about to crash (exit")
        assert contents(failed.run) == before
        assert not (failed.run / "work" / "replay").exists()

    def test_with_a_request_that_was_mended_it_ends_well(self, failed: Site) -> None:
        path = failed.run / "failures" / "step%2Fb.jpg" / "request.json"
        request = json.loads(path.read_text())
        request["params"]["fault"] = "report_isolation"
        path.write_text(json.dumps(request))
        ended = coordinator("replay", failed.run, "step/b.jpg")
        assert ended.code == 0, ended.err
        assert "a valid response, 1 items (exit code 0" in ended.err
        facts = json.loads(ended.out)["items"][0]["facts"]
        assert (facts["uid"] == 0, facts["interfaces"], int(facts["capabilities"], 16)) == (False, ["lo"], 0)
        work, tmp = facts["writable"]
        assert (work.startswith("/work/replay/"), tmp) == (True, "/tmp")
        assert not (failed.run / "work" / "replay").exists()

    def test_its_output_comes_live_and_clean_leaves_it_alone(self, failed: Site) -> None:
        path = failed.run / "failures" / "step%2Fb.jpg" / "request.json"
        request = json.loads(path.read_text())
        request["params"].update(fault="mutter")
        path.write_text(json.dumps(request))
        process = start_coordinator("replay", failed.run, "step/b.jpg")
        try:
            assert process.stderr is not None
            assert process.stderr.readline() == "still at it\n"
            assert "removed 0 containers, 0 work folders" in coordinator("clean", failed.run).out
            assert len(failed.containers()) == 1
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
        assert (process.returncode, err) == (130, "coordinator: interrupted\n")
        assert failed.containers() == set()
        assert not (failed.run / "work" / "replay").exists()

    def test_an_unknown_task_and_those_that_are_known(self, failed: Site) -> None:
        ended = coordinator("replay", failed.run, "step/z.jpg")
        assert ended.code == 2
        assert ended.err.endswith("these have:\n  step/b.jpg\n")


@pytest.mark.parametrize("command", [("status",), ("retry", "--failed"), ("clean",)])
def test_a_folder_that_is_no_runs_is_refused(tmp_path: Path, command: tuple[str, ...]) -> None:
    ended = coordinator(*command, tmp_path)
    assert ended.code == 2
    assert "is no run folder" in ended.err
