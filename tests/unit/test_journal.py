"""What the journal remembers, within a session and from one to the next."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from coordinator.contract import ErrorKind
from coordinator.errors import RunFolderError
from coordinator.record.facts import Extent, Facts, SessionState
from coordinator.record.journal import Attempt, FailedTask, Journal, Status
from coordinator.strictjson import Json
from tests.unit.builders import error, item


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    with Journal(path) as opened:
        opened.begin_session()
        yield opened


def found(journal: Journal, task: str) -> tuple[int, Status, str | None, list[Json]]:
    """What is known of a task: session, state, key, items."""
    kept = journal.find(task)
    assert kept is not None
    return kept.session, kept.status, kept.key, kept.load()


def attempt() -> Attempt:
    times = {"submitted": 1.0, "ended": 2.0}
    return Attempt(task="a/1", number=1, container=None, error=error(), metrics={"x_s": 1.0}, **times)


class TestOpening:
    def test_what_was_committed_is_there_after_a_crash(self, path: Path) -> None:
        crashed = Journal(path)
        crashed.begin_session()
        crashed.succeeded("a/1", "a", "1", "key", [item("x")])
        crashed.commit()
        crashed.succeeded("a/2", "a", "2", "key", [])
        crashed._db.close()  # as a crash would: without the commit that leaving the journal makes
        with Journal(path) as reader:
            reader.begin_session()
            assert found(reader, "a/1") == (1, Status.SUCCEEDED, "key", [item("x")])
            assert reader.find("a/2") is None

    def test_a_file_that_is_no_journal(self, path: Path) -> None:
        path.write_text("not a database, by far " * 100)
        with pytest.raises(RunFolderError, match="damaged"):
            Journal(path)

    def test_a_folder_that_does_not_exist(self, tmp_path: Path) -> None:
        with pytest.raises(RunFolderError):
            Journal(tmp_path / "absent" / "journal.db")


def test_a_journal_that_is_removed_is_missed(journal: Journal, path: Path) -> None:
    journal.commit()
    path.unlink()
    with pytest.raises(RunFolderError, match="has been removed"):
        journal.commit()


def test_a_session_that_has_only_begun_does_not_look_like_the_one_before(path: Path) -> None:
    with Journal(path) as journal:
        journal.begin_session()
        journal.note(session_state=SessionState.COMPLETE)
    killed = Journal(path)
    killed.begin_session()
    killed._db.close()
    with Journal(path) as journal:
        assert (journal.session, journal.facts.session_state) == (2, SessionState.BEGUN)


def test_facts_are_kept_from_session_to_session(path: Path) -> None:
    for value in ("a", "b"):
        with Journal(path) as journal:
            journal.note(batch=value)
    with Journal(path) as journal:
        assert (journal.facts.batch, journal.facts.command) == ("b", None)


def test_every_fact_comes_back_as_it_was(path: Path) -> None:
    """Also what a version before noted: the same names and the same text."""
    facts = Facts(
        session=3,
        session_state=SessionState.INTERRUPTED,
        batch="/b",
        run_id="0a",
        started=1.5,
        steps=("detect", "position"),
        covered=False,
        command="run",
        directory="/here",
        forms={"detect": (("sha256:1", {"a": [1]}), ("sha256:2", {}))},
        results=Extent.PARTIAL,
    )
    with Journal(path) as journal:
        journal.note(**{name: getattr(facts, name) for name in vars(facts)})
    with Journal(path) as journal:
        assert journal.facts == facts
    told = facts.dump()
    assert (told["session"], told["covered"], told["started"]) == ("3", "no", "1.5")
    assert (told["steps"], told["results"]) == ('["detect", "position"]', "partial")
    assert Facts.load({**told, "of a later version": "x"}) == facts
    assert Facts.load({}) == Facts()


def test_a_recording_is_new_once_in_every_session(journal: Journal) -> None:
    assert [journal.admit(name) for name in ("r", "r", "s")] == [True, False, True]
    journal.begin_session()
    assert [journal.admit(name) for name in ("r", "r")] == [True, False]


class TestFinding:
    def test_what_has_ended_is_found_with_its_key(self, journal: Journal) -> None:
        journal.succeeded("a/1", "a", "1", "key", [item("x", name="straße")])
        assert found(journal, "a/1") == (1, Status.SUCCEEDED, "key", [item("x", name="straße")])
        assert journal.find("a/2") is None

    def test_the_last_state_counts(self, journal: Journal) -> None:
        journal.succeeded("a/1", "a", "1", "key", [])
        journal.failed("a/1", "a", "1", error(), "key")
        assert found(journal, "a/1") == (1, Status.FAILED, "key", [])
        journal.skipped("a/1", "a", "1")
        assert found(journal, "a/1") == (1, Status.SKIPPED, None, [])

    def test_what_is_kept_counts_as_this_sessions(self, journal: Journal) -> None:
        journal.succeeded("a/1", "a", "1", "key", [item("x")])
        journal.begin_session()
        assert (found(journal, "a/1")[0], journal.counts(), list(journal.items("a"))) == (1, {}, [])
        journal.keep("a/1")
        assert found(journal, "a/1")[0] == 2
        assert journal.counts() == {("a", Status.SUCCEEDED): 1}
        assert list(journal.items("a")) == [item("x")]

    def test_what_is_forgotten_is_gone_for_good(self, journal: Journal, path: Path) -> None:
        journal.succeeded("a/1", "a", "1", "key", [item("x")])
        journal.forget("a/1")
        with Journal(path) as beside:
            assert beside.find("a/1") is None


def test_attempt_and_final_state_enter_together(journal: Journal, path: Path) -> None:
    journal.commit()
    journal.succeeded("a/1", "a", "1", "key", [])
    journal.attempted(attempt())

    def seen() -> tuple[int, int]:
        with closing(sqlite3.connect(path)) as beside:
            query = "SELECT (SELECT COUNT(*) FROM tasks), (SELECT COUNT(*) FROM attempts)"
            tasks, attempts = beside.execute(query).fetchone()
            return tasks, attempts

    assert seen() == (0, 0)
    journal.commit()
    assert seen() == (1, 1)


class TestReading:
    def test_items_come_in_the_order_of_their_tasks(self, journal: Journal) -> None:
        for name in ("c", "a", "b"):
            journal.succeeded(f"s/{name}", "s", name, "k", [item(f"{name}2"), item(f"{name}1")])
        assert [one["id"] for one in journal.items("s")] == ["a2", "a1", "b2", "b1", "c2", "c1"]

    def test_a_task_has_one_final_state(self, journal: Journal) -> None:
        journal.failed("a/1", "a", "1", error(ErrorKind.TIMEOUT, "slow"))
        journal.failed("a/2", "a", "2", error(ErrorKind.CRASH, "'quoted'; DROP TABLE tasks"))
        journal.succeeded("a/1", "a", "1", "k", [])
        assert journal.counts() == {("a", Status.SUCCEEDED): 1, ("a", Status.FAILED): 1}
        expected = FailedTask(id="a/2", step="a", unit="2", error=error(message="'quoted'; DROP TABLE tasks"))
        assert list(journal.failures()) == [expected]

    def test_every_attempt_may_have_the_same_number_in_another_session(self, journal: Journal) -> None:
        journal.attempted(attempt())
        journal.begin_session()
        journal.attempted(attempt())

    def test_a_failure_tells_how_often_it_killed_its_step(self, journal: Journal) -> None:
        kinds = [ErrorKind.CRASH, ErrorKind.ENGINE, ErrorKind.TIMEOUT]
        for session in range(2):
            for number, kind in enumerate(kinds, start=1):
                times = {"submitted": 1.0, "ended": 2.0}
                failed = Attempt(
                    task="a/1", number=number, container=None, error=error(kind), metrics={}, **times
                )
                journal.attempted(failed)
            if not session:
                journal.begin_session()
        journal.failed("a/1", "a", "1", error(ErrorKind.TIMEOUT))
        journal.failed("a/2", "a", "2", error(ErrorKind.BAD_INPUT))
        told = [(failure.kills, failure.is_quarantined) for failure in journal.failures()]
        assert told == [(4, True), (0, False)]


class TestGathering:
    def test_items_wait_by_step_and_region_and_come_out_by_id(self, journal: Journal) -> None:
        for step, region, name in ((1, "a", "r2"), (1, "a", "r1"), (1, "b", "r1"), (2, "a", "r9")):
            journal.gather(step, region, item(name))
        assert [one["id"] for one in journal.gathered(1, "a")] == ["r1", "r2"]
        journal.take_gathered(1, "a")
        assert journal.gathered(1, "a") == []
        assert [one["id"] for one in journal.gathered(1, "b")] == ["r1"]
        assert [one["id"] for one in journal.gathered(2, "a")] == ["r9"]

    def test_a_new_session_gathers_anew(self, journal: Journal) -> None:
        journal.gather(1, "a", item("r"))
        journal.begin_session()
        assert journal.gathered(1, "a") == []
