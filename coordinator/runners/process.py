"""The ``process`` rung: no container, the same program as a local subprocess. For developing steps.

There is no isolation here, and no mount: the step is given real paths (realpaths.py).
"""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress

from coordinator.core.resources import Grant
from coordinator.core.tasks import StepTask
from coordinator.errors import EngineError
from coordinator.record.files import Files
from coordinator.runners.guard import Guard
from coordinator.runners.inventory import memory_kills
from coordinator.runners.kept import Ending
from coordinator.runners.realpaths import RealPaths
from coordinator.runners.received import HeadAndTail

_END_TIMEOUT = 10.0
_LISTEN_TIMEOUT = 2.0
"""Seconds that stderr gets to end behind its program; one that left the process group may hold it open."""
_CHUNK = 256 * 1024


class LocalProcess:
    """A subprocess that answers line after line on a socket that is both its stdin and its stdout."""

    def __init__(self, command: Sequence[str], files: Files) -> None:
        """Starts it; ``python3`` means this interpreter. Raises EngineError if it cannot be started."""
        self._paths = RealPaths(files)
        self._memory_kills = memory_kills()
        self._command = [sys.executable if command[0] in ("python", "python3") else command[0], *command[1:]]
        self.connection, theirs = socket.socketpair()
        try:
            self._process = subprocess.Popen(
                self._command,
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            self.connection.close()
            raise EngineError(f"cannot start {shlex.join(self._command)}: {error}") from error
        finally:
            theirs.close()
        # What it has started goes with it, too, if this process is killed.
        self._guard = Guard("kill", "-s", "KILL", "--", f"-{self._process.pid}")
        self._stderr = HeadAndTail()
        self._listener = threading.Thread(target=self._listen, name="stderr", daemon=True)
        self._listener.start()

    def encode(self, request: bytes) -> bytes:
        return self._paths.real(request)

    def decode(self, data: bytes) -> bytes:
        return data

    def decode_line(self, line: bytes) -> bytes:
        return self._paths.mounted(line)

    def end(self, *, kill: bool) -> Ending:
        self.connection.close()
        if kill:
            self._process.kill()
        try:
            exit_code = self._process.wait(_END_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            exit_code = self._process.wait()
        with suppress(ProcessLookupError):  # what it has started goes with it
            os.killpg(self._process.pid, signal.SIGKILL)
        self._guard.dismiss()
        self._listener.join(_LISTEN_TIMEOUT)
        return Ending(
            exit_code=exit_code if exit_code >= 0 else 128 - exit_code,
            out_of_memory=None if kill else self._ran_out_of_memory(exit_code),
            stderr=bytes(self._stderr),
            command=shlex.join(self._command),
        )

    def _ran_out_of_memory(self, exit_code: int) -> bool | None:
        """Whether the kernel seems to have killed it for memory; it counts such kills, and does not say of whom."""
        return (exit_code == -signal.SIGKILL and memory_kills() > self._memory_kills) or None

    def _listen(self) -> None:
        """Reads stderr to its end, so that the program never waits for it and it takes no room."""
        assert self._process.stderr is not None
        with self._process.stderr as stderr:
            while data := os.read(stderr.fileno(), _CHUNK):
                self._stderr.add(data)


def open_process(files: Files, grant: Grant, task: StepTask) -> LocalProcess:
    """A process for the lane of which ``task`` is the first; what it may use is not seen to here."""
    assert task.step.command is not None  # the preflight sees to it
    return LocalProcess(task.step.command, files)
