"""The command of the user's that is run when a run has ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from coordinator.cli import main
from coordinator.commands import onend
from coordinator.commands.onend import told_at_the_end
from coordinator.errors import EngineError, ExitCode
from tests.waiting import PATIENCE, eventually

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


@pytest.mark.parametrize(
    ("command", "how"),
    [
        pytest.param("exit 3", "ended with exit code 3", id="exit code"),
        pytest.param("no-such-program-anywhere", "ended with exit code 127", id="missing"),
        pytest.param("kill -9 $$", "was killed by signal 9", id="killed"),
    ],
)
def test_that_it_fails_is_told_and_changes_nothing(
    folder: Path, command: str, how: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert told_at_the_end(command, folder, lambda: ExitCode.DONE) is ExitCode.DONE
    told = f"coordinator: warning: --on-end {command!r} {how}; the run itself ended with 0\n"
    assert told in capfd.readouterr().err


def test_one_that_cannot_be_started_is_told_and_changes_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LARGER_THAN_AN_ENVIRONMENT_MAY_BE", "x" * 200_000)
    assert told_at_the_end("true", folder, lambda: ExitCode.SOME_FAILED) is ExitCode.SOME_FAILED
    assert "could not be started: Argument list too long; the run itself" in capfd.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_ends_one_that_hangs_and_not_the_runs_exit_code(tmp_path: Path, number: int) -> None:
    """Of a run that is refused: its batch is not there."""
    command = "sleep 1000 & echo $!; wait"
    typed = ["run", str(tmp_path / "nowhere"), "--out", str(tmp_path / "run"), "--on-end", command]
    with subprocess.Popen(
        [sys.executable, "-m", "coordinator", *typed],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell has what it starts in the background ignore SIGINT, nohup SIGHUP; a terminal has not.
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    ) as run:
        assert run.stdout
        assert run.stderr
        sleeping = int(run.stdout.readline())
        run.send_signal(number)
        assert run.wait(PATIENCE) == ExitCode.REFUSED
        assert "was ended by the interrupt; the run itself ended with 2" in run.stderr.read()
    eventually(lambda: not Path(f"/proc/{sleeping}").exists())


def test_one_that_will_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onend, "_PATIENCE", 0.05)
    command = "trap '' INT TERM; echo; sleep 1000"
    with subprocess.Popen(command, shell=True, process_group=0, stdout=subprocess.PIPE) as hanging:
        assert hanging.stdout
        hanging.stdout.readline()
        onend._end(hanging)
        assert hanging.returncode == -signal.SIGKILL
        assert hanging.stdout.read() == b""  # nobody is left to write to it


def test_a_run_that_is_only_printed_has_no_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(tmp_path), "--dry-run", "--on-end", "true"]) == ExitCode.REFUSED
    assert "--dry-run runs nothing: leave one of them out" in capsys.readouterr().err


def test_that_it_is_waited_for_is_told_before_it_begins(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    told_at_the_end("echo begun >&2", folder, lambda: ExitCode.DONE)
    assert capfd.readouterr().err == "coordinator: waiting for --on-end 'echo begun >&2' to end\nbegun\n"


def test_without_one_nothing_is_run(folder: Path) -> None:
    assert told_at_the_end(None, folder, lambda: ExitCode.DONE) is ExitCode.DONE
    assert list(folder.iterdir()) == []


def test_an_interrupt_waits_until_there_is_a_command_to_end() -> None:
    with onend._interrupts_held() as let_in:
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            let_in()
