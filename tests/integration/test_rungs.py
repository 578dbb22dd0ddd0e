"""The other ways to run the same images: exec, resident, process and prestarted containers, on a real engine."""

from __future__ import annotations

from typing import Any

import pytest

from coordinator.pipeline import Rung
from coordinator.record.journal import Status
from coordinator.session.preflight import PreflightError
from tests.integration.conftest import STEPS, Workshop

KEPT = [Rung.EXEC, Rung.RESIDENT]
PYTHON = {"command": ["python3", str(STEPS / "chaos" / "chaos.py")]}


@pytest.mark.parametrize("rung", KEPT)
def test_one_lane_serves_many_tasks(workshop: Workshop, echo_image: str, rung: Rung) -> None:
    workshop.photographs(*(f"{number:02}.jpg" for number in range(20)))
    summary = workshop.run({"name": "echo", "image_ref": echo_image}, rung=rung)
    assert summary.counts == {("echo", Status.SUCCEEDED): 20}


def test_prestarted_containers_give_the_same_and_none_is_left(workshop: Workshop, shell_image: str) -> None:
    workshop.photographs(*(f"{number}.jpg" for number in range(5)))
    summary = workshop.run({"name": "shell", "image_ref": shell_image}, prestart=2)
    assert summary.counts == {("shell", Status.SUCCEEDED): 5}
    assert {item["seen_by"] for item in workshop.items("shell")} == {"shell"}


def test_resident_of_a_step_that_cannot_loop_is_refused_by_name(workshop: Workshop, chaos_image: str) -> None:
    workshop.photographs("a.jpg")
    with pytest.raises(
        PreflightError, match=r"step 'once' cannot run on the resident rung.*coordinator\.loop"
    ):
        workshop.run({"name": "once", "image_ref": chaos_image}, rung=Rung.RESIDENT)


def test_a_program_that_answers_once_and_ends_works_on_the_process_rung(
    workshop: Workshop, chaos_image: str
) -> None:
    workshop.photographs("a.jpg", "b.jpg", "c.jpg")
    params: dict[str, Any] = {"fault": "crash", "only": []}
    step = {"name": "once", "image_ref": chaos_image, "params": params, **PYTHON}
    assert workshop.run(step, rung=Rung.PROCESS).counts == {("once", Status.SUCCEEDED): 3}


@pytest.mark.parametrize("rung", [Rung.EXEC, Rung.RESIDENT, Rung.PROCESS])
def test_what_a_step_writes_is_handed_over_on_every_rung(
    workshop: Workshop, chaos_loop_image: str, rung: Rung
) -> None:
    workshop.photographs("a.jpg", "b.jpg")
    params = {"fault": "write", "loop": True}
    workshop.run({"name": "step", "image_ref": chaos_loop_image, "params": params, **PYTHON}, rung=rung)
    for name in ("a.jpg", "b.jpg"):
        written = workshop.out / "work" / "step" / name / "note.txt"
        assert written.read_text() == f"written for step/{name}"
        assert written.stat().st_uid == workshop.out.stat().st_uid
    assert [item["image"] for item in workshop.items("step")] == [
        "/work/step/a.jpg/note.txt",
        "/work/step/b.jpg/note.txt",
    ]
