"""What the registry keeps through the end of a process, of the machine, of a version, and through clocks that jump."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sqlite3
import time
from pathlib import Path

import pytest

from coordinator.errors import RunFolderError
from coordinator.service import acceptlog, writing
from coordinator.service.acceptlog import AcceptLog, Record
from coordinator.service.ageing import Moment, Noted, age_at, machine_time
from coordinator.service.jobs import File, Job
from coordinator.service.registry import Registry
from tests.waiting import PATIENCE, eventually

HOUR = 3600.0
IMAGES = {"photo.jpg": b"\xff\xd8 an image\n\xff\xd9", "other.png": b""}


def job(number: int = 1) -> Job:
    file = File(name="ü.jpg", stem="photo", suffix=".jpg", width=2, height=1)
    return Job(id=f"{number:016x}", created=1.0, operations=(), output="png", workers=1, files=(file,))


def ended(number: int = 1) -> Job:
    return job(number).ended(job(number).files, 2.0)


def after_a_crash(folder: Path, to: Path) -> Registry:
    """The registry as a process finds it after another one was killed: of that nothing was closed."""
    shutil.copytree(folder, to)
    return Registry(to / "jobs.db")


def no_room(*_: object, **__: object) -> None:
    raise sqlite3.OperationalError("database or disk is full")


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    (tmp_path / "data").mkdir()
    return Registry(tmp_path / "data" / "jobs.db")


class TestKilled:
    def test_a_job_is_there_with_its_images(self, registry: Registry, tmp_path: Path) -> None:
        registry.put(job(), IMAGES, presses=False)
        later = after_a_crash(tmp_path / "data", tmp_path / "later")
        assert later.unfinished() == [job()]
        assert later.originals(job().id) == IMAGES
        later.close()
        again = Registry(tmp_path / "later" / "jobs.db")
        assert (again.unfinished(), again.originals(job().id)) == ([job()], IMAGES)
        again.close()
        registry.close()

    def test_what_was_removed_does_not_come_back(self, registry: Registry, tmp_path: Path) -> None:
        for number in (1, 2):
            registry.put(job(number), IMAGES).result(PATIENCE)
        registry.end(ended(2), 5)
        registry.remove(job(1).id)
        registry.remove(job(2).id)
        later = after_a_crash(tmp_path / "data", tmp_path / "later")
        assert not later.ids()
        assert registry.get(job(1).id) is None
        for one in (registry, later):
            one.close()

    def test_what_the_log_alone_knows_to_be_removed_does_not_come_back(
        self, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """jobs.db finds no room for it, nor for how the other one ended; both are tried until there is some."""
        registry.put(job(1), IMAGES).result(PATIENCE)
        registry.end(ended(1), 5)
        eventually(registry.ids)
        registry.put(job(2), IMAGES).result(PATIENCE)
        with monkeypatch.context() as full:
            full.setattr(writing, "_PATIENCE", 0.01)
            full.setattr(writing, "transact", no_room)
            registry.end(ended(2), 5)
            registry.remove(job(1).id)
            registry.remove(job(2).id)
            assert (registry.get(job(1).id), registry.get(job(2).id)) == (None, None)
            assert not registry.aged_before(1e9)
            assert not registry.oldest_beyond(0)
            later = after_a_crash(tmp_path / "data", tmp_path / "later")
            assert not later.ids()
        eventually(lambda: not registry.ids())
        for one in (registry, later):
            one.close()
        again = Registry(tmp_path / "data" / "jobs.db")
        assert not again.ids()
        again.close()

    def test_jobs_are_kept_while_the_log_changes_its_files(
        self, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Far more than a file holds: what goes on is carried over, what has ended is not done again."""
        monkeypatch.setattr(acceptlog, "_LENGTH", 4096)
        monkeypatch.setattr(writing, "_GATHER", 0.0)
        registry.put(job(0), IMAGES)
        for number in range(1, 60):
            registry.put(job(number), {"photo.jpg": bytes(500)}).result(PATIENCE)
            if number < 58:
                registry.end(ended(number), 1)
        eventually(lambda: registry.ids() >= {job(0).id, job(40).id})
        later = after_a_crash(tmp_path / "data", tmp_path / "later")
        assert {job(0).id, job(58).id, job(59).id} <= {one.id for one in later.unfinished()}
        assert later.originals(job(0).id) == IMAGES
        assert later.get(job(10).id) == ended(10)
        for one in (registry, later):
            one.close()


class TestLog:
    @pytest.mark.parametrize("left", [0, 5, 30])
    def test_a_record_that_was_cut_short_is_none(self, tmp_path: Path, left: int) -> None:
        log = AcceptLog(tmp_path)
        log.begin(2)
        log.append(Record(job_id="a", job="{}", originals=IMAGES))
        whole = os.pread(log._files[0], 4096, 0).rstrip(b"\0")
        log.append(Record(job_id="b", job="{}", originals={}))
        os.pwrite(log._files[0], bytes(4096), len(whole) + left)
        assert [record.job_id for record in log.records(2)] == ["a"]
        log.close()

    def test_of_an_earlier_generation_nothing_is_read(self, tmp_path: Path) -> None:
        log = AcceptLog(tmp_path)
        for generation in (2, 3, 4):
            log.begin(generation)
            for number in range(5 - generation):
                log.append(Record(job_id=f"{generation}-{number}", job="{}", originals={}))
        assert [record.job_id for record in log.records(3)] == ["3-0", "3-1", "4-0"]
        log.close()

    def test_a_write_that_takes_a_part_is_gone_on_with(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        log, whole = AcceptLog(tmp_path), os.pwrite
        log.begin(2)
        monkeypatch.setattr(
            os, "pwrite", lambda file, data, at: whole(file, bytes(data)[: max(1, len(data) // 2)], at)
        )
        log.append(Record(job_id="a", job="{}", originals=IMAGES))
        assert [record.originals for record in log.records(2)] == [IMAGES]
        log.close()


class TestFull:
    def test_a_log_without_room_takes_no_job_and_loses_none(
        self, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as full:
            full.setattr(os, "pwrite", refuse)
            with pytest.raises(OSError, match="No space left"):
                registry.put(job(), {})
            assert registry.get(job().id) is None
        registry.put(job(), IMAGES).result(PATIENCE)
        with monkeypatch.context() as full:
            full.setattr(os, "pwrite", refuse)
            with pytest.raises(OSError, match="No space left"):
                registry.remove(job().id)
        assert registry.get(job().id) == job()  # and it is none by half
        registry.close()
        again = Registry(tmp_path / "data" / "jobs.db")
        assert (again.unfinished(), again.originals(job().id)) == ([job()], IMAGES)
        again.close()


class TestAge:
    def test_a_clock_that_jumps_makes_nothing_old(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        uptime = 100.0
        registry = Registry(tmp_path / "jobs.db", lambda: Moment(boot="a", uptime=uptime))
        registry.end(ended(), 5)
        eventually(registry.ids)
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now + 2 * 24 * HOUR)
        monkeypatch.setattr(time, "monotonic", lambda: now + 2 * 24 * HOUR)
        registry.note_age()
        assert not registry.aged_before(registry.age - HOUR)
        uptime += 2 * HOUR
        registry.note_age()
        assert registry.aged_before(registry.age - HOUR) == [ended().id]
        registry.close()

    def test_it_goes_on_after_another_start_of_the_machine(self) -> None:
        noted = Noted(age=50.0, moment=Moment(boot="a", uptime=100.0))
        assert age_at(noted, Moment(boot="a", uptime=130.0)) == 80.0
        assert age_at(noted, Moment(boot="b", uptime=30.0)) == 80.0
        assert age_at(noted, Moment(boot="a", uptime=90.0)) == 50.0

    def test_the_machine_tells_it(self) -> None:
        first, second = machine_time(), machine_time()
        assert first.boot == second.boot
        assert 0 < first.uptime <= second.uptime

    def test_the_oldest_go_first_and_the_newest_stays(self, tmp_path: Path) -> None:
        uptime = 0.0
        registry = Registry(tmp_path / "jobs.db", lambda: Moment(boot="a", uptime=uptime))
        for number in (3, 1, 2):
            uptime += 1.0
            registry.note_age()
            registry.end(ended(number), 100)
        eventually(lambda: len(registry.ids()) == 3)
        assert registry.oldest_beyond(300) == []
        assert registry.oldest_beyond(299) == [ended(3).id]
        assert registry.oldest_beyond(1) == [ended(3).id, ended(1).id]
        registry.close()


class TestVersions:
    def test_the_version_before_is_converted_and_its_jobs_begin_to_age(self, tmp_path: Path) -> None:
        path = tmp_path / "jobs.db"
        old = sqlite3.connect(path)
        old.execute(
            "CREATE TABLE jobs (id TEXT PRIMARY KEY, state TEXT NOT NULL, created REAL NOT NULL, finished REAL,"
            " job TEXT NOT NULL) WITHOUT ROWID"
        )
        for one in (job(1), ended(2)):
            document = {**json.loads(one.dump())}
            del document["owner"]
            row = (one.id, one.state, one.created, one.finished, json.dumps(document))
            old.execute("INSERT INTO jobs VALUES (?, ?, ?, ?, ?)", row)
        old.commit()
        old.close()
        registry = Registry(path)
        assert registry.unfinished() == [job(1)]
        assert registry.get(ended(2).id) == ended(2)
        assert registry.unmeasured() == [ended(2).id]
        registry.note_age()
        assert not registry.aged_before(registry.age - HOUR)
        registry.measured(ended(2).id, 7)
        eventually(lambda: not registry.unmeasured())
        registry.close()

    def test_a_later_version_is_refused(self, tmp_path: Path) -> None:
        with sqlite3.connect(tmp_path / "jobs.db") as later:
            later.execute("PRAGMA user_version = 99")
        with pytest.raises(RunFolderError, match="a later version of the service made it"):
            Registry(tmp_path / "jobs.db")
