"""A run started as a user starts it, and what is to hold of each of its failures. For the tests of faults."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coordinator.core.paths import unit_folder
from coordinator.runners.engine import Engine
from tests.integration.conftest import Workshop, left_behind
from tests.integration.invariants import violations

ROOT = Path(__file__).resolve().parents[2]
_MEASURED = """
import re, sys
from coordinator.cli import main
told = sys.argv.pop(1)
code = main()
with open("/proc/self/status") as status, open(told, "w") as file:
    file.write(re.search(r"VmHWM:\\s+(\\d+)", status.read())[1])
sys.exit(code)
"""
"""The command line, which then tells its own peak of memory, in KiB: ``ru_maxrss`` starts from that of the tests."""
EVIDENCE = {"request.json", "stdout", "stderr", "error.json", "docker-run.sh"}


@dataclass(frozen=True, kw_only=True)
class Ran:
    """A run that has ended, and what its user saw. ``memory`` is the coordinator's peak in bytes."""

    workshop: Workshop
    code: int
    seen: str
    memory: int

    def failure(self, task: str, kind: str, *says: str) -> dict[str, Any]:
        """The report of a failed task, after all has been checked that holds for every failed task of a step."""
        report = self.refusal(task, kind, *says)
        evidence = self.evidence(task)
        assert {path.name for path in evidence.iterdir()} == EVIDENCE
        assert json.loads((evidence / "request.json").read_bytes())["task"] == task
        assert (evidence / "docker-run.sh").read_text().startswith("docker run --rm")
        step, _, unit = task.partition("/")
        assert not (self.workshop.out / "work" / step / unit_folder(unit)).exists()
        return report

    def refusal(self, task: str, kind: str, *says: str) -> dict[str, Any]:
        """The report of what failed without a step's having been asked, or in a program that stays."""
        report: dict[str, Any] = json.loads((self.evidence(task) / "error.json").read_text())
        assert report["task"] == task
        assert report["error"]["kind"] == kind
        message = report["error"]["message"]
        for part in says:
            assert part in message
        assert message.isprintable()
        assert len(message) <= 1000
        return report

    def evidence(self, task: str) -> Path:
        """The folder in failures/ of a task."""
        return self.workshop.out / "failures" / unit_folder(task)

    def items(self, step: str) -> dict[str, dict[str, Any]]:
        """The items that a step's tasks gave, by id."""
        return {item["id"]: item for item in self.workshop.items(step)}


def run_by_hand(
    workshop: Workshop, engine: Engine, *steps: dict[str, Any], options: tuple[str, ...] = ()
) -> Ran:
    """``python -m coordinator run`` over the workshop's batch, which leaves nothing behind and its folder sound."""
    pipeline = workshop.pipeline(*steps)
    out = ("--out", str(workshop.out), "--pipeline", str(pipeline))
    code, seen, memory = measured(workshop.folder / "peak", "run", str(workshop.batch), *out, *options)
    left = left_behind(engine, workshop.folder)
    assert not left, f"{len(left)} containers were left behind"
    if (workshop.out / "journal.db").exists():
        assert not violations(workshop.out)
    return Ran(workshop=workshop, code=code, seen=seen, memory=memory)


def measured(peak: Path, *arguments: str) -> tuple[int, str, int]:
    """``python -m coordinator`` with these arguments: exit code, what the user saw, and its peak of memory in bytes.

    ``peak`` is a file for the purpose.
    """
    command = [sys.executable, "-c", _MEASURED, str(peak), *arguments]
    ended = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300, check=False
    )
    return ended.returncode, ended.stdout.decode(), int(peak.read_text()) * 1024


def attempts(workshop: Workshop) -> dict[str, int]:
    """The attempts that counted, by task."""
    with sqlite3.connect(workshop.out / "journal.db") as journal:
        return dict(journal.execute("SELECT task, COUNT(*) FROM attempts GROUP BY task"))
