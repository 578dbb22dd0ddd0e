"""What steps cannot do without, and what is said of a batch that has none of it, before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from coordinator.cli import main
from coordinator.pipeline import Need, load_pipeline
from tests.unit.builders import write_png

OWN = "name: own\nsteps: [{name: place, image_ref: coordinator/position, per: region%s}]\n"
STREET = "image,x,y,z,heading,camera,width,height\n" + "".join(
    f"r{number}.png,{120_000 + 3 * number},{480_000 + 4 * number},2,36.87,equirectangular,400,200\n"
    for number in range(6)
)


def own(folder: Path, more: str = "") -> Path:
    path = folder / "own.yaml"
    path.write_text(OWN % more)
    return path


@pytest.fixture
def batch(tmp_path: Path) -> Path:
    folder = tmp_path / "batch"
    folder.mkdir()
    (folder / "batch.yaml").write_text("crs: EPSG:28992\n")
    (folder / "recordings.csv").write_text(STREET)
    return folder


def test_a_built_in_step_in_ones_own_pipeline_needs_the_same(tmp_path: Path) -> None:
    (step,) = load_pipeline(str(own(tmp_path))).steps
    assert step.needs == (Need.DETECTIONS, Need.POSES)


def test_unless_it_says_otherwise(tmp_path: Path) -> None:
    (step,) = load_pipeline(str(own(tmp_path, ", needs: []"))).steps
    assert step.needs == ()


def test_without_detections_it_is_refused(
    batch: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["validate", str(batch), "--pipeline", str(own(tmp_path))]) == 2
    assert "step 'place' needs detections made elsewhere" in capsys.readouterr().err


class TestImages:
    def test_that_are_all_missing_keep_a_run_from_starting_that_reads_them(
        self, batch: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["validate", str(batch)]) == 2
        assert (
            "6 of 6 recordings ('r0.png', 'r1.png', 'r2.png' and 3 more) name an image file that is not there"
            in (capsys.readouterr().err)
        )

    def test_of_which_one_is_there_do_not(self, batch: Path) -> None:
        write_png(batch / "r0.png", 400, 200)
        assert main(["validate", str(batch)]) == 0

    def test_that_are_empty_are_no_recordings(self, batch: Path, capsys: pytest.CaptureFixture[str]) -> None:
        for number in range(6):
            (batch / f"r{number}.png").touch()
        assert main(["validate", str(batch)]) == 2
        assert "image 'r0.png' is empty" in capsys.readouterr().err


class TestTheFirstFew:
    def test_one_recording_is_a_try(self, batch: Path, capsys: pytest.CaptureFixture[str]) -> None:
        write_png(batch / "r0.png", 400, 200)
        assert main(["validate", str(batch), "--limit", "1"]) == 0
        told = capsys.readouterr().out
        assert "stand at one place" in told
        assert "take no part" not in told

    def test_one_alone_is_no_map(self, batch: Path) -> None:
        (batch / "recordings.csv").write_text("".join(STREET.splitlines(keepends=True)[:2]))
        write_png(batch / "r0.png", 400, 200)
        assert main(["validate", str(batch)]) == 2

    def test_one_id_for_all_is_one_recording(self, batch: Path, capsys: pytest.CaptureFixture[str]) -> None:
        head, *rows = STREET.splitlines()
        (batch / "recordings.csv").write_text(
            "\n".join([f"id,{head}", *(f"same,{row}" for row in rows)]) + "\n"
        )
        write_png(batch / "r0.png", 400, 200)
        assert main(["validate", str(batch)]) == 2
        said = capsys.readouterr()
        assert "ids are used twice: 'same' and 4 more" in said.out
        assert "stand at one place" in said.err


def test_what_cannot_be_read_is_told_as_json_too(batch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (batch / "batch.yaml").write_text("crs: [\n")
    assert main(["validate", str(batch), "--json"]) == 2
    assert '"kind": "unreadable"' in capsys.readouterr().out
