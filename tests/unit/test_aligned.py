"""What a run's summary says of recordings that a step per batch could not align."""

from __future__ import annotations

from pathlib import Path

from coordinator.findings import Level
from coordinator.pipeline import Per
from coordinator.record.aligned import aligned
from coordinator.record.journal import Journal
from coordinator.strictjson import Json
from tests.unit.builders import item, step

STEPS = (step("detect"), step("align", Per.BATCH), step("position", Per.REGION))


def told(path: Path, *items: Json, name: str = "align") -> list[str]:
    with Journal(path / "journal.db") as journal:
        journal.begin_session()
        journal.succeeded(f"{name}/all", name, "all", "key", list(items))
        found = list(aligned(journal, STEPS))
    assert all((one.kind, one.level) == ("not-aligned", Level.WARNING) for one in found)
    return [one.text for one in found]


def test_those_that_keep_their_prior_are_named_with_the_reasons(tmp_path: Path) -> None:
    items = [item(f"r{n}", aligned=n > 3, **({} if n > 3 else {"alignment": "too dark"})) for n in range(12)]
    assert told(tmp_path, *items) == [
        "4 of 12 recordings could not be aligned and keep their prior: 'r0', 'r1', 'r2' and 1 more; 4: too dark"
    ]


def test_one_of_two(tmp_path: Path) -> None:
    found = told(tmp_path, item("a", aligned=False), item("b", aligned=True))
    assert found == ["1 of 2 recordings could not be aligned and keeps its prior: 'a'"]


def test_nothing_is_said_where_all_are_aligned_or_a_step_says_nothing_of_it(tmp_path: Path) -> None:
    assert told(tmp_path, item("a", aligned=True), item("b"), item("c", aligned="yes")) == []


def test_only_of_steps_per_batch(tmp_path: Path) -> None:
    assert told(tmp_path, item("a", aligned=False), name="detect") == []
