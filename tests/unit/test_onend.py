"""The command of the user's that is run when a run has ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from coordinator.commands.onend import told_at_the_end
from coordinator.errors import EngineError, ExitCode

NOTE = 'printf "%s %s" "$EXIT_CODE" "$RUN_DIR" > "$RUN_DIR/note"'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a name that a shell would take apart."""
    made = tmp_path / "a run; $(touch oops)"
    made.mkdir()
    return made


@pytest.mark.parametrize("code", [ExitCode.DONE, ExitCode.SOME_FAILED, ExitCode.INTERRUPTED])
def test_it_is_told_the_folder_and_how_the_run_ended(folder: Path, code: ExitCode) -> None:
    assert told_at_the_end(NOTE, folder, lambda: code) is code
    assert (folder / "note").read_text() == f"{int(code)} {folder}"


@pytest.mark.parametrize(
    ("trouble", "code"),
    [(EngineError("away"), 2), (KeyboardInterrupt(), 130), (RuntimeError("nobody knew"), 1)],
)
def test_it_is_run_when_the_run_ends_by_an_error_which_goes_on(
    folder: Path, trouble: BaseException, code: int
) -> None:
    def run() -> ExitCode:
        raise trouble

    with pytest.raises(type(trouble)):
        told_at_the_end(NOTE, folder, run)
    assert (folder / "note").read_text() == f"{code} {folder}"


@pytest.mark.parametrize("command", ["exit 3", "no-such-program-anywhere", "kill -9 $$"])
def test_that_it_fails_is_told_and_changes_nothing(
    folder: Path, command: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert told_at_the_end(command, folder, lambda: ExitCode.DONE) is ExitCode.DONE
    assert f"coordinator: warning: --on-end {command!r} ended with exit code " in capfd.readouterr().err


def test_that_it_is_waited_for_is_told_before_it_begins(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    told_at_the_end("echo begun >&2", folder, lambda: ExitCode.DONE)
    assert capfd.readouterr().err == "coordinator: waiting for --on-end 'echo begun >&2' to end\nbegun\n"


def test_without_one_nothing_is_run(folder: Path) -> None:
    assert told_at_the_end(None, folder, lambda: ExitCode.DONE) is ExitCode.DONE
    assert list(folder.iterdir()) == []
