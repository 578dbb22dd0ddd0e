"""Tasks are plain data, and their keys change with everything a result depends on, and with nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter

from coordinator.contract import RegionMessage
from coordinator.core.paths import image_paths
from coordinator.core.tasks import FetchTask, RemoteImage, StepTask, key_head, task_key
from coordinator.pipeline import Step
from coordinator.strictjson import Json
from tests.unit.builders import item, request, resources, square, step, task

STEP = step("detect", params={"a": 1, "b": 2})
ITEMS = [item("r1", image="/batch/r1.jpg", width=8)]
REGION = RegionMessage(id="0_0", core=square(0, 0, 1, 1), halo=1)
STAMPS = ["/batch/r1.jpg 10 20"]


def key(**changed: Any) -> str:
    given: dict[str, Any] = {
        "step": STEP,
        "image_id": "sha256:1",
        "items": ITEMS,
        "region": REGION,
        "stamps": STAMPS,
    }
    given |= changed
    return task_key(key_head(given.pop("step"), given.pop("image_id")), **given)


class TestKey:
    @pytest.mark.parametrize(
        "changed",
        [
            {"image_id": "sha256:2"},
            {"step": STEP.model_copy(update={"params": {"a": 1}})},
            {"items": [item("r1", image="/batch/r1.jpg", width=9)]},
            {"items": [*ITEMS, item("r2")]},
            {"items": []},
            {"region": None},
            {"region": REGION.model_copy(update={"halo": 2.0})},
            {"stamps": ["/batch/r1.jpg 10 21"]},
            {"stamps": []},
        ],
        ids=[
            "image",
            "params",
            "item",
            "more items",
            "no items",
            "no region",
            "halo",
            "changed file",
            "no file",
        ],
    )
    def test_it_changes_with_what_a_result_depends_on(self, changed: dict[str, Any]) -> None:
        assert key(**changed) != key()

    @pytest.mark.parametrize(
        "other",
        [
            step("detect", params={"b": 2, "a": 1}),
            step("detect", params={"a": 1, "b": 2}, timeout=5, retries=9),
            step("detect", params={"a": 1, "b": 2}, resources=resources(cpus=3)),
        ],
        ids=["order of parameters", "limits", "resources"],
    )
    def test_it_stays_with_what_makes_no_difference(self, other: Step) -> None:
        assert key(step=other) == key()

    @pytest.mark.parametrize(
        ("region", "lost", "digest"),
        [
            (REGION, 3, "44c7f6ace3ef9585c7d0896aecf141af2c10301c0a473fdb8dcf96553600e27f"),
            (None, 0, "434149bcc04199538aec6bfa9b2e5b5048be27088328dcd4811f99c025d47463"),
        ],
    )
    def test_it_is_what_it_was_in_the_versions_before(
        self, region: RegionMessage | None, lost: int, digest: str
    ) -> None:
        """Else a run folder that is continued with this version would do everything again."""
        items = [item("r1", image="/batch/straße.jpg", width=8)]
        assert key(items=items, stamps=["/batch/straße.jpg 10 20"], region=region, lost=lost) == digest

    def test_the_order_of_an_items_keys_makes_no_difference(self) -> None:
        assert key(items=[dict(reversed(ITEMS[0].items()))]) == key()


def test_images_are_found_wherever_they_stand() -> None:
    value: Json = item(
        "o", image="/batch/a", observations=[{"image": "/batch/b", "x": [{"image": "/work/c"}]}]
    )
    assert list(image_paths({**value, "images": "no", "image2": "no", "sub": {"image": None}})) == [
        "/batch/a", "/batch/b", "/work/c",
    ]  # fmt: skip


def test_a_task_survives_json() -> None:
    image = RemoteImage(url="https://h.example/r.jpg", path="/work/fetch/r/image.jpg")
    sent = task(request("position/0_0", ITEMS, region=REGION, params={"k": [1]}), attempt=2)
    for one in (sent, FetchTask(id="fetch/r", image=image)):
        adapter: TypeAdapter[StepTask | FetchTask] = TypeAdapter(type(one))
        assert adapter.validate_json(adapter.dump_json(one)) == one
