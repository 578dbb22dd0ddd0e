"""What completes the command line: asked in bash itself; zsh and fish read theirs where they are there."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from coordinator.cli import COMMANDS, main
from coordinator.commands.shells import SHELLS


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def script(shell: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        main(["--completion", shell])
    assert ended.value.code == 0
    return capsys.readouterr().out


def test_every_command_and_every_options_words_are_in_it(script: str) -> None:
    assert all(name in script for name in COMMANDS)
    assert "fresh exec resident process" in script
    assert "node-cache" in script


def test_the_shell_can_read_it(shell: str, script: str) -> None:
    if not shutil.which(shell):
        pytest.skip(f"no {shell} on this machine")
    subprocess.run([shell, "-n"], input=script, text=True, check=True)


@pytest.mark.parametrize("shell", ["bash"])
@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (["val"], ["validate"]),
        (["--"], ["--help", "--version", "--completion"]),
        (["run", "batch", "--ru"], ["--rung"]),
        (["run", "--rung", ""], ["fresh", "exec", "resident", "process"]),
        (["run", "--rung", "re"], ["resident"]),
        (["images", ""], ["build"]),
        (["run", "--out", ""], []),
        (["run", ""], []),
    ],
)
def test_what_bash_offers(script: str, typed: list[str], offered: list[str]) -> None:
    """Where nothing is offered, bash offers files."""
    ask = f'{script}\nCOMP_WORDS=(coordinator "$@"); COMP_CWORD=$#; _coordinator; printf "%s\\n" "${{COMPREPLY[@]}}"'
    answer = subprocess.run(["bash", "-c", ask, "bash", *typed], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == offered
    assert answer.stderr == ""
