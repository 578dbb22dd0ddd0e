"""The rooms, the direction of imports, and who may do what: see tests/architecture.py for how they are read."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.architecture import (
    ROOMS,
    ROOT,
    arrows,
    circles,
    imported,
    large,
    late,
    module,
    modules,
    nodes,
    room,
    sources,
    upwards,
)
from tests.house import PICTURE, picture

COORDINATOR = [path for path in sources("coordinator") if module(path) != "coordinator"]
GRAPH = modules(sources("coordinator"))

PURE = (
    "errors", "strictjson", "contract", "pipeline", "core/*", "batch/regions", "report/model", "report/timeline",
    "service/orders", "service/naming", "service/stages", "service/rotation", "service/answers", "service/jobs",
    "service/pace", "service/strangers", "service/costs", "service/rasters", "service/budget", "service/floor",
    "service/rendered/addresses", "service/rendered/conditions", "service/rendered/prefixes",
    "service/rendered/signing",
)  # fmt: skip
_IO = {
    "os", "io", "pathlib", "shutil", "socket", "subprocess", "sqlite3", "threading", "time", "tempfile",
    "random", "urllib", "http", "requests", "docker", "signal", "queue", "concurrent", "asyncio", "glob", "fcntl",
}  # fmt: skip
_ALLOWED_IO = {"pipeline.py": {"pathlib"}, "paths.py": {"pathlib", "urllib"}}
_ALLOWED_IO |= {"addresses.py": {"urllib"}, "prefixes.py": {"urllib"}}
"""Loading a pipeline reads its file; paths and URLs are taken apart and quoted as text."""
LATE = {
    ("coordinator/cluster/link.py", "_load_ray", "ray"),
    ("coordinator/cluster/link.py", "_load_ray", "ray.util.scheduling_strategies"),
    ("coordinator/session/launch.py", "_load_cluster", "coordinator.cluster"),
    ("coordinator/batch/companions.py", "_load_detections", "coordinator.batch"),
    ("coordinator/batch/companions.py", "_load_regionfile", "coordinator.batch"),
    ("coordinator/batch/companions.py", "_load_tracks", "coordinator.batch"),
    ("coordinator/batch/crs.py", "_load_pyproj", "pyproj"),
    ("coordinator/batch/merging.py", "_load_imageheader", "coordinator.formats"),
    ("coordinator/batch/placing.py", "_load_declination", "coordinator.core"),
    ("coordinator/batch/regionshapes.py", "_load_shapely", "shapely"),
    ("coordinator/commands/export.py", "_load_pyogrio", "pyogrio"),
    ("coordinator/commands/export.py", "_load_pyogrio", "pyogrio.raw"),
    ("coordinator/record/gis/srs.py", "_load_pyproj", "pyproj"),
    ("coordinator/formats/recordings.py", "_load_foreign", "coordinator.formats.foreign"),
    ("coordinator/session/progress.py", "_load_bars", "coordinator.session.bars"),
    ("coordinator/commands/running.py", "_load_report", "coordinator.report"),
    ("coordinator/commands/serve.py", "_load_service", "coordinator.service.command"),
}
"""The imports inside of functions, for which docs/contributing.md has the reasons."""
PURE_FILES = sorted(path for name in PURE for path in (ROOT / "coordinator").glob(f"{name}.py"))


@pytest.mark.parametrize("path", COORDINATOR, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_has_a_room(path: Path) -> None:
    assert room(module(path)) is not None, "a new module: put it into a room, or give it a place in ROOMS"


@pytest.mark.parametrize("here", ROOMS)
def test_rooms_stand_on_those_below_them(here: str) -> None:
    above = {high for low, high in upwards(arrows(GRAPH)) if low == here}
    assert not above, f"{here} imports from {above}, which stand above it"


def test_there_is_no_circle_between_rooms() -> None:
    assert not circles(arrows(GRAPH))


def test_there_is_no_circle_between_modules() -> None:
    assert not circles(modules(sources("coordinator")))


def test_commands_are_loaded_by_name_and_that_is_seen() -> None:
    assert GRAPH["coordinator.cli"] >= {
        f"coordinator.commands.{name}" for name in ("run", "check_step", "serve")
    }


def test_imports_stand_at_the_top_of_files() -> None:
    assert {(str(path.relative_to(ROOT)), *found) for path in COORDINATOR for found in late(path)} == LATE


def test_only_the_list_of_commands_loads_by_name() -> None:
    loaders = [module(path) for path in COORDINATOR if "importlib.import_module" in imported(path)]
    assert loaders == ["coordinator.cli"]


@pytest.mark.parametrize("path", PURE_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_core_knows_no_files_no_clock_no_network(path: Path) -> None:
    names = {name.split(".")[0] for name in imported(path)}
    assert names & _IO <= _ALLOWED_IO.get(path.name, set())


def test_only_the_runners_know_docker() -> None:
    users = {
        room(module(path))
        for path in COORDINATOR
        if "docker" in {name.split(".")[0] for name in imported(path)}
    }
    assert users == {"coordinator.runners"}


def test_steps_know_the_contract_not_the_coordinator() -> None:
    for path in sources("steps"):
        if "build" not in path.parts:
            assert not any(name.split(".")[0] == "coordinator" for name in imported(path)), path


def test_the_coordinator_does_not_know_its_steps_nor_the_samples() -> None:
    """But for what makes their images, which is asked to by one command."""
    for path in COORDINATOR:
        if room(module(path)) != "coordinator.bench":
            found = {name for name in imported(path) if name.split(".")[0] in ("steps", "images", "tests")}
            if module(path) == "coordinator.commands.images":
                found = {name for name in found if not name.startswith("steps.build.")}
            assert not found, path


def test_only_the_commands_and_the_progress_print() -> None:
    for path in COORDINATOR:
        if (
            room(module(path)) in ("coordinator.cli", "coordinator.commands", "coordinator.bench")
            or path.stem == "progress"
        ):
            continue
        for node in nodes(path):
            assert not (isinstance(node, ast.Name) and node.id == "print"), f"{path}:{node.lineno}"


def test_the_picture_of_the_house_is_true() -> None:
    assert PICTURE.read_text(encoding="utf-8") == picture(), "draw it anew: python -m tests.house"


def test_nothing_is_larger_than_one_can_take_in() -> None:
    assert not list(large(sources("coordinator", "steps", "images"))), "part it by meaning"
