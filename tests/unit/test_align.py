"""``align``: a batch with refined poses beside the one it is made of, by a stand-in for the step as a local process."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from coordinator.batch.folder import open_batch
from coordinator.batch.recording import Place, Recording
from coordinator.cli import main
from coordinator.commands import align
from coordinator.commands.alignment import Alignment, Refined
from coordinator.errors import BatchError, ExitCode
from tests.unit.builders import item, write_png

ALIGNER = Path(__file__).parents[1] / "integration" / "steps" / "aligner" / "aligner.py"


@pytest.fixture
def batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four recordings, the last without a heading of its own, with detections and a truth; the stand-in is the step."""
    step = {
        "name": "align",
        "image_ref": "none",
        "per": "batch",
        "needs": ["poses"],
        "rung": "process",
        "retries": 0,
        "command": [sys.executable, str(ALIGNER)],
    }
    pipeline = tmp_path / "stand-in.yaml"
    pipeline.write_text(yaml.safe_dump({"name": "stand-in", "steps": [step]}))
    monkeypatch.setattr(align, "_BUILT_IN", str(pipeline))
    folder = tmp_path / "batch"
    for name in ("a.png", "b.png", "sub/c.png", "d.png"):
        write_png(folder / name, 100, 50)
    (folder / "recordings.csv").write_text(
        "id,image,x,y,z,heading,camera,note\n"
        "a,a.png,155000,463000,2,359,equirectangular,x\n"
        "b,b.png,155010,463000,2,90,equirectangular,y\n"
        "c,sub/c.png,155020,463000,2,91,equirectangular,z\n"
        "d,d.png,155030,463000,2,,equirectangular,z\n"
    )
    (folder / "batch.yaml").write_text(
        "crs: EPSG:28992\nregion: {size: 100, halo: 20}\naccuracy: {position_m: 3, heading_deg: 5}\n"
    )
    images = [{"id": 1, "file_name": "a.png", "width": 100, "height": 50}]
    boxes = [{"id": 1, "image_id": 1, "category_id": 7, "bbox": [1, 2, 3, 4], "score": 0.5}]
    detections = {"images": images, "annotations": boxes, "categories": [{"id": 7, "name": "sign"}]}
    (folder / "detections.json").write_text(json.dumps(detections))
    (folder / "truth.geojson").write_text('{"type": "FeatureCollection", "features": []}')
    return folder


def aligned(batch: Path, **params: Any) -> int:
    return main(["align", str(batch), "--out", str(batch.parent / "out"), "--params", json.dumps(params)])


def recordings(folder: Path) -> dict[str, Recording]:
    found = open_batch(folder).recordings(with_detections=True)
    return {one.id: one for one in found if isinstance(one, Recording)}


def content(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rest(recording: Recording) -> dict[str, Any]:
    """A recording without its pose, and without columns that nobody reads."""
    read = ("id", "image", "width", "height", "camera", "detections")
    return {name: recording.item.get(name) for name in read}


def left(batch: Path) -> list[str]:
    return sorted(path.name for path in batch.parent.iterdir() if path.name not in ("batch", "stand-in.yaml"))


def test_a_batch_with_other_poses_and_nothing_else(
    batch: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = content(batch)
    assert aligned(batch, move=3.0, turn=4.0, keep=["c"], also={"shared_m": 1.5}) == ExitCode.DONE
    assert content(batch) == before
    given, found = recordings(batch), recordings(tmp_path / "out")
    assert list(found) == list(given)
    for name in ("a", "b"):
        prior, pose = given[name].item["pose"], found[name].item["pose"]
        assert pose["x"] == prior["x"] + 3.0
        assert pose["heading"] == pytest.approx((prior["heading"] + 4.0) % 360)
    assert {one: found["c"].item["pose"][one] for one in ("x", "heading")} == {
        "x": 155_020.0,
        "heading": 91.0,
    }
    for name in given:
        assert rest(given[name]) == rest(found[name])
    rows = {row["id"]: row for row in csv.DictReader((tmp_path / "out" / "recordings.csv").open())}
    assert [(rows[name]["position_accuracy"], rows[name]["heading_accuracy"]) for name in "abc"] == [
        ("0.25", "0.5"),
        ("0.25", "0.5"),
        ("3.0", "5.0"),
    ]
    stated = [found[name].item["pose"]["accuracy"] for name in "abc"]
    assert [one["position_m"] for one in stated] == [0.25, 0.25, 3.0]
    # What neighbours have wrong together comes with them: or the map would promise more than anybody knows.
    assert [one.get("shared_m") for one in stated] == [1.5, 1.5, None]
    assert (tmp_path / "out" / "sub" / "c.png").samefile(batch / "sub" / "c.png")
    assert (tmp_path / "out" / "truth.geojson").read_bytes() == (batch / "truth.geojson").read_bytes()
    assert open_batch(tmp_path / "out").config.region == open_batch(batch).config.region
    assert left(batch) == ["out"]
    said = capsys.readouterr().out
    assert "aligned     3 of 4 recordings" in said
    assert "kept        1 have their prior pose: 'c'\n            1: no neighbour shows the same" in said
    assert "moved       3.00 m, 4.00 degrees (medians, of those that were aligned)" in said
    assert (
        "accuracy    before 3.00 m, 5.00 degrees; after 0.25 m among neighbours and 1.52 m on the ground, "
        "0.50 degrees (medians)"
    ) in said
    assert f"result      {tmp_path / 'out' / 'recordings.csv'}" in said


def test_into_an_empty_folder_that_is_there(batch: Path) -> None:
    (batch.parent / "out").mkdir()
    assert aligned(batch, move=1.0) == ExitCode.DONE
    assert recordings(batch.parent / "out")["a"].position == (155_001.0, 463_000.0)


def test_a_folder_with_anything_in_it_is_left_alone(batch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (batch.parent / "out").mkdir()
    (batch.parent / "out" / "mine.txt").touch()
    assert aligned(batch) == ExitCode.REFUSED
    assert "is there already; name another folder with --out" in capsys.readouterr().err
    assert left(batch) == ["out"]


def test_the_batch_itself_is_never_written_to(batch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = content(batch)
    assert main(["align", str(batch), "--out", str(batch / "better")]) == ExitCode.REFUSED
    assert "lies inside the batch" in capsys.readouterr().err
    assert content(batch) == before


@pytest.mark.parametrize("params", ["[1]", "{", "{'a': 1}"])
def test_parameters_that_are_none(batch: Path, capsys: pytest.CaptureFixture[str], params: str) -> None:
    out = str(batch.parent / "out")
    assert main(["align", str(batch), "--out", out, "--params", params]) == ExitCode.REFUSED
    assert "--params is not" in capsys.readouterr().err
    assert left(batch) == []


def test_what_cannot_be_aligned_is_refused_and_leaves_nothing(
    batch: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (batch / "recordings.csv").write_text("id,image,x,y\na,a.png,155000,463000\n")
    (batch / "detections.json").unlink()
    assert aligned(batch) == ExitCode.REFUSED
    told = capsys.readouterr().err
    assert "no recording can be used for positioning" in told
    assert "--until" not in told  # there is nothing that could run without
    assert left(batch) == []


def test_where_nothing_could_be_aligned_it_is_said_and_the_command_does_not_succeed(
    batch: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert aligned(batch, keep=["a", "b", "c", "d"]) == ExitCode.SOME_FAILED
    said = capsys.readouterr().out
    assert "aligned     0 of 4 recordings" in said
    assert "nothing was aligned: the new batch has the poses of the old one" in said


def rows_kept(batch: Path, count: int) -> None:
    lines = (batch / "recordings.csv").read_text().splitlines(keepends=True)
    (batch / "recordings.csv").write_text("".join(lines[: count + 1]))


@pytest.mark.parametrize(("count", "told"), [(1, "one recording has a pose"), (2, "2 recordings have poses")])
def test_fewer_than_three_recordings_are_too_few(
    batch: Path, capsys: pytest.CaptureFixture[str], count: int, told: str
) -> None:
    rows_kept(batch, count)
    assert aligned(batch) == ExitCode.REFUSED
    assert f"{told}; aligning takes at least 3 of one street" in capsys.readouterr().err
    assert left(batch) == []


def test_three_recordings_are_enough(batch: Path) -> None:
    rows_kept(batch, 3)
    assert aligned(batch) == ExitCode.DONE


def test_detections_without_a_box_are_no_reason_not_to_align(batch: Path) -> None:
    (batch / "detections.json").write_text('{"images": [], "annotations": [], "categories": []}')
    assert aligned(batch, move=1.0) == ExitCode.DONE
    assert recordings(batch.parent / "out")["a"].position == (155_001.0, 463_000.0)


def test_what_neighbours_share_comes_back_when_the_new_batch_is_read(batch: Path) -> None:
    assert aligned(batch, also={"shared_m": 1.5, "shared_deg": 0.75}) == ExitCode.DONE
    found = recordings(batch.parent / "out")["a"].item["pose"]["accuracy"]
    assert found == {"position_m": 0.25, "heading_deg": 0.5, "shared_m": 1.5, "shared_deg": 0.75}


def test_every_column_of_the_new_table_is_known(batch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    part = "full_width,full_height,left,top"
    lines = (batch / "recordings.csv").read_text().splitlines()
    wide = [f"{lines[0]},{part}", *(f"{line},400,200,10,20" for line in lines[1:])]
    (batch / "recordings.csv").write_text("\n".join(wide) + "\n")
    assert aligned(batch, move=1.0) == ExitCode.DONE
    capsys.readouterr()
    main(["validate", str(batch.parent / "out")])
    assert "unknown columns" not in capsys.readouterr().out
    crop = {"full_width": 400, "full_height": 200, "left": 10, "top": 20}
    assert recordings(batch.parent / "out")["a"].item["camera"]["crop"] == crop


def test_a_failure_is_told_with_its_evidence_and_can_be_tried_again(
    batch: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert aligned(batch, fail="too dark") == ExitCode.SOME_FAILED
    said = capsys.readouterr().out
    assert "failed: 'align/all': internal: too dark" in said
    assert "nothing was aligned, and no batch written" in said
    assert list((batch.parent / ".out.align" / "failures").iterdir())
    assert left(batch) == [".out.align"]
    assert aligned(batch, move=1.0) == ExitCode.DONE
    assert left(batch) == ["out"]


def test_poses_that_are_none_are_refused_by_name(batch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert aligned(batch, pose={"x": 1, "y": 2}) == ExitCode.REFUSED
    assert "the step gave recording 'a' a pose that is none" in capsys.readouterr().err


def test_what_the_step_had_done_is_not_done_again_after_a_kill(
    batch: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def killed(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(align, "write_batch", killed)
        assert aligned(batch, move=1.0) == ExitCode.INTERRUPTED
    assert "the same command writes the batch" in capsys.readouterr().err
    assert left(batch) == [".out.align"]
    assert aligned(batch, move=1.0) == ExitCode.DONE
    assert "align 1/1, 1 from before" in capsys.readouterr().err


class TestInterruption:
    def test_it_leaves_nothing(self, batch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupted(*arguments: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(align, "run", interrupted)
        assert aligned(batch) == ExitCode.INTERRUPTED
        assert left(batch) == []


class TestPoses:
    @pytest.mark.parametrize(
        "pose",
        [
            [1, 2],
            {"x": 1, "y": 2, "z": 3},
            {"x": 1, "y": 2, "z": 3, "heading": "north"},
            {"x": 1, "y": 2, "z": 3, "heading": True},
            {"x": 1, "y": 2, "z": 3, "heading": 0, "roll": None},
            {"x": 1, "y": 2, "z": 3, "heading": 0, "accuracy": {"position_m": 0}},
            {"x": 1, "y": 2, "z": 3, "heading": 0, "accuracy": {"position_m": 1, "shared_m": -1}},
            {"x": 1, "y": 2, "z": 3, "heading": 0, "accuracy": [3]},
            {"x": 10**400, "y": 2, "z": 3, "heading": 0},
            {"x": 1, "y": 2, "z": 3, "heading": 0, "accuracy": {"position_m": 10**400}},
            {"x": 1, "y": 2, "z": 3, "heading": 0, "accuracy": {"shared_m": -1}},
        ],
    )
    def test_what_is_no_pose(self, pose: Any) -> None:
        with pytest.raises(BatchError, match="gave recording 'r' a pose that is none"):
            Refined.of(item("r", pose=pose))

    def test_neighbours_may_share_nothing(self) -> None:
        accuracy = {"position_m": 0.03, "heading_deg": 0.03, "shared_m": 0.0, "shared_deg": 0.0}
        refined = Refined.of(item("r", pose={"x": 1, "y": 2, "z": 3, "heading": 4, "accuracy": accuracy}))
        assert refined is not None
        assert refined.place.accuracy is not None
        assert refined.place.accuracy.shared_m == 0.0

    def test_an_error_that_neighbours_share_is_told_beside_their_own(self) -> None:
        prior = {
            "x": 0.0,
            "y": 0.0,
            "z": 0.0,
            "heading": 359.0,
            "accuracy": {"position_m": 3.0, "heading_deg": 5.0},
        }
        better = {
            **prior,
            "x": 4.0,
            "y": 3.0,
            "heading": 1.0,
            "accuracy": {"position_m": 0.3, "shared_m": 0.4},
        }
        alignment = Alignment([item("a", pose=better, aligned=True)])
        place = Place(x=0.0, y=0.0, z=0.0, heading=359.0)
        (found,) = alignment.apply([Recording(id="a", item=item("a", pose=prior), place=place)])
        assert isinstance(found, Recording)
        assert (found.position, found.item["pose"]) == ((4.0, 3.0), better)
        assert list(alignment.lines())[1:] == [
            "moved       5.00 m, 2.00 degrees (medians, of those that were aligned)",
            "accuracy    before 3.00 m, 5.00 degrees; after 0.30 m among neighbours and 0.50 m on the ground (medians)",
        ]

    def test_what_the_step_leaves_out_keeps_its_prior(self) -> None:
        alignment = Alignment([item("b", pose=None)])
        given = [
            Recording(id=name, item=item(name, pose={"x": 0, "y": 0, "z": 0, "heading": 0})) for name in "ab"
        ]
        assert list(alignment.apply(given)) == given
        assert list(alignment.lines()) == [
            "aligned     0 of 2 recordings",
            "kept        2 have their prior pose: 'a', 'b'",
            "            2: the step gave nothing back for them",
        ]
