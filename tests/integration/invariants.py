"""What must hold of every run folder that nobody works on, however its run ended; read from outside.

Journal     it is whole and can be read by whoever may only read it
Tasks       every row is final; in a complete session every recording that was taken in has exactly one end,
            every item of a step has one at the next, and an attempt is there for no task without a row
Results     what is published are the items of the last step, each once
Evidence    failures/ and the journal's failed tasks are the same
Files       no work folder without a success, no half-written file, no lock that is held
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import Any

from coordinator.core.paths import FETCH, REPLAY, unit_folder
from coordinator.record.facts import SessionState
from coordinator.record.journal import Status
from coordinator.record.lock import owner
from coordinator.record.results import OBJECTS_GEOJSON, UNREVIEWED

_FINAL = {Status.SUCCEEDED, Status.FAILED, Status.SKIPPED}
_AGAIN = " (again)"
"""How the scheduler names the second item of one id: a task that fails and has no attempt."""


def violations(folder: Path) -> list[str]:
    """What does not hold of the run folder at ``folder``, in words; nothing if all is well."""
    if (held := owner(folder)) is not None:
        return [f"{held} is still at work on {folder}"]
    try:
        with closing(_open(folder / "journal.db")) as db:
            (said,) = db.execute("PRAGMA integrity_check").fetchone()
            if said != "ok":
                return [f"the journal is damaged: {said}"]
            run = _Run(folder, db)
            checks = (run.tasks, run.attempts, run.recordings, run.flow, run.results, run.evidence, run.files)
            return [found for check in checks for found in check()]
    except (sqlite3.Error, json.JSONDecodeError) as error:
        return [f"the journal cannot be read: {error}"]


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)


class _Run:
    """One run folder with its journal."""

    def __init__(self, folder: Path, db: sqlite3.Connection) -> None:
        self._folder = folder
        self._db = db

    # -- what is there ----------------------------------------------------------------------------------

    def _all(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return self._db.execute(query, values).fetchall()

    def _fact(self, name: str) -> str | None:
        found = self._all("SELECT value FROM facts WHERE name = ?", name)
        return found[0][0] if found else None

    @cached_property
    def _session(self) -> int:
        return int(self._fact("session") or 0)

    @cached_property
    def _is_complete(self) -> bool:
        return self._fact("session_state") == SessionState.COMPLETE

    @cached_property
    def _steps(self) -> list[tuple[str, bool]]:
        """The last session's steps, each with whether it gathers items; none if nobody has noted them."""
        about = self._folder / "run.json"
        if not about.exists():
            return []
        pipeline = json.loads(about.read_text())["pipeline"]
        return [(step["name"], step["per"] != "item") for step in pipeline["steps"]]

    def _units(self, step: str, *statuses: Status) -> Counter[str]:
        """The units of a step's tasks of the last session."""
        query = "SELECT unit, status, id FROM tasks WHERE step = ? AND session = ?"
        rows = self._all(query, step, self._session)
        return Counter(
            unit for unit, status, task in rows if status in statuses and not task.endswith(_AGAIN)
        )

    def _items(self, step: str) -> list[dict[str, Any]]:
        query = "SELECT items FROM tasks WHERE step = ? AND status = 'succeeded' AND session = ?"
        return [item for (text,) in self._all(query, step, self._session) for item in json.loads(text)]

    # -- what must hold of it ---------------------------------------------------------------------------

    def tasks(self) -> Iterator[str]:
        for task, status, items, kind, session in self._all(
            "SELECT id, status, items, error_kind, session FROM tasks"
        ):
            if status not in _FINAL:
                yield f"{task} is in the state {status}, which is not final"
            if (items is not None) != (status == Status.SUCCEEDED):
                yield f"{task} has {status}, and items {items!r}"
            if (kind is not None) != (status == Status.FAILED):
                yield f"{task} has {status}, and the error {kind!r}"
            if session > self._session:
                yield f"{task} is of session {session}, which has not been"
        if self._is_complete and (waiting := self._all("SELECT step, region FROM gathered")):
            yield f"items still wait in {waiting}"

    def attempts(self) -> Iterator[str]:
        """The attempts of the last session go with the tasks' ends."""
        rows = self._all(
            "SELECT task, SUM(attempts.error_kind IS NULL), status FROM attempts "
            "LEFT JOIN tasks ON tasks.id = task AND tasks.session = attempts.session "
            "WHERE attempts.session = ? GROUP BY task",
            self._session,
        )
        for task, succeeded, status in rows:
            if status is None:
                if self._is_complete or succeeded:
                    yield f"{task} was attempted, and has no end"
            elif succeeded != (status == Status.SUCCEEDED):
                yield f"{task} has {status}, and {succeeded} of its attempts succeeded"

    def recordings(self) -> Iterator[str]:
        """Each recording of a complete session ended once: at the first step, or while it was fetched."""
        if not self._is_complete or not self._steps or self._steps[0][1]:
            return
        ends = self._units(self._steps[0][0], *_FINAL) + self._units(FETCH, Status.FAILED)
        admitted = {
            name for (name,) in self._all("SELECT id FROM recordings WHERE session = ?", self._session)
        }
        for name in sorted(admitted | set(ends)):
            if ends[name] != 1 or name not in admitted:
                taken = "taken in" if name in admitted else "not taken in"
                yield f"recording {name!r} was {taken} and has {ends[name]} ends"

    def flow(self) -> Iterator[str]:
        """Each item of a complete session has ended at the step behind."""
        if not self._is_complete:
            return
        for (before, _), (step, gathers) in zip(self._steps, self._steps[1:], strict=False):
            if gathers:
                continue
            given, ended = {item["id"] for item in self._items(before)}, self._units(step, *_FINAL)
            if given != set(ended) or any(count > 1 for count in ended.values()):
                yield f"{before} gave {sorted(given)}, at {step} ended {sorted(ended.elements())}"

    def results(self) -> Iterator[str]:
        """The map, before any review of it, holds the objects of the last step, each once."""
        said = self._folder / UNREVIEWED
        path = said if said.exists() else self._folder / OBJECTS_GEOJSON
        if not self._is_complete or not path.exists() or not any(gathers for _, gathers in self._steps):
            return
        published = Counter(feature["id"] for feature in json.loads(path.read_text())["features"])
        objects = Counter(item["id"] for item in self._items(self._steps[-1][0]) if item.get("position"))
        if published != objects:
            yield f"objects.geojson holds {published}, the journal {objects}"
        if twice := [name for name, count in published.items() if count > 1]:
            yield f"published more than once: {twice}"

    def evidence(self) -> Iterator[str]:
        since = self._session if self._is_complete else 0
        rows = self._all("SELECT id FROM tasks WHERE status = 'failed' AND session >= ?", since)
        failed = {unit_folder(task) for (task,) in rows}
        kept = {path.name for path in _folders(self._folder / "failures")}
        for name in sorted(failed - kept):
            yield f"{name} failed, and failures/ has nothing of it"
        for name in sorted(kept - failed):
            yield f"failures/{name} is there, and no such task failed"
        for name in sorted(kept & failed):
            told = json.loads((self._folder / "failures" / name / "error.json").read_text())
            if unit_folder(told["task"]) != name:
                yield f"failures/{name} tells of {told['task']}"

    def files(self) -> Iterator[str]:
        done: dict[str, set[str]] = {}
        for step, unit in self._all("SELECT step, unit FROM tasks WHERE status = 'succeeded'"):
            done.setdefault(step, set()).add(unit_folder(unit))
        for step_folder in _folders(self._folder / "work"):
            if step_folder.name != FETCH:
                for folder in _folders(step_folder):
                    if step_folder.name == REPLAY or folder.name not in done.get(step_folder.name, set()):
                        yield f"{folder} is left over"
        for path in self._folder.rglob("*.part"):
            yield f"{path} is left over, half written"


def _folders(parent: Path) -> Iterable[Path]:
    return sorted(path for path in parent.iterdir() if path.is_dir()) if parent.is_dir() else []
