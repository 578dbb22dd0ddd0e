"""What runs again when something has changed, and nothing else does: counted from the attempts in the journal."""

from __future__ import annotations

import json
import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from coordinator.batch.regions import Grid
from coordinator.errors import ExitCode
from coordinator.pipeline import Rung
from coordinator.session.options import RunOptions
from coordinator.session.run import run
from tests.integration.conftest import STEPS

GRID = Grid(size=100, halo=20)
TOWN = [(40.0 * column, 40.0 * row) for row in range(10) for column in range(20)]
STREET = [(330.0 + 10.0 * number, 195.0) for number in range(10)]
"""Ten recordings more, along the edge between two rows of regions."""


class Town:
    """A batch of recordings at these positions, and a survey of it."""

    def __init__(self, folder: Path, positions: Iterable[tuple[float, float]]) -> None:
        self.folder = folder
        self.batch = folder / "batch"
        self.batch.mkdir(parents=True)
        (self.batch / "batch.yaml").write_text(
            f"crs: EPSG:28992\nregion: {{size: {GRID.size}, halo: {GRID.halo}}}\n"
        )
        self.positions: list[tuple[float, float]] = []
        self.add(positions)

    def add(self, positions: Iterable[tuple[float, float]]) -> None:
        self.positions += positions
        rows = []
        for number, (x, y) in enumerate(self.positions):
            image = self.batch / f"{number:03}.jpg"
            if not image.exists():
                image.write_text(f"photograph {number:03}")
            rows.append(f"{number:03},{image.name},16,12,{x},{y},0\n")
        (self.batch / "recordings.csv").write_text("id,image,width,height,x,y,heading\n" + "".join(rows))

    def survey(
        self,
        rung: Rung,
        image: str = "none",
        *,
        hash_inputs: bool = False,
        aligned: bool = False,
        ends: ExitCode = ExitCode.DONE,
        **params: Any,
    ) -> None:
        """Runs it, ``aligned`` with a step per batch in it; ``params`` are of the steps that they name."""
        step = {
            "image_ref": image,
            "command": ["python3", str(STEPS / "survey" / "survey.py")],
            "resources": {"cpus": 1, "memory": "64m"},
        }
        per = {"detect": "item", "position": "region", "recognise": "item"}
        if aligned:
            per = {"detect": "item", "align": "batch", "position": "region", "recognise": "item"}
        steps = [
            {**step, "name": name, "per": unit, "params": params.get(name, {})} for name, unit in per.items()
        ]
        pipeline = self.folder / "pipeline.yaml"
        pipeline.write_text(yaml.safe_dump({"name": "survey", "steps": steps}))
        options = RunOptions(
            batch=self.batch,
            out=self.folder / "run",
            pipeline=str(pipeline),
            rung=rung,
            hash_inputs=hash_inputs,
        )
        assert run(options, "a test").exit_code is ends

    def attempted(self) -> dict[str, list[str]]:
        """The units that the last session attempted, by step."""
        found: dict[str, list[str]] = {}
        with closing(sqlite3.connect(self.folder / "run" / "journal.db")) as db:
            query = "SELECT task FROM attempts WHERE session = (SELECT MAX(session) FROM recordings) ORDER BY task"
            for (task,) in db.execute(query):
                step, _, unit = task.partition("/")
                found.setdefault(step, []).append(unit)
        return found

    def counted(self) -> Counter[str]:
        return Counter({step: len(units) for step, units in self.attempted().items()})

    def results(self) -> list[bytes]:
        names = ("objects.geojson", "objects.csv", "detections.json")
        return [(self.folder / "run" / name).read_bytes() for name in names]

    @property
    def objects(self) -> int:
        return len(json.loads(self.results()[0])["features"])


@pytest.mark.parametrize("rung", [Rung.PROCESS, Rung.RESIDENT])
def test_ten_recordings_more_are_ten_detections_and_the_regions_they_touch(
    tmp_path: Path, rung: Rung, request: pytest.FixtureRequest
) -> None:
    image = "none" if rung is Rung.PROCESS else request.getfixturevalue("survey_image")
    town = Town(tmp_path / "town", TOWN)
    town.survey(rung, image)
    everything = town.counted()
    assert (everything["detect"], everything["recognise"], town.objects) == (200, 200, 200)
    town.survey(rung, image)
    assert town.attempted() == {}
    town.add(STREET)
    town.survey(rung, image)
    touched = {region for position in STREET for region in GRID.around(position)}
    assert 4 <= len(touched) < everything["position"] / 4
    assert town.attempted() == {
        "detect": [f"{number}" for number in range(200, 210)],
        "position": sorted(touched),
        "recognise": [f"object-{number}" for number in range(200, 210)],
    }
    fresh = Town(tmp_path / "fresh", [*TOWN, *STREET])
    fresh.survey(rung, image)
    assert town.results() == fresh.results()


class TestWhatChanges:
    @pytest.fixture
    def town(self, tmp_path: Path) -> Town:
        made = Town(tmp_path / "town", TOWN[:12])
        made.survey(Rung.PROCESS)
        return made

    def test_a_changed_step_runs_again_and_what_follows(self, town: Town) -> None:
        everything, before = town.counted(), town.results()
        town.survey(Rung.PROCESS, detect={"shade": 3})
        assert town.counted() == everything
        assert town.results() != before

    def test_what_comes_before_it_does_not(self, town: Town) -> None:
        everything, before = town.counted(), town.results()
        town.survey(Rung.PROCESS, position={"radius": 3})
        assert town.counted() == {"position": everything["position"]}  # it says the same as ever
        town.survey(Rung.PROCESS, position={"radius": 3}, recognise={"names": "short"})
        assert town.counted() == {"recognise": everything["recognise"]}
        assert town.results() == before

    def test_a_recording_that_has_gone_takes_its_objects_along(self, town: Town) -> None:
        town.positions.pop()
        town.add([])
        town.survey(Rung.PROCESS)
        assert set(town.counted()) == {"position"}
        assert town.objects == 11

    @pytest.mark.parametrize("lose", [Path.unlink, lambda path: path.write_bytes(b"")], ids=["gone", "empty"])
    def test_a_file_that_is_lost_is_made_again(self, town: Town, lose: Callable[[Path], None]) -> None:
        lose(town.folder / "run" / "work" / "detect" / "000" / "seen.txt")
        before = town.results()
        town.survey(Rung.PROCESS)
        assert town.attempted() == {
            "detect": ["000"],
            "position": sorted(GRID.around(TOWN[0])),
            "recognise": ["object-000"],
        }
        assert town.results() == before

    def test_another_photograph_of_the_same_size_and_time(self, town: Town) -> None:
        image = town.batch / "003.jpg"

        def swap(content: str) -> None:
            state = image.stat()
            image.write_text(content)
            os.utime(image, ns=(state.st_atime_ns, state.st_mtime_ns))

        swap("PHOTOGRAPH 003")
        town.survey(Rung.PROCESS)
        assert town.attempted() == {}
        town.survey(Rung.PROCESS, hash_inputs=True)
        swap("Photograph 003")
        town.survey(Rung.PROCESS, hash_inputs=True)
        assert town.attempted() == {"detect": ["003"]}  # its file is as it was, so nothing follows
        (town.batch / "004.jpg").touch()
        town.survey(Rung.PROCESS, hash_inputs=True)
        assert town.attempted() == {}
