"""The dry run is a shell script that can be pasted into a shell."""

from __future__ import annotations

import json
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from coordinator.commands.dryrun import script
from coordinator.errors import CoordinatorError
from coordinator.runners.habits import Habits
from coordinator.session.options import RunOptions

PIPELINE = """\
name: p
steps:
  - {name: detect, image_ref: example/detect, params: {say: "it's $HOME `x`"}}
  - {name: position, image_ref: example/position, per: region}
  - {name: recognise, image_ref: example/recognise}
"""
NAMES = [
    "r1.jpg",
    "with space.jpg",
    "it's.jpg",
    "$(touch HACKED).jpg",
    "new\nline.jpg",
    "-rf.jpg",
    "straße.jpg",
]


def options(
    tmp_path: Path, *, pipeline: str = PIPELINE, names: list[str] = NAMES, batch: str = "batch"
) -> RunOptions:
    folder = tmp_path / batch
    folder.mkdir()
    rows = [
        {"id": name, "image": name, "x": 10.0 * n, "y": 5.0, "width": 8, "height": 4}
        for n, name in enumerate(names)
    ]
    (folder / "recordings.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    (folder / "batch.yaml").write_text("crs: EPSG:28992\nregion: {size: 30, halo: 5}\n")
    (tmp_path / "pipeline.yaml").write_text(pipeline)
    return RunOptions(batch=folder, out=tmp_path / "run", pipeline=str(tmp_path / "pipeline.yaml"))


def text(wanted: RunOptions, habits: Habits | None = None) -> str:
    return "\n".join(script(wanted, habits)) + "\n"


def test_it_is_a_valid_script(tmp_path: Path) -> None:
    subprocess.run(["bash", "-n"], input=text(options(tmp_path)).encode(), check=True)


def test_the_first_steps_requests_are_the_coordinators_own(tmp_path: Path) -> None:
    """Run with stand-ins for docker, chown and curl: what docker would read is one request line per recording."""
    lines = text(options(tmp_path)).split("\n# position")[0] + "\n"
    stand_ins = 'docker() { cat >&3; }; chown() { :; }; exec 3>"$0"\n'
    seen = tmp_path / "seen"
    subprocess.run(["bash", "-c", stand_ins + lines, str(seen)], cwd=tmp_path, check=True)
    requests = [json.loads(line) for line in seen.read_text().splitlines()]
    assert [request["task"] for request in requests] == [f"detect/{name}" for name in NAMES]
    assert requests[0]["params"] == {"say": "it's $HOME `x`"}
    assert not (tmp_path / "HACKED").exists()


def test_what_every_container_mounts_is_made_first(tmp_path: Path) -> None:
    """A fresh run folder has no work folder, and a step that writes nothing would have none made."""
    silent = PIPELINE.replace("example/detect,", "example/detect, writes: false,")
    lines = text(options(tmp_path, pipeline=silent)).splitlines()
    first = next(number for number, line in enumerate(lines) if "docker run" in line)
    assert f"mkdir -p {tmp_path}/run/work" in lines[:first]


def test_a_folder_named_like_the_scripts_variable_is_quoted(tmp_path: Path) -> None:
    wanted = replace(options(tmp_path, names=["r1.jpg"]), out=tmp_path / "$unit")
    assert f"mkdir -p '{tmp_path}/$unit/work'" in text(wanted).splitlines()


def test_every_step_runs_isolated(tmp_path: Path) -> None:
    runs = [line for line in text(options(tmp_path, names=["r1.jpg"])).splitlines() if "docker run" in line]
    assert len(runs) >= 3
    for line in runs:
        assert "--network none --read-only --cap-drop ALL" in line


def test_a_name_with_a_newline_stays_a_comment(tmp_path: Path) -> None:
    wanted = options(
        tmp_path,
        names=["x.jpg"],
        batch="a\ntouch HACKED\n",
        pipeline=PIPELINE.replace("name: p\n", 'name: "p\\nfalse"\n'),
    )
    before, _, _ = text(wanted).partition("\nset -e\n")
    assert before.splitlines()[0].startswith("# pipeline 'p\\nfalse' over ")
    assert all(line.startswith("#") for line in before.splitlines())


def test_bad_recordings_are_comments(tmp_path: Path) -> None:
    wanted = options(tmp_path, names=["../a\nfalse.jpg"])
    (comment,) = (line for line in text(wanted).splitlines() if "left out" in line)
    assert comment.startswith("# left out: '../a\\nfalse.jpg': ")


def test_a_region_gathers_its_recordings_and_only_them(tmp_path: Path) -> None:
    # Squares of 30 m with a halo of 5 m; recordings at x = 0, 10, 20, 30.
    lines = text(options(tmp_path, names=["a", "b", "c", "d"])).splitlines()
    (west,) = (line for line in lines if '"task": "position/0_0"' in line)
    (east,) = (line for line in lines if '"task": "position/1_0"' in line)
    for line, roots in ((west, "abcd"), (east, "d")):
        find = shlex.split(line.split(" | ")[0])
        sources = [Path(word).name for word in find if "/dry-run/detect/" in word]
        assert sources == list(roots)


def test_what_keeps_a_run_from_starting_keeps_the_dry_run_too(tmp_path: Path) -> None:
    with pytest.raises(CoordinatorError):
        text(options(tmp_path, pipeline="name: [", names=[]))


class TestForTheEngineThatIsThere:
    def test_its_habits_are_kept_and_said(self, tmp_path: Path) -> None:
        lines = text(options(tmp_path), Habits(is_rootless=True, labels_files=True)).splitlines()
        assert "# for an engine as the one here: rootless, with SELinux" in lines
        asked = [line for line in lines if "docker run" in line]
        assert all(" --user 0:0 " in line and " label=disable " in line for line in asked)

    def test_a_plain_one(self, tmp_path: Path) -> None:
        made = text(options(tmp_path), Habits())
        assert "# for an engine as the one here: plain" in made
        assert " --user 0:0 " not in made

    def test_without_one_it_is_said_for_which_the_lines_are(self, tmp_path: Path) -> None:
        assert "# no engine answered: for one that maps no users" in text(options(tmp_path))
