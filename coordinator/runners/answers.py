"""What a kept program says, line by line, matched with the tasks that are pending."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from coordinator.contract import (
    MAX_RESPONSE_BYTES,
    Failure,
    Success,
    TaskError,
    parse_any_response,
    said_by_step,
    wrong_task,
)
from coordinator.core.tasks import NO_EVIDENCE, Evidence, Outcome, Times
from coordinator.record.files import Files
from coordinator.runners.pending import Pending
from coordinator.runners.received import Lines, as_evidence
from coordinator.runners.verdict import junk, too_large
from coordinator.runners.workfolder import hand_over
from coordinator.schedule.threads import Sink

_OUT_OF_TURN = 64 * 1024
"""Bytes that a program may write while it has no task; with more of them it is ended."""


@dataclass(frozen=True)
class Fault:
    """What a program must be ended for, and what it said then."""

    error: TaskError
    stdout: bytes


Answered = tuple[str, Success | TaskError, Evidence]
"""A task's id, its result, and the evidence if it failed."""


class Answers:
    """One program's stdout, in the lane's thread: a task that is answered is no longer pending."""

    def __init__(self, pending: Pending, files: Files, sink: Sink) -> None:
        self._pending = pending
        self._files = files
        self._sink = sink
        self._lines = Lines(files.work)
        self.any = False
        """Whether the program has answered anything."""

    @property
    def waits(self) -> bool:
        """Whether there are lines that nobody had been asked for."""
        return bool(self._lines)

    def close(self) -> None:
        """Drops what has been said."""
        self._lines.close()

    def feed(self, stdout: bytes) -> None:
        """Takes what has come. Raises OSError if the disk is full."""
        self._lines.feed(stdout)

    def evidence(self) -> bytes:
        """What has been said and answers nothing."""
        return self._lines.evidence()

    def match(self, decode_line: Callable[[bytes], bytes]) -> Fault | None:
        """Gives the sink the outcomes of lines that have ended; while no task is pending they wait for one.

        Returns what is wrong with what the program says, if anything is: nothing is matched any more then. Raises
        OSError if the files of a task cannot be handed over.
        """
        answered: list[Answered] = []
        try:
            while self._lines and self._pending:
                line = self._lines.take()
                answer = self._answer(line, decode_line)
                if isinstance(answer, TaskError):
                    return Fault(answer, as_evidence(line))
                answered.append(answer)
        finally:
            if answered:
                self._hand_out(answered)
        flooded = self._flooded()
        return Fault(flooded, self.evidence()) if flooded else None

    def _answer(self, line: bytes, decode_line: Callable[[bytes], bytes]) -> Answered | TaskError:
        """What one line tells; a line that is no answer is a fault of the program."""
        response = parse_any_response(decode_line(line))
        if isinstance(response, TaskError):
            return response
        task = self._pending.find(response.task)
        if task is None:
            return wrong_task(response.task, self._pending.head.id)
        result = said_by_step(response) if isinstance(response, Failure) else response
        result = hand_over(task, self._files, result)
        self._pending.remove(response.task)
        evidence = NO_EVIDENCE if isinstance(result, Success) else Evidence(stdout=as_evidence(line))
        return response.task, result, evidence

    def _hand_out(self, answered: Sequence[Answered]) -> None:
        """Passes outcomes on; answers that arrive together have taken equal shares of the time since the last."""
        self.any = True
        times = Times(busy=self._pending.shares(len(answered), time.monotonic()))
        first = replace(times, open=self._pending.opening())
        self._sink(
            [
                Outcome(task=task, result=result, evidence=evidence, times=times if number else first)
                for number, (task, result, evidence) in enumerate(answered)
            ]
        )

    def _flooded(self) -> TaskError | None:
        """What is wrong if so much has come, and no end of it, that reading on is pointless."""
        if self._lines.is_junk:
            return junk(self._lines.evidence())
        limit = MAX_RESPONSE_BYTES if self._pending else _OUT_OF_TURN
        return too_large() if self._lines.size > limit else None
