"""``--on-end``: a command of the user's that is run when a run has ended, however it did."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from coordinator.commands.streams import warn
from coordinator.errors import CoordinatorError, ExitCode

_PATIENCE = 3.0
"""Seconds that a command has to end by itself when it is interrupted."""
_INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def told_at_the_end(command: str | None, run_folder: Path, run: Callable[[], ExitCode]) -> ExitCode:
    """Runs, and then the ``command``, which changes nothing of the run, neither its exit code nor its error."""
    code = ExitCode.SOME_FAILED  # what Python ends with for what nobody foresaw
    try:
        code = run()
    except CoordinatorError as error:
        code = error.exit_code
        raise
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
        raise
    finally:
        if command is not None:
            _call(command, run_folder, code)
    return code


def _call(command: str, run_folder: Path, code: ExitCode) -> None:
    """Runs a line of the shell with ``RUN_DIR`` and ``EXIT_CODE``; that it failed is told and no more."""
    sys.stdout.flush()
    print(f"coordinator: waiting for --on-end {command!r} to end", file=sys.stderr, flush=True)
    if how := _outcome(command, {"RUN_DIR": str(run_folder.resolve()), "EXIT_CODE": str(int(code))}):
        warn(f"--on-end {command!r} {how}; the run itself ended with {int(code)}")


def _outcome(command: str, told: Mapping[str, str]) -> str | None:
    """Runs the command to its end, or until a signal that ends us and it; says how it failed, if it did."""
    with _interrupts_held() as let_in:
        try:
            # In a group of its own, so that an interrupt ends all of it, whatever its parts make of that.
            started = subprocess.Popen(
                command, shell=True, env={**os.environ, **told}, stdin=subprocess.DEVNULL, process_group=0
            )
        except OSError as error:
            return f"could not be started: {error.strerror}"
        try:
            let_in()
            code = started.wait()
        except KeyboardInterrupt:
            _end(started)
            return "was ended by the interrupt"
    return f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}" if code else None


@contextmanager
def _interrupts_held() -> Iterator[Callable[[], None]]:
    """SIGTERM and SIGHUP interrupt as Ctrl-C does, but not before what is yielded is called: nobody is there to end.

    A signal that we were started to ignore (``nohup``) stays so.
    """
    came: list[int] = []
    are_let_in = False

    def take(number: int, frame: FrameType | None) -> None:
        came.append(number)
        if are_let_in:
            raise KeyboardInterrupt

    def let_in() -> None:
        nonlocal are_let_in
        are_let_in = True
        if came:
            raise KeyboardInterrupt

    taken = [number for number in _INTERRUPTS if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, take) for number in taken}
    try:
        yield let_in
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(started: subprocess.Popen[bytes]) -> None:
    """Ends the command and what it has started: asked first, and after a moment, or at another interrupt, killed."""
    with suppress(ProcessLookupError):
        os.killpg(started.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
        started.wait(_PATIENCE)
    with suppress(ProcessLookupError):
        os.killpg(started.pid, signal.SIGKILL)
    started.wait()
