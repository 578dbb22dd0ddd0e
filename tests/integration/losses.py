"""Runs on two machines in which something is killed, and what became of them: for tests, and for figures."""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.integration.machine import Child
from tests.integration.twonodes import ROOT, TwoNodes
from tests.waiting import PATIENCE, eventually

DRAWS = int(os.environ.get("COORDINATOR_LOSSES", "0"))
"""At how many random moments each victim is killed; with none, at one, and what takes minutes is left out."""

_WHOLE_RUN = 5 * PATIENCE
"""Seconds after which a run is taken for one that does not end, on a machine that has much else to do."""


class Command:
    """``run`` as it is typed on the head, over one batch."""

    def __init__(self, nodes: TwoNodes, batch: Path, out: Path, pipeline: Path) -> None:
        self._nodes = nodes
        self.batch, self.out = batch, out
        self._pipeline = pipeline
        self.log = out.with_suffix(".log")

    def begin(self, *options: str, address: str | None = None, secret: dict[str, str] | None = None) -> Child:
        return self._nodes.head.start(
            *(sys.executable, "-m", "coordinator", "run", str(self.batch), "--out", str(self.out)),
            *("--pipeline", str(self._pipeline), "--cluster", address or self._nodes.address, *options),
            log=self.log,
            environment=self._nodes.secret if secret is None else secret,
            cwd=ROOT,
        )

    def finish(self, begun: Child) -> None:
        assert begun.wait(_WHOLE_RUN) == 0, self.log.read_text()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.out / "journal.db")) as journal:
            return journal.execute(query).fetchall()

    def succeeded(self) -> set[str]:
        """The tasks that the journal has as done; none before there is a journal."""
        try:
            return {task for (task,) in self.rows("SELECT id FROM tasks WHERE status = 'succeeded'")}
        except sqlite3.OperationalError:
            return set()


@dataclass(frozen=True)
class Victim:
    """Something that can be killed, and made again afterwards."""

    kill: Callable[[TwoNodes], None]
    mend: Callable[[TwoNodes], None]


def _kill_first(name: str) -> Callable[[TwoNodes], None]:
    def kill(nodes: TwoNodes) -> None:
        (found, *_) = nodes.other.processes(name)
        os.kill(found, signal.SIGKILL)

    return kill


def _reboot(nodes: TwoNodes) -> None:
    nodes.boot_other()
    nodes.other.start_engine()
    nodes.start_ray(nodes.other)
    clean = (sys.executable, "-m", "coordinator", "clean")  # of what was there when the power failed
    assert nodes.other.start(*clean, log=nodes.other.folder / "clean.log", cwd=ROOT).wait(PATIENCE) == 0


def _restart_ray(nodes: TwoNodes) -> None:
    nodes.ray["other"].wait(PATIENCE)
    nodes.start_ray(nodes.other)


def _restart_engine(nodes: TwoNodes) -> None:
    """As where somebody sees to it that it runs."""
    _kill_first("dockerd")(nodes)
    eventually(lambda: not nodes.other.processes("dockerd"))
    nodes.other.start_engine()


def _nothing(nodes: TwoNodes) -> None:
    """There is nothing to mend."""


VICTIMS = {
    "actor": Victim(_kill_first("ray::Actor"), _nothing),
    "raylet": Victim(_kill_first("raylet"), _restart_ray),
    "engine": Victim(_restart_engine, _nothing),
    "node": Victim(lambda nodes: nodes.other.kill(), _reboot),
}


KILLER = """
import json, os, pathlib, signal, sys, time
for line in sys.stdin:
    request = json.loads(line)
    item = request["items"][0]
    if item["id"].startswith("killer"):
        for path in pathlib.Path("/proc").glob("[0-9]*/comm"):
            if path.read_text() == "raylet\\n":
                os.kill(int(path.parent.name), signal.SIGKILL)
        time.sleep(600)
    print(json.dumps({"task": request["task"], "items": [{"id": item["id"]}]}), flush=True)
"""
"""A local program with an item that ends its node's part of the cluster."""


class Keeper:
    """Starts Ray on a machine again whenever it has ended there, as an operator's supervisor would."""

    def __init__(self, nodes: TwoNodes) -> None:
        self.starts = 0
        self._nodes = nodes
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep)

    def __enter__(self) -> Keeper:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _keep(self) -> None:
        while not self._stopping.wait(0.1):
            if not self._nodes.ray["other"].runs:
                self.starts += 1
                self._nodes.start_ray(self._nodes.other)
