"""The step under test: starts its containers as a run does, and keeps what several checks look at."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from coordinator.checkstep.conversation import Conversation, Heard
from coordinator.checkstep.partner import CannotStart, Place, Without
from coordinator.checkstep.requests import STEP, Question
from coordinator.contract import Request
from coordinator.core.tasks import StepTask
from coordinator.pipeline import Step
from coordinator.record.files import Files
from coordinator.runners.engine import ImageFacts
from coordinator.runners.workfolder import discard, prepare

_AGAIN = 1.0
"""Seconds between two SIGTERMs."""
_NOT_FOUND = 127
"""The exit code that `docker run` has for a program that cannot be started."""
_SLOWER = 4.0
"""How many times as long as the first answer a later one may take, at least."""


@dataclass(frozen=True, kw_only=True)
class CheckLimits:
    """Seconds: for an answer, for ending after the end of input, for ending on SIGTERM."""

    answer: float = 60.0
    end: float = 10.0
    sigterm: float = 10.0


DEFAULT_LIMITS = CheckLimits()


@dataclass(kw_only=True)
class Subject:
    """One image, asked one question in many containers, or processes of one.

    Whatever starts one raises EngineError if the engine fails, CannotStart if the program does not start.
    """

    place: Place
    image: ImageFacts
    question: Question
    files: Files
    limits: CheckLimits = DEFAULT_LIMITS
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def loops(self) -> bool:
        """Whether the image says that it answers line after line."""
        return self.image.labels.get("coordinator.loop") == "true"

    def request(self) -> Request:
        """The question as a new task."""
        return self.question.request(f"task-{next(self._numbers)}")

    @cached_property
    def first_request(self) -> Request:
        """What the first container is asked."""
        return self.request()

    @cached_property
    def first(self) -> Heard:
        """What the first container said to the first request, as a run with a container per task asks it."""
        try:
            return self.ask([self.first_request])
        except CannotStart as error:
            return Heard(stdout=b"", exit_code=_NOT_FOUND, refused=str(error))

    @cached_property
    def three_requests(self) -> list[Request]:
        """What one process is asked at once."""
        return [self.request() for _ in range(3)]

    @cached_property
    def three_at_once(self) -> Heard:
        """What one process said to three requests that were written together."""
        return self.ask(self.three_requests)

    @property
    def patience(self) -> float:
        """Seconds for a further answer of a step whose first one is known."""
        return min(self.limits.answer, max(5.0, _SLOWER * self.first.seconds))

    def ask(
        self, requests: Sequence[Request], *, before: bytes = b"", without: Sequence[Without] = ()
    ) -> Heard:
        """Everything written at once, ``before`` in front of it, and the input ended behind it."""
        expected = len(requests) + bool(before)
        is_first = "first" not in vars(self) or bool(without)
        seconds = self.limits.answer if is_first else self.patience * expected
        with _TaskFolders(self, requests), self._talk(without) as talk:
            talk.say(before + b"".join(request.line() for request in requests))
            talk.end_input()
            talk.hears_documents(expected, seconds)
            return talk.finish(self.limits.end)

    def ask_in_turn(self, requests: Sequence[Request]) -> tuple[list[bool], Heard]:
        """Each request written when the answer before it is there, and for each whether its answer came."""
        came: list[bool] = []
        with _TaskFolders(self, requests), self._talk() as talk:
            for number, request in enumerate(requests, start=1):
                talk.say(request.line())
                came.append(talk.hears_documents(number, self.patience))
                if not came[-1]:
                    break
            return came, talk.finish(self.limits.end)

    def ask_nothing(self) -> Heard:
        """Its input ended without a request."""
        with self._talk() as talk:
            return talk.finish(self.limits.end + self._loading)

    def ends_on_sigterm(self, without: Sequence[Without] = ()) -> bool:
        """Whether a SIGTERM ends it while it waits for input; sent again and again until time is up."""
        request = self.request()
        with _TaskFolders(self, [request]), self._talk(without) as talk:
            # A signal that comes before the program has said what it does with signals proves nothing.
            if self.loops and self.first.lines:
                talk.say(request.line())
                talk.hears_documents(1, self.patience)
            else:
                talk.hears_end(max(_AGAIN, 2 * self._loading))
            for _ in range(max(1, round(self.limits.sigterm / _AGAIN))):
                talk.signal("SIGTERM")
                if talk.hears_end(_AGAIN):
                    return True
        return False

    def _talk(self, without: Sequence[Without] = ()) -> Conversation:
        return Conversation(self.place.start(without))

    @property
    def _loading(self) -> float:
        """Seconds that it may spend on its start before it looks at its input."""
        return self.first.seconds if self.first.lines else 0.0

    @property
    def _step(self) -> Step:
        return Step(name=STEP, image_ref=self.image.image_ref)

    def task(self, request: Request) -> StepTask:
        """The task for which a request stands, as the runners know it."""
        return StepTask(request=request, step=self._step, image_id=self.image.id)


class _TaskFolders:
    """The tasks' own folders, for as long as their container is there."""

    def __init__(self, subject: Subject, requests: Sequence[Request]) -> None:
        self._files = subject.files
        self._tasks = [subject.task(request) for request in requests]

    def __enter__(self) -> None:
        for task in self._tasks:
            prepare(task, self._files)

    def __exit__(self, *_: object) -> None:
        for task in self._tasks:
            discard(task, self._files)
