"""A program that is talked with: written to and listened to piece by piece, to learn how it behaves.

The runners need a program's answers and nothing else; whoever checks a step needs to know when each of them came, what
came besides, and what makes the program end. Where it runs, its partner says (partner.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

from coordinator.checkstep.partner import Partner
from coordinator.runners.pump import Pump
from coordinator.runners.received import Response

_LINES = 100
"""Lines that stdout is taken apart into; no check asks for more than three answers."""


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What a program said from its start to its end.

    ``ended`` is False if it had to be killed; ``exit_code`` is None then. ``flooded`` says that it wrote more
    to stdout than a response may have. ``seconds`` is from its start to its first document, or to its end
    without any. ``refused`` is what the engine said if it did not start it at all.
    """

    stdout: bytes
    stderr: bytes = b""
    exit_code: int | None = 0
    ended: bool = True
    flooded: bool = False
    out_of_memory: bool = False
    seconds: float = 0.0
    refused: str = ""

    @property
    def lines(self) -> list[bytes]:
        """The lines of stdout that are not blank; of a babbler's millions, all behind the first are one."""
        return [line for line in self.stdout.split(b"\n", _LINES) if line.strip()]


class Conversation:
    """One program from its start to its end; a context manager that leaves nothing behind."""

    def __init__(self, partner: Partner) -> None:
        """Takes over the ``partner``, which has been started."""
        self._partner = partner
        self._response = Response(None)
        self._begun = b""
        """The first byte of the line that has not ended yet."""
        self._ended = False
        self._first_line: float | None = None
        self._documents = 0
        self._started = time.monotonic()
        self._hear(partner.received)
        self._pump = Pump(partner.connection)

    def __enter__(self) -> Conversation:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._response.close()
        self._partner.remove()

    def say(self, data: bytes) -> None:
        """Writes; the bytes leave while something is waited for."""
        self._pump.send(self._partner.encode(data))

    def end_input(self) -> None:
        """Ends the program's input behind what has been said."""
        self._pump.end_output()

    def signal(self, name: str) -> None:
        """Sends a signal to the container's first process; nothing happens if it has gone."""
        self._partner.signal(name)

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
        exit_code = self._partner.exit_code(patience) if self.hears_end(patience) else None
        if exit_code is None:
            self._partner.kill()
        now = time.monotonic()
        stdout = self._response.evidence() if exit_code is None else self._response.whole()
        return Heard(
            stdout=self._partner.decode(stdout),
            stderr=bytes(self._partner.streams.stderr),
            exit_code=exit_code,
            ended=exit_code is not None,
            flooded=self._response.is_too_large,
            out_of_memory=exit_code not in (0, None) and self._partner.ran_out_of_memory(),
            seconds=(self._first_line or now) - self._started,
        )

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
        for piece in self._partner.streams.feed(data):
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
