"""The ``resident`` rung: a kept container whose one process answers line after line; its model stays loaded."""

from __future__ import annotations

from coordinator.core.resources import Grant
from coordinator.core.tasks import StepTask
from coordinator.errors import EngineError
from coordinator.runners.containers import Started
from coordinator.runners.isolation import Isolation
from coordinator.runners.kept import Ending
from coordinator.runners.lanerunner import LaneRunner
from coordinator.runners.stream import Streams
from coordinator.schedule.threads import Sink


class ResidentContainer:
    """A container that answers line after line."""

    def __init__(self, isolation: Isolation, started: Started) -> None:
        self._engine = isolation.engine
        self._containers = isolation.containers
        self._started = started
        self._streams = Streams()
        self._early = self._started.received
        self.connection = self._started.connection

    def encode(self, request: bytes) -> bytes:
        return request

    def decode_line(self, line: bytes) -> bytes:
        return line

    def decode(self, data: bytes) -> bytes:
        early, self._early = self._early, b""
        return b"".join(self._streams.feed(early + data))

    def end(self, *, kill: bool) -> Ending:
        """Raises EngineError if it cannot be learnt how it ended."""
        container = self._started.id
        try:
            if kill:
                self.connection.close()  # or the engine would wait for somebody to read what is still written
                self._engine.kill(container)
            else:
                self._streams.end()
            exit_code = self._engine.exit_code(container)
            out_of_memory = None if exit_code == 0 else self._engine.ran_out_of_memory(container)
        except EngineError:
            self._containers.remove_now(container)  # it may be running
            raise
        finally:
            self.connection.close()
        self._containers.remove(container)
        return Ending(
            exit_code=exit_code,
            stderr=bytes(self._streams.stderr),
            out_of_memory=out_of_memory,
            container=container,
            command=self._started.command,
        )


class ResidentRunner(LaneRunner):
    """A runner on lanes of which each has a container."""

    def __init__(self, isolation: Isolation, sink: Sink) -> None:
        super().__init__(self._open, isolation.files, sink)
        self._isolation = isolation

    def cancel(self) -> None:
        """Ends every program at once, those that are just starting, too."""
        super().cancel()
        self._isolation.containers.cancel()

    def _open(self, grant: Grant, task: StepTask) -> ResidentContainer:
        return ResidentContainer(self._isolation, self._isolation.start_kept(task, grant))
