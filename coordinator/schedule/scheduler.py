"""The one loop that owns a run's state: ready -> seat -> submit -> outcome -> journal -> what that makes ready.

    batch --admit--> dataflow --ready--> queue --seat--> executor
                        ^                                   |
                        +---- finish, fail <---- settle <---+ wait

Rules
    Only this thread touches the dataflow, the queue and the journal; executors give back outcomes, and a signal handler
    may only ask for :meth:`Scheduler.drain`.
    A turn is: take recordings in while there is room; start what is ready while there are seats; commit; wait; settle
    all that has come. The commit stands before the wait, so that whatever happens while nothing is to be done, what was
    said is durable; a task's last attempt and its final state are said in one turn, and so enter together.
    A unit is in one place at a time: in the queue, running, in a pause before its next attempt, or ended. ``_open``
    holds the ids of those that have not ended: two items of one id would share a task and its folder.
    Recordings are taken from the batch only as there is room for them, so that memory does not grow with the batch.
    What an event makes ready may be there already, from an earlier session; that is an event again. Such chains are
    followed in a loop (``_advance``), not by recursion.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from coordinator.batch.recording import BadRecording, Recording
from coordinator.contract import ErrorKind, Success, TaskError
from coordinator.core.admission import ReadyQueue
from coordinator.core.dataflow import Advance, Dataflow, Unit
from coordinator.core.retries import Tries, retry
from coordinator.core.tasks import Outcome
from coordinator.record.evidence import FailureFolder
from coordinator.record.files import Files
from coordinator.record.journal import Status
from coordinator.schedule.bookkeeping import Bookkeeping, Moment
from coordinator.schedule.chronicle import Chronicle
from coordinator.schedule.executor import Executor
from coordinator.schedule.feed import Feed
from coordinator.schedule.fetches import Fetches
from coordinator.schedule.pauses import Pauses
from coordinator.schedule.plan import Observer, Plan
from coordinator.schedule.requests import Requests
from coordinator.schedule.reuse import Reuse
from coordinator.strictjson import Json

_UNTRIED = Tries()


@dataclass(frozen=True, slots=True)
class _Queued:
    """A unit that waits for its turn, with the key of its result; an earlier result may have to be forgotten first."""

    unit: Unit
    task: str
    key: str
    is_stale: bool
    tries: Tries = _UNTRIED

    @property
    def attempt(self) -> int:
        return self.tries.number


@dataclass(frozen=True, slots=True)
class _Running:
    ready: _Queued
    submitted: Moment


class Scheduler:
    """Drives one run to its end."""

    def __init__(
        self,
        plan: Plan,
        *,
        files: Files,
        failures: FailureFolder,
        journal: Chronicle,
        executor: Executor[Any],
        observer: Observer,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``clock`` gives the seconds by which pauses are measured."""
        self._plan = plan
        self._journal = journal
        self._executor = executor
        self._observer = observer
        self._flow = Dataflow(plan.steps, plan.census, plan.around)
        self._queue: ReadyQueue[_Queued] = ReadyQueue(len(plan.steps), longest=executor.longest)
        self._pauses = Pauses(clock)
        self._books = Bookkeeping(journal, failures, observer, clock)
        self._requests = Requests(plan, journal, files)
        self._reuse = Reuse(plan, journal, files)
        self._fetches = Fetches(executor, self._reuse, journal, self._books, observer, self._pauses)
        self._running: dict[str, _Running] = {}
        self._open: set[str] = set()
        self._draining = False

    def run(self, recordings: Iterator[Recording | BadRecording]) -> bool:
        """Runs until nothing is left to do; True if that was everything, False if it was interrupted."""
        feed = self._feed(recordings)
        while True:
            if not self._draining:
                self._fill(feed)
                self._start()
            self._journal.commit()
            if not (self._running or self._fetches):
                if self._draining:
                    return False
                if feed.is_over and not len(self._queue) and not self._pauses:
                    return True
            for outcome in self._executor.wait(timeout=None if self._draining else self._pauses.until_due()):
                self._settle(outcome, feed)
            if not self._draining:
                self._pauses.resume_due()

    def drain(self) -> None:
        """Starts nothing more; :meth:`run` returns when what runs has ended. Safe in a signal handler."""
        self._draining = True
        self._executor.wake()

    def _feed(self, recordings: Iterator[Recording | BadRecording]) -> Feed:
        return Feed(
            recordings,
            plan=self._plan,
            flow=self._flow,
            journal=self._journal,
            books=self._books,
            fetches=self._fetches,
            pauses=self._pauses,
        )

    def _fill(self, feed: Feed) -> None:
        """Takes recordings in while there is room before the first step."""
        room = self._executor.ahead(self._plan.steps[0])
        while not (feed.is_over or feed.is_waiting) and self._queue.waiting(0) < room:
            self._advance(feed.take())

    # -- ready units ------------------------------------------------------------------------------------

    def _advance(self, advance: Advance) -> None:
        """Carries out what an event led to; results that can be reused lead on at once."""
        todo = deque([advance])
        while todo:
            current = todo.popleft()
            for waiting in current.gathered:
                if not self._journal.gather(waiting.step, waiting.region, waiting.item):
                    self._refuse_twin(waiting.step, waiting.item["id"])
            for unit in current.skipped:
                self._books.skipped(self._requests.task_id(unit), self._plan.steps[unit.step].name, unit.id)
            todo.extend(
                self._refuse(unit, self._requests.incompleteness(unit)) for unit in current.incomplete
            )
            for unit in current.ready:
                following = self._make_ready(unit)
                if following is not None:
                    todo.append(following)

    def _make_ready(self, unit: Unit) -> Advance | None:
        """Queues the unit, or says what follows if its task has nothing to do."""
        step = self._plan.steps[unit.step]
        task_id = self._requests.task_id(unit)
        if task_id in self._open:
            return self._refuse_unit_twin(unit)
        if (reason := self._requests.excess(unit)) is not None:
            return self._refuse(unit, reason)
        keys = self._reuse.keys(unit, *self._requests.inputs(unit))
        found = self._reuse.find(unit, task_id, keys)
        if found.again:
            return self._refuse_unit_twin(unit)
        self._observer.expect(step.name, 1)
        if found.items is not None:
            self._observer.ended(step.name, Status.SUCCEEDED, reused=True)
            self._requests.done(unit)
            return self._flow.finish(unit, found.items)
        if found.stays_failed:
            self._observer.ended(step.name, Status.FAILED)
            self._requests.done(unit)
            return self._flow.fail(unit)
        self._open.add(task_id)
        self._queue.push(unit.step, _Queued(unit, task_id, keys[0], found.is_stale))
        return None

    def _refuse_unit_twin(self, unit: Unit) -> Advance:
        self._refuse_twin(unit.step, unit.id)
        return self._flow.fail(unit)

    def _refuse_twin(self, step: int, item_id: str) -> None:
        """Two items of one id would share a task and its folder: the first is kept, the second fails."""
        name = self._plan.steps[step].name
        message = f"another item of the same id {item_id!r} has come to step {name!r}"
        error = TaskError(kind=ErrorKind.PROTOCOL, message=message)
        self._books.refused(f"{name}/{item_id} (again)", name, item_id, error)

    def _refuse(self, unit: Unit, message: str) -> Advance:
        """A place whose step is not to run: it lost so many of its items, or has too many."""
        step = self._plan.steps[unit.step]
        self._observer.expect(step.name, 1)
        self._requests.done(unit)
        error = TaskError(kind=ErrorKind.BAD_INPUT, message=message)
        self._books.refused(self._requests.task_id(unit), step.name, unit.id, error)
        return self._flow.fail(unit)

    # -- starting ---------------------------------------------------------------------------------------

    def _start(self) -> None:
        """Submits ready units while there are seats for them."""
        while (seated := self._queue.pop(self._seat)) is not None:
            self._submit(*seated)

    def _seat(self, step: int) -> Any:
        return self._executor.seat(self._plan.steps[step])

    def _submit(self, ready: _Queued, seat: Any) -> None:
        task = self._requests.task(ready.unit, ready.attempt, with_images=not self._executor.fetches)
        if ready.is_stale:
            self._journal.forget(ready.task)
        self._running[ready.task] = _Running(ready, self._books.now())
        self._executor.submit(task, seat)

    # -- ended attempts ---------------------------------------------------------------------------------

    def _settle(self, outcome: Outcome, feed: Feed) -> None:
        if outcome.task in self._fetches:
            arrived = feed.arrive(outcome)
            self._draining = self._draining or arrived is None
            self._advance(arrived or Advance())
            return
        running = self._running.pop(outcome.task)
        ready, result = running.ready, outcome.result
        if isinstance(result, Success) or result.kind is not ErrorKind.LOST:
            gathered = ready.unit.gathered if ready.unit.item is None else None
            self._books.attempted(outcome, ready.attempt, running.submitted, gathered)
        changed = self._requests.fetched(outcome)
        if isinstance(result, Success):
            self._succeed(ready, result, is_new=changed)
        elif result.kind is ErrorKind.CANCELLED:
            self._draining = True
        elif again := retry(result, ready.tries, self._plan.steps[ready.unit.step].retries):
            if result.kind is ErrorKind.ENGINE:
                self._observer.engine_failed(self._plan.steps[ready.unit.step].name, ready.task, result)
            waiting = replace(ready, tries=again.tries)
            self._pauses.after(again.pause, lambda: self._queue.push(ready.unit.step, waiting))
        else:
            self._fail(ready, result, outcome)

    def _succeed(self, ready: _Queued, result: Success, *, is_new: bool) -> None:
        """``is_new`` if images were fetched for it whose content was not known: the key tells what it has worked on."""
        unit, step = ready.unit, self._plan.steps[ready.unit.step]
        key = self._reuse.keys(unit, *self._requests.inputs(unit))[0] if is_new else ready.key
        items = _with_losses(result.items, self._requests.missing(unit))
        self._open.discard(ready.task)
        self._books.succeeded(ready.task, step.name, unit.id, key, items)
        self._requests.done(unit)
        self._advance(self._flow.finish(unit, items))

    def _fail(self, ready: _Queued, error: TaskError, outcome: Outcome) -> None:
        unit = ready.unit
        self._open.discard(ready.task)
        self._books.failed(self._requests.request(unit), unit.id, error, ready.attempt, outcome, ready.key)
        self._requests.done(unit)
        self._advance(self._flow.fail(unit))


def _with_losses(items: list[Json], missing: int) -> list[Json]:
    """A region's items, which say so if recordings were missing that failed before."""
    return [{**item, "missing": missing} for item in items] if missing else items
