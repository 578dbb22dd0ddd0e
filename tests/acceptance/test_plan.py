"""``plan`` as a user types it: after a run, from its folder."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from coordinator.instances import parse_instances
from tests.acceptance.conftest import coordinator

DEMO = Path(__file__).resolve().parents[2] / "images" / "demo"
MACHINES = """
machines:
  - {name: small, cpus: 4, memory: 16g, price: 0.2, boot_s: 60, most: 8}
  - {name: spot, cpus: 4, memory: 16g, price: 0.05, boot_s: 60, most: 8, spot: true, taken_back_h: 2}
"""


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo, run as local processes one after the other."""
    folder = tmp_path_factory.mktemp("plan")
    done = coordinator("run", DEMO, "--out", folder / "run", "--rung", "process", "--jobs", "1")
    assert done.code == 0, done.err
    (folder / "machines.yaml").write_text(MACHINES)
    return folder


def test_what_was_measured_is_what_is_predicted(measured: Path) -> None:
    done = coordinator("plan", measured / "run", "--json")
    assert done.code == 0, done.err
    plan = json.loads(done.out)
    told = plan["measured"][0]
    assert plan["chosen"]["played"]["tasks"] == {"detect": 28, "position": 4, "recognise": 9}
    assert plan["chosen"]["played"]["makespan_s"] == pytest.approx(told["makespan_s"], rel=0.15)


def test_a_municipality_on_machines_that_are_not_there(measured: Path) -> None:
    out = measured / "plan"
    asked = ("plan", measured / "run", "--recordings", "2000", "--machines", measured / "machines.yaml")
    done = coordinator(*asked, "--deadline", "2h", "--out", out)
    assert done.code == 0, done.err
    assert "chosen" in done.out
    assert "resuming" in done.out
    plan = json.loads((out / "plan.json").read_text())
    assert plan["chosen"]["hours"] <= 2
    assert len(plan["front"]) > 1
    assert ElementTree.parse(out / "front.svg").getroot().tag.endswith("svg")
    thresholds = {
        one["name"]: one["instances"] for one in yaml.safe_load((out / "instances.yaml").read_text())["steps"]
    }
    assert thresholds == plan["instances"]
    assert set(thresholds["detect"]) >= {"least", "most", "idle_s"}
    options = re.findall(r"--instances (\S+)", (out / "instances.yaml").read_text())
    read = {name: one.model_dump() for name, one in map(parse_instances, options)}
    assert read == thresholds
    again = coordinator(*asked, "--deadline", "2h")
    assert again.out == done.out


def test_a_wish_that_nothing_grants_is_told(measured: Path) -> None:
    machines = measured / "machines.yaml"
    done = coordinator("plan", measured / "run", "--machines", machines, "--deadline", "1s")
    assert done.code == 1
    assert "no fleet that was looked at keeps what was asked for" in done.out


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--deadline", "soon"), "'soon' is no time"),
        (("--deadline", "9" * 400 + "h"), "is more than a century"),
        (("--recordings", "10000001"), "more than 10,000,000, of which a play takes an hour"),
        (("--jobs", "9" * 30), "the most of one machine"),
        (("--budget", "-3"), "'-3' is no amount of money"),
        (("--machines", "nowhere.yaml"), "machines 'nowhere.yaml' cannot be read"),
        (("--rung", "exec"), "no task of step 'detect' has succeeded on rung exec"),
    ],
)
def test_what_is_wrong_is_told(measured: Path, more: tuple[str, ...], told: str) -> None:
    done = coordinator("plan", measured / "run", *more)
    assert done.code == 2
    assert told in done.err


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_played(measured: Path) -> None:
    """Told before the run is looked at, which is no run."""
    file = measured / "machines.yaml"
    (measured / "taken" / "front.svg").mkdir(parents=True)
    for out, told in (
        (file, "File exists"),
        (file / "in", "Not a directory"),
        (measured / "taken", "front.svg is a folder"),
    ):
        done = coordinator("plan", measured, "--out", out)
        assert done.code == 2
        assert f"the plan cannot be written to {str(out)!r}" in done.err
        assert told in done.err


def test_jobs_are_of_the_runs_own_machine(measured: Path) -> None:
    done = coordinator("plan", measured / "run", "--jobs", "2", "--machines", measured / "machines.yaml")
    assert done.code == 2
    assert "--jobs is of a plan for the run's own machine" in done.err


def test_no_run_is_no_plan(measured: Path) -> None:
    done = coordinator("plan", measured)
    assert done.code == 2
    assert "is no run folder" in done.err
