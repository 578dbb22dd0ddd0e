"""``run`` as a user sees it: a messy batch, an interrupted run, a dry run that is pasted into a shell."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
import yaml

from coordinator.record.journal import Journal
from coordinator.runners.engine import Engine
from tests.acceptance import messy
from tests.acceptance.conftest import ROOT, coordinator, interrupt, left_behind, start_coordinator
from tests.waiting import PATIENCE, eventually


def _pipeline(path: Path, *steps: dict[str, object]) -> Path:
    small = {"resources": {"cpus": 0.5, "memory": "64m"}, "retries": 0}
    path.write_text(yaml.safe_dump({"name": "test", "steps": [{**small, **step} for step in steps]}))
    return path


def _items(run: Path, step: str) -> list[dict[str, object]]:
    with Journal(run / "journal.db") as journal:
        return list(journal.items(step))


def test_every_item_of_a_messy_batch_is_accounted_for(tmp_path: Path, clean_engine: Engine) -> None:
    batch, run = tmp_path / "batch", tmp_path / "run"
    batch.mkdir()
    messy.make(batch)
    ended = coordinator("run", batch, "--until", "detect", "--out", run)
    assert ended.code == 1, ended.err
    assert {item["id"] for item in _items(run, "detect")} == messy.GOOD
    reports = [json.loads(path.read_text()) for path in (run / "failures").glob("*/error.json")]
    failed = {report["task"].split("/", 1)[1]: report["error"] for report in reports}
    assert failed.keys() == messy.BAD
    assert {error["kind"] for error in failed.values()} == {"bad_input"}
    assert "truncated" in failed["truncated.jpg"]["message"]
    assert "empty" in failed["empty.jpg"]["message"]
    assert "not an image" in failed["text.jpg"]["message"]
    rotated = next(item for item in _items(run, "detect") if item["id"] == "rotated.jpg")
    assert (rotated["width"], rotated["height"]) == (240, 320)
    assert "batch       2 failed" in ended.out
    assert "detect      9 succeeded, 1 failed" in ended.out


def test_a_dry_run_pasted_into_a_shell_gives_what_the_run_gives(
    tmp_path: Path, echo_image: str, shell_image: str, clean_engine: Engine, tools: dict[str, str]
) -> None:
    batch, run, dry = tmp_path / "batch", tmp_path / "run", tmp_path / "dry, run"
    batch.mkdir()
    messy.make(batch)
    for name in messy.BAD:
        (batch / name).unlink()
    pipeline = _pipeline(
        tmp_path / "pipeline.yaml",
        {"name": "first", "image_ref": echo_image},
        {"name": "gather", "image_ref": shell_image, "per": "region"},
        {"name": "last", "image_ref": echo_image, "params": {"quote": "it's"}},
    )
    what = (batch, "--pipeline", pipeline, "--limit", "3")
    assert coordinator("run", *what, "--out", run).code == 0
    script = coordinator("run", *what, "--out", dry, "--dry-run")
    assert script.code == 0, script.err
    subprocess.run(["bash"], input=script.out, text=True, check=True, env=tools, timeout=300)
    pasted = [json.loads(path.read_text()) for path in (dry / "dry-run" / "last").glob("*/*.json")]
    by_id = {item["id"]: item for response in pasted for item in response["items"]}
    assert by_id == {item["id"]: item for item in _items(run, "last")}
    assert len(by_id) == 3


@pytest.mark.parametrize("until", [("--until", "detect"), ()], ids=["until detect", "whole"])
def test_the_flagships_dry_run_through_sh_into_a_fresh_folder(
    tmp_path: Path, clean_engine: Engine, tools: dict[str, str], until: tuple[str, ...]
) -> None:
    """Folders with blanks, quotes, a comma and the script's own variable, piped from another working directory."""
    batch, dry = tmp_path / "the batch's, $unit", tmp_path / 'a "fresh" run\'s, $unit'
    shutil.copytree(ROOT / "images" / "demo", batch)
    script = coordinator("run", batch, "--limit", "1", *until, "--out", dry, "--dry-run")
    assert script.code == 0, script.err
    assert not dry.exists()
    subprocess.run(
        ["sh"], input=script.out, text=True, check=True, env=tools, cwd=tmp_path, umask=0o077, timeout=300
    )
    (said,) = (json.loads(path.read_text()) for path in (dry / "dry-run" / "detect").glob("*/*.json"))
    assert [item["image"] for item in said["items"]] == ["/batch/forward/r0000.jpg"]
    places = list((dry / "dry-run").glob("position/*/*.json"))
    assert bool(places) is not bool(until)
    assert all("items" in json.loads(path.read_text()) for path in places)


def test_an_interrupted_run_leaves_nothing_running_and_continues(
    tmp_path: Path, chaos_image: str, clean_engine: Engine
) -> None:
    """The second half of its recordings are held until it has been interrupted."""
    batch, run = tmp_path / "batch", tmp_path / "run"
    batch.mkdir()
    table = "".join(f"r{number},a.jpg,16,12\n" for number in range(40))
    (batch / "recordings.csv").write_text("id,image,width,height\n" + table)
    held = [f"r{number}" for number in range(20, 40)]
    params = {"fault": "hold", "only": held}
    pipeline = _pipeline(
        tmp_path / "pipeline.yaml", {"name": "step", "image_ref": chaos_image, "params": params}
    )
    command = ("run", batch, "--pipeline", pipeline, "--out", run)
    process = start_coordinator(*command)
    eventually(lambda: (run / "work" / "step" / "r20").is_dir())
    interrupt(process, signal.SIGINT)
    (batch / "go").touch()
    out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "the same command continues this run" in out
    assert left_behind(clean_engine, tmp_path) == []
    done = len(_items(run, "step"))
    assert 20 < done < 40
    ended = coordinator(*command)
    assert ended.code == 0, ended.err
    assert len(_items(run, "step")) == 40
    assert f"{done} from before" in ended.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run", "no-such-folder"], "no such folder"),
        (["run", ".", "--pipeline", "no-such-pipeline"], "no built-in one"),
        (["run", ".", "--until", "paint"], "its steps are detect, position, recognise"),
        (["run", ".", "--from", "recognise", "--until", "detect"], "comes after"),
        (["run", ".", "--jobs", "0"], "not a whole number"),
        (["score", "no-such-run", "truth.geojson"], "No such file"),
        (["frobnicate"], "invalid choice"),
    ],
)
def test_a_command_that_makes_no_sense_is_refused_with_the_reason(arguments: list[str], says: str) -> None:
    ended = coordinator(*arguments)
    assert ended.code == 2
    assert says in ended.err


def test_everything_wrong_is_told_at_once_before_anything_runs(tmp_path: Path, clean_engine: Engine) -> None:
    batch = tmp_path / "batch"
    batch.mkdir()
    pipeline = _pipeline(
        tmp_path / "pipeline.yaml",
        {"name": "one", "image_ref": "coordinator-test/no-such-image"},
        {"name": "two", "image_ref": "coordinator/detect", "resources": {"cpus": 4000, "memory": "1g"}},
        {"name": "three", "image_ref": "coordinator/detect", "resources": {"gpus": 64}},
    )
    ended = coordinator("run", batch, "--pipeline", pipeline, "--out", tmp_path / "run")
    assert ended.code == 2
    for reason in (
        "'coordinator-test/no-such-image' is not on this engine",
        "asks for 4000 CPUs",
        "asks for 64 GPUs",
    ):
        assert reason in ended.err
    assert not (tmp_path / "run").exists()
