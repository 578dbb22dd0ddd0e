"""What ``run`` and ``retry`` do once the map is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from coordinator.commands import running
from coordinator.report import written
from tests.made_up_run import Wanted, write_run


def test_the_page_is_written_when_a_run_has_ended(tmp_path: Path) -> None:
    write_run(tmp_path / "run", tmp_path / "batch", Wanted(photographs=False))
    assert running._report(tmp_path / "run") == tmp_path / "run" / "report.html"


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
