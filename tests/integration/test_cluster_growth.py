"""Pools on a cluster that has no GPU at first: Ray's own autoscaler brings nodes for what waits, and takes them away.

The nodes are processes, and their GPUs are none; local processes as steps do not mind.
"""

from __future__ import annotations

import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from coordinator.cluster.link import Link
from coordinator.session.run import Summary
from tests.integration.conftest import Workshop
from tests.integration.fakenodes import growing_cluster
from tests.waiting import eventually

PROGRAM = """
import json, os, pathlib, sys, time
for line in sys.stdin:
    request = json.loads(line)
    params, item = request["params"], request["items"][0]
    time.sleep(params["seconds"])
    while "held" in params and not pathlib.Path(params["held"]).exists():
        time.sleep(0.01)
    devices = [*item.get("devices", []), os.environ.get("CUDA_VISIBLE_DEVICES")]
    print(json.dumps({"task": request["task"], "items": [{"id": item["id"], "devices": devices}]}), flush=True)
"""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with growing_cluster(most=2) as found:
        yield found


class Growth:
    """Runs of a step with a GPU, and one behind it that waits until the test lets it go."""

    def __init__(self, workshop: Workshop, address: str) -> None:
        self._workshop = workshop
        self._address = address
        self._program = workshop.folder / "program" / "program.py"  # alone: its folder is looked at
        self._program.parent.mkdir()
        self._program.write_text(PROGRAM)

    def nodes_have_gone(self) -> bool:
        """Whether the autoscaler takes all nodes with GPUs away, in good time."""
        with closing(Link(self._address)) as link:
            eventually(lambda: not any(node.gpus for node in link.nodes()))
        return True

    def run(self, *instances: str, gpus: float, tasks: int, during: Callable[[], None]) -> Summary:
        """Runs; when ``during`` has ended, in a thread of its own, the second step's tasks do."""
        self._workshop.photographs(*(f"r{number}.jpg" for number in range(tasks)))

        def let_go() -> None:
            try:
                during()
            finally:
                self._workshop.go()

        wait = threading.Thread(target=let_go)
        wait.start()
        steps = (
            self._step("detect", gpus=gpus),
            self._step("after", held=str(self._workshop.batch / "go")),
        )
        try:
            return self._workshop.run(
                *steps, cluster=self._address, instances=(*instances, "after=0:1"), target_wait=1.0
            )
        finally:
            wait.join()

    def sizes(self) -> list[int]:
        """How many instances of the step with a GPU there were or were asked for, change by change."""
        return [size for _, size, _ in self._changes()]

    def nodes(self) -> list[str]:
        """Where its instances began."""
        return [why for change, _, why in self._changes() if change == "began"]

    def _changes(self) -> list[tuple[str, int, str]]:
        query = "SELECT change, size, why FROM pools WHERE step = 'detect' ORDER BY rowid"
        try:
            with closing(
                sqlite3.connect(f"file:{self._workshop.out}/journal.db?mode=ro", uri=True)
            ) as journal:
                return journal.execute(query).fetchall()
        except sqlite3.OperationalError:  # there is none yet
            return []

    def devices(self) -> set[str]:
        return {item["devices"][0] for item in self._workshop.items("after")}

    def _step(self, name: str, *, gpus: float = 0, **params: Any) -> dict[str, Any]:
        program = {"image_ref": "none", "rung": "process", "command": [sys.executable, str(self._program)]}
        resources = {"cpus": 0.1, "memory": "64m", "gpus": gpus}
        return {"name": name, "params": {"seconds": 0.4, **params}, "resources": resources, **program}


@pytest.fixture
def growth(workshop: Workshop, address: str) -> Iterator[Growth]:
    yield Growth(workshop, address)
    workshop.go()


def test_nodes_come_for_a_pool_that_grows_from_none_and_it_shrinks_to_none(growth: Growth) -> None:
    def is_shrunk() -> bool:
        return 2 in growth.sizes() and growth.sizes()[-1] == 0

    summary = growth.run("detect=0:2:1", gpus=1, tasks=30, during=lambda: eventually(is_shrunk))
    assert summary.failed == 0
    assert set(growth.sizes()) == {0, 1, 2}
    assert len(set(growth.nodes())) == 2
    assert growth.devices() == {"0"}
    assert growth.nodes_have_gone()


def test_the_least_stays_while_there_is_nothing_to_do(growth: Growth) -> None:
    def is_shrunk() -> bool:
        return 2 in growth.sizes() and growth.sizes()[-1] == 1

    before: list[int] = []

    def look() -> None:
        eventually(is_shrunk)
        before.extend(growth.sizes())

    growth.run("detect=1:2:1", gpus=1, tasks=30, during=look)
    assert set(before) == {1, 2}
    assert growth.nodes_have_gone()


def test_two_instances_share_a_device(growth: Growth) -> None:
    growth.run("detect=2:2", gpus=0.5, tasks=4, during=lambda: eventually(lambda: len(growth.nodes()) == 2))
    assert len(set(growth.nodes())) == 1
    assert growth.devices() == {"0"}
