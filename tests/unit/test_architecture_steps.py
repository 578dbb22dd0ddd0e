"""The rooms of steps/ and images/: what may import what, no circles, and how large a piece of code may be."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(path for folder in ("steps", "images") for path in (ROOT / folder).rglob("*.py"))

_STEPS = ("steps.align", "steps.detect", "steps.imaging", "steps.position", "steps.recognise")
_KIT, _SIGNS, _BATCH, _NOISE = "steps.stepkit", "steps.signs", "images.batchfiles", "images.posenoise"
_GTSDB = "steps.training.gtsdb"
ROOMS: dict[str, set[str]] = {
    _KIT: set(),
    "steps.build": set(),
    _SIGNS: {_KIT},
    # Steps never import each other: what they share is in stepkit and signs, and their images hold no more than
    # they need.
    **{step: {_KIT} for step in _STEPS},
    "steps.detect": {_KIT, _SIGNS},
    "steps.recognise": {_KIT, _SIGNS},
    "steps.training.batching": {_KIT},
    _GTSDB: {"steps.detect"},
    "steps.align.evaluate": {_KIT, "steps.align", "images.kitti"},
    "steps.training.detect": {_KIT, "steps.detect", _GTSDB, "images.render.signs"},
    "steps.training.recognise": {_KIT, _SIGNS, "steps.detect", "steps.recognise", _GTSDB, "images.render.signs"},
    _BATCH: set(),
    _NOISE: {_BATCH, _KIT},
    "images.noisy": {_BATCH, _NOISE},
    "images.kitti": {_BATCH, _KIT},
    "images.london": {_BATCH},
    "images.pictures": {"coordinator", _KIT},
    "images.render.signs": {_KIT},
    "images.render.town": {_BATCH, _KIT, "images.render.signs"},
    "images.render.camera": {_BATCH, _KIT},
    "images.render.looks": {_KIT, "images.render.signs", "images.render.camera"},
    "images.render.scene": {
        _BATCH, _KIT, "images.render.town", "images.render.camera", "images.render.looks",
    },
    "images.render": {
        _BATCH, _KIT, _NOISE, "images.render.signs", "images.render.town", "images.render.camera",
        "images.render.looks", "images.render.scene",
    },
}  # fmt: skip
"""Each room, and the rooms that it may import from. One stands below those that import it."""

MAX_FILE, MAX_CLASS, MAX_FUNCTION = 300, 200, 50
"""Lines."""


def named(path: Path) -> str:
    """A file's module by its dotted name."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {named(path): path for path in FILES}


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def imported(path: Path) -> Iterator[str]:
    """The modules of the project that a file imports, inside of functions too."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            if name.split(".")[0] in ("steps", "images"):
                yield name if name in MODULES else name.rpartition(".")[0]
            elif name.split(".")[0] in ("coordinator", "tests"):
                yield name.split(".")[0]


def room(module: str) -> str:
    """The innermost room that a module lies in; a package that only holds rooms is none."""
    found = [name for name in ROOMS if module == name or module.startswith(f"{name}.")]
    return max(found, key=len, default=module)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_room_imports_from_those_below_it(path: Path) -> None:
    mine = room(named(path))
    above = {"steps", "steps.training", "images"}
    assert mine in ROOMS or (mine in above and not list(imported(path))), f"a new module: give {mine} a room"
    for module in imported(path):
        assert room(module) in ROOMS.get(mine, set()) | {mine}, f"{named(path)} imports {module}"


def test_no_room_stands_above_itself() -> None:
    _no_circle(ROOMS)


def test_no_module_stands_above_itself() -> None:
    _no_circle({name: set(imported(path)) - {name} for name, path in MODULES.items()})


def _no_circle(graph: dict[str, set[str]]) -> None:
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, f"a circle: {' -> '.join((*above, name))}"
        if name not in done:
            for other in graph.get(name, ()):
                visit(other, (*above, name))
            done.add(name)

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_too_large_to_be_read_at_once(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_FILE
    for node in nodes(path):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            most = MAX_CLASS if isinstance(node, ast.ClassDef) else MAX_FUNCTION
            assert (node.end_lineno or 0) - node.lineno < most, f"{path}:{node.lineno}: {node.name}"


def test_array_types_have_one_place() -> None:
    assert {named(path) for path in FILES if "NDArray" in path.read_text(encoding="utf-8")} == {
        f"{_KIT}.arrays"
    }


_ARRAYS = re.compile(r"\b(?:U8|I16|I32|I64|F32|F64|Floats|Mask|Index|Image|Pixels|ArrayLike)\b")
_SHAPE = re.compile(r"\bshape\b|\([^()]*,[^()]*\)|\(\w+,\)")


def public_functions(path: Path) -> Iterator[ast.FunctionDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
    for body in (tree.body, *(one.body for one in classes)):
        yield from (n for n in body if isinstance(n, ast.FunctionDef) and not n.name.startswith("_"))


@pytest.mark.parametrize(
    "path",
    [path for path in FILES if named(path).startswith("steps.")],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_public_functions_tell_their_arrays_shapes_and_what_they_raise(path: Path) -> None:
    for function in public_functions(path):
        told, where = ast.get_docstring(function) or "", f"{path}:{function.lineno}: {function.name}"
        types = [argument.annotation for argument in (*function.args.args, *function.args.kwonlyargs)]
        kinds = [ast.unparse(kind) for kind in (*types, function.returns) if kind is not None]
        if any(_ARRAYS.search(kind) and not kind.startswith("Callable") for kind in kinds):
            assert _SHAPE.search(told), f"{where} tells no shape"
        if any(isinstance(node, ast.Raise) for node in _own(function)):
            assert "aises" in told, f"{where} does not tell what it raises"


def _own(function: ast.FunctionDef) -> Iterator[ast.AST]:
    """A function's nodes without those of functions in it."""
    for node in function.body:
        if not isinstance(node, ast.FunctionDef):
            yield from ast.walk(node)
