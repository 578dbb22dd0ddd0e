"""Steps in containers beside this one: a kept process (``resident``), or a fresh one for every task (the other rungs).

The container itself is kept in any case, so ``fresh`` is what ``exec`` is: a new process, no new container. What a step
may use is its container's business, which the pod says.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from coordinator.core.resources import Grant
from coordinator.core.seating import Seat
from coordinator.core.tasks import Evidence, StepTask
from coordinator.record.files import Files
from coordinator.runners.attempt import AttemptRunner, Judged
from coordinator.runners.kept import Ending
from coordinator.runners.realpaths import RealPaths
from coordinator.runners.received import HeadAndTail, as_evidence
from coordinator.runners.sidecar import Sidecar, find_sidecar
from coordinator.runners.stream import exchange
from coordinator.runners.verdict import judge
from coordinator.schedule.threads import Clock, Sink

_PATIENCE = 5.0
"""Seconds that a sidecar gets to start again; for longer, the engine counts as away, and the task is tried again."""
_LAST_WORDS = re.compile(rb"\0exit (\d{3})\n")
_LENGTH = 10


class LaneStream:
    """What comes over a connection to ``lane``: stdout, and behind it the last words that tell the exit code."""

    def __init__(self) -> None:
        self.stderr = HeadAndTail()
        """Nothing: it goes to the container's log."""
        self._held = b""

    @property
    def exit_code(self) -> int | None:
        """How the process ended; None if it has not, or its container ended with it."""
        words = _LAST_WORDS.fullmatch(self._held)
        return int(words[1]) if words else None

    def feed(self, data: bytes) -> Iterator[memoryview]:
        """The pieces of stdout. What may be the beginning of the last words is held back; no JSON has a NUL byte."""
        data = self._held + data
        begin = data.find(b"\0", max(0, len(data) - _LENGTH))
        end = len(data) if begin < 0 else begin
        self._held = data[end:]
        if end:
            yield memoryview(data)[:end]

    def end(self) -> None:
        """It may end anywhere: without last words, the container has gone."""


class SidecarProcess:
    """A process of a step in its sidecar, from its start to its end."""

    def __init__(self, sidecar: Sidecar, files: Files) -> None:
        """Raises EngineError if the sidecar does not answer."""
        self._sidecar = sidecar
        self._paths = RealPaths(files)
        self.stream = LaneStream()
        self.connection = sidecar.connect(_PATIENCE)

    def encode(self, request: bytes) -> bytes:
        return self._paths.real(request)

    def decode(self, data: bytes) -> bytes:
        return b"".join(self.stream.feed(data))

    def decode_line(self, line: bytes) -> bytes:
        return self._paths.mounted(line)

    def end(self, *, kill: bool) -> Ending:
        """Its process is killed with the connection if it has not ended, and before the sidecar starts another."""
        self.connection.close()
        exit_code = None if kill else self.stream.exit_code
        return Ending(
            exit_code=exit_code,
            stderr=self._sidecar.log.encode(),
            container=f"{socket.gethostname()}/{self._sidecar.path.stem}",
        )


def open_sidecar(folder: Path, files: Files, _grant: Grant, task: StepTask) -> SidecarProcess:
    """A process for the lane of which ``task`` is the first. ``folder`` is that of the sockets. Raises EngineError."""
    return SidecarProcess(find_sidecar(folder, task.step.image_ref), files)


class SidecarRunner(AttemptRunner):
    """Runs every task in a process of its own in the step's sidecar."""

    def __init__(self, folder: Path, files: Files, sink: Sink, *, concurrency: int) -> None:
        """``folder`` is that of the sockets; at most ``concurrency`` tasks run at a time."""
        super().__init__(files, sink, concurrency=concurrency)
        self._folder = folder
        self._stop = threading.Event()
        self._live: dict[str, socket.socket] = {}

    @property
    def is_cancelled(self) -> bool:
        return self._stop.is_set()

    def close_lane(self, lane: int, ended: Callable[[int], None]) -> None:
        """Nothing is kept."""
        ended(lane)

    def cancel(self) -> None:
        """Ends every process at once."""
        self._stop.set()
        for connection in tuple(self._live.values()):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def run(self, task: StepTask, seat: Seat, clock: Clock) -> Judged:
        """Raises EngineError if the sidecar does not answer."""
        with clock.measure("start"):
            process = open_sidecar(self._folder, self.files, seat.grant, task)
        self._live[task.id] = process.connection
        try:
            return self._converse(process, task, clock)
        finally:
            del self._live[task.id]

    def _converse(self, process: SidecarProcess, task: StepTask, clock: Clock) -> Judged:
        if self.is_cancelled:  # since before it could be reached
            process.connection.shutdown(socket.SHUT_RDWR)
        with process.connection, clock.measure("exchange"):
            answer = exchange(
                process.connection,
                b"",
                process.encode(task.request.line()),
                deadline=time.monotonic() + task.step.timeout,
                spill=self.files.work,
                streams=process.stream,
            )
        with clock.measure("end"):
            ending = process.end(kill=answer.cut is not None)
        answer = replace(answer, stdout=process.decode_line(answer.stdout), stderr=ending.stderr)
        result = judge(task, answer, ending.exit_code, ending.out_of_memory)
        return result, Evidence(stdout=as_evidence(answer.stdout), **vars(ending))
