"""Jobs that find no room on the disk, or no file that may be opened. Workers are threads of the test."""

from __future__ import annotations

import errno
import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from coordinator.contract import ErrorKind
from coordinator.errors import EngineError, RunFolderError
from coordinator.record.journal import Journal
from coordinator.service import store as stores
from coordinator.service.jobs import JobState
from coordinator.service.shortage import Lack, lack
from coordinator.service.told import NO_ROOM
from tests.unit.builders import error
from tests.unit.test_service_manager import Shop
from tests.waiting import PATIENCE, eventually

NO_FILES = OSError(errno.EMFILE, os.strerror(errno.EMFILE))
FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.setattr("coordinator.service.driver._PAUSE", 0.01)
    made = Shop(tmp_path)
    yield made
    made.close()


def of_sqlite(code: int) -> sqlite3.OperationalError:
    said = sqlite3.OperationalError("as SQLite says it")
    said.sqlite_errorcode = code
    return said


def caused(error: Exception, by: Exception) -> Exception:
    error.__cause__ = by
    return error


def failing(times: int, why: BaseException, function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, which fails so often before it works."""
    left = iter(range(times))

    def tried(*given: Any, **options: Any) -> Any:
        if next(left, None) is None:
            return function(*given, **options)
        raise why

    return tried


class TestLack:
    @pytest.mark.parametrize(
        ("why", "lacking"),
        [
            (FULL, Lack.ROOM),
            (OSError(errno.EDQUOT, "no more"), Lack.ROOM),
            (NO_FILES, Lack.FILES),
            (OSError(errno.ENFILE, "no more"), Lack.FILES),
            (OSError(errno.EACCES, "closed"), None),
            (caused(EngineError("cannot start it"), by=NO_FILES), Lack.FILES),
            (of_sqlite(sqlite3.SQLITE_FULL), Lack.ROOM),
            (caused(RunFolderError("no journal"), by=of_sqlite(sqlite3.SQLITE_FULL)), Lack.ROOM),
            (of_sqlite(sqlite3.SQLITE_CORRUPT), None),
            (of_sqlite(sqlite3.SQLITE_CANTOPEN), None),
            (sqlite3.ProgrammingError("closed"), None),
            (ValueError("no file"), None),
        ],
    )
    def test_errors_tell(self, why: Exception, lacking: Lack | None, tmp_path: Path) -> None:
        assert lack(why, tmp_path) is lacking

    @pytest.mark.parametrize(("said", "lacking"), [(FULL, Lack.ROOM), (NO_FILES, Lack.FILES)])
    @pytest.mark.parametrize("code", [sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR_SHMSIZE])
    def test_what_sqlite_keeps_to_itself_is_tried(
        self, said: OSError, lacking: Lack, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tempfile, "TemporaryFile", failing(1, said, tempfile.TemporaryFile))
        assert lack(of_sqlite(code), tmp_path) is lacking
        assert not list(tmp_path.iterdir())


class TestFull:
    @pytest.mark.parametrize("where", ["begin_session", "commit", "items"])
    def test_a_journal_without_room_is_no_fault_of_the_service(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch, where: str
    ) -> None:
        full = failing(99, of_sqlite(sqlite3.SQLITE_FULL), getattr(Journal, where))
        with monkeypatch.context() as patched:
            patched.setattr(Journal, where, full)
            job = shop.accept(shop.open(), 1, files=3).ended.result(PATIENCE)
        assert (job.state, [file.error for file in job.files]) == (JobState.FAILED, [NO_ROOM] * 3)
        assert not shop.left()


class TestFiles:
    @pytest.mark.parametrize("files", [1, 3])
    @pytest.mark.parametrize("kind", [ErrorKind.INTERNAL, ErrorKind.ENGINE])
    def test_a_job_goes_on_when_workers_can_be_started_again(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch, files: int, kind: ErrorKind
    ) -> None:
        monkeypatch.setattr("coordinator.core.retries._FIRST_PAUSE", 0.0)
        said = iter([error(kind, f"cannot start python3: {NO_FILES}")] * 50)
        shop.answer = lambda task: next(said, None) or shop.write(task)
        job = shop.accept(shop.open(), 1, files=files).ended.result(PATIENCE)
        assert (job.state, [file.results for file in job.files]) == (JobState.DONE, [1] * files)
        assert shop.left() == [f"static/{job.id}"]

    @pytest.mark.parametrize("where", ["__init__", "begin_session", "commit", "failures"])
    def test_a_job_goes_on_when_its_journal_can_be_opened_again(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch, where: str
    ) -> None:
        monkeypatch.setattr(Journal, where, failing(2, NO_FILES, getattr(Journal, where)))
        job = shop.accept(shop.open(), 1, files=3).ended.result(PATIENCE)
        assert (job.state, [file.results for file in job.files]) == (JobState.DONE, [1] * 3)
        assert shop.left() == [f"static/{job.id}"]

    @pytest.mark.parametrize("files", [1, 3])
    def test_a_job_goes_on_that_could_not_be_published(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch, files: int
    ) -> None:
        manager = shop.open()
        monkeypatch.setattr(stores, "_names", failing(2, NO_FILES, stores._names))
        job = shop.accept(manager, 1, files=files).ended.result(PATIENCE)
        assert (job.state, [file.results for file in job.files]) == (JobState.DONE, [1] * files)
        assert shop.left() == [f"static/{job.id}"]

    @pytest.mark.parametrize("files", [1, 3])
    def test_a_job_that_waits_for_them_is_cancelled_and_goes_on_after_a_restart(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch, files: int
    ) -> None:
        said = error(ErrorKind.INTERNAL, f"OSError: {NO_FILES}")
        shop.answer = lambda task: said
        monkeypatch.setattr("coordinator.core.retries._FIRST_PAUSE", 0.0)
        manager = shop.open()
        lives = [shop.accept(manager, number, files) for number in (1, 2)]
        eventually(lambda: lives[0].state is JobState.RUNNING)
        removed = manager.cancel(lives[0].job.id)
        assert removed is not None
        assert removed.result(PATIENCE).state is JobState.CANCELLED
        eventually(lambda: lives[1].state is JobState.RUNNING)
        manager.close()
        assert lives[1].ended.result(0).state is JobState.QUEUED
        shop.answer = shop.write
        live = shop.open().live(lives[1].job.id)
        assert live is None or live.ended.result(PATIENCE).state is JobState.DONE
        assert shop.left() == [f"static/{lives[1].job.id}"]
