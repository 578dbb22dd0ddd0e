"""The command line as a user types it, in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

from coordinator.runners.engine import Engine
from tests.integration.conftest import (
    aligner_image,
    chaos_image,
    client,
    echo_image,
    engine,
    left_behind,
    nothing_lost,
    shell_image,
    survey_image,
)
from tests.waiting import PATIENCE

__all__ = [
    "aligner_image",
    "chaos_image",
    "client",
    "echo_image",
    "engine",
    "left_behind",
    "nothing_lost",
    "shell_image",
    "survey_image",
]

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


def coordinator(*arguments: str | Path, timeout: float = 300) -> Ended:
    """``python -m coordinator`` with these arguments."""
    command = [sys.executable, "-m", "coordinator", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout, check=False)
    return Ended(done.returncode, done.stdout, done.stderr)


def as_from_a_terminal() -> None:
    """A shell ignores SIGINT for what it starts in the background, nohup SIGHUP; a terminal ignores neither."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def start_coordinator(*arguments: str | Path) -> subprocess.Popen[str]:
    """The same, left running."""
    command = [sys.executable, "-m", "coordinator", *map(str, arguments)]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=as_from_a_terminal,
    )


def interrupt(process: subprocess.Popen[str], number: int) -> None:
    """Sends a signal to a run with tasks at work, and waits until it says that it waits for them.

    Whatever is sent or done afterwards comes after that signal, and is not one with it.
    """
    assert process.stderr is not None
    process.send_signal(number)
    deadline = threading.Timer(PATIENCE, process.kill)
    deadline.start()
    while "once more to end them at once" not in (said := process.stderr.readline()):
        assert said, "it has ended at the first signal"
    deadline.cancel()


@pytest.fixture
def clean_engine(engine: Engine) -> Engine:
    """The engine, which must have no container of the test's runs after it (``nothing_lost`` sees to it)."""
    return engine


@pytest.fixture
def tools(tmp_path: Path, shell_image: str) -> dict[str, str]:
    """An environment in which ``jq`` is found: the machine's own, or else the one in the shell step's image."""
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    jq = bin_folder / "jq"
    jq.write_text(f'#!/bin/sh\nexec docker run --rm -i --network none --entrypoint jq {shell_image} "$@"\n')
    jq.chmod(0o755)
    return {**os.environ, "PATH": f"{os.environ['PATH']}:{bin_folder}"}
