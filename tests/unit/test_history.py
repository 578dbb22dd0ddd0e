"""A journal read from outside: beside the coordinator that writes it, after one that died, without leaving a trace."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from coordinator.contract import TaskError
from coordinator.errors import RunFolderError
from coordinator.record.facts import SessionState
from coordinator.record.history import History, Tally
from coordinator.record.journal import Attempt, Journal, Status
from tests.unit.builders import error


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    with Journal(path) as opened:
        opened.begin_session()
        yield opened


def attempt(task: str, submitted: float, ended: float, why: TaskError | None = None) -> Attempt:
    return Attempt(
        task=task, number=1, submitted=submitted, ended=ended, container=None, error=why, metrics={}
    )


class TestReadingBesideAWriter:
    def test_what_was_committed_is_seen_and_nothing_else(self, path: Path, journal: Journal) -> None:
        journal.succeeded("a/1", "a", "1", "key", [])
        journal.commit()
        journal.succeeded("a/2", "a", "2", "key", [])
        with History(path) as history:
            assert history.tallies() == {("a", Status.SUCCEEDED): Tally(now=1, before=0)}

    def test_it_is_all_of_one_moment_and_keeps_nobody_from_writing(
        self, path: Path, journal: Journal
    ) -> None:
        journal.admit("r1")
        journal.commit()
        with History(path) as history:
            before = history.recordings()
            journal.admit("r2")
            journal.commit()
            assert (before, history.recordings()) == (1, 1)

    def test_a_coordinator_that_died_is_read_to_its_last_commit(self, path: Path) -> None:
        program = (
            "import os, sys; from pathlib import Path; from coordinator.record.journal import Journal\n"
            "j = Journal(Path(sys.argv[1])); j.begin_session(); j.admit('r1'); j.commit(); os._exit(9)"
        )
        subprocess.run([sys.executable, "-c", program, str(path)], check=False)
        assert path.with_name("journal.db-wal").exists()
        with History(path) as history:
            assert (history.session, history.recordings()) == (1, 1)


class TestAtRest:
    def test_no_file_is_left_or_changed(self, path: Path) -> None:
        with Journal(path) as journal:
            journal.begin_session()
        before = (path.read_bytes(), path.stat().st_mtime_ns)
        with History(path) as history:
            assert history.session == 1
        assert (path.read_bytes(), path.stat().st_mtime_ns) == before
        assert [one.name for one in path.parent.iterdir()] == ["journal.db"]

    def test_a_folder_with_signs_that_mean_something_in_an_address(self, tmp_path: Path) -> None:
        path = tmp_path / "100% ?a#b" / "journal.db"
        path.parent.mkdir()
        with Journal(path) as journal:
            journal.begin_session()
        with History(path) as history:
            assert history.session == 1

    def test_no_journal(self, path: Path) -> None:
        with pytest.raises(RunFolderError, match=r"is no run folder: it has no journal\.db"):
            History(path)
        assert not path.exists()

    @pytest.mark.parametrize("content", ["", "not a database, by far " * 100])
    def test_no_such_journal(self, path: Path, content: str) -> None:
        path.write_text(content)
        with pytest.raises(RunFolderError, match="cannot be read"):
            History(path)


class TestWhatIsTold:
    def test_tasks_of_earlier_sessions_are_told_apart(self, path: Path, journal: Journal) -> None:
        for name in ("1", "2"):
            journal.succeeded(f"a/{name}", "a", name, "key", [])
        journal.failed("a/3", "a", "3", error())
        journal.begin_session()
        journal.keep("a/1")
        journal.note(session_state=SessionState.COMPLETE)
        journal.commit()
        with History(path) as history:
            assert history.tallies() == {
                ("a", Status.SUCCEEDED): Tally(now=1, before=1),
                ("a", Status.FAILED): Tally(now=0, before=1),
            }
            assert list(history.failures()) == []
            assert sorted(history.succeeded("a")) == ["1", "2"]
        journal.note(session_state=SessionState.INTERRUPTED)
        journal.commit()
        with History(path) as history:
            assert [failure.id for failure in history.failures()] == ["a/3"]

    def test_the_attempts_by_which_tasks_succeeded(self, path: Path, journal: Journal) -> None:
        journal.attempted(attempt("a/1", 1.0, 2.0, error()))
        journal.attempted(attempt("a/2", 2.0, 3.0))
        journal.succeeded("a/2", "a", "2", "key", [{"id": "x"}, {"id": "y"}])
        journal.failed("a/1", "a", "1", error())
        journal.begin_session()
        journal.attempted(attempt("a/2", 10.0, 12.0))
        journal.succeeded("a/2", "a", "2", "new key", [{"id": "x"}])
        journal.commit()
        with History(path) as history:
            (found,) = history.done()
        assert (found.step, found.unit, found.submitted, found.ended, found.items) == (
            "a",
            "2",
            10.0,
            12.0,
            1,
        )

    def test_attempts_of_the_last_session_by_step(self, path: Path, journal: Journal) -> None:
        journal.attempted(attempt("a/0", 1.0, 2.0))
        journal.begin_session()
        journal.attempted(attempt("a/b/1", 10.0, 11.0))
        journal.attempted(attempt("a/2", 10.0, 14.0, error()))
        journal.attempted(attempt("b/1", 20.0, 20.0))
        journal.commit()
        with History(path) as history:
            found = history.attempts()
        assert (found["a"].count, found["a"].failed, found["a"].mean, found["a"].rate) == (2, 1, 2.5, 0.25)
        assert found["b"].rate is None
