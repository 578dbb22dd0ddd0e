"""The imaging step through a run, as docs/imaging.md shows it, on real containers and as a process."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import docker
import numpy as np
import pytest

from coordinator.pipeline import Rung
from coordinator.record.journal import Status
from coordinator.session.options import RunOptions
from coordinator.session.run import run
from steps.build.images import ensure_base, ensure_step
from tests.integration.conftest import Workshop

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "imaging.md"


@pytest.fixture(scope="module", autouse=True)
def _image(client: docker.DockerClient) -> None:
    ensure_base(client, print)
    ensure_step(client, "imaging")


@pytest.mark.parametrize("rung", [Rung.FRESH, Rung.RESIDENT, Rung.PROCESS])
def test_the_documents_pipeline_gives_on_every_rung_what_opencv_gives(
    workshop: Workshop, engine: object, rung: Rung
) -> None:
    photograph = np.random.default_rng(5).integers(0, 256, (341, 455, 3), np.uint8)
    assert cv2.imwrite(str(workshop.batch / "photo.png"), photograph)
    found = re.search(r"```yaml\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    pipeline = workshop.folder / "quarters.yaml"
    pipeline.write_text(found[1])
    summary = run(
        RunOptions(batch=workshop.batch, out=workshop.out, pipeline=str(pipeline), rung=rung), "a test"
    )
    assert summary.counts == {
        ("resize", Status.SUCCEEDED): 1,
        ("split", Status.SUCCEEDED): 1,
        ("write", Status.SUCCEEDED): 4,
    }

    small = cv2.resize(photograph, (200, 300), interpolation=cv2.INTER_AREA)
    quarters = [small[:150, :100], small[:150, 100:], small[150:, :100], small[150:, 100:]]
    for number, quarter in enumerate(quarters):
        written = workshop.out / "work" / "write" / f"photo.png-{number}" / "0.png"
        expected = cv2.imencode(".png", cv2.GaussianBlur(quarter, (5, 5), 0))[1]
        assert written.read_bytes() == expected.tobytes()
    assert {(item["id"], item["image"]) for item in workshop.items("write")} == {
        (f"photo.png-{number}", f"/work/write/photo.png-{number}/0.png") for number in range(4)
    }


def test_bad_images_fail_one_by_one_and_say_why(workshop: Workshop, engine: object) -> None:
    workshop.photographs("good.jpg", "truncated.jpg", "mislabelled.jpg")
    (workshop.batch / "mislabelled.jpg").write_bytes(
        cv2.imencode(".bmp", np.zeros((4, 4), np.uint8))[1].tobytes()
    )
    path = workshop.batch / "truncated.jpg"
    path.write_bytes(path.read_bytes()[:-2])
    step = {
        "name": "resize",
        "image_ref": "coordinator/imaging",
        "params": {"operations": [["resize", "50%"], ["write", "jpg"]]},
    }
    summary = workshop.run(step, rung=Rung.RESIDENT)
    assert summary.counts == {("resize", Status.SUCCEEDED): 1, ("resize", Status.FAILED): 2}
    for name, reason in {
        "truncated": "is a truncated JPEG",
        "mislabelled": "is neither a JPEG nor a PNG",
    }.items():
        error = workshop.failure(f"resize%2F{name}.jpg")["error"]
        assert error["kind"] == "bad_input"
        assert reason in error["message"]
