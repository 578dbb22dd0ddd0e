"""What a local program needs and this Python does not have, as the file beside its code says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from coordinator.core.resources import Inventory
from coordinator.pipeline import Per, Pipeline, Resources, Rung, Step
from coordinator.runners.requirements import lacking
from coordinator.session.preflight import PreflightError, Problems, check, fitted
from tests.unit.builders import step

COMMAND = ("python3", "-m", "needy.step")


@pytest.fixture(autouse=True)
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    inner = tmp_path / "needy" / "step"
    inner.mkdir(parents=True)
    (inner.parent / "__init__.py").touch()
    (inner / "requirements.txt").write_text("# a comment\nno-such-package==1.2  # why\n\nnumpy>=1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return inner


def test_what_is_not_installed_is_named_as_it_is_wanted() -> None:
    assert lacking(COMMAND) == ["no-such-package==1.2"]


def test_programs_that_say_nothing_lack_nothing(package: Path) -> None:
    assert lacking(("python3", "-m", "needy")) == []
    assert lacking(("python3", "-m", "nowhere.at.all")) == []
    assert lacking(("/bin/cat",)) == []
    (package / "requirements.txt").write_text("numpy\n")
    assert lacking(COMMAND) == []


def test_it_is_told_before_anything_starts() -> None:
    local = step("needy").model_copy(update={"rung": Rung.PROCESS, "command": COMMAND})
    problems = Problems()
    check(Pipeline(name="p", steps=(local,)), None, Inventory(cpus=1, memory=2**40), problems)
    with pytest.raises(
        PreflightError, match=r"step 'needy' needs no-such-package==1\.2, which this Python does not have"
    ):
        problems.tell()


def cpus_of(**given: Any) -> float:
    one = Step(name="all", image_ref="none", per=Per.BATCH, resources=Resources(**given))
    return fitted(Pipeline(name="p", steps=(one,)), Inventory(cpus=6, memory=2**40)).steps[0].resources.cpus


def test_a_step_per_batch_gets_all_cpus_unless_it_says_how_many() -> None:
    assert cpus_of() == 6
    assert cpus_of(cpus=2) == 2
