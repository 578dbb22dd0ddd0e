"""The instances of one step and the messages between them and the head: bookkeeping, without a clock and without Ray.

A seat is a place at an instance that is ready. Tasks that were seated wait in their instance's outbox until the
executor looks, so that what has come together travels together. An instance has at most three messages: the one that it
works on, the next, and one that is on its way there or back.

A task that was tried before travels alone, to an instance that has nothing else: it may be what kills its node, and
then it kills nobody else's work.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from coordinator.cluster.sizing import Load
from coordinator.core.tasks import Outcome, StepTask
from coordinator.pipeline import Step

_MESSAGE_SECONDS = 0.5
"""So much work a message should be: enough that sending it is nothing beside it, little enough to do it twice."""
_MESSAGES = 3
_WEIGHT = 0.2
"""Of the newest tasks in the running mean of a step's seconds per task."""


@dataclass
class Member:
    """One instance. ``messages`` are the ids of the tasks of each message that has not been answered."""

    number: int
    label: str
    asked: float
    """When it was asked for."""
    is_ready: bool = False
    is_leaving: bool = False
    """It takes nothing more, and is closed once it has nothing."""
    is_apart: bool = False
    """It is kept free for, or has, a task that travels alone."""
    has_answered: bool = False
    node: str | None = None
    """Where it is; None as long as it is nowhere."""
    outbox: list[StepTask] = field(default_factory=list)
    messages: deque[list[str]] = field(default_factory=deque)

    @property
    def tasks(self) -> int:
        return len(self.outbox) + sum(map(len, self.messages))


class Pool:
    """One step's instances."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self.members: dict[int, Member] = {}
        self.alone: deque[StepTask] = deque()
        self.seconds: float | None = None
        self.peak = 0
        """The most instances that were ready at a time."""
        self.ended, self.busy = 0, 0.0
        """Tasks that were answered, and the seconds that they kept instances at work."""
        self.failures = 0
        """Instances that did not begin, since the last that did."""
        self.was_refused = False
        """Whether somebody wanted a seat, and there was none."""

    # -- seats and messages -------------------------------------------------------------------------------

    def seat(self) -> Member | None:
        """The instance that has least to do, if it has room."""
        open_to_all = [one for one in self._ready() if not one.is_apart]
        least = min(open_to_all, key=lambda one: one.tasks, default=None)
        if least is not None and least.tasks < _MESSAGES * self._depth():
            return least
        self.was_refused = True
        return None

    def submit(self, task: StepTask, member: Member) -> None:
        """Puts a task where it waits for its message."""
        if task.attempt > 1 or member.number not in self.members:
            self.alone.append(task)
        else:
            member.outbox.append(task)

    def messages(self) -> Iterator[tuple[Member, list[StepTask]]]:
        """What is to be sent now; it counts as sent."""
        for member in [one for one in self.members.values() if one.is_ready]:
            while member.outbox and len(member.messages) < _MESSAGES:
                size = min(self._depth(), -(-len(member.outbox) // (_MESSAGES - len(member.messages))))
                tasks, member.outbox = member.outbox[:size], member.outbox[size:]
                member.messages.append([task.id for task in tasks])
                yield member, tasks
        yield from self._apart()

    def answered(self, number: int, outcomes: list[Outcome]) -> None:
        """A message has come back."""
        member = self.members[number]
        ended = {outcome.task for outcome in outcomes}
        member.messages = deque(message for message in member.messages if message[0] not in ended)
        member.is_apart = member.is_apart and bool(member.messages)
        busy = [outcome.times.busy for outcome in outcomes if outcome.times.busy is not None]
        self.ended += len(outcomes)
        self.busy += sum(busy)
        # An instance's first message tells how long its program takes to start, not how long tasks take.
        if busy and (member.has_answered or not self.step.rung.keeps):
            mean = sum(busy) / len(busy)
            self.seconds = mean if self.seconds is None else self.seconds + _WEIGHT * (mean - self.seconds)
        member.has_answered = True

    def take_unsent(self) -> list[StepTask]:
        """All that no instance has yet, which leaves the pool."""
        unsent = [*self.alone, *(task for member in self.members.values() for task in member.outbox)]
        self.alone.clear()
        for member in self.members.values():
            member.outbox = []
        return unsent

    # -- the instances ------------------------------------------------------------------------------------

    @property
    def in_flight(self) -> int:
        return len(self.alone) + sum(member.tasks for member in self.members.values())

    @property
    def size(self) -> int:
        """Instances that are there or asked for, without those that leave."""
        return sum(not member.is_leaving for member in self.members.values())

    def least_backlog(self) -> int:
        """Tasks that are known of here: what the run says of itself may be behind. Forgets that a seat was refused."""
        found = self.in_flight + self.was_refused
        self.was_refused = False
        return found

    def load(self, backlog: int, now: float) -> Load:
        """What is known of the step, with ``backlog`` tasks that wait or run."""
        starting = [one for one in self.members.values() if not one.is_ready and not one.is_leaving]
        ready = self._ready()
        return Load(
            backlog=backlog,
            seconds=self.seconds,
            ready=len(ready),
            idle=sum(not member.tasks for member in ready),
            starting=len(starting),
            since_asked=max((now - member.asked for member in starting), default=0.0),
        )

    def ask(self, number: int, label: str, now: float) -> None:
        """An instance was asked for."""
        self.members[number] = Member(number=number, label=label, asked=now)

    def begin(self, number: int, node: str) -> None:
        """An instance is there."""
        member = self.members[number]
        member.node, member.is_ready = node, True
        self.peak = max(self.peak, len(self._ready()))

    def retire(self) -> bool:
        """The instance that has least to do takes nothing more; one that is still starting is let come first."""
        found = min(self._ready(), key=lambda one: one.tasks, default=None)
        if found is not None:
            found.is_leaving = True
            self._find_others(found)
        return found is not None

    def remove(self, number: int) -> list[str]:
        """An instance has gone: the ids of the tasks that it had. What was not sent goes to others."""
        member = self.members.pop(number)
        self._find_others(member)
        return [task for message in member.messages for task in message]

    def _find_others(self, member: Member) -> None:
        """What waited for a message to one instance waits for one to another, or for that there is one."""
        outbox, member.outbox = member.outbox, []
        others = [one for one in self._ready() if not one.is_apart]
        for task in outbox:
            if others:
                min(others, key=lambda one: one.tasks).outbox.append(task)
            else:
                self.alone.append(task)

    def left(self) -> list[Member]:
        """Those that are to be closed: they leave, and have nothing more to do."""
        return [one for one in self.members.values() if one.is_leaving and one.is_ready and not one.tasks]

    def _ready(self) -> list[Member]:
        return [member for member in self.members.values() if member.is_ready and not member.is_leaving]

    def _apart(self) -> Iterator[tuple[Member, list[StepTask]]]:
        """Sends tasks that travel alone to instances without any other, and keeps one free for the next."""
        while self.alone:
            empty = next((one for one in self._ready() if not one.tasks), None)
            if empty is None:
                break
            task = self.alone.popleft()
            empty.is_apart = True
            empty.messages.append([task.id])
            yield empty, [task]
        if self.alone and not any(one.is_apart for one in self._ready()):
            least = min(self._ready(), key=lambda one: one.tasks, default=None)
            if least is not None:
                least.is_apart = True

    def _depth(self) -> int:
        """How many tasks a message has."""
        most = self.step.instances.message
        if not self.seconds:
            return 1 if self.seconds is None else most
        return min(most, max(1, int(_MESSAGE_SECONDS / self.seconds)))
