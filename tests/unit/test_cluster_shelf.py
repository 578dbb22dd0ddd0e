"""Requests with many items on a cluster: they lie in files, each as long as its task is under way."""

from __future__ import annotations

from pathlib import Path

import pytest

from coordinator.cluster.messages import ShelvedTask, pack_tasks, unpack_tasks
from coordinator.cluster.shelf import MANY, Shelf, taken
from coordinator.contract import RegionMessage, Request
from coordinator.core.tasks import StepTask
from coordinator.pipeline import Per, Rung, Step
from coordinator.record.files import Files

STEP = Step(name="step", image_ref="none", rung=Rung.PROCESS, command=("python3",), per=Per.REGION)
REGION = RegionMessage(
    id="here",
    core={"type": "Polygon", "coordinates": [[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]]},
    halo=1.5,
)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    (tmp_path / "work").mkdir()
    return Files(batch=tmp_path / "batch", work=tmp_path / "work")


def task(name: str, count: int) -> StepTask:
    items = [
        {"id": f"{name} ü\u2028 {number}", "deep": {"x": [1, 2.5, None, 1e300]}} for number in range(count)
    ]
    request = Request(
        task=f"step/{name}", step="step", params={}, items=items, region=REGION, work_dir=f"/work/step/{name}"
    )
    return StepTask(request=request, step=STEP, image_id="id", attempt=3)


def left(files: Files) -> list[Path]:
    return [path for path in files.work.rglob("*") if path.is_file()]


def test_many_items_go_by_file_and_arrive_as_they_were(files: Files) -> None:
    shelf, whole = Shelf(files), [task("few", MANY - 1), task("many", MANY), task("more", 5 * MANY)]
    packed = pack_tasks([shelf.put(one) for one in whole])
    assert b"many 0" not in packed.replace("ü\u2028 ".encode(), b"")
    assert [*taken(unpack_tasks(packed, STEP, "id"), files)] == whole
    assert len(left(files)) == 2


def test_a_file_goes_with_its_task(files: Files) -> None:
    shelf = Shelf(files)
    for name in ("a", "b"):
        assert isinstance(shelf.put(task(name, MANY)), ShelvedTask)
    shelf.remove("step/a")
    shelf.remove("step/a")
    shelf.remove("step/never there")
    assert len(left(files)) == 1
    shelf.close()
    assert not [*files.work.iterdir()]


def test_a_task_that_is_sent_again_has_its_items_again(files: Files) -> None:
    shelf, whole = Shelf(files), task("a", MANY)
    shelf.put(whole)
    shelf.remove(whole.id)
    again = shelf.put(whole)
    assert [*taken(unpack_tasks(pack_tasks([again]), STEP, "id"), files)] == [whole]


def test_what_a_killed_session_left_is_removed(files: Files) -> None:
    Shelf(files).put(task("a", MANY))
    Shelf(files)
    assert not left(files)


def test_a_node_that_does_not_see_the_items_says_so(files: Files, tmp_path: Path) -> None:
    packed = pack_tasks([Shelf(files).put(task("a", MANY))])
    elsewhere = Files(batch=tmp_path / "batch", work=tmp_path / "elsewhere")
    with pytest.raises(FileNotFoundError, match="elsewhere"):
        [*taken(unpack_tasks(packed, STEP, "id"), elsewhere)]
