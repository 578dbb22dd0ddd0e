"""docs/faults.md and the tests of faults say the same: every row has its test, every such test its row."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEADER = ["what is provoked", "what the user sees", "what is kept", "test"]
_CELL = re.compile(r"(?<!\\)\|")
_TEST = re.compile(r"`(?:tests/\w+/)?(test_\w+\.py(?:::\w+)+)(?:\[[^`]+\])?`")


def rows() -> list[list[str]]:
    """The cells of every row of every table, without heads."""
    lines = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in _CELL.split(line)[1:-1]] for line in lines if line.startswith("|")]
    return [row for row in cells if row != HEADER and set("".join(row)) != {"-"}]


def named(row: list[str]) -> str:
    """The test of a row, as file::Class::function."""
    found = _TEST.fullmatch(row[-1])
    assert found, f"no test is named by {row[-1]!r}"
    return found[1]


@cache
def found_in(name: str) -> frozenset[str]:
    """Every test of the file of that name, wherever below tests/ it lies."""
    (path,) = (ROOT / "tests").rglob(name)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(f"{name}::{test}" for test in _functions(tree, ""))


def _functions(holder: ast.Module | ast.ClassDef, prefix: str) -> Iterator[str]:
    for node in holder.body:
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            yield from _functions(node, f"{prefix}{node.name}::")
        elif isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield prefix + node.name


def test_there_are_at_least_40_rows_and_each_is_whole() -> None:
    assert len(rows()) >= 40
    for row in rows():
        assert len(row) == len(HEADER), row
        assert all(row), row


def test_every_rows_test_is_there() -> None:
    for row in rows():
        test = named(row)
        assert test in found_in(test.split("::")[0]), row


def test_every_test_of_a_fault_has_its_row() -> None:
    files = {path.name for path in (ROOT / "tests").rglob("test_faults_*.py")} - {Path(__file__).name}
    assert files
    told = {named(row) for row in rows()}
    for name in sorted(files):
        assert found_in(name) <= told, found_in(name) - told


def test_no_test_stands_for_two_faults() -> None:
    assert not [test for test, times in Counter(row[-1] for row in rows()).items() if times > 1]
