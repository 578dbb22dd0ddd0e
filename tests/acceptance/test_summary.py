"""What a run says at its end of how much came onto the map, and what validate says before it."""

from __future__ import annotations

import csv
import json
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.acceptance.conftest import ROOT, coordinator
from tests.acceptance.inputs.demo import demo
from tests.acceptance.inputs.expected import POSITION, Came, Refused, Right, attempt, fault
from tests.acceptance.inputs.inputs import INPUTS
from tests.acceptance.inputs.parts import coco, given, images, settings, table
from tests.acceptance.inputs.scene import Json, Scene
from tests.acceptance.inputs.tables import canonical, rename

_LINE = re.compile(r"^objects +(\d+), from (\d+) of (\d+) detections in (\d+) recordings", re.MULTILINE)


def noisy(scene: Scene) -> Scene:
    """Poses as of a receiver and a compass of the ordinary kind: 1 m and 2 degrees, standard deviations."""
    noise = np.random.default_rng(20240514)
    views = [
        view.on(
            x=view.x + noise.normal(0, 1.0),
            y=view.y + noise.normal(0, 1.0),
            heading=view.heading + noise.normal(0, 2.0),
        )
        for view in scene.views
    ]
    return Scene(place=scene.place, signs=scene.signs, views=tuple(views))


def ran(folder: Path, spoil: bool) -> Came:
    batch = given(
        "demo",
        "the demo",
        Right(),
        images(),
        table(),
        settings(),
        coco(),
        scene=demo,
        told=noisy if spoil else None,
    )
    _, came = attempt(batch, folder, ROOT, sys.executable)
    assert came.code == 0, came.out + came.err
    return came


def test_the_exact_demo_puts_nearly_all_detections_onto_the_map(tmp_path: Path) -> None:
    came = ran(tmp_path, spoil=False)
    objects, used, detections, recordings = counted(came)
    assert (objects, recordings) == (9, 28)
    assert used > 0.7 * detections
    assert not [line for line in came.printed(("warning",)) if "detections" in line]


def test_a_noisy_demo_that_shows_each_sign_often_says_that_signs_are_doubled(tmp_path: Path) -> None:
    """Where very many detections are, rays that are off meet by chance, and nearly all come onto the map."""
    came = ran(tmp_path, spoil=True)
    objects, used, detections, _ = counted(came)
    assert objects > 20
    assert used > 0.7 * detections
    for texts in (came.out.splitlines(), came.kept(("warning",))):
        assert [text for text in texts if "one thing came onto the map twice" in text], came.out


@pytest.fixture(scope="module")
def detected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the pipeline's own step detects in the demo."""
    out = tmp_path_factory.mktemp("detected") / "run"
    arguments = ("--until", "detect", "--rung", "process", "--out", str(out))
    ended = coordinator("run", str(ROOT / "images" / "demo"), *arguments)
    assert ended.code == 0, ended.err
    return out / "detections.json"


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_noisy_demo_says_how_little_of_what_is_detected_came_onto_the_map(
    detected: Path, tmp_path: Path, seed: int
) -> None:
    """1 m and 2 degrees, standard deviations."""
    batch = tmp_path / "batch"
    shutil.copytree(ROOT / "images" / "demo", batch)
    shutil.copy(detected, batch)
    noise = np.random.default_rng(seed)
    with (batch / "recordings.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        for name, deviation in (("x", 1.0), ("y", 1.0), ("z", 1.0), ("heading", 2.0)):
            row[name] = str(float(row[name]) + noise.normal(0, deviation))
    with (batch / "recordings.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(rows)
    ended = coordinator(
        "run", str(batch), "--from", "position", "--rung", "process", "--out", str(tmp_path / "run")
    )
    line = _LINE.search(ended.out)
    assert line, ended.out + ended.err
    _, used, detections, _ = map(int, line.groups())
    assert f"warning: only {100 * used / detections:.0f}% of the detections came onto the map" in ended.out
    told = coordinator("status", str(tmp_path / "run")).out
    assert line[0] in told
    assert f"only {100 * used / detections:.0f}% of the detections" in told


def counted(came: Came) -> tuple[int, ...]:
    """The four numbers of the summary's line: objects, detections that made them, all detections, recordings."""
    line = _LINE.search(came.out)
    assert line, came.out
    return tuple(int(number) for number in line.groups())


_SAMPLE = (
    *(
        "csv-canonical",
        "table-degrees",
        "table-swapped",
        "table-far-off",
        "table-headng",
        "table-column-twice",
    ),
    *("exif-no-ref", "exif-magnetic", "exif-altitude-some", "crs-south-orientated", "crs-web-mercator"),
    *("coco-other-names", "coco-broken", "coco-one-bad-box", "regions-swapped", "regions-some-outside"),
)


@pytest.mark.parametrize("name", _SAMPLE)
def test_validate_says_what_run_says(name: str, tmp_path: Path) -> None:
    one = next(one for one in INPUTS if one.name == name)
    _, came = attempt(one, tmp_path, ROOT, sys.executable)
    ended = coordinator("validate", tmp_path / "batch", "--json", *POSITION)
    if came.code == 2:
        assert ended.code == 2, ended.out
        assert reason(ended.err.replace(str(tmp_path), "")) == reason(came.err)
    else:
        kept = json.loads((came.run / "run.json").read_text(encoding="utf-8"))["findings"]
        assert warnings(json.loads(ended.out)["findings"]) == warnings(kept)


def warnings(findings: list[Json]) -> set[str]:
    """The warnings' texts, without those of the map, of which nobody can know before."""
    of_the_map = ("few-placed", "no-objects")
    return {one["text"] for one in findings if one["level"] == "warning" and one["kind"] not in of_the_map}


def reason(text: str) -> str:
    """What a refusal says, without what was noticed beside it."""
    return text[text.index("coordinator: ") :]


def test_a_demo_of_which_nothing_can_be_placed_is_refused_before_it_begins(tmp_path: Path) -> None:
    unplaced = rename(canonical, x=None, y=None, z=None, heading=None)
    lost = given("demo", "", Refused("position"), images(), table(unplaced), settings(), coco(), scene=demo)
    scene, came = attempt(lost, tmp_path, ROOT, sys.executable)
    assert fault(lost.expect, scene, came) is None, came.out + came.err
