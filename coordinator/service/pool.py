"""The workers that all jobs share, and each job's own view of them as an executor.

A worker is a kept lane (:mod:`coordinator.runners.lane`): it opens its program again after it has died, hung or
babbled. Tasks wait here, not at the workers, so that a job that comes late has its turn soon.
"""

from __future__ import annotations

import logging
import math
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from coordinator.contract import ErrorKind, Success, TaskError
from coordinator.core.tasks import FetchTask, Outcome, StepTask
from coordinator.pipeline import Step
from coordinator.runners.verdict import CANCELLED
from coordinator.schedule.threads import Inbox, Sink
from coordinator.service.budget import Weight
from coordinator.service.floor import Floor
from coordinator.service.overdue import is_told, patience
from coordinator.service.rotation import Rotation

_LOG = logging.getLogger("coordinator.service")
_SEATS = 64
"""Tasks of one job that wait or run, for each worker of the pool."""
_SMALL = Weight()


class Worker(Protocol):
    """What the pool asks of a lane."""

    @property
    def is_open(self) -> bool: ...
    def submit(self, task: StepTask) -> None: ...
    def abandon(self, task_id: str) -> None: ...
    def cancel(self) -> None: ...
    def close(self) -> None: ...
    def join(self) -> None: ...


@dataclass(frozen=True)
class _Waiting:
    owner: str
    task: StepTask
    weight: Weight
    sink: Sink


class Pool:
    """A fixed number of workers; safe to use from many threads."""

    def __init__(
        self,
        open_worker: Callable[[Sink], Worker],
        workers: int,
        watch: Callable[[Outcome], None],
        *,
        with_express: bool = False,
        shared: float = math.inf,
    ) -> None:
        """``open_worker`` makes a worker whose outcomes go to the sink; ``watch`` is shown every outcome.

        ``with_express`` adds a worker for small tasks, ``shared`` is the memory for large ones (:class:`Floor`).
        """
        self._lock = threading.Lock()
        self._waiting: Rotation[_Waiting] = Rotation()
        self._at_work: dict[str, tuple[int, _Waiting]] = {}
        self._floor = Floor(workers, with_express=with_express, shared=shared)
        self._since = [0.0] * self._floor.size
        """When each worker began with the task that it works on."""
        self._unproven: set[int] = set()
        """Workers whose last program has ended, and whose next one has not answered yet."""
        self._broken_off: set[str] = set()
        """Tasks that are to be done again as large ones."""
        self._watch = watch
        self.size = workers
        """The ordinary workers."""
        self._workers = [open_worker(self._sink_of(number)) for number in range(self._floor.size)]

    @property
    def lanes(self) -> int:
        """All workers, the one for small tasks included."""
        return len(self._workers)

    @property
    def alive(self) -> int:
        """The workers whose program runs."""
        return sum(worker.is_open for worker in self._workers)

    @property
    def waiting(self) -> int:
        """The tasks that no worker has yet."""
        with self._lock:
            return len(self._waiting)

    @property
    def idle(self) -> int:
        """The workers for which there is nothing to do."""
        with self._lock:
            return max(0, self._floor.idle - len(self._waiting))

    def warm_up(self, tasks: Sequence[StepTask]) -> list[TaskError]:
        """Opens every worker by a task of its own, one for each; returns what went wrong, once all have answered."""
        ended: queue.SimpleQueue[Sequence[Outcome]] = queue.SimpleQueue()
        with self._lock:
            for number, task in enumerate(tasks):
                self._floor.give(number, _SMALL)
                self._send(number, _Waiting("", task, _SMALL, ended.put))
        outcomes = [outcome for _ in tasks for outcome in ended.get()]
        return [outcome.result for outcome in outcomes if not isinstance(outcome.result, Success)]

    def submit(self, owner: str, task: StepTask, sink: Sink, weight: Weight = _SMALL) -> None:
        """Queues a task; its outcome goes to ``sink``."""
        with self._lock:
            self._waiting.push(owner, _Waiting(owner, task, weight, sink))
            self._hand_out()

    def withdraw(self, owner: str) -> None:
        """Ends the owner's tasks as cancelled: those that no worker has yet at once, the others before long."""
        with self._lock:
            withdrawn = self._waiting.withdraw(owner)
            for task_id, (number, at_work) in self._at_work.items():
                if at_work.owner == owner:
                    self._broken_off.discard(task_id)
                    self._workers[number].abandon(task_id)
            self._hand_out()  # others may have waited behind them for memory
        for waiting in withdrawn:
            waiting.sink([Outcome(task=waiting.task.id, result=CANCELLED)])

    def look(self) -> None:
        """Counts small tasks that take far longer than was estimated as large: nothing more goes to their workers.

        Those that hold others up, behind them or at the worker for small tasks, are broken off and done again.
        """
        with self._lock:
            now = time.monotonic()
            for number, worker in enumerate(self._workers):
                tasks = [waiting for at, waiting in self._at_work.values() if at == number]
                if not worker.is_open:  # its program is just being opened
                    self._since[number] = now
                elif tasks and now - self._since[number] > self._patience(number, tasks[0].weight):
                    self._count_as_large(number, tasks[0], holds_up=len(tasks) > 1)
            self._hand_out()

    def cancel(self) -> None:
        """Ends all programs at once; their tasks end as cancelled."""
        for worker in self._workers:
            worker.cancel()

    def close(self) -> None:
        """Waits for what the workers have, and leaves nothing of them behind."""
        for worker in self._workers:
            worker.close()
        for worker in self._workers:
            worker.join()

    def _hand_out(self) -> None:
        """Gives waiting tasks to the workers that may take them. The lock is held."""
        while self._waiting:
            may_go = self._floor.round()
            waiting = self._waiting.pop(lambda one: may_go(one.weight))  # noqa: B023 - it is asked at once
            if waiting is None:
                return
            self._send(self._floor.take(waiting.weight), waiting)

    def _patience(self, number: int, weight: Weight) -> float:
        return patience(weight, is_first=number in self._unproven)

    def _count_as_large(self, number: int, small: _Waiting, *, holds_up: bool) -> None:
        large = replace(small, weight=replace(small.weight, is_large=True))
        self._floor.leave(number, small.weight)
        self._floor.give(number, large.weight)
        self._at_work[small.task.id] = (number, large)
        if holds_up or self._floor.is_express(number):
            _LOG.warning("%s takes far longer than was estimated: it is done again alone", small.task.id)
            self._broken_off.add(small.task.id)
            self._workers[number].abandon(small.task.id)

    def _send(self, number: int, waiting: _Waiting) -> None:
        if self._floor.has_one(number):
            self._since[number] = time.monotonic()
        self._at_work[waiting.task.id] = (number, waiting)
        self._workers[number].submit(waiting.task)

    def _sink_of(self, number: int) -> Sink:
        def take(outcomes: Sequence[Outcome]) -> None:
            with self._lock:
                self._since[number] = time.monotonic()
                ended = [(self._at_work.pop(outcome.task)[1], outcome) for outcome in outcomes]
                for one, outcome in ended:
                    self._floor.leave(number, one.weight)
                    self._note(number, outcome)
                told = [(one, outcome) for one, outcome in ended if not self._goes_again(one, outcome)]
                self._hand_out()
            for one, outcome in told:
                self._watch(outcome)
                one.sink([outcome])

        return take

    def _note(self, number: int, outcome: Outcome) -> None:
        """Whether the worker's program is one that has answered."""
        if is_told(outcome.result):
            self._unproven.discard(number)
        else:
            self._unproven.add(number)

    def _goes_again(self, one: _Waiting, outcome: Outcome) -> bool:
        """Whether the task was broken off for others' sake, and waits again."""
        if one.task.id not in self._broken_off:
            return False
        self._broken_off.remove(one.task.id)
        was_cancelled = isinstance(outcome.result, TaskError) and outcome.result.kind is ErrorKind.CANCELLED
        if was_cancelled:
            self._waiting.push(one.owner, one)
        return was_cancelled


class JobExecutor:
    """One job's executor: its tasks take their turns at the pool's workers.

    A seat is a place in the pool's line, of which a job may have so many that no worker waits for the job's thread.
    """

    def __init__(
        self, pool: Pool, job_id: str, weigh: Callable[[StepTask], Weight] = lambda task: _SMALL
    ) -> None:
        """``weigh`` tells how large a task of the job is."""
        self._pool = pool
        self._weigh = weigh
        self._job_id = job_id
        self._ended = Inbox[Outcome]()
        self._stopped = threading.Event()
        self._seats = _SEATS * pool.size
        self._taken = self._out = 0
        """Seats that are taken, and tasks that have not come back: a seat may be taken and never used."""

    @property
    def fetches(self) -> int:
        return 1

    def ahead(self, step: Step) -> int:
        return self._seats

    @property
    def longest(self) -> None:
        """Steps share what there is."""

    def seat(self, step: Step) -> int | None:
        if self._taken >= self._seats:
            return None
        self._taken += 1
        return self._taken

    def submit(self, task: StepTask, seat: int) -> None:
        self._out += 1
        if self._stopped.is_set():
            self._ended.put([Outcome(task=task.id, result=CANCELLED)])
        else:
            self._pool.submit(self._job_id, task, self._ended.put, self._weigh(task))

    def fetch(self, task: FetchTask) -> None:
        """Refuses: a client's images come with its request, and the service asks nobody for any."""
        refused = TaskError(
            kind=ErrorKind.BAD_INPUT, message=f"{task.image.url}: images are uploaded, not fetched"
        )
        self._taken += 1
        self._out += 1
        self._ended.put([Outcome(task=task.id, result=refused)])

    def wait(self, timeout: float | None) -> list[Outcome]:
        outcomes = self._ended.wait(timeout)
        self._taken -= len(outcomes)
        self._out -= len(outcomes)
        return outcomes

    def wake(self) -> None:
        self._ended.wake()

    def cancel(self) -> None:
        """Ends all of its tasks as cancelled, now and later; workers are opened anew for others if need be."""
        self._stopped.set()
        self._pool.withdraw(self._job_id)

    def close(self) -> None:
        """Waits until no worker has a task of the job: those that have not ended are cancelled, later ones are not."""
        self._pool.withdraw(self._job_id)
        while self._out:
            self.wait(timeout=None)
        self._taken = 0
