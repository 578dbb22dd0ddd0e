"""``--on-end``: a command of the user's that is run when a run has ended, however it did."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from coordinator.errors import CoordinatorError, ExitCode


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
    given = {**os.environ, "RUN_DIR": str(run_folder.resolve()), "EXIT_CODE": str(int(code))}
    print(f"coordinator: waiting for --on-end {command!r} to end", file=sys.stderr, flush=True)
    done = subprocess.run(command, shell=True, env=given, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        told = f"ended with exit code {done.returncode}; the run itself ended with {int(code)}"
        print(f"coordinator: warning: --on-end {command!r} {told}", file=sys.stderr)
