"""What a run's journal says of its tasks, and the digest by which the results of all variants are compared."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from coordinator.bench.figures import Split
from coordinator.bench.machine import BenchError
from coordinator.contract import Success, parse_response
from coordinator.record.results import DETECTIONS, OBJECTS_CSV, OBJECTS_GEOJSON

JOURNAL = "journal.db"


@dataclass(frozen=True, kw_only=True)
class Told:
    """What one run did: times are seconds since the epoch. ``recordings`` is how many entered."""

    tasks: int
    recordings: int
    first_submitted: float
    first_ended: float
    last_ended: float
    split: Split
    digest: str


def read_run(folder: Path, compared: int | None = None) -> Told:
    """Reads a run that ended well. Raises BenchError.

    The digest is over its first ``compared`` tasks, or else over all of them and the files of results.
    """
    with _open(folder) as journal:
        (unfinished,) = journal.execute(
            "SELECT COUNT(*) FROM tasks WHERE status NOT IN ('succeeded', 'skipped')"
        ).fetchone()
        tasks, first, first_end, last = journal.execute(
            "SELECT COUNT(*), MIN(submitted), MIN(ended), MAX(ended) FROM attempts WHERE error_kind IS NULL"
        ).fetchone()
        if unfinished or not tasks:
            raise BenchError(f"run {str(folder)!r}: {unfinished} tasks did not succeed; see failures/ there")
        (recordings,) = journal.execute("SELECT COUNT(*) FROM recordings").fetchone()
        return Told(
            tasks=tasks,
            recordings=recordings,
            first_submitted=first,
            first_ended=first_end,
            last_ended=last,
            split=split(_attempts(journal)),
            digest=digest([*_results(journal, compared), *(_files(folder) if compared is None else ())]),
        )


def ended_times(folder: Path) -> list[float]:
    """When each task ended, in seconds since the epoch and in order. Raises BenchError if there is no journal."""
    with _open(folder) as journal:
        return [row[0] for row in journal.execute("SELECT ended FROM attempts ORDER BY ended")]


def first_began(folder: Path) -> float | None:
    """When the first instance on a cluster was ready, in seconds since the epoch; None if the run had none."""
    with _open(folder) as journal:
        (at,) = journal.execute("SELECT MIN(at) FROM pools WHERE change = 'began'").fetchone()
    return None if at is None else float(at)


def busy_share(folder: Path) -> float:
    """The share of its instances' time in which their steps computed, from when each was ready to the last task's end.

    Raises BenchError if the run had no instances.
    """
    with _open(folder) as journal:
        busy = sum(metrics["compute_s"] for _, metrics in _attempts(journal))
        (end,) = journal.execute("SELECT MAX(ended) FROM attempts").fetchone()
        began = [at for (at,) in journal.execute("SELECT at FROM pools WHERE change = 'began'")]
    if not began:
        raise BenchError(f"run {str(folder)!r} had no instances")
    return float(busy / sum(end - at for at in began))


def split(attempts: Iterable[tuple[float, Mapping[str, float]]]) -> Split:
    """The mean over attempts of (seconds from submitted to ended, metrics), in seconds.

    On rungs that keep a program, ``busy_s`` is a task's share of its lane's time; before it, it queued.
    """
    totals = [0.0, 0.0, 0.0, 0.0]
    count = 0
    for seconds, metrics in attempts:
        busy, compute = metrics.get("busy_s", seconds), metrics.get("compute_s", 0.0)
        start = metrics.get("start_s", 0.0)
        queue = metrics.get("queue_s", max(0.0, seconds - busy))
        parts = (queue, start, compute, max(0.0, busy - start - compute))
        totals = [total + part for total, part in zip(totals, parts, strict=True)]
        count += 1
    queue, start, compute, transfer = (total / max(1, count) for total in totals)
    return Split(queue=queue, start=start, compute=compute, transfer=transfer)


def digest(results: Iterable[tuple[str, str]]) -> str:
    """Of (task id, items as JSON), in the order of the ids."""
    found = hashlib.sha256()
    for task, items in results:
        found.update(f"{task}\t{items}\n".encode())
    return found.hexdigest()[:16]


def digest_of_responses(path: Path, tasks: Iterable[str]) -> str:
    """The same digest, of responses that a baseline left in a file in any order. Raises BenchError."""
    wanted = set(tasks)
    answers: dict[str, str] = {}
    with path.open("rb") as lines:
        for line in lines:
            task = str(json.loads(line)["task"])
            result = parse_response(line, task)
            if not isinstance(result, Success):
                raise BenchError(f"{path.name}: task {task!r}: {result.message}")
            answers[task] = json.dumps(result.items, ensure_ascii=False, separators=(",", ":"))
    if answers.keys() != wanted:
        raise BenchError(
            f"{path.name}: {len(wanted - answers.keys())} of {len(wanted)} tasks were not answered"
        )
    return digest(sorted(answers.items()))


@contextmanager
def _open(folder: Path) -> Iterator[sqlite3.Connection]:
    path = folder.resolve() / JOURNAL
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as journal:
            yield journal
    except sqlite3.Error as error:
        raise BenchError(f"journal {path}: {error}") from error


def _attempts(journal: sqlite3.Connection) -> Iterator[tuple[float, dict[str, float]]]:
    query = "SELECT ended - submitted, metrics FROM attempts WHERE error_kind IS NULL"
    for seconds, metrics in journal.execute(query):
        yield seconds, json.loads(metrics)


def _results(journal: sqlite3.Connection, compared: int | None) -> Iterator[tuple[str, str]]:
    query = "SELECT id, items FROM tasks WHERE status = 'succeeded' ORDER BY id LIMIT ?"
    yield from journal.execute(query, (-1 if compared is None else compared,))


def _files(folder: Path) -> Iterator[tuple[str, str]]:
    """The results that the run wrote, each by its digest."""
    for name in (OBJECTS_GEOJSON, OBJECTS_CSV, DETECTIONS):
        if (path := folder / name).is_file():
            yield name, hashlib.sha256(path.read_bytes()).hexdigest()
