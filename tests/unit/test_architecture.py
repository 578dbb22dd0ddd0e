"""The direction of imports, and who may do what: read from the source, so that it holds for every new line."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LAYERS = (
    ("errors",),
    ("messages",),
    ("pipeline", "crs", "regions", "imageheader", "table"),
    ("resources", "dataflow", "sidecars", "batch"),
    ("admission", "lanes", "inventory", "tasks", "program", "interrupts"),
    ("threads", "runfolder", "journal"),
    ("history",),
    ("runners",),
    ("executor",),
    ("scheduler", "progress", "results", "scoring", "preflight", "status", "clean"),
    ("job",),
    ("run", "report"),
    ("dryrun", "bench", "service", "checkstep", "doctor", "retry", "replay"),
    ("arguments",),
    ("cli",),
    ("__main__",),
)
"""Who stands on whom: a module imports from the layers before its own, or from its own."""
_UPWARD = {("runners", "executor")}
"""runners/__init__.py makes the runners that executor.py asks for, and names its protocol."""

PURE = (
    "errors", "messages", "pipeline", "resources", "dataflow", "admission", "lanes",
    "service/orders", "service/naming", "service/stages", "service/rotation", "service/answers",
)  # fmt: skip
_IO = {
    "os", "io", "pathlib", "shutil", "socket", "subprocess", "sqlite3", "threading", "time", "datetime", "tempfile",
    "random", "urllib", "http", "requests", "docker", "signal", "queue", "concurrent", "asyncio", "glob", "fcntl",
}  # fmt: skip
_ALLOWED_IO = {"pipeline": {"pathlib"}}
"""Loading a pipeline reads its file."""


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


@cache
def imported(path: Path) -> frozenset[str]:
    """Dotted names of all imports in a file, those inside of functions too; relative ones are not used here."""
    return frozenset(_imported(path))


def _imported(path: Path) -> Iterator[str]:
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def unit(path: Path) -> str:
    """The module of ``coordinator`` that a file belongs to; a package counts as one."""
    return path.relative_to(ROOT / "coordinator").parts[0].removesuffix(".py")


def layer(module: str) -> int:
    return next(number for number, names in enumerate(LAYERS) if module in names)


COORDINATOR = [path for path in sources("coordinator") if unit(path) != "__init__"]


@pytest.mark.parametrize("path", COORDINATOR, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(path: Path) -> None:
    known = {name for names in LAYERS for name in names}
    assert unit(path) in known, "a new module: give it a place in LAYERS"
    for name in imported(path):
        package, _, rest = name.partition(".")
        target = rest.split(".")[0]
        if package == "coordinator" and target in known and (unit(path), target) not in _UPWARD:
            assert layer(target) <= layer(unit(path)), f"{unit(path)} imports {target}"


def test_there_is_no_circle() -> None:
    graph = {
        unit(path): {
            name.split(".")[1]
            for name in imported(path)
            if name.startswith("coordinator.") and name.count(".") >= 1
        }
        for path in COORDINATOR
        if path.parent == ROOT / "coordinator"
    }
    done: set[str] = set()

    def visit(module: str, above: tuple[str, ...]) -> None:
        assert module not in above, f"a circle: {' -> '.join((*above, module))}"
        if module not in done:
            for other in graph.get(module, ()):
                visit(other, (*above, module))
            done.add(module)

    for module in graph:
        visit(module, ())


@pytest.mark.parametrize("module", PURE)
def test_the_core_knows_no_files_no_clock_no_network(module: str) -> None:
    names = {name.split(".")[0] for name in imported(ROOT / "coordinator" / f"{module}.py")}
    assert names & _IO <= _ALLOWED_IO.get(module, set())


def test_only_the_runners_know_docker() -> None:
    users = {
        unit(path) for path in COORDINATOR if "docker" in {name.split(".")[0] for name in imported(path)}
    }
    assert users == {"runners"}


def test_steps_know_the_contract_not_the_coordinator() -> None:
    for path in sources("steps"):
        if "build" not in path.parts:
            assert not any(name.split(".")[0] == "coordinator" for name in imported(path)), path


def test_the_coordinator_does_not_know_its_steps_nor_the_samples() -> None:
    for path in COORDINATOR:
        if unit(path) != "bench":
            assert not {"steps", "images", "tests"} & {name.split(".")[0] for name in imported(path)}, path


def test_only_the_commands_and_the_progress_print() -> None:
    for path in COORDINATOR:
        if unit(path) in ("cli", "progress", "bench"):
            continue
        for node in nodes(path):
            assert not (isinstance(node, ast.Name) and node.id == "print"), f"{path}:{node.lineno}"
