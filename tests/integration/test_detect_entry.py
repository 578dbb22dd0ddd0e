"""The detect step's entry: items in, items with detections out, through the step contract."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from images.render.signs import faces
from steps.detect.__main__ import handle
from steps.stepkit import BadInput, Task

ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    image = np.full((240, 320, 3), (95, 110, 105), np.uint8)
    face = cv2.resize(faces.draw(1, 256), (64, 64), interpolation=cv2.INTER_AREA)
    alpha = face[..., 3:] / 255
    image[60:124, 100:164] = (face[..., :3] * alpha + image[60:124, 100:164] * (1 - alpha)).astype(np.uint8)
    path = tmp_path / "r0001.png"
    assert cv2.imwrite(str(path), image)
    return path


def task(item: dict[str, Any], **params: Any) -> Task:
    return Task(id="detect/r0001", step="detect", params=params, items=[item], region=None, work_dir=Path())


def test_an_item_keeps_its_keys_and_gains_detections_and_size(photo: Path) -> None:
    item = {"id": "r0001", "image": str(photo), "camera": None, "pose": {"x": 1.0}, "note": "kept"}
    (answered,) = handle(task(item))
    assert {key: answered[key] for key in item} == item
    assert (answered["width"], answered["height"]) == (320, 240)
    (detection,) = answered["detections"]
    assert detection["label"] == "red-circle"
    assert 0.5 <= detection["score"] <= 1
    assert detection["bbox"] == pytest.approx([100, 60, 64, 64], abs=4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image": "/nowhere/r0001.png"}, "cannot read image"),
        ({"image": None}, "has no image"),
        ({"width": 4000, "height": 2000}, "the batch says 4000x2000"),
        ({"camera": {"model": "fisheye"}}, "unknown camera model"),
        ({"camera": "pinhole"}, "camera must be null or an object with a model, not 'pinhole'"),
        ({"width": "320", "height": 240}, "width must be a whole number of pixels"),
    ],
)
def test_items_that_cannot_be_worked_on_are_refused(
    photo: Path, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        handle(task({"id": "r0001", "image": str(photo), **change}))


MEASURED = """
import json, pathlib, sys
from steps.detect.__main__ import handle
from steps.stepkit import Task
item = {"id": "r0001", "image": sys.argv[1], "camera": {"model": "equirectangular"}}
handle(Task(id="t", step="detect", params={}, items=[item], region=None, work_dir=pathlib.Path()))
status = pathlib.Path("/proc/self/status").read_text()
print(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))
"""
"""Prints the most memory that one photograph took, in kB."""


def test_a_large_panorama_takes_little_more_memory_than_its_pixels(tmp_path: Path) -> None:
    # 216 MB of pixels. Two copies of them, or what its views are reckoned from in one go, would be beyond it.
    path = tmp_path / "panorama.png"
    assert cv2.imwrite(str(path), np.full((6000, 12000, 3), 128, np.uint8))
    program = [sys.executable, "-c", MEASURED, str(path)]
    ended = subprocess.run(program, capture_output=True, text=True, check=True, env=ONE_THREAD)
    assert int(ended.stdout) * 1024 < 560e6


def test_the_program_answers_the_same_bytes_twice(photo: Path) -> None:
    request = {
        "protocol": 1,
        "task": "detect/r0001",
        "step": "detect",
        "params": {},
        "items": [{"id": "r0001", "image": str(photo)}],
        "region": None,
        "work_dir": str(photo.parent),
    }
    lines = (json.dumps(request) + "\n") * 2
    program = [sys.executable, "-m", "steps.detect"]
    ended = subprocess.run(program, input=lines, capture_output=True, text=True, check=True, timeout=60)
    answers = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [answer["task"] for answer in answers] == ["detect/r0001"] * 2
    assert answers[0]["items"] == answers[1]["items"]
