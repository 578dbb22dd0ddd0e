"""What is removed of dead runs and what is not, with an engine that only has a list of containers."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from coordinator.errors import EngineError, UsageError
from coordinator.record.journal import Journal
from coordinator.record.lock import locked
from coordinator.record.runfolder import RunFolder
from coordinator.runners.engine import FOLDER_LABEL, LABEL, Engine
from coordinator.runners.spec import HOST_LABEL
from coordinator.runners.sweep import Cleaned, clean, sweep, sweep_work

HERE = socket.gethostname()


@dataclass
class Containers:
    """An engine's list of containers."""

    labels: dict[str, dict[str, str]] = field(default_factory=dict)

    def add(self, name: str, folder: Path, host: str | None = HERE) -> None:
        host_label = {HOST_LABEL: host} if host else {}
        self.labels[name] = {LABEL: "id", FOLDER_LABEL: str(folder), **host_label}

    def containers(self) -> dict[str, dict[str, str]]:
        return dict(self.labels)

    def remove(self, container: str) -> None:
        if container == "stuck":
            raise EngineError("device or resource busy")
        del self.labels[container]

    @property
    def engine(self) -> Engine:
        return cast(Engine, self)


@pytest.fixture
def engine() -> Containers:
    return Containers()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    monkeypatch.chdir(tmp_path)
    return make(tmp_path / "runs" / "a")


def make(path: Path) -> RunFolder:
    made = RunFolder(path)
    made.create()
    with Journal(made.journal) as journal:
        journal.begin_session()
        journal.succeeded("detect/a/b.jpg", "detect", "a/b.jpg", "key", [])
    for name in ("a%2Fb.jpg", "c.jpg"):
        (made.work / "detect" / name).mkdir(parents=True)
        (made.work / "detect" / name / "file").touch()
    return made


def cleaned(engine: Containers, *folders: Path, dry_run: bool = False) -> list[Cleaned]:
    return list(clean(engine.engine, folders, dry_run=dry_run))


class TestContainers:
    def test_those_of_a_dead_run_go(self, engine: Containers, folder: RunFolder) -> None:
        engine.add("1", folder.path)
        engine.add("2", folder.path)
        (told,) = cleaned(engine, folder.path)
        assert (told.containers, engine.labels) == (2, {})

    def test_those_of_a_live_run_stay(self, engine: Containers, folder: RunFolder) -> None:
        engine.add("1", folder.path)
        with locked(folder.path):
            (told,) = cleaned(engine)
        assert told.owner is not None
        assert (told.containers, told.work, list(engine.labels)) == (0, (), ["1"])
        assert (folder.work / "detect" / "c.jpg" / "file").exists()

    def test_a_lock_that_cannot_be_read_counts_as_held(self, engine: Containers, folder: RunFolder) -> None:
        engine.add("1", folder.path)
        (folder.path / ".lock").mkdir()
        (told,) = cleaned(engine)
        assert "cannot be read" in str(told.owner)
        assert list(engine.labels) == ["1"]

    def test_a_run_whose_folder_is_gone_is_dead(self, engine: Containers, tmp_path: Path) -> None:
        engine.add("1", tmp_path / "gone")
        cleaned(engine)
        assert engine.labels == {}

    @pytest.mark.parametrize("host", ["elsewhere", None])
    def test_another_hosts_are_never_touched(
        self, engine: Containers, folder: RunFolder, host: str | None
    ) -> None:
        engine.add("1", folder.path, host)
        engine.add("2", Path("/gone"), host)
        cleaned(engine)
        cleaned(engine, folder.path)
        assert sweep(engine.engine, folder.path) == 0
        assert list(engine.labels) == ["1", "2"]

    def test_only_the_named_run_is_cleaned(self, engine: Containers, folder: RunFolder) -> None:
        other = make(folder.path.parent / "b")
        engine.add("1", folder.path)
        engine.add("2", other.path)
        assert [told.folder for told in cleaned(engine, other.path)] == [other.path]
        assert list(engine.labels) == ["1"]

    def test_one_that_the_engine_keeps_does_not_save_the_others(
        self, engine: Containers, folder: RunFolder
    ) -> None:
        for name in ("1", "stuck", "2"):
            engine.add(name, folder.path)
        (told,) = cleaned(engine)
        assert (told.containers, told.stuck, list(engine.labels)) == (2, 1, ["stuck"])
        assert sweep(engine.engine, folder.path) == 0

    def test_a_dry_run_removes_nothing(self, engine: Containers, folder: RunFolder) -> None:
        engine.add("1", folder.path)
        (told,) = cleaned(engine, dry_run=True)
        assert (told.containers, told.work) == (1, (folder.work / "detect" / "c.jpg",))
        assert list(engine.labels) == ["1"]
        assert told.work[0].exists()


class TestReplays:
    def test_one_that_is_going_on_stays_though_its_run_is_dead(
        self, engine: Containers, folder: RunFolder
    ) -> None:
        alive = folder.work / "replay" / "1"
        dead = folder.work / "replay" / "2"
        for replay in (alive, dead):
            replay.mkdir(parents=True)
            engine.add(replay.name, replay)
        with locked(alive):
            assert sweep(engine.engine, folder.path) == 1
            (told,) = cleaned(engine)
        assert dead in told.work
        assert (list(engine.labels), alive.exists(), dead.exists()) == (["1"], True, False)


class TestWorkFolders:
    def test_those_of_tasks_without_a_result_go(self, engine: Containers, folder: RunFolder) -> None:
        (told,) = cleaned(engine)
        assert told.work == (folder.work / "detect" / "c.jpg",)
        assert [path.name for path in (folder.work / "detect").iterdir()] == ["a%2Fb.jpg"]

    def test_without_an_engine_they_are_cleaned_all_the_same(self, folder: RunFolder) -> None:
        (told,) = clean(None, [], dry_run=False)
        assert len(told.work) == 1

    def test_a_folder_that_is_no_runs_is_refused_before_anything_is_done(
        self, engine: Containers, folder: RunFolder, tmp_path: Path
    ) -> None:
        (tmp_path / "photographs" / "work" / "x" / "y").mkdir(parents=True)
        with pytest.raises(UsageError, match=r"is no run folder: it has no journal\.db"):
            cleaned(engine, folder.path, tmp_path / "photographs")
        assert (tmp_path / "photographs" / "work" / "x" / "y").is_dir()
        assert (folder.work / "detect" / "c.jpg").exists()

    def test_links_are_not_followed(self, engine: Containers, folder: RunFolder, tmp_path: Path) -> None:
        (tmp_path / "precious").mkdir()
        (tmp_path / "precious" / "file").touch()
        (folder.work / "linked").symlink_to(tmp_path)
        (folder.work / "detect" / "linked").symlink_to(tmp_path / "precious")
        cleaned(engine)
        assert (tmp_path / "precious" / "file").exists()


def test_a_sweep_is_for_who_holds_the_lock(engine: Containers, folder: RunFolder) -> None:
    engine.add("1", folder.path)
    engine.add("2", folder.path.parent / "b")
    with locked(folder.path):
        assert sweep(engine.engine, folder.path) == 1
    assert list(engine.labels) == ["2"]


def test_what_a_step_nested_deeper_than_python_can_follow_goes_too(folder: RunFolder) -> None:
    inner = os.open(folder.work / "detect" / "c.jpg", os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=inner)
        outer, inner = inner, os.open("d", os.O_RDONLY, dir_fd=inner)
        os.close(outer)
    os.close(inner)
    assert sweep_work(folder) == 1
    assert [path.name for path in (folder.work / "detect").iterdir()] == ["a%2Fb.jpg"]
