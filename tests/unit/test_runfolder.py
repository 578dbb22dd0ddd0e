"""The run folder: its layout, its lock, its evidence, and files that are there whole or not at all."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import threading
from pathlib import Path

import pytest

from coordinator.core.tasks import Evidence, Outcome
from coordinator.errors import RunFolderError
from coordinator.record.runfolder import RunFolder, owner, write_json, written_aside
from tests.unit.builders import error, item, request, task


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    (tmp_path / "batch").mkdir()
    made = RunFolder(path=tmp_path / "run", batch=tmp_path / "batch")
    made.create()
    return made


class TestFolder:
    def test_making_it_twice_is_no_error(self, folder: RunFolder) -> None:
        folder.create()
        assert sorted(path.name for path in folder.path.iterdir()) == ["failures", "work"]

    def test_a_file_in_its_place(self, tmp_path: Path) -> None:
        (tmp_path / "run").touch()
        with pytest.raises(RunFolderError, match=r"cannot be written: .*; name another with --out"):
            RunFolder(path=tmp_path / "run", batch=tmp_path).create()

    def test_one_coordinator_at_a_time_and_the_second_learns_who_is_first(self, folder: RunFolder) -> None:
        with (
            folder.locked(),
            pytest.raises(RunFolderError, match=f"is in use by process {os.getpid()} on "),
            folder.locked(),
        ):
            pass
        with folder.locked():
            pass


class TestOwner:
    def test_nobody_where_there_is_no_lock_no_folder_or_a_lock_that_nobody_holds(
        self, folder: RunFolder
    ) -> None:
        assert owner(folder.path) is None
        assert owner(folder.path / "absent") is None
        with folder.locked():
            pass
        assert owner(folder.path) is None
        assert not (folder.path / "absent").exists()

    def test_who_holds_it_says_process_host_and_time(self, folder: RunFolder) -> None:
        with folder.locked():
            found = owner(folder.path)
        assert found is not None
        told = found.as_json()
        assert told is not None
        assert (told["process"], told["host"]) == (os.getpid(), socket.gethostname())
        assert str(found).endswith(f", started {told['started']}")

    def test_a_lock_of_somebody_who_has_said_nothing_yet(self, folder: RunFolder) -> None:
        with folder.locked():
            (folder.path / ".lock").write_text("")
            found = owner(folder.path)
        assert found is not None
        assert (str(found), found.as_json()) == ("another coordinator", None)

    def test_a_look_at_the_lock_does_not_keep_a_coordinator_out(self, folder: RunFolder) -> None:
        (folder.path / ".lock").touch()
        with (folder.path / ".lock").open() as looking:
            fcntl.flock(looking, fcntl.LOCK_SH)
            threading.Timer(0.03, fcntl.flock, (looking, fcntl.LOCK_UN)).start()
            with folder.locked():
                pass


class TestPaths:
    def test_mounted_paths_lead_to_batch_and_work(self, folder: RunFolder) -> None:
        assert folder.local("/batch/s/a.jpg") == folder.batch / "s" / "a.jpg"
        assert folder.local("/work/detect/r1") == folder.path / "work" / "detect" / "r1"
        assert folder.local("/batch//etc/passwd") == folder.batch / "etc" / "passwd"
        assert folder.local("/batch") == folder.batch

    @pytest.mark.parametrize("path", ["/etc/passwd", "batch/a.jpg", "/batches/a.jpg", ""])
    def test_other_paths_lead_nowhere(self, folder: RunFolder, path: str) -> None:
        with pytest.raises(ValueError, match="neither below"):
            folder.local(path)
        assert folder.stamp(path).endswith(" absent")

    def test_a_path_that_climbs_out_leads_nowhere(self, folder: RunFolder) -> None:
        with pytest.raises(ValueError, match="climbs out"):
            folder.local("/batch/../run/journal.db")

    def test_a_stamp_changes_with_a_files_content_and_time(self, folder: RunFolder) -> None:
        path = folder.batch / "a.jpg"
        stamps = [folder.stamp("/batch/a.jpg")]
        for content, time in (("a", 1), ("ab", 1), ("ab", 2)):
            path.write_text(content)
            os.utime(path, ns=(time, time))
            stamps.append(folder.stamp("/batch/a.jpg"))
        assert len(set(stamps)) == 4

    def test_a_content_stamp_changes_with_the_content_alone(self, folder: RunFolder) -> None:
        path = folder.batch / "a.jpg"
        stamps = [folder.content_stamp("/batch/a.jpg")]
        for content, time in (("a", 1), ("a", 2), ("b", 2), ("a", 3)):
            path.write_text(content)
            os.utime(path, ns=(time, time))
            stamps.append(folder.content_stamp("/batch/a.jpg"))
        absent, *rest = stamps
        assert absent == "/batch/a.jpg absent"
        assert [stamp == rest[0] for stamp in rest] == [True, True, False, True]


class TestEvidence:
    def test_everything_needed_to_repeat_a_failure(self, folder: RunFolder) -> None:
        failed = task(request("detect/a b", [item("a b")]))
        evidence = Evidence(stdout=b"\xff", stderr=b"why", exit_code=3, command="docker run x")
        where = folder.keep_failure(
            failed.id, error(), Outcome(task=failed, result=error(), evidence=evidence)
        )
        assert where == folder.failures / "detect%2Fa%20b"
        assert json.loads((where / "request.json").read_bytes()) == failed.request.model_dump()
        assert ((where / "stdout").read_bytes(), (where / "stderr").read_bytes()) == (b"\xff", b"why")
        assert (where / "docker-run.sh").read_text() == "docker run x < request.json\n"
        told = json.loads((where / "error.json").read_text())
        assert (told["task"], told["exit_code"], told["error"]["kind"]) == ("detect/a b", 3, "crash")

    def test_what_has_succeeded_since_is_removed(self, folder: RunFolder) -> None:
        for name in ("detect/a", "detect/b"):
            folder.keep_failure(name, error())
        folder.keep_only_failures(["detect/b"])
        assert [path.name for path in folder.failures.iterdir()] == ["detect%2Fb"]


class TestWriting:
    def test_a_file_is_replaced_as_a_whole(self, tmp_path: Path) -> None:
        write_json(tmp_path / "a.json", {"a": "straße"})
        assert (tmp_path / "a.json").read_text(encoding="utf-8") == '{\n  "a": "straße"\n}\n'
        with pytest.raises(ValueError, match="not JSON compliant"):
            write_json(tmp_path / "a.json", float("nan"))
        assert "straße" in (tmp_path / "a.json").read_text(encoding="utf-8")

    def test_a_failure_half_way_leaves_what_was_there(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_text("before")

        def fail() -> None:
            with written_aside(tmp_path / "a") as file:
                file.write("half")
                raise KeyError

        with pytest.raises(KeyError):
            fail()
        assert (tmp_path / "a").read_text() == "before"
