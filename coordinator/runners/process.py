"""The ``process`` rung: no container, the same program as a local subprocess. For developing steps.

There is no isolation here, and no mount: the paths that a step finds below /batch and /work are turned into
the real ones on their way in, and back on their way out, so that its results are those of every rung.
"""

from __future__ import annotations

import json
import re
import shlex
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import IO

from coordinator.batch import MOUNT, WORK_MOUNT
from coordinator.errors import EngineError
from coordinator.runfolder import RunFolder
from coordinator.runners.lane import Ending
from coordinator.tasks import StepTask

_END_TIMEOUT = 10.0
_KEPT_STDERR = 128 * 1024


class LocalProcess:
    """A subprocess that answers line after line on a socket that is both its stdin and its stdout."""

    def __init__(self, command: Sequence[str], folder: RunFolder) -> None:
        """Starts it; ``python3`` means this interpreter. Raises EngineError if it cannot be started."""
        mounts = {
            _quoted(str(MOUNT)): _quoted(str(folder.batch)),
            _quoted(str(WORK_MOUNT)): _quoted(str(folder.work)),
        }
        self._to_real = _Paths(mounts)
        self._to_mounted = _Paths({real: mounted for mounted, real in mounts.items()})
        self._command = [sys.executable if command[0] in ("python", "python3") else command[0], *command[1:]]
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
        self.connection, theirs = socket.socketpair()
        try:
            self._process = subprocess.Popen(
                self._command,
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=self._stderr,
                start_new_session=True,
            )
        except OSError as error:
            self.connection.close()
            self._stderr.close()
            raise EngineError(f"cannot start {shlex.join(self._command)}: {error}") from error
        finally:
            theirs.close()

    def encode(self, request: bytes) -> bytes:
        return self._to_real.replace(request)

    def decode(self, data: bytes) -> bytes:
        return data

    def decode_line(self, line: bytes) -> bytes:
        return self._to_mounted.replace(line)

    def end(self, *, kill: bool) -> Ending:
        self.connection.close()
        if kill:
            self._process.kill()
        try:
            exit_code = self._process.wait(_END_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            exit_code = self._process.wait()
        with self._stderr as stderr:
            size = stderr.seek(0, 2)
            stderr.seek(max(0, size - _KEPT_STDERR))
            said = stderr.read()
        return Ending(
            exit_code=exit_code if exit_code >= 0 else 128 - exit_code,
            stderr=said,
            command=shlex.join(self._command),
        )


class _Paths:
    """Replaces what JSON strings begin with, all in one pass: a real path may itself lie below a /work."""

    def __init__(self, replacements: Mapping[bytes, bytes]) -> None:
        self._replacements = replacements
        longest_first = sorted(replacements, key=len, reverse=True)
        self._pattern = re.compile(b"|".join(map(re.escape, longest_first)))

    def replace(self, line: bytes) -> bytes:
        return self._pattern.sub(lambda found: self._replacements[found[0]], line)


def open_process(folder: RunFolder, task: StepTask) -> LocalProcess:
    """A process for the lane of which ``task`` is the first."""
    assert task.step.command is not None  # the preflight sees to it
    return LocalProcess(task.step.command, folder)


def _quoted(folder: str) -> bytes:
    """How a path below ``folder`` begins as a JSON string."""
    return json.dumps(folder, ensure_ascii=False)[:-1].encode() + b"/"
