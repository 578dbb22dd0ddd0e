"""What ``export`` tells of what it has written. What is in its files: tests/integration/test_gis_files.py."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from coordinator.cli import main
from coordinator.record.runfolder import RunFolder
from tests.made_up_run import Wanted, write_run

pytest.importorskip("pyogrio")


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return write_run(tmp_path / "run", tmp_path / "batch", Wanted(photographs=False, objects=4))


def test_a_run_that_is_not_complete_is_warned_of(
    run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "map.fgb"
    for complete, warned in ((True, False), (False, True)):
        run.about.write_text(json.dumps({**run.read_about(), "complete": complete}))
        assert main(["export", str(run.path), str(out)]) == 0
        said = capsys.readouterr()
        assert said.out == f"objects      4 features in {out}\n"
        assert (f"{str(run.path)!r} is not complete" in said.err) is warned


def test_all_files_are_named(run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "map.gml"
    assert main(["export", str(run.path), str(out)]) == 0
    assert f"4 features in {out} and {out.with_suffix('.xsd')}" in capsys.readouterr().out
