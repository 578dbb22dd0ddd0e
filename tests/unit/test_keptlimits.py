"""The limits that a started container really has, from made-up cgroup trees, and what doctor says of them."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from coordinator.commands.containernotes import kept_note
from coordinator.commands.notes import Severity
from coordinator.runners.keptlimits import ASKED_CPUS, ASKED_MEMORY, Kept, limits_of


def tree(folder: Path, own: str, files: dict[str, str]) -> tuple[Path, Path]:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    (folder / "own").write_text(own)
    return folder, folder / "own"


def test_limits_that_are_set(tmp_path: Path) -> None:
    files = {"c/memory.max": str(ASKED_MEMORY), "c/cpu.max": "50000 100000"}
    kept = limits_of(*tree(tmp_path, "0::/c/inner\n", files))
    assert kept == Kept(memory=ASKED_MEMORY, cpus=ASKED_CPUS)
    assert (
        kept_note(kept).said
        == "measured: a started container has the memory and CPU limits that it was given"
    )


@pytest.mark.parametrize(
    ("files", "ignored"),
    [({}, "memory and CPU"), ({"c/memory.max": "1024"}, "CPU"), ({"c/cpu.max": "1000 100000"}, "memory")],
)
def test_limits_that_are_ignored(tmp_path: Path, files: dict[str, str], ignored: str) -> None:
    note = kept_note(limits_of(*tree(tmp_path, "0::/c\n", files)))
    assert note.severity is Severity.WARNING
    assert f"the engine takes {ignored} limits and does not set them" in note.said
    assert "cgroup v2" in note.todo


def test_a_process_that_is_not_of_this_machine(tmp_path: Path) -> None:
    assert limits_of(tmp_path, tmp_path / "absent") is None
    assert limits_of(*tree(tmp_path, "0::/../other\n", {})) is None
    assert limits_of(*tree(tmp_path, "", {})) is None
    assert "not measured" in kept_note(None).said


def test_no_limit_is_more_than_any() -> None:
    assert Kept(memory=math.inf, cpus=0.1).ignored == ["memory"]
