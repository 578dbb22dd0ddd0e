"""When a local program counts as changed, so that its results are made anew."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from coordinator.runners import program
from coordinator.runners.program import program_id


@pytest.fixture
def step(tmp_path: Path) -> Path:
    """A script with a module beside it, and another in a package."""
    script = tmp_path / "tools" / "step.py"
    for path in (script, script.with_name("helper.py"), tmp_path / "pack_of_steps" / "deep" / "module.py"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("pass")
    return script


def _touch(path: Path) -> None:
    os.utime(path, ns=(1, 1))


def test_the_same_program_is_the_same(step: Path) -> None:
    command = ("python3", str(step), "--fast")
    assert program_id(command) == program_id(command)


@pytest.mark.parametrize("changed", ["step.py", "helper.py"])
def test_a_file_that_changed_or_one_beside_it(step: Path, changed: str) -> None:
    before = program_id(("python3", str(step)))
    _touch(step.with_name(changed))
    assert program_id(("python3", str(step))) != before


def test_a_file_more_and_another_argument(step: Path) -> None:
    command = ("python3", str(step))
    before = program_id(command)
    assert program_id((*command, "--fast")) != before
    step.with_name("model.onnx").touch()
    assert program_id(command) != before


def test_caches_do_not_count(step: Path) -> None:
    before = program_id(("python3", str(step)))
    (step.parent / "__pycache__").mkdir()
    (step.parent / "__pycache__" / "step.pyc").touch()
    assert program_id(("python3", str(step))) == before


def test_what_runs_have_left_does_not_count(step: Path) -> None:
    before = program_id(("python3", str(step)))
    run = step.parent / "runs" / "town"
    run.mkdir(parents=True)
    for name in ("journal.db", "objects.csv"):
        (run / name).write_text("")
    assert program_id(("python3", str(step))) == before


def test_a_package_is_all_its_files_and_is_not_imported(step: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = step.parents[1] / "pack_of_steps"
    monkeypatch.syspath_prepend(str(package.parent))
    command = ("python3", "-m", "pack_of_steps.deep.module")
    before = program_id(command)
    _touch(package / "deep" / "module.py")
    assert program_id(command) != before
    assert "pack_of_steps" not in sys.modules


@pytest.mark.parametrize(
    ("changed", "counts"),
    [
        ("deep/module.py", True),
        ("deep/training.py", True),
        ("README.md", False),
        ("deep/README.md", False),
        ("training/deep/train.py", False),
        ("deep/training/train.py", True),
        ("deep/sample1.json", False),
        ("deep/sample12.json", True),
        ("notes/a.txt", False),
        ("notes/deep/a.txt", True),
    ],
)
def test_what_a_package_keeps_out_of_its_images_does_not_count(
    step: Path, monkeypatch: pytest.MonkeyPatch, changed: str, counts: bool
) -> None:
    package = step.parents[1] / "pack_of_steps"
    (package / ".dockerignore").write_text("# why\n\n**/*.md\n/training/\n**/sample?.json\nnotes/*.txt\n")
    (package / changed).parent.mkdir(parents=True, exist_ok=True)
    monkeypatch.syspath_prepend(str(package.parent))
    command = ("python3", "-m", "pack_of_steps.deep.module")
    before = program_id(command)
    (package / changed).write_text("changed")
    assert (program_id(command) != before) is counts


def test_exceptions_from_what_is_kept_out_are_not_understood_and_all_counts(
    step: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = step.parents[1] / "pack_of_steps"
    (package / ".dockerignore").write_text("**/*.md\n!README.md\n")
    monkeypatch.syspath_prepend(str(package.parent))
    command = ("python3", "-m", "pack_of_steps.deep.module")
    before = program_id(command)
    (package / "NOTES.md").touch()
    assert program_id(command) != before


@pytest.mark.parametrize(
    "command", [("no-such-program",), ("python3", "-m", "no_such_package"), ("python3", "-m")]
)
def test_what_is_not_there_is_told_when_it_is_to_run(command: tuple[str, ...]) -> None:
    assert program_id(command) == program_id(command)


def test_of_a_program_of_too_many_files_nothing_is_reused(
    step: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "_MAX_FILES", 1)
    command = ("python3", str(step))
    assert program_id(command) != program_id(command)
