"""A container that is talked with: written to and listened to piece by piece, to learn how its program behaves.

The runners need a container's answers and nothing else; whoever checks a step needs to know when each of
them came, what came besides, and what makes the program end. The containers are those of a run, and one
flag of their isolation can be left out to find the one that a program cannot do without.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType

from coordinator.errors import EngineError
from coordinator.runners.api import ApiError
from coordinator.runners.engine import Engine
from coordinator.runners.pump import Pump
from coordinator.runners.received import Response
from coordinator.runners.spec import ContainerSpec
from coordinator.runners.stream import Streams
from coordinator.strictjson import Json

_LINES = 100
"""Lines that stdout is taken apart into; no check asks for more than three answers."""


class CannotStart(EngineError):
    """The engine made the container, and could not start its program."""


class Without(StrEnum):
    """What a container can be spared, in the words in which it is told."""

    READ_ONLY_ROOT = "a root file system it can write to"
    NO_NETWORK = "a network"
    UNPRIVILEGED = "root's rights"
    PID_1 = "an init process"


ISOLATION = (Without.READ_ONLY_ROOT, Without.NO_NETWORK, Without.UNPRIVILEGED)


@dataclass(frozen=True, kw_only=True)
class RelaxedSpec(ContainerSpec):
    """A container without some of its isolation: for finding out why a program fails, never for a run."""

    without: frozenset[Without] = frozenset()

    def to_api(self) -> Json:
        body = super().to_api()
        host = body["HostConfig"]
        if Without.READ_ONLY_ROOT in self.without:
            host["ReadonlyRootfs"] = False
        if Without.NO_NETWORK in self.without:
            host["NetworkMode"] = "bridge"
        if Without.UNPRIVILEGED in self.without:
            body["User"] = "0:0"
            del host["CapDrop"], host["SecurityOpt"]
        if Without.PID_1 in self.without:
            host["Init"] = True
        return body


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What a program said from its start to its end.

    ``ended`` is False if it had to be killed; ``exit_code`` is None then. ``flooded`` says that it wrote more
    to stdout than a response may have. ``seconds`` is from its start to its first document, or to its end
    without any.
    """

    stdout: bytes
    stderr: bytes = b""
    exit_code: int | None = 0
    ended: bool = True
    flooded: bool = False
    out_of_memory: bool = False
    seconds: float = 0.0

    @property
    def lines(self) -> list[bytes]:
        """The lines of stdout that are not blank; of a babbler's millions, all behind the first are one."""
        return [line for line in self.stdout.split(b"\n", _LINES) if line.strip()]


class Conversation:
    """One container from its start to its removal; a context manager."""

    def __init__(self, engine: Engine, spec: ContainerSpec) -> None:
        """Creates and starts it. Raises EngineError, CannotStart among them, and leaves nothing behind then."""
        self._engine = engine
        self._streams = Streams()
        self._response = Response(None)
        self._begun = b""
        """The first byte of the line that has not ended yet."""
        self._ended = False
        self._first_line: float | None = None
        self._documents = 0
        self._id = engine.create(spec)
        try:
            self._connection, received = engine.attach(self._id)
            self._hear(received)
            self._pump = Pump(self._connection)
            engine.start(self._id)
        except BaseException as error:
            engine.remove(self._id)
            if isinstance(error, ApiError) and error.status == 400:
                raise CannotStart(str(error).rpartition("the engine said ")[2]) from error
            raise
        self._started = time.monotonic()

    def __enter__(self) -> Conversation:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
        self._response.close()
        self._engine.remove(self._id)

    def say(self, data: bytes) -> None:
        """Writes; the bytes leave while something is waited for."""
        self._pump.send(data)

    def end_input(self) -> None:
        """Ends the program's input behind what has been said."""
        self._pump.end_output()

    def signal(self, name: str) -> None:
        """Sends a signal to the container's first process; nothing happens if it has gone."""
        self._engine.signal(self._id, name)

    def hears_documents(self, count: int, seconds: float) -> bool:
        """Waits until ``count`` lines that begin as a JSON object have come in all.

        False if the program ended or time was up before.
        """
        self._listen(lambda: self._documents >= count, seconds)
        return self._documents >= count

    def hears_end(self, seconds: float) -> bool:
        """Waits until the program's output has ended; False if time was up, or there was too much, before."""
        self._listen(lambda: False, seconds)
        return self._ended and not self._response.is_too_large

    def finish(self, patience: float) -> Heard:
        """Ends the input, gives the program ``patience`` seconds to end, kills it otherwise, and tells all."""
        self.end_input()
        exit_code = self._exit_code(patience) if self.hears_end(patience) else None
        if exit_code is None:
            # While anybody could read what the program goes on to write, the engine would wait for that.
            self._connection.close()
            self._engine.kill(self._id)
        now = time.monotonic()
        return Heard(
            stdout=self._response.evidence() if exit_code is None else self._response.whole(),
            stderr=bytes(self._streams.stderr),
            exit_code=exit_code,
            ended=exit_code is not None,
            flooded=self._response.is_too_large,
            out_of_memory=exit_code not in (0, None) and self._engine.ran_out_of_memory(self._id),
            seconds=(self._first_line or now) - self._started,
        )

    def _exit_code(self, patience: float) -> int | None:
        """The exit code; None if the program closed its output and did not end."""
        try:
            return self._engine.wait(self._id, max(1.0, patience))
        except EngineError:
            return None

    def _listen(self, is_enough: Callable[[], bool], seconds: float) -> None:
        """Writes and reads until it is enough, the output has ended or time is up."""
        deadline = time.monotonic() + seconds
        while not (is_enough() or self._ended):
            try:
                data = self._pump.turn(deadline)
            except OSError:
                data = b""
            if data is not None:
                self._hear(data)
                self._ended = not data or self._response.is_too_large
            if time.monotonic() >= deadline:
                return

    def _hear(self, data: bytes) -> None:
        for piece in self._streams.feed(data):
            self._response.add(piece)
            self._count(bytes(piece))

    def _count(self, piece: bytes) -> None:
        """Counts the lines that have ended and begin as a JSON object."""
        *ends, rest = piece.split(b"\n")
        for end in ends:
            self._documents += (self._begun + end).lstrip().startswith(b"{")
            self._begun = b""
        self._begun = (self._begun + rest).lstrip()[:1]
        if self._documents and self._first_line is None:
            self._first_line = time.monotonic()
