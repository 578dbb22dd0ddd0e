"""The ``resident`` rung: a kept container whose one process answers line after line; its model stays loaded."""

from __future__ import annotations

import shlex

from coordinator.runners.container import ContainerSpec
from coordinator.runners.isolation import Isolation
from coordinator.runners.lane import Ending
from coordinator.runners.stream import Streams
from coordinator.tasks import StepTask

_END_TIMEOUT = 10.0


class ResidentContainer:
    """A container that answers line after line."""

    def __init__(self, isolation: Isolation, spec: ContainerSpec) -> None:
        """Creates and starts it. Raises EngineError, and leaves nothing behind then."""
        self._engine = isolation.engine
        self.spec = spec
        self._streams = Streams()
        self._early: list[memoryview] = []
        self.id = self._engine.create(spec)
        try:
            self.connection, received = self._engine.attach(self.id)
            self._early += self._streams.feed(received)
            with isolation.starting():
                self._engine.start(self.id)
        except BaseException:
            self._engine.remove(self.id)
            raise

    def encode(self, request: bytes) -> bytes:
        return request

    def decode_line(self, line: bytes) -> bytes:
        return line

    def decode(self, data: bytes) -> bytes:
        early, self._early = self._early, []
        return b"".join([*early, *self._streams.feed(data)])

    def kill(self) -> None:
        """Ends it at once; :meth:`end` still has to follow."""
        self._engine.kill(self.id)

    def end(self, *, kill: bool) -> Ending:
        self.connection.close()
        try:
            if kill:
                self._engine.kill(self.id)
            exit_code = self._engine.wait(self.id, _END_TIMEOUT)
            out_of_memory = None if exit_code == 0 else self._engine.ran_out_of_memory(self.id)
        finally:
            self._engine.remove(self.id)
        return Ending(
            exit_code=exit_code,
            stderr=bytes(self._streams.stderr),
            out_of_memory=out_of_memory,
            container=self.id,
            command=shlex.join(self.spec.to_command()),
        )


def open_resident(isolation: Isolation, task: StepTask) -> ResidentContainer:
    """A container for the lane of which ``task`` is the first."""
    spec = isolation.kept_container(task.step, task.image_id, task.grant)
    return ResidentContainer(isolation, spec)
