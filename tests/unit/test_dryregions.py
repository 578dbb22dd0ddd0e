"""Behind a step per batch a dry run's script finds the same regions as a run, with jq."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from coordinator.batch.regions import Grid, Polygons, Regions, Undivided, point_of
from coordinator.commands.dryregions import requests
from coordinator.commands.dryrun import script
from coordinator.errors import UsageError
from coordinator.session.options import RunOptions
from coordinator.strictjson import Json
from tests.unit.builders import item, square
from tests.unit.test_dryrun import options, text

pytestmark = pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")

RING = [[0.0, 0.0], [80.0, -20.0], [40.0, 30.0], [80.0, 90.0], [0.0, 60.0], [0.0, 0.0]]
HOLE = [[10.0, 20.0], [20.0, 20.0], [20.0, 30.0], [10.0, 30.0], [10.0, 20.0]]
CORES = {
    "concave, it's": {"type": "Polygon", "coordinates": [RING, HOLE]},
    "two": {"type": "MultiPolygon", "coordinates": [square(-90, -90, -60, -60)["coordinates"], [RING]]},
    "far off": square(5000, 5000, 6000, 6000),
}


def places() -> list[Json]:
    """Items on corners, on edges and anywhere; some tell no place, or one that is none."""
    chance = random.Random(1)
    corners = [(float(x), float(y)) for x in (-100, -10, 0, 10, 40, 80, 100) for y in (-100, 0, 20, 60, 110)]
    anywhere = [(chance.uniform(-150, 150), chance.uniform(-150, 150)) for _ in range(150)]
    found = [
        item(f"r{number:03}", pose={"x": x, "y": y}) for number, (x, y) in enumerate([*corners, *anywhere])
    ]
    odd = [item("none", pose=None), item("words", pose={"x": "1", "y": 2}), item("nothing")]
    return [*odd, *found, item("object", pose={"x": 0, "y": 0}, position={"x": 50, "y": 0, "z": 1})]


@pytest.mark.parametrize(
    "regions",
    [Grid(size=100.0, halo=10.0), Grid(size=30, halo=0), Polygons(cores=CORES, halo=15.0), Undivided()],
    ids=["grid", "grid without halo", "polygons", "undivided"],
)
def test_every_item_goes_where_a_run_would_take_it(regions: Regions) -> None:
    items = places()
    expected: defaultdict[str, list[str]] = defaultdict(list)
    for one in sorted(items, key=lambda one: str(one["id"])):
        for region in regions.around(point_of(one)):
            expected[region].append(one["id"])
    program = requests(regions, "position/", "/work/position/")
    answers = "\n".join(json.dumps({"task": one["id"], "items": [one]}) for one in items)
    command = ["jq", "-cs", "--argjson", "head", '{"step": "position"}', program]
    said = subprocess.run(command, input=answers, text=True, check=True, capture_output=True).stdout
    asked = {request["task"]: request for request in map(json.loads, said.splitlines())}
    assert {task: [one["id"] for one in request["items"]] for task, request in asked.items()} == {
        f"position/{region}": ids for region, ids in expected.items()
    }
    for region in expected:
        message = regions.message(region)
        assert asked[f"position/{region}"]["region"] == (message.model_dump() if message else None)


PIPELINE = """\
name: p
steps:
  - {name: detect, image_ref: example/detect}
  - {name: align, image_ref: example/align, per: batch, writes: false}
  - {name: position, image_ref: example/position, per: region, writes: false}
  - {name: recognise, image_ref: example/recognise}
"""
DOCKER = """\
chown() { :; }
docker() {
  tee -a "$0" | jq -c --arg image "${@: -1}" '{task, items: (
    if $image == "example/detect" then [.items[] + {pose: {x: (.items[0].pose.x), y: 5}}]
    elif $image == "example/align" then [.items[] | .pose.x += 25]
    elif $image == "example/position" then [{id: "o-\\(.region.id)", seen: [.items[].id]}]
    else .items end)}'
}
"""
"""What the images of the pipeline do: detect nothing, move all by 25 m, make an object for each region."""


def wanted(tmp_path: Path, pipeline: str = PIPELINE) -> RunOptions:
    found = options(tmp_path, pipeline=pipeline, names=["a.jpg", "b.jpg", "c.jpg"])
    rows = [
        {"id": name, "image": name, "x": 10.0 * n, "y": 5.0, "z": 1, "heading": 0, "width": 8, "height": 4}
        for n, name in enumerate(["a.jpg", "b.jpg", "c.jpg"])
    ]
    (found.batch / "recordings.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return found


def asked(tmp_path: Path, lines: str) -> dict[str, Json]:
    """The requests that a script's containers read, by their tasks."""
    seen = tmp_path / "seen"
    subprocess.run(["bash", "-ec", DOCKER + lines, str(seen)], cwd=tmp_path, check=True)
    requests = [json.loads(line) for line in seen.read_text().splitlines()]
    assert len({request["task"] for request in requests}) == len(requests)
    return {request["task"]: request for request in requests}


def test_a_script_with_a_step_per_batch(tmp_path: Path) -> None:
    """Squares of 30 m with a halo of 5 m; recordings at x = 0, 10, 20 come to 25, 35, 45."""
    found = asked(tmp_path, text(wanted(tmp_path)))
    align = found["align/all"]
    assert ([one["id"] for one in align["items"]], align["region"], align["work_dir"]) == (
        ["a.jpg", "b.jpg", "c.jpg"],
        None,
        "/work/align/all",
    )
    seen = {
        task: [one["id"] for one in request["items"]]
        for task, request in found.items()
        if "position/" in task
    }
    assert seen == {"position/0_0": ["a.jpg"], "position/1_0": ["a.jpg", "b.jpg", "c.jpg"]}
    assert found["recognise/o-1_0"]["items"][0]["seen"] == ["a.jpg", "b.jpg", "c.jpg"]


def test_a_step_per_batch_may_be_first(tmp_path: Path) -> None:
    first = wanted(tmp_path, PIPELINE.replace("  - {name: detect, image_ref: example/detect}\n", ""))
    found = asked(tmp_path, text(first))
    assert [one["id"] for one in found["align/all"]["items"]] == ["a.jpg", "b.jpg", "c.jpg"]
    assert "recognise/o-1_0" in found


def test_what_cannot_be_printed_is_refused(tmp_path: Path) -> None:
    again = PIPELINE + "  - {name: merge, image_ref: example/merge, per: region}\n"
    with pytest.raises(UsageError, match="cannot print a second step per region behind a step per batch"):
        list(script(wanted(tmp_path, again), None))
