"""``align`` as a user types it, and a dry run with a step per batch, both in containers."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from coordinator.batch.folder import open_batch
from coordinator.batch.recording import Recording
from coordinator.record.journal import Journal
from coordinator.runners.engine import Engine
from coordinator.strictjson import Json
from tests.acceptance.conftest import coordinator, interrupt, left_behind, start_coordinator
from tests.unit.builders import write_png
from tests.waiting import PATIENCE, eventually

NAMES = ("a.png", "b.png", "c.png")


@pytest.fixture
def batch(tmp_path: Path) -> Path:
    """Three recordings ten metres apart."""
    folder = tmp_path / "batch"
    for name in NAMES:
        write_png(folder / name, 16, 8)
    rows = (
        f"{name},{155_000 + 10 * number},463000,2,90,equirectangular\n" for number, name in enumerate(NAMES)
    )
    (folder / "recordings.csv").write_text("image,x,y,z,heading,camera\n" + "".join(rows))
    (folder / "batch.yaml").write_text("crs: EPSG:28992\nregion: {size: 30, halo: 5}\n")
    return folder


def positions(folder: Path) -> list[float]:
    found = open_batch(folder).recordings()
    return [one.place.x for one in found if isinstance(one, Recording) and one.place]


def content(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_batch_is_aligned_in_a_container(batch: Path, aligner_image: str, clean_engine: Engine) -> None:
    out, before = batch.parent / "aligned", content(batch)
    params = json.dumps({"move": 2.5, "keep": ["b.png"]})
    ended = coordinator("align", batch, "--out", out, "--image", aligner_image, "--params", params)
    assert ended.code == 0, ended.err
    assert "aligned     2 of 3 recordings\nkept        1 have their prior pose: 'b.png'" in ended.out
    assert positions(out) == [155_002.5, 155_010.0, 155_022.5]
    assert sorted(path.name for path in batch.parent.iterdir()) == ["aligned", "batch"]
    assert content(batch) == before
    assert left_behind(clean_engine, batch.parent) == []
    again = coordinator("align", batch, "--out", out, "--image", aligner_image)
    assert again.code == 2
    assert "is there already" in again.err


@pytest.fixture
def held(batch: Path, aligner_image: str) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """An alignment whose step does not answer, as from the moment on that it is at work; and what it writes."""
    out = batch.parent / "aligned"
    command = ("align", batch, "--out", out, "--image", aligner_image)
    process = start_coordinator(*command, "--params", '{"hold": true}')
    eventually(lambda: (batch.parent / ".aligned.align" / "work" / "align" / "all").is_dir())
    yield process, out
    process.kill()
    process.communicate()


def test_interrupted_it_leaves_nothing(
    held: tuple[subprocess.Popen[str], Path], batch: Path, clean_engine: Engine
) -> None:
    process, _ = held
    interrupt(process, signal.SIGINT)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, said
    assert [path.name for path in batch.parent.iterdir()] == ["batch"]
    assert left_behind(clean_engine, batch.parent) == []


def test_killed_it_is_done_by_the_same_command(
    held: tuple[subprocess.Popen[str], Path], batch: Path, aligner_image: str, clean_engine: Engine
) -> None:
    process, out = held
    process.kill()
    process.wait(PATIENCE)
    assert not out.exists()
    ended = coordinator("align", batch, "--out", out, "--image", aligner_image)
    assert ended.code == 0, ended.err
    assert positions(out) == [155_000.0, 155_010.0, 155_020.0]
    assert sorted(path.name for path in batch.parent.iterdir()) == ["aligned", "batch"]
    assert left_behind(clean_engine, batch.parent) == []


def test_an_image_that_is_not_there_is_told_and_leaves_nothing(batch: Path, clean_engine: Engine) -> None:
    ended = coordinator("align", batch, "--out", batch.parent / "aligned", "--image", "nobody/made-this")
    assert ended.code == 2
    assert "nobody/made-this" in ended.err
    assert [path.name for path in batch.parent.iterdir()] == ["batch"]


def test_a_dry_run_with_a_step_per_batch_gives_what_the_run_gives(
    batch: Path, aligner_image: str, echo_image: str, clean_engine: Engine, tools: dict[str, str]
) -> None:
    small: Json = {"resources": {"cpus": 0.5, "memory": "64m"}, "retries": 0, "writes": False}
    steps = [
        {**small, "name": "first", "image_ref": echo_image},
        {**small, "name": "align", "image_ref": aligner_image, "per": "batch", "params": {"move": 25}},
        {**small, "name": "regions", "image_ref": echo_image, "per": "region"},
    ]
    pipeline = batch.parent / "pipeline.yaml"
    pipeline.write_text(yaml.safe_dump({"name": "test", "steps": steps}))
    run, dry = batch.parent / "run", batch.parent / "dry"
    assert coordinator("run", batch, "--pipeline", pipeline, "--out", run).code == 0
    script = coordinator("run", batch, "--pipeline", pipeline, "--out", dry, "--dry-run")
    assert script.code == 0, script.err
    subprocess.run(["bash"], input=script.out, text=True, check=True, env=tools, timeout=300)
    said = [json.loads(path.read_text()) for path in (dry / "dry-run" / "regions").glob("*/*.json")]
    with Journal(run / "journal.db") as journal:
        rows = journal._db.execute("SELECT id, items FROM tasks WHERE step = 'regions' AND items IS NOT NULL")
        assert {one["task"]: one["items"] for one in said} == {task: json.loads(text) for task, text in rows}
    assert len(said) > 1
