"""What ``run`` and ``retry`` do once the map is there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from coordinator.cli import main
from coordinator.commands import running
from coordinator.report import written
from tests.made_up_run import Wanted, write_run


def test_the_page_is_written_when_a_run_has_ended(tmp_path: Path) -> None:
    write_run(tmp_path / "run", tmp_path / "batch", Wanted(photographs=False))
    assert running._report(tmp_path / "run") == tmp_path / "run" / "report.html"


def test_photographs_that_are_gone_are_told_as_report_tells_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, batch = tmp_path / "run", tmp_path / "batch"
    write_run(run, batch, Wanted())
    assert running._report(run)
    assert capsys.readouterr().err == ""
    shutil.rmtree(batch)
    assert running._report(run)
    at_the_end = capsys.readouterr().err
    assert " photographs with the best views of objects are not there any more; " in at_the_end
    assert main(["report", str(run)]) == 0
    assert capsys.readouterr().err == at_the_end


@pytest.mark.parametrize(
    "trouble", [OSError(28, "No space left on device"), ValueError("nan"), RuntimeError("cv2")]
)
def test_a_page_that_cannot_be_written_is_told_and_fails_no_run(
    trouble: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> str:
        raise trouble

    write_run(tmp_path / "run", tmp_path / "batch", Wanted(photographs=False))
    monkeypatch.setattr(written, "document", fail)
    assert running._report(tmp_path / "run") is None
    assert "warning: no report.html: " in (told := capsys.readouterr().err)
    assert f"report {tmp_path / 'run'}" in told
    assert not list((tmp_path / "run").glob("*report.html*"))
