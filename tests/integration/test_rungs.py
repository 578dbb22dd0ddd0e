"""The other ways to run the same images: exec, resident, process and prestarted containers, on a real engine."""

from __future__ import annotations

from typing import Any

import pytest

from coordinator.core.resources import Grant
from coordinator.core.tasks import StepTask
from coordinator.pipeline import Rung
from coordinator.record.journal import Status
from coordinator.runners.containers import Started
from coordinator.runners.isolation import Isolation
from coordinator.runners.kept import Ending
from coordinator.runners.resident import ResidentContainer
from coordinator.session.preflight import PreflightError
from tests.integration.conftest import STEPS, Workshop

KEPT = [Rung.EXEC, Rung.RESIDENT]
PYTHON = {"command": ["python3", str(STEPS / "chaos" / "chaos.py")]}


@pytest.mark.parametrize("rung", KEPT)
def test_one_lane_serves_many_tasks(workshop: Workshop, echo_image: str, rung: Rung) -> None:
    workshop.photographs(*(f"{number:02}.jpg" for number in range(20)))
    summary = workshop.run({"name": "echo", "image_ref": echo_image}, rung=rung)
    assert summary.counts == {("echo", Status.SUCCEEDED): 20}


def test_a_chunk_is_a_container_that_takes_so_many_tasks_and_ends_by_itself(
    workshop: Workshop, echo_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first_tasks: list[str] = []
    ends: list[tuple[bool, int | None]] = []
    start, end = Isolation.start_kept, ResidentContainer.end

    def watched_start(isolation: Isolation, task: StepTask, grant: Grant) -> Started:
        first_tasks.append(task.id)
        return start(isolation, task, grant)

    def watched_end(container: ResidentContainer, *, kill: bool) -> Ending:
        ending = end(container, kill=kill)
        ends.append((kill, ending.exit_code))
        return ending

    monkeypatch.setattr(Isolation, "start_kept", watched_start)
    monkeypatch.setattr(ResidentContainer, "end", watched_end)
    workshop.photographs(*(f"{number:02}.jpg" for number in range(20)))
    summary = workshop.run({"name": "echo", "image_ref": echo_image}, chunk=8, jobs=1)
    assert summary.counts == {("echo", Status.SUCCEEDED): 20}
    assert first_tasks == ["echo/00.jpg", "echo/08.jpg", "echo/16.jpg"]
    assert ends == [(False, 0)] * 3


def test_chunks_are_a_matter_of_each_step(workshop: Workshop, echo_image: str, chaos_image: str) -> None:
    workshop.photographs(*(f"{number:02}.jpg" for number in range(5)))
    params: dict[str, Any] = {"fault": "crash", "only": []}
    steps = (
        {"name": "echo", "image_ref": echo_image, "chunk": 2},
        {"name": "once", "image_ref": chaos_image, "params": params},
    )
    assert workshop.run(*steps).counts == {("echo", Status.SUCCEEDED): 5, ("once", Status.SUCCEEDED): 5}


def test_prestarted_containers_give_the_same_and_none_is_left(workshop: Workshop, shell_image: str) -> None:
    workshop.photographs(*(f"{number}.jpg" for number in range(5)))
    summary = workshop.run({"name": "shell", "image_ref": shell_image}, prestart=2)
    assert summary.counts == {("shell", Status.SUCCEEDED): 5}
    assert {item["seen_by"] for item in workshop.items("shell")} == {"shell"}


@pytest.mark.parametrize(
    ("options", "told"),
    [({"rung": Rung.RESIDENT}, "run on the resident rung"), ({"chunk": 8}, "take 8 tasks in a container")],
)
def test_a_step_that_cannot_loop_is_refused_by_name_where_it_would_have_to(
    workshop: Workshop, chaos_image: str, options: dict[str, Any], told: str
) -> None:
    workshop.photographs("a.jpg")
    with pytest.raises(PreflightError, match=rf"step 'once' cannot {told}.*coordinator\.loop"):
        workshop.run({"name": "once", "image_ref": chaos_image}, **options)
    assert not workshop.out.exists()


def test_a_program_that_answers_once_and_ends_works_on_the_process_rung(
    workshop: Workshop, chaos_image: str
) -> None:
    workshop.photographs("a.jpg", "b.jpg", "c.jpg")
    params: dict[str, Any] = {"fault": "crash", "only": []}
    step = {"name": "once", "image_ref": chaos_image, "params": params, **PYTHON}
    assert workshop.run(step, rung=Rung.PROCESS).counts == {("once", Status.SUCCEEDED): 3}


@pytest.mark.parametrize(
    "way", [{"rung": Rung.EXEC}, {"rung": Rung.RESIDENT}, {"rung": Rung.PROCESS}, {"chunk": 2}]
)
def test_what_a_step_writes_is_handed_over_on_every_rung(
    workshop: Workshop, chaos_loop_image: str, way: dict[str, Any]
) -> None:
    workshop.photographs("a.jpg", "b.jpg")
    params = {"fault": "write", "loop": True}
    workshop.run({"name": "step", "image_ref": chaos_loop_image, "params": params, **PYTHON}, **way)
    for name in ("a.jpg", "b.jpg"):
        written = workshop.out / "work" / "step" / name / "note.txt"
        assert written.read_text() == f"written for step/{name}"
        assert written.stat().st_uid == workshop.out.stat().st_uid
    assert [item["image"] for item in workshop.items("step")] == [
        "/work/step/a.jpg/note.txt",
        "/work/step/b.jpg/note.txt",
    ]
