"""The guard on the guard: run folders that were damaged on purpose, each of which ``nothing_lost`` must refuse."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from coordinator.pipeline import Rung
from tests.integration.conftest import STEPS, Workshop
from tests.integration.invariants import violations

CHAOS = ["python3", str(STEPS / "chaos" / "chaos.py")]


def _step(name: str, fault: str, *only: str) -> dict[str, object]:
    params = {"fault": fault, "loop": True, **({"only": list(only)} if only else {})}
    return {"name": name, "image_ref": "none", "command": CHAOS, "params": params}


@pytest.fixture
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound run folder outside of ``tmp_path``, where the guard itself does not look."""
    workshop = Workshop(tmp_path_factory.mktemp("damaged"))
    workshop.photographs("a.jpg", "b.jpg", "c.jpg")
    workshop.run(_step("write", "write"), _step("last", "crash", "b.jpg"), rung=Rung.PROCESS)
    assert violations(workshop.out) == []
    return workshop.out


def _sql(statement: str) -> Callable[[Path], None]:
    def damage(run: Path) -> None:
        with sqlite3.connect(run / "journal.db") as db:
            assert db.execute(statement).rowcount != 0

    return damage


def _truncate(run: Path) -> None:
    with (run / "journal.db").open("r+b") as journal:
        journal.truncate(6000)


def _scribble(run: Path) -> None:
    with (run / "journal.db").open("r+b") as journal:
        journal.seek(4096)
        journal.write(b"\xff" * 4096)


def _forget_evidence(run: Path) -> None:
    (run / "failures" / "last%2Fb.jpg" / "error.json").unlink()
    (run / "failures" / "last%2Fb.jpg").rename(run / "failures" / "last%2Fc.jpg")


def _publish_twice(run: Path) -> None:
    feature = {"type": "Feature", "id": "a.jpg"}
    (run / "objects.geojson").write_text(json.dumps({"features": [feature, feature]}))
    about = json.loads((run / "run.json").read_text())
    about["pipeline"]["steps"][1]["per"] = "region"
    (run / "run.json").write_text(json.dumps(about))


TASK = "WHERE id = 'last/a.jpg'"
DAMAGE = {
    "journal truncated": (_truncate, "journal"),
    "journal scribbled over": (_scribble, "journal"),
    "a state that is not final": (_sql(f"UPDATE tasks SET status = 'running' {TASK}"), "not final"),
    "a task without its end": (_sql(f"DELETE FROM tasks {TASK}"), "has no end"),
    "a success without items": (_sql(f"UPDATE tasks SET items = NULL {TASK}"), "items None"),
    "a success with an error": (_sql(f"UPDATE tasks SET error_kind = 'crash' {TASK}"), "and the error"),
    "a task of the future": (_sql(f"UPDATE tasks SET session = 9 {TASK}"), "has not been"),
    "an end without a success": (
        _sql("UPDATE attempts SET error_kind = 'crash' WHERE task = 'last/a.jpg'"),
        "0 of its attempts succeeded",
    ),
    "a recording without an end": (_sql("INSERT INTO recordings VALUES ('lost.jpg', 1)"), "has 0 ends"),
    "an end without a recording": (_sql("DELETE FROM recordings WHERE id = 'a.jpg'"), "was not taken in"),
    "an item that went astray": (
        _sql("UPDATE tasks SET unit = 'z.jpg' WHERE id = 'last/a.jpg'"),
        "at last ended",
    ),
    "an item that still waits": (_sql("INSERT INTO gathered VALUES (1, 'all', 'a', '{}')"), "still wait"),
    "evidence lost, and of no failure": (_forget_evidence, "failures/ has nothing of it"),
    "published twice": (_publish_twice, "published more than once"),
    "a work folder": (lambda run: (run / "work" / "last" / "b.jpg").mkdir(), "is left over"),
    "a replay's folder": (lambda run: (run / "work" / "replay" / "1").mkdir(parents=True), "is left over"),
    "half a file": (lambda run: (run / ".objects.csv.part").touch(), "half written"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_seen(run: Path, damage: str) -> None:
    inflict, says = DAMAGE[damage]
    inflict(run)
    assert any(says in found for found in violations(run)), violations(run)
