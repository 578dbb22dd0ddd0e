"""What a run's results meet when they are asked for again: by ``export`` and ``status``.

docs/faults.md lists these tests.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from coordinator.cli import main
from tests.integration.disks import fill, small_disk
from tests.made_up_run import Wanted, write_run


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that has come to its end."""
    folder = tmp_path_factory.mktemp("made")
    return write_run(folder / "run", folder / "batch", Wanted(photographs=False)).path


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    """A copy of it that may be damaged."""
    return Path(shutil.copytree(made, tmp_path / "run"))


class TestExport:
    def test_without_the_library(
        self, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setitem(sys.modules, "pyogrio", None)
        assert main(["export", str(made), str(tmp_path / "map.fgb")]) == 2
        assert "export needs pyogrio: pip install '.[gis]'" in capsys.readouterr().err

    def test_of_a_damaged_geopackage(self, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
        pytest.importorskip("pyogrio", reason="pyogrio (the extra gis) is not installed")
        os.truncate(run / "objects.gpkg", 5000)
        assert main(["export", str(run), str(run / "map.fgb")]) == 2
        told = capsys.readouterr().err
        assert f"{run / 'objects.gpkg'} cannot be read: " in told
        assert "`run` writes it anew" in told
        assert not list(run.glob("*map*"))

    def test_into_a_folder_that_is_read_only(
        self, made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        pytest.importorskip("pyogrio", reason="pyogrio (the extra gis) is not installed")
        with small_disk(tmp_path / "disk", 1, read_only=True) as disk:
            assert main(["export", str(made), str(disk / "map.fgb")]) == 2
        assert f"{disk / 'map.fgb'} cannot be written: Read-only file system" in capsys.readouterr().err

    @pytest.mark.parametrize("format", ["fgb", "gml", "kml"])
    def test_onto_a_disk_that_is_full(
        self, made: Path, tmp_path: Path, format: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """KML's driver says nothing of it, and leaves half a file."""
        pytest.importorskip("pyogrio", reason="pyogrio (the extra gis) is not installed")
        with small_disk(tmp_path / "disk", 1) as disk:
            ballast = fill(disk)
            os.truncate(ballast, ballast.stat().st_size - 8192)
            assert main(["export", str(made), str(disk / f"map.{format}"), "--layer", "recordings"]) == 2
            assert list(disk.iterdir()) == [ballast]
        assert f"{disk / f'map.{format}'} cannot be written: " in capsys.readouterr().err


class TestStatus:
    @pytest.mark.parametrize("form", ["--prometheus", "--json"])
    def test_beside_a_damaged_run_json(
        self, run: Path, form: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["status", str(run), form]) == 0
        whole = capsys.readouterr()
        good = (run / "run.json").read_bytes()
        (run / "run.json").write_bytes(good[:100])
        assert main(["status", str(run), form]) == 0
        told = capsys.readouterr()
        (run / "run.json").write_bytes(good)
        assert (told.out, whole.err) == (whole.out, "")
        assert f"warning: {run / 'run.json'} cannot be read: " in told.err
        assert "these figures are the journal's" in told.err

    def test_of_a_damaged_journal(self, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
        os.truncate(run / "journal.db", 3000)
        assert main(["status", str(run), "--prometheus"]) == 2
        told = capsys.readouterr()
        assert told.out == ""
        assert f"journal {run / 'journal.db'} cannot be read: " in told.err
        (run / "journal.db").unlink()  # nothing that could be looked at after the test
