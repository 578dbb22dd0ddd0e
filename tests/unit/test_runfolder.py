"""The run folder: its layout, its lock, its evidence, and files that are there whole or not at all."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import threading
from pathlib import Path

import pytest

from coordinator.core.tasks import Evidence
from coordinator.errors import RunFolderError
from coordinator.record.disk import write_json, written_aside
from coordinator.record.files import Files
from coordinator.record.lock import locked, owner
from coordinator.record.runfolder import RunFolder
from tests.unit.builders import error, item, request, task


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    made = RunFolder(tmp_path / "run")
    made.create()
    return made


@pytest.fixture
def files(tmp_path: Path, folder: RunFolder) -> Files:
    (tmp_path / "batch").mkdir()
    return folder.files(tmp_path / "batch")


class TestFolder:
    def test_making_it_twice_is_no_error(self, folder: RunFolder) -> None:
        folder.create()
        assert sorted(path.name for path in folder.path.iterdir()) == ["failures", "work"]

    def test_a_file_in_its_place(self, tmp_path: Path) -> None:
        (tmp_path / "run").touch()
        with pytest.raises(RunFolderError, match=r"cannot be written: .*; name another with --out"):
            RunFolder(tmp_path / "run").create()

    def test_one_coordinator_at_a_time_and_the_second_learns_who_is_first(self, folder: RunFolder) -> None:
        with (
            locked(folder.path),
            pytest.raises(RunFolderError, match=f"is in use by process {os.getpid()} on "),
            locked(folder.path),
        ):
            pass
        with locked(folder.path):
            pass

    def test_a_full_disk_is_told(self, folder: RunFolder) -> None:
        (folder.path / ".lock").symlink_to("/dev/full")
        with pytest.raises(RunFolderError, match=r"run folder .* cannot be written: "), locked(folder.path):
            pass

    def test_another_name_for_the_folder(self, folder: RunFolder) -> None:
        with (
            locked(folder.path),
            pytest.raises(RunFolderError, match=r"^data folder .* is in use by process"),
            locked(folder.path, "data folder"),
        ):
            pass


class TestOwner:
    def test_nobody_where_there_is_no_lock_no_folder_or_a_lock_that_nobody_holds(
        self, folder: RunFolder
    ) -> None:
        assert owner(folder.path) is None
        assert owner(folder.path / "absent") is None
        with locked(folder.path):
            pass
        assert owner(folder.path) is None
        assert not (folder.path / "absent").exists()

    def test_who_holds_it_says_process_host_and_time(self, folder: RunFolder) -> None:
        with locked(folder.path):
            found = owner(folder.path)
        assert found is not None
        told = found.as_json()
        assert told is not None
        assert (told["process"], told["host"]) == (os.getpid(), socket.gethostname())
        assert str(found).endswith(f", started {told['started']}")

    def test_a_lock_of_somebody_who_has_said_nothing_yet(self, folder: RunFolder) -> None:
        with locked(folder.path):
            (folder.path / ".lock").write_text("")
            found = owner(folder.path)
        assert found is not None
        assert (str(found), found.as_json()) == ("another coordinator", None)

    def test_a_look_at_the_lock_does_not_keep_a_coordinator_out(self, folder: RunFolder) -> None:
        (folder.path / ".lock").touch()
        with (folder.path / ".lock").open() as looking:
            fcntl.flock(looking, fcntl.LOCK_SH)
            threading.Timer(0.03, fcntl.flock, (looking, fcntl.LOCK_UN)).start()
            with locked(folder.path):
                pass


class TestPaths:
    def test_mounted_paths_lead_to_batch_and_work(self, files: Files) -> None:
        assert files.local("/batch/s/a.jpg") == files.batch / "s" / "a.jpg"
        assert files.local("/work/detect/r1") == files.work / "detect" / "r1"
        assert files.local("/batch//etc/passwd") == files.batch / "etc" / "passwd"
        assert files.local("/batch") == files.batch

    @pytest.mark.parametrize("path", ["/etc/passwd", "batch/a.jpg", "/batches/a.jpg", ""])
    def test_other_paths_lead_nowhere(self, files: Files, path: str) -> None:
        with pytest.raises(ValueError, match="neither below"):
            files.local(path)
        assert files.stamp(path).endswith(" absent")

    def test_a_path_that_climbs_out_leads_nowhere(self, files: Files) -> None:
        with pytest.raises(ValueError, match="climbs out"):
            files.local("/batch/../run/journal.db")

    def test_a_stamp_changes_with_a_files_content_and_time(self, files: Files) -> None:
        path = files.batch / "a.jpg"
        stamps = [files.stamp("/batch/a.jpg")]
        for content, time in (("a", 1), ("ab", 1), ("ab", 2)):
            path.write_text(content)
            os.utime(path, ns=(time, time))
            stamps.append(files.stamp("/batch/a.jpg"))
        assert len(set(stamps)) == 4

    def test_a_content_stamp_changes_with_the_content_alone(self, files: Files) -> None:
        path = files.batch / "a.jpg"
        stamps = [files.content_stamp("/batch/a.jpg")]
        for content, time in (("a", 1), ("a", 2), ("b", 2), ("a", 3)):
            path.write_text(content)
            os.utime(path, ns=(time, time))
            stamps.append(files.content_stamp("/batch/a.jpg"))
        absent, *rest = stamps
        assert absent == "/batch/a.jpg absent"
        assert [stamp == rest[0] for stamp in rest] == [True, True, False, True]


class TestEvidence:
    def test_everything_needed_to_repeat_a_failure(self, folder: RunFolder) -> None:
        failed = task(request("detect/a b", [item("a b")]))
        evidence = Evidence(stdout=b"\xff", stderr=b"why", exit_code=3, command="docker run x")
        where = folder.evidence.keep_attempt(failed.request, error(), 1, evidence)
        assert where == folder.failures / "detect%2Fa%20b"
        assert json.loads((where / "request.json").read_bytes()) == failed.request.model_dump()
        assert ((where / "stdout").read_bytes(), (where / "stderr").read_bytes()) == (b"\xff", b"why")
        assert (where / "docker-run.sh").read_text() == "docker run x < request.json\n"
        told = json.loads((where / "error.json").read_text())
        assert (told["task"], told["exit_code"], told["error"]["kind"]) == ("detect/a b", 3, "crash")

    def test_what_has_succeeded_since_is_removed(self, folder: RunFolder) -> None:
        for name in ("detect/a", "detect/b"):
            folder.evidence.keep(name, error())
        folder.evidence.keep_only(["detect/b"])
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
