"""Regions with many items on a Ray cluster: their items go by file, and come to the same as on one machine."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from coordinator.cluster.shelf import MANY
from coordinator.session.run import Summary
from tests.integration.conftest import Workshop

ONE = """
import json, sys
for line in sys.stdin:
    request = json.loads(line)
    (item,) = request["items"]
    items = [{**item, "seen": [len(item["id"]), 0.1, None, "\\u00fc\\u2028"]}]
    print(json.dumps({"task": request["task"], "items": items}), flush=True)
"""
ALL = """
import hashlib, json, sys
for line in sys.stdin:
    request = json.loads(line)
    told = json.dumps(request["items"], sort_keys=True)
    items = [{"id": hashlib.sha256(told.encode()).hexdigest(), "count": len(request["items"])}]
    print(json.dumps({"task": request["task"], "items": items}), flush=True)
"""


def test_a_region_of_many_items_comes_to_the_same_as_on_one_machine(
    workshop: Workshop, ray_address: str
) -> None:
    workshop.photographs("a.jpg")
    rows = "".join(f"r{number:03},a.jpg\n" for number in range(2 * MANY))
    (workshop.batch / "recordings.csv").write_text(f"id,image\n{rows}")
    steps = (step(workshop, "one", ONE, "item"), step(workshop, "all", ALL, "region"))

    def results(**options: Any) -> list[tuple[Any, ...]]:
        summary: Summary = workshop.run(*steps, **options)
        assert summary.failed == 0
        with closing(sqlite3.connect(workshop.out / "journal.db")) as journal:
            return journal.execute("SELECT id, key, items FROM tasks ORDER BY id").fetchall()

    cluster = results(cluster=ray_address)
    assert f'"count":{2 * MANY}' in next(items for task, _, items in cluster if task.startswith("all/"))
    assert not [*(workshop.out / "work").iterdir()]
    workshop.out = workshop.out.with_name("local")
    assert results() == cluster


def step(workshop: Workshop, name: str, source: str, per: str) -> dict[str, Any]:
    program: Path = workshop.folder / name / f"{name}.py"
    program.parent.mkdir()
    program.write_text(source)
    kind = {"image_ref": "none", "rung": "process", "writes": False, "per": per}
    return {"name": name, "command": [sys.executable, str(program)], **kind}
