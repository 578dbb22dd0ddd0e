"""Whether the engine sees a folder as it is here, with an engine that tells what a test wants it to."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from coordinator.commands.containernotes import measured_sight
from coordinator.commands.notes import Severity
from coordinator.errors import EngineError
from coordinator.runners.api import ApiError
from coordinator.runners.engine import Engine
from coordinator.runners.sight import Seen, check_sight
from coordinator.runners.spec import ContainerSpec

WHEN = 1_700_000_000_123_456_789


class SomeEngine:
    """An engine that has all folders as they are here, but for what ``tells`` says of a path."""

    address = "tcp://box:2375 (DOCKER_HOST)"

    def __init__(self, tells: Callable[[Path], dict[str, Any]] | None = None) -> None:
        self._tells = tells or facts
        self.refuses: EngineError | None = None
        self.made: list[ContainerSpec] = []

    @contextmanager
    def created(self, spec: ContainerSpec) -> Iterator[str]:
        if self.refuses:
            raise self.refuses
        self.made.append(spec)
        yield "c"

    def status_of(self, container: str, path: str) -> dict[str, Any]:
        (mount,) = self.made[0].mounts
        inner = path.removeprefix(mount.target).lstrip("/")
        return self._tells(mount.source / inner) if inner else facts(mount.source)


def facts(path: Path, unit: int = 1, zone: str = "Z") -> dict[str, Any]:
    state = path.lstat()
    told = state.st_mtime_ns - state.st_mtime_ns % unit
    text = datetime.fromtimestamp(told // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f".{told % 10**9:09}".rstrip("0").rstrip(".")
    return {"name": path.name, "size": state.st_size, "mtime": f"{text}{fraction}{zone}"}


def missing(path: Path) -> dict[str, Any]:
    raise ApiError(404, "no such file")


def check(engine: SomeEngine, *folders: Seen) -> None:
    check_sight(cast(Engine, engine), "sha256:0", folders, {})


@pytest.fixture
def seen(tmp_path: Path) -> Seen:
    (tmp_path / "a.jpg").write_bytes(b"12345")
    os.utime(tmp_path / "a.jpg", ns=(WHEN, WHEN))
    return Seen(tmp_path, "a.jpg")


@pytest.mark.parametrize("unit", [1, 100, 1000, 10**6, 10**9], ids="{} ns".format)
def test_what_is_the_same_is_well_however_exact_its_time(seen: Seen, unit: int) -> None:
    check(SomeEngine(lambda path: facts(path, unit)), seen)


def test_a_time_may_come_in_another_zone(seen: Seen) -> None:
    def tells(path: Path) -> dict[str, Any]:
        east = datetime.fromtimestamp(WHEN // 10**9 + 5400, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return {**facts(path), "mtime": f"{east}.123456789+01:30"}

    check(SomeEngine(tells), seen)


@pytest.mark.parametrize(
    "change", [{"size": 6}, {"mtime": "2023-11-14T22:13:21.123456789Z"}], ids=["size", "time"]
)
def test_another_file_of_the_name_is_told(seen: Seen, change: dict[str, Any]) -> None:
    engine = SomeEngine(lambda path: {**facts(path), **change})
    with pytest.raises(EngineError, match=r"the engine at tcp://box:2375 \(DOCKER_HOST\) does not see '/"):
        check(engine, seen)


def test_a_file_that_the_engine_has_not_is_told(seen: Seen) -> None:
    with pytest.raises(EngineError, match="does not see"):
        check(SomeEngine(missing), seen)


def test_a_file_that_has_gone_from_here_too_is_not(seen: Seen) -> None:
    (seen.folder / seen.inner).unlink()
    check(SomeEngine(missing), seen)


def test_what_changes_all_the_time_tells_nothing(seen: Seen) -> None:
    def tells(path: Path) -> dict[str, Any]:
        told = facts(path)
        os.utime(path, ns=(0, path.lstat().st_mtime_ns + 10**9))
        return told

    check(SomeEngine(tells), seen)


@pytest.mark.parametrize(
    "words",
    [
        'invalid mount config for type "bind": bind source path does not exist: /b',
        "Mounts denied: The path /b is not shared from the host",
    ],
)
def test_a_folder_that_the_engine_refuses_is_told_with_its_words(seen: Seen, words: str) -> None:
    engine = SomeEngine()
    engine.refuses = ApiError(400, words)
    with pytest.raises(EngineError, match=r"does not see the folders of this run: .*/b"):
        check(engine, seen)


@pytest.mark.parametrize("error", [ApiError(500, "no space left"), EngineError("no answer")])
def test_what_else_the_engine_fails_of_is_left_to_the_run(seen: Seen, error: EngineError) -> None:
    engine = SomeEngine()
    engine.refuses = error
    check(engine, seen)


def test_a_folder_is_known_by_its_oldest_entry(tmp_path: Path) -> None:
    assert Seen.by_oldest(tmp_path) == Seen(tmp_path)
    for number, name in enumerate(("new", "old", "newer", "link")):
        (tmp_path / name).touch() if name != "link" else (tmp_path / name).symlink_to("old")
        os.utime(tmp_path / name, (0, 100 if name == "old" else 200 + number), follow_symlinks=False)
    assert Seen.by_oldest(tmp_path) == Seen(tmp_path, "old")


class TestDoctorsWords:
    """What ``doctor --out`` says of a folder that need not be there yet."""

    def test_a_folder_that_the_engine_sees(self, seen: Seen) -> None:
        note = measured_sight(cast(Engine, SomeEngine()), "sha256:0", seen.folder / "not" / "yet")
        assert (note.severity, str(seen.folder) in note.said) == (Severity.OK, True)

    def test_a_folder_that_it_does_not_see(self, seen: Seen) -> None:
        note = measured_sight(cast(Engine, SomeEngine(missing)), "sha256:0", seen.folder)
        assert note.severity is Severity.PROBLEM
        assert f"does not see {str(seen.folder)!r}" in note.said
        assert note.todo.startswith("It runs on another machine")

    def test_a_place_that_is_no_folder(self, seen: Seen) -> None:
        note = measured_sight(cast(Engine, SomeEngine()), "sha256:0", seen.folder / "a.jpg")
        assert note.severity is Severity.PROBLEM
        assert "a.jpg: Not a directory" in note.said
