"""The house in figures: rooms, the arrows between them, and what is larger than it should be.

``python -m tests.architecture`` prints them. Everything is read from the source, imports inside functions included, so
that it holds for every new line.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

ROOMS = (
    "coordinator.errors", "coordinator.strictjson", "coordinator.plainfile", "coordinator.findings",
    "coordinator.contract", "coordinator.instances", "coordinator.pipeline", "coordinator.core", "coordinator.formats",
    "coordinator.batch", "coordinator.record", "coordinator.report",
    "coordinator.schedule", "coordinator.runners", "coordinator.cluster", "coordinator.session", "coordinator.plan",
    "coordinator.checkstep", "coordinator.service", "coordinator.bench", "coordinator.commands", "coordinator.cli",
    "coordinator.__main__",
)  # fmt: skip
"""From the ground to the roof: a room imports from those before it."""

_DOTTED = re.compile(r"\w+(\.\w+)+")

MAX_FILE, MAX_CLASS, MAX_FUNCTION = 300, 200, 50
"""Lines."""


@dataclass(frozen=True, order=True)
class Large:
    """Something that has more lines than it should."""

    kind: str
    name: str
    lines: int
    limit: int


def sources(*packages: str) -> list[Path]:
    """The Python files of top-level folders."""
    return sorted(path for package in packages for path in (ROOT / package).rglob("*.py"))


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """Every node of a file's syntax tree."""
    return tuple(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


@cache
def imported(path: Path) -> frozenset[str]:
    """Dotted names of all imports in a file, those inside of functions too; relative ones are not used here.

    In a file that imports by name (``import_module``), every text that is a dotted name counts as imported.
    """
    found = frozenset(_imported(path))
    return found | frozenset(_dotted_texts(path)) if "importlib.import_module" in found else found


def _imported(path: Path) -> Iterator[str]:
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _dotted_texts(path: Path) -> Iterator[str]:
    for node in nodes(path):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _DOTTED.fullmatch(node.value):
            yield node.value


def late(path: Path) -> Iterator[tuple[str, str]]:
    """The imports inside of functions: each function's name, and what it imports."""
    for node in nodes(path):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for inner in ast.walk(node):
                if isinstance(inner, ast.Import):
                    yield from ((node.name, alias.name) for alias in inner.names)
                elif isinstance(inner, ast.ImportFrom):
                    yield node.name, str(inner.module)


def module(path: Path) -> str:
    """The dotted name of a file's module; that of a package is the package's."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def modules(paths: Iterable[Path]) -> dict[str, set[str]]:
    """The modules among ``paths``, each with those of them that it imports."""
    files = {module(path): path for path in paths}
    return {
        name: {found for other in imported(path) if (found := _known(other, files)) not in (None, name)}
        for name, path in files.items()
    }


def _known(name: str, files: Mapping[str, Path]) -> str | None:
    """The module that an imported name is, or lies in."""
    parts = name.split(".")
    dotted = (".".join(parts[:count]) for count in range(len(parts), 0, -1))
    return next((found for found in dotted if found in files), None)


def room(name: str, rooms: Iterable[str] = ROOMS) -> str | None:
    """The room of a module; None for one that has no place, and for the package itself."""
    return next((room for room in rooms if name == room or name.startswith(f"{room}.")), None)


def arrows(graph: Mapping[str, Iterable[str]], rooms: Iterable[str] = ROOMS) -> dict[str, set[str]]:
    """Between rooms: who imports from whom."""
    found: dict[str, set[str]] = {name: set() for name in rooms}
    for name, others in graph.items():
        here = room(name, rooms)
        for there in {room(other, rooms) for other in others}:
            if here and there and here != there:
                found[here].add(there)
    return found


def circles(graph: Mapping[str, Iterable[str]]) -> list[tuple[str, ...]]:
    """The ways that lead from something back to itself, one for each place where it was noticed."""
    found: list[tuple[str, ...]] = []
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        if name in above:
            found.append((*above[above.index(name) :], name))
        elif name not in done:
            for other in graph.get(name, ()):
                visit(other, (*above, name))
            done.add(name)

    for name in graph:
        visit(name, ())
    return found


def upwards(between: Mapping[str, Iterable[str]], rooms: tuple[str, ...] = ROOMS) -> list[tuple[str, str]]:
    """The arrows that point from a room to one above it."""
    return [(low, high) for low in between for high in between[low] if rooms.index(high) > rooms.index(low)]


def large(paths: Iterable[Path]) -> Iterator[Large]:
    """The files, classes and functions that are larger than they should be."""
    for path in paths:
        where = str(path.relative_to(ROOT))
        yield from _over("file", where, len(path.read_text(encoding="utf-8").splitlines()), MAX_FILE)
        for node in nodes(path):
            if isinstance(node, ast.ClassDef):
                yield from _over("class", f"{where}:{node.name}", _lines(node), MAX_CLASS)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield from _over("function", f"{where}:{node.name}", _lines(node), MAX_FUNCTION)


def _lines(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _over(kind: str, name: str, lines: int, limit: int) -> Iterator[Large]:
    if lines > limit:
        yield Large(kind, name, lines, limit)


def report() -> Iterator[str]:
    """The figures, a line each."""
    graph = modules(sources("coordinator"))
    between = arrows(graph)
    yield f"rooms                    {len(ROOMS)}"
    yield f"arrows between rooms     {sum(map(len, between.values()))}"
    yield f"circles between rooms    {len(circles(between))}"
    yield f"circles between modules  {len(circles(modules(sources('coordinator', 'steps', 'images'))))}"
    yield f"imports in functions     {sum(len(list(late(path))) for path in sources('coordinator'))}"
    yield f"arrows upwards           {len(upwards(between))}"
    for low, high in upwards(between):
        yield f"  {low} -> {high}"
    for one in sorted(large(sources("coordinator", "steps", "images"))):
        yield f"over {one.limit} lines: {one.kind} {one.name} has {one.lines}"


if __name__ == "__main__":
    sys.stdout.write("\n".join(report()) + "\n")
