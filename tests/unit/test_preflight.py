"""What keeps a run from starting: everything is told at once, and nothing is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from coordinator.contract import PROTOCOL
from coordinator.core.resources import Inventory
from coordinator.errors import BatchError, EngineError, PipelineError
from coordinator.pipeline import Pipeline, Rung
from coordinator.runners.engine import ImageFacts
from coordinator.session.preflight import PreflightError, Problems, check, check_folder
from tests.unit.builders import resources, step

MACHINE = Inventory(cpus=2, memory=1024**3, gpus=())
MIB = 1024**2


def image_of(image_ref: str) -> ImageFacts:
    if "missing" in image_ref:
        raise EngineError(f"image {image_ref!r} is not on this engine")
    protocol = "9" if "old" in image_ref else str(PROTOCOL)
    labels = {
        "coordinator.protocol": protocol,
        "coordinator.loop": "true" if "loop" in image_ref else "false",
    }
    return ImageFacts(image_ref=image_ref, id=f"sha256:{image_ref}", labels=labels, command=("run",))


class TestProblems:
    def test_none(self) -> None:
        Problems().tell()

    def test_a_single_one_is_raised_as_it_is(self) -> None:
        problems = Problems()
        with problems.collected():
            raise PipelineError("no such file")
        with pytest.raises(PipelineError, match=r"^no such file$"):
            problems.tell()

    def test_several_are_one_list(self) -> None:
        problems = Problems()
        with problems.collected():
            raise EngineError("no engine\n  start one")
        with problems.collected():
            raise BatchError("no such folder")
        problems.add("one more", "and another")
        with pytest.raises(PreflightError) as told:
            problems.tell()
        assert str(told.value).splitlines() == [
            "the run cannot start:",
            "  - no engine",
            "      start one",
            "  - no such folder",
            "  - one more",
            "  - and another",
        ]

    def test_a_bug_is_no_problem_of_the_users(self) -> None:
        problems = Problems()
        with pytest.raises(KeyError), problems.collected():
            raise KeyError


def test_images_labels_rungs_and_resources_are_told_together() -> None:
    steps = (
        step("missing"),
        step("old"),
        step("once", rung=Rung.RESIDENT),
        step("many", chunk=8),
        step("loop", chunk=8),
        step("large", resources=resources(cpus=64)),
        step("fine"),
    )
    problems = Problems()
    checked = check(Pipeline(name="p", steps=steps), image_of, MACHINE, problems)
    with pytest.raises(PreflightError) as told:
        problems.tell()
    _, *reasons = str(told.value).splitlines()
    assert len(reasons) == 5
    for reason in (
        "'missing'",
        "'old': its image speaks protocol 9",
        "'once' cannot run on the resident rung: image",
        "'many' cannot take 8 tasks in a container: image",
        "'large' asks for 64",
    ):
        assert any(reason in line for line in reasons), reason
    assert "missing" not in checked.image_ids


def test_without_an_engine_the_rest_is_looked_at() -> None:
    problems = Problems()
    steps = (step("any"), step("local", rung=Rung.PROCESS, command=("true",), resources=resources(cpus=64)))
    check(Pipeline(name="p", steps=steps), None, MACHINE, problems)
    with pytest.raises(PreflightError, match=r"^step 'local' asks for 64"):
        problems.tell()


class TestRunFolder:
    def test_enough_room(self, tmp_path: Path) -> None:
        assert check_folder(tmp_path / "a" / "b", lambda path: 2000 * MIB) is None
        assert not (tmp_path / "a").exists()

    def test_little_room_is_told_of_the_folder_that_is_there(self, tmp_path: Path) -> None:
        asked = []

        def free(path: Path) -> int:
            asked.append(path)
            return 500 * MIB

        assert "only 500 MB are free" in str(check_folder(tmp_path / "a" / "b", free))
        assert asked == [tmp_path]

    def test_next_to_no_room_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(PreflightError, match=r"only 99 MB are free .* at least 100 are needed"):
            check_folder(tmp_path / "run", lambda path: 99 * MIB)

    @pytest.mark.parametrize("below", ["", "run"])
    def test_a_file_where_a_folder_is_to_be(self, tmp_path: Path, below: str) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(PreflightError, match="cannot be written"):
            check_folder(tmp_path / "file" / below)
