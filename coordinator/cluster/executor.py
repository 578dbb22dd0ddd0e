"""A Ray cluster as an executor: seats at instances that are ready, messages of several tasks, outcomes.

One thread, the scheduler's, owns everything; what Ray says comes in by an inbox and is handled in
:meth:`RayExecutor.wait`. Only the end of a run waits for the cluster, and that not for ever.

    what happens                         the instance       its tasks
    -----------------------------------  -----------------  -----------------------------------------------
    a message is answered                stays              have their outcomes
    a message fails, whatever the cause  killed, swept      lost with the node: NODE, no attempt, not for ever
    the node's engine is given up        killed, swept      the same
    it does not begin                    gone               it had none; after three in a row the run ends
    its node differs from the others     killed             it had none; the next goes to another node
    cancel                               ends what it does  those that were not sent end as cancelled at once
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from coordinator.cluster.bulletin import Reporter
from coordinator.cluster.calls import Calls
from coordinator.cluster.demand import LINE
from coordinator.cluster.fleet import Fleet, Terms
from coordinator.cluster.joining import ClusterError
from coordinator.cluster.link import Event
from coordinator.cluster.messages import unpack_outcomes
from coordinator.cluster.pool import Member
from coordinator.cluster.shelf import Shelf
from coordinator.cluster.steward import Steward
from coordinator.cluster.written import Written
from coordinator.contract import ErrorKind, Success, TaskError
from coordinator.core.tasks import FetchTask, Outcome, StepTask
from coordinator.pipeline import Step
from coordinator.record.files import Files
from coordinator.runners.verdict import CANCELLED
from coordinator.schedule.threads import Inbox

_TICK = 1.0
"""Seconds between two looks at the pools' sizes."""
_PATIENCE = 30.0
"""Seconds that instances get to end what was cancelled, or to close, before they are killed."""


class RayExecutor:
    """Runs tasks on the nodes of a cluster."""

    def __init__(
        self,
        link: Calls,
        terms: Terms,
        files: Files,
        reporter: Reporter,
        backlog: Callable[[str], int],
        *,
        clock: Callable[[], float] = time.monotonic,
        arrived: Inbox[Outcome | Event] | None = None,
    ) -> None:
        """``backlog`` counts the tasks of a step that wait or run. With another ``clock``, whoever has it gives an
        inbox ``arrived``, too, whose waiting makes it go on."""
        self._link = link
        self._files = files
        self._shelf = Shelf(files)
        self._written = Written(files)
        self._clock = clock
        self._arrived: Inbox[Outcome | Event] = arrived or Inbox()
        self._fleet = Fleet(link, terms, reporter, lambda event: self._arrived.put([event]), clock)
        self._steward = Steward(self._fleet, terms, backlog, reporter)
        self._reporter = reporter
        self._woken, self._cancelled = threading.Event(), threading.Event()
        self._give_up: float | None = None
        self._looked = -_TICK
        self._is_closing = False

    @property
    def fetches(self) -> int:
        """None: nodes fetch what their tasks need."""
        return 0

    def ahead(self, step: Step) -> int:
        self._fleet.pool(step)  # so that its least is asked for at once
        return LINE

    @property
    def longest(self) -> int:
        """Every step has instances of its own."""
        return LINE

    def ready(self, step: Step) -> int:
        """The step's instances that can take tasks."""
        return self._fleet.pool(step).load(0, 0.0).ready

    def seat(self, step: Step) -> Member | None:
        return self._fleet.pool(step).seat()

    def submit(self, task: StepTask, seat: Member) -> None:
        if self._cancelled.is_set():
            self._arrived.put([Outcome(task=task.id, result=CANCELLED)])
            return
        try:
            self._fleet.pool(task.step).submit(self._shelf.put(task), seat)
        except OSError as error:  # a full disk must fail a task, not end the run
            message = f"its items cannot be written for the nodes: {error}"
            result = TaskError(kind=ErrorKind.INTERNAL, message=message)
            self._arrived.put([Outcome(task=task.id, result=result)])

    def fetch(self, task: FetchTask) -> None:
        raise AssertionError(f"{task.id}: nodes fetch")

    def wait(self, timeout: float | None) -> list[Outcome]:
        deadline = None if timeout is None else self._clock() + timeout
        while True:
            outcomes, has_news = self._turn(deadline)
            is_over = deadline is not None and self._clock() >= deadline
            if outcomes or has_news or is_over or self._woken.is_set():
                self._woken.clear()
                for outcome in outcomes:
                    self._shelf.remove(outcome.task)
                return outcomes

    def wake(self) -> None:
        self._woken.set()
        self._arrived.wake()

    def cancel(self) -> None:
        self._cancelled.set()
        self._arrived.wake()

    def close(self) -> None:
        """Raises ClusterError if it cannot be made sure that nothing is left."""
        self._is_closing = True
        deadline = None
        while any(pool.members for pool in self._fleet.all()):
            if deadline is None and (self._cancelled.is_set() or not self._is_at_work()):
                deadline = self._clock() + _PATIENCE
            if deadline is not None and self._clock() > deadline:
                break
            self._fleet.dismiss()
            with suppress(ClusterError):  # of instances that do not begin, which nobody waits for any more
                self._turn(self._clock() + _TICK)
        for pool in self._fleet.all():
            for number in tuple(pool.members):
                self._fleet.lose(number, "it did not end")
        self._steward.rest(self._clock())
        self._sweep()
        self._written.close()
        self._shelf.close()

    # -- turns --------------------------------------------------------------------------------------------

    def _turn(self, deadline: float | None) -> tuple[list[Outcome], bool]:
        """Does what is due, and handles what has come by a tick or the deadline; whether there may be new seats."""
        outcomes = self._let_go() if self._cancelled.is_set() else []
        now = self._clock()
        is_ending = self._is_closing or self._cancelled.is_set()
        if not is_ending and now - self._looked >= _TICK:
            self._looked = now
            self._steward.resize(now)
        self._fleet.send()
        left = _TICK if deadline is None else min(_TICK, max(0.0, deadline - now))
        arrived = self._arrived.wait(0.0 if outcomes else left)
        has_news = False
        for one in arrived:
            if isinstance(one, Outcome):
                outcomes.append(one)
            else:
                has_news = has_news or one.call == "begin"
                outcomes += self._handle(one)
        return outcomes, has_news

    def _handle(self, event: Event) -> Iterator[Outcome] | list[Outcome]:
        number = event.instance
        if event.call == "run":
            return (
                self._answered(number, event.answer)
                if event.failed is None
                else self._lose(number, event.failed)
            )
        if event.call == "close":
            self._fleet.closed(number, event.failed)
        elif event.call == "begin" and event.failed is None:
            self._fleet.began(number, *event.answer)
        elif event.call == "begin":
            self._fleet.did_not_begin(number, event.failed or "")
        return []

    def _answered(self, number: int, packed: bytes) -> list[Outcome]:
        pool = self._fleet.holder(number)
        if pool is None:  # it was given up, and its tasks with it
            return []
        outcomes = unpack_outcomes(packed)
        label = pool.members[number].label
        for one in outcomes:
            if isinstance(one.result, Success):
                self._written.take_over(pool.step, label, one.task)
            else:
                self._written.forget(pool.step, one.task)
        pool.answered(number, outcomes)
        for note in {one.note: None for one in outcomes if one.note}:
            self._reporter.note(f"step {pool.step.name!r} on {pool.members[number].node}: {note}")
        gone = [found for one in outcomes if (found := _loss(one)) is not None]
        return [*outcomes, *(self._lose(number, gone[0]) if gone else ())]

    def _lose(self, number: int, why: str) -> list[Outcome]:
        """What an instance had is lost with it, and what its tasks have written goes."""
        pool = self._fleet.holder(number)
        if pool is None:
            return []
        error = TaskError(kind=ErrorKind.NODE, message=f"the instance that it ran on was lost: {why}")
        result = CANCELLED if self._cancelled.is_set() else error
        label = pool.members[number].label
        lost = self._fleet.lose(number, why)
        self._written.drop(pool.step, label)
        for task in lost:
            self._written.forget(pool.step, task)
        return [Outcome(task=task, result=result) for task in lost]

    def _let_go(self) -> list[Outcome]:
        """The run is cancelled: all that was not sent ends, and what runs is told to, and given up if it does not."""
        now = self._clock()
        if self._give_up is None:
            self._give_up = now + _PATIENCE
            self._fleet.cancel()
        unsent = [task for pool in self._fleet.all() for task in pool.take_unsent()]
        outcomes = [Outcome(task=task.id, result=CANCELLED) for task in unsent]
        if now > self._give_up:
            numbers = [
                number for pool in self._fleet.all() for number, one in pool.members.items() if one.tasks
            ]
            outcomes += [one for number in numbers for one in self._lose(number, "it did not let go")]
        return outcomes

    def _is_at_work(self) -> bool:
        return any(pool.in_flight for pool in self._fleet.all())

    def _sweep(self) -> None:
        """Sees to it that instances which did not end by themselves have left nothing."""
        if not self._fleet.labels:
            return
        labels, self._fleet.labels = self._fleet.labels, []
        self._link.remove_left(labels, None)


def _loss(outcome: Outcome) -> str | None:
    """Why an instance that can still answer is lost all the same: its engine has gone."""
    result = outcome.result
    return result.message if isinstance(result, TaskError) and result.kind is ErrorKind.NODE else None
