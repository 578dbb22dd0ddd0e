"""``python -m tests.made_up_run OUT --recordings N --objects N``: a run folder as a run leaves it, without the run.

Streets from west to east with a recording every few metres, objects beside them, and a journal, a ``run.json`` and
results by the coordinator's own code. For what looks at runs: reports, reviews, and how quick they are with many.
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from coordinator import __version__
from coordinator.batch.crs import Projection
from coordinator.batch.regions import Grid, as_json
from coordinator.contract import PROTOCOL, ErrorKind, TaskError
from coordinator.pipeline import Per, Step
from coordinator.record.disk import write_json
from coordinator.record.facts import SessionState
from coordinator.record.journal import Attempt, Journal
from coordinator.record.results import write_results
from coordinator.record.runfolder import RunFolder
from coordinator.strictjson import Json

CRS = "EPSG:28992"
ORIGIN = (155_000.0, 463_000.0)
START = 1_700_000_000.0
GRID = Grid(size=100.0, halo=50.0)
STEPS = (
    Step(name="detect", image_ref="made/detect", per=Per.ITEM),
    Step(name="position", image_ref="made/position", per=Per.REGION),
    Step(name="recognise", image_ref="made/recognise", per=Per.ITEM),
)
CATEGORIES = (
    "stop", "yield", "priority_road", "roundabout", "no_entry", "no_parking", "speed_limit_30", "speed_limit_50",
    "children_warning", "bend_left", "bend_right", "one_way", "pedestrians", "cyclists", "bus_stop", "crossroads",
)  # fmt: skip
_APART, _STREETS_APART, _VIEWS = 5.0, 50.0, 6
_WIDTH, _HEIGHT = 1280, 800


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is to be made up. ``names`` take the place of the first objects' ids, ``categories`` of all categories."""

    recordings: int = 40
    objects: int = 8
    photographs: bool = True
    names: Sequence[str] = ()
    categories: Sequence[str] = CATEGORIES
    recording_names: Mapping[int, str] = field(default_factory=dict)
    state: SessionState = SessionState.COMPLETE
    moved: float = 0.0
    """Metres by which every object stands further to the east than it would, under another id."""

    def recording(self, number: int) -> str:
        return self.recording_names.get(number, f"street/r{number:06}.jpg")


def write_run(folder: Path, batch: Path, wanted: Wanted = Wanted()) -> RunFolder:
    """Writes the batch's photographs and the run folder with its results."""
    if wanted.photographs:
        _write_photographs(batch, wanted)
    run = RunFolder(folder)
    run.create()
    with Journal(run.journal, durable=False) as journal:
        journal.begin_session()
        _fill(journal, run, wanted, batch)
        write_json(run.about, _about(batch))
        write_results(journal, STEPS, Projection.named(CRS), folder)
        journal.note(session_state=wanted.state)
    return run


def _write_photographs(batch: Path, wanted: Wanted) -> None:
    """One photograph under as many names as there are recordings, as hard links."""
    rng = np.random.default_rng(1)
    small = rng.integers(40, 220, (_HEIGHT // 32, _WIDTH // 32, 3), np.uint8)
    first = batch / ".first.jpg"
    batch.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(first), cv2.resize(small, (_WIDTH, _HEIGHT)))
    for number in range(wanted.recordings):
        path = batch / wanted.recording(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        if number % 60_000 == 59_999:  # a file has at most 65,000 names
            first.unlink()
            assert cv2.imwrite(str(first), cv2.resize(small, (_WIDTH, _HEIGHT)))
        if not path.exists():
            os.link(first, path)
    first.unlink()


def _about(batch: Path) -> Json:
    return {
        "batch": {"name": batch.name, "folder": str(batch)},
        "crs": CRS,
        "regions": as_json(GRID),
        "pipeline": {"name": "made-up", "steps": [step.model_dump(mode="json") for step in STEPS]},
        "images": {},
        "versions": {"coordinator": __version__, "protocol": PROTOCOL},
        "host": {"name": "nowhere", "cpus": 2.0, "gpus": []},
        "findings": [],
        "seconds": 60.0,
    }


def place_of(number: int, recordings: int) -> tuple[float, float]:
    """Where a recording was taken: streets of equal length, beside each other."""
    along = max(1, math.ceil(math.sqrt(recordings * _STREETS_APART / _APART)))
    street, place = divmod(number, along)
    return ORIGIN[0] + _APART * place, ORIGIN[1] + _STREETS_APART * street


def _fill(journal: Journal, run: RunFolder, wanted: Wanted, batch: Path) -> None:
    journal.note(batch=str(batch), run_id="made0up", started=START, steps=tuple(step.name for step in STEPS))
    journal.note(command="python -m coordinator run batch", directory="/here", covered=True)
    regions: dict[str, list[Json]] = {}
    clock = itertools.count()
    for number in range(wanted.recordings):
        item = _recording(number, wanted)
        journal.admit(item["id"])
        _done(journal, "detect", item["id"], [item], next(clock))
        regions.update({unit: [] for unit in GRID.around(place_of(number, wanted.recordings))})
    things = list(_objects(wanted))
    for thing in things:
        x, y = thing["position"]["x"], thing["position"]["y"]
        core = f"{math.floor(x / GRID.size)}_{math.floor(y / GRID.size)}"
        named = ("category", "category_score")
        found = {name: value for name, value in thing.items() if name not in named}
        regions.setdefault(core, []).append(found)
    for unit, found_there in regions.items():
        _done(journal, "position", unit, found_there, next(clock))
    for thing in things:
        _done(journal, "recognise", thing["id"], [thing], next(clock))
    _fail(journal, run, next(clock))
    came = {"objects": len(things), "placed": _VIEWS * len(things), "detections": 8 * len(things)}
    journal.note(
        mapped={**came, "recordings": wanted.recordings, "posed": wanted.recordings},
        findings=({"kind": "made-up", "level": "warning", "text": "nothing of this is real"},),
    )


def _fail(journal: Journal, run: RunFolder, clock: int) -> None:
    """One photograph that could not be read."""
    error = TaskError(kind=ErrorKind.BAD_INPUT, message="image 'x.jpg' ends at byte 12")
    journal.admit("x.jpg")
    _tried(journal, "detect/x.jpg", clock, error)
    journal.failed("detect/x.jpg", "detect", "x.jpg", error)
    run.evidence.keep("detect/x.jpg", error)


def _done(journal: Journal, step: str, unit: str, items: list[Json], clock: int) -> None:
    _tried(journal, f"{step}/{unit}", clock, None)
    journal.succeeded(f"{step}/{unit}", step, unit, f"key of {unit}", items)


def _tried(journal: Journal, task: str, clock: int, error: TaskError | None) -> None:
    journal.attempted(
        Attempt(
            task=task,
            number=1,
            submitted=START + 0.01 * clock,
            ended=START + 0.01 * clock + 0.05,
            container=None,
            error=error,
            metrics={"busy_s": 0.03},
        )
    )


def _recording(number: int, wanted: Wanted) -> Json:
    x, y = place_of(number, wanted.recordings)
    name = wanted.recording(number)
    return {
        "id": name,
        "image": f"/batch/{name}",
        "width": _WIDTH,
        "height": _HEIGHT,
        "time": "2024-05-14T10:00:00Z",
        "camera": {"model": "pinhole", "fx": 947.2, "fy": 947.2, "cx": 639.5, "cy": 399.5},
        "pose": {"x": x, "y": y, "z": 2.5, "heading": 90.0, "pitch": 0.0, "roll": 0.0},
        "detections": [],
    }


def _objects(wanted: Wanted) -> Iterator[Json]:
    rng = random.Random(1)
    for number in range(wanted.objects):
        first = rng.randrange(max(1, wanted.recordings - _VIEWS))
        x, y = place_of(first, wanted.recordings)
        seen = range(first, min(first + _VIEWS, wanted.recordings))
        name = (
            wanted.names[number]
            if number < len(wanted.names)
            else f"o-{number:06}{'m' if wanted.moved else ''}"
        )
        yield {
            "id": name,
            "position": {"x": x + 30.0 + wanted.moved, "y": y + 4.0, "z": 2.0 + rng.random()},
            "covariance": [[0.02, 0.005, 0.0], [0.005, 0.01, 0.0], [0.0, 0.0, 0.01]],
            "residual": 0.05,
            "size": 0.6,
            "views": len(seen),
            "score": round(0.5 + rng.random() / 2, 4),
            "observations": [_observation(wanted, one, 30.0 - _APART * (one - first)) for one in seen],
            "category": wanted.categories[number % len(wanted.categories)],
            "category_score": 0.9,
        }


def _observation(wanted: Wanted, recording: int, distance: float) -> Json:
    side = 600.0 / max(5.0, distance)
    name = wanted.recording(recording)
    return {
        "recording": name,
        "detection": 0,
        "image": f"/batch/{name}",
        "width": _WIDTH,
        "height": _HEIGHT,
        "bbox": [700.0, 300.0, side, side],
        "score": 0.9,
        "distance": distance,
    }


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="gets a folder `batch` and a folder `run`")
    parser.add_argument("--recordings", type=int, default=100_000)
    parser.add_argument("--objects", type=int, default=10_000)
    parser.add_argument("--no-photographs", action="store_true")
    options = parser.parse_args()
    wanted = Wanted(
        recordings=options.recordings, objects=options.objects, photographs=not options.no_photographs
    )
    print(write_run(options.out / "run", options.out / "batch", wanted).path)


if __name__ == "__main__":
    main()
