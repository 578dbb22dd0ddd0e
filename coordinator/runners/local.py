"""This machine as an executor: its CPUs, memory and GPUs, and a runner for each rung in use."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Collection

from coordinator.contract import Success, TaskError
from coordinator.core.resources import Ledger, shortage
from coordinator.core.retries import spoils
from coordinator.core.seating import Seat, Seating
from coordinator.core.tasks import FetchTask, Outcome, StepTask
from coordinator.pipeline import Rung, Step
from coordinator.record.files import Files
from coordinator.runners.fetch import fetch
from coordinator.runners.lostgpus import SUSPICIOUS, LostGpus
from coordinator.runners.runner import Runner
from coordinator.runners.verdict import CANCELLED
from coordinator.schedule.threads import Inbox, Sink, Threads

_FETCHES = 4
_KEPT_AHEAD = 1024
"""So many tasks should be ready where lanes take many of them at once."""


class LocalExecutor:
    """Runs tasks on this machine: each rung's runner is made when its first task comes."""

    def __init__(
        self,
        make_runner: Callable[[Rung, Sink], Runner],
        files: Files,
        ledger: Ledger,
        *,
        jobs: int,
        lost: LostGpus | None = None,
    ) -> None:
        """``jobs`` is the maximum number of tasks at a time; ``lost`` finds out which GPUs have gone."""
        self._make_runner = make_runner
        self._files = files
        self._jobs = jobs
        self._ledger = ledger
        self._seating = Seating(ledger, jobs=jobs)
        self._lost = lost
        self._seats: dict[str, Seat] = {}
        self._runners: dict[Rung, Runner] = {}
        self._keepers: dict[int, Runner] = {}
        """Who serves the lanes that are kept."""
        self._gone: deque[int] = deque()
        """Closed lanes of which nothing is left since the last look."""
        self._ended = Inbox[Outcome]()
        self._fetches = Threads(self._ended.put, size=_FETCHES)
        self._cancelled = threading.Event()

    @property
    def fetches(self) -> int:
        return _FETCHES

    def ahead(self, step: Step) -> int:
        return _KEPT_AHEAD if step.keeps else 2 * self._jobs

    @property
    def longest(self) -> None:
        """Steps share what there is."""

    def seat(self, step: Step) -> Seat | None:
        """Raises GpusGone if there will be none any more."""
        seat = self._seating.take(step)
        self._close_lanes()
        if seat is None and self._lost:
            reason = shortage(step.resources, self._ledger.inventory)
            if reason is not None:
                raise self._lost.refusal(step.name, reason)
        return seat

    def submit(self, task: StepTask, seat: Seat) -> None:
        self._seats[task.id] = seat
        if self._cancelled.is_set():
            self._ended.put([Outcome(task=task.id, result=CANCELLED)])
            return
        runner = self._runner(task.step)
        if task.step.keeps:
            self._keepers[seat.lane] = runner
        runner.submit(task, seat)
        if (
            self._cancelled.is_set()
        ):  # by a signal between the look and the submission, which that did not reach
            runner.cancel()

    def fetch(self, task: FetchTask) -> None:
        self._fetches.submit(task.id, lambda: self._fetch(task))

    def wait(self, timeout: float | None) -> list[Outcome]:
        outcomes = self._ended.wait(timeout)
        for outcome in outcomes:
            self._free(outcome)
        while self._gone:
            self._seating.ended(self._gone.popleft())
        return outcomes

    def wake(self) -> None:
        self._ended.wake()

    def cancel(self) -> None:
        self._cancelled.set()  # first: what is submitted from now on is refused, or cancelled by whoever submits it
        for runner in tuple(self._runners.values()):
            runner.cancel()

    def close(self) -> None:
        self._fetches.close()
        for runner in self._runners.values():
            runner.close()

    def _runner(self, step: Step) -> Runner:
        """Who runs the step's tasks. A container of a chunk answers line after line, as a resident one does."""
        rung = Rung.RESIDENT if step.loops else step.rung
        if rung not in self._runners:
            self._runners[rung] = self._make_runner(rung, self._ended.put)
        return self._runners[rung]

    def _free(self, outcome: Outcome) -> None:
        seat = self._seats.pop(outcome.task, None)
        if seat is None:  # what was fetched had none
            return
        self._look_for_gpus(outcome, seat.grant.gpu_uuids)
        spoilt = spoils(outcome.result, has_gpus=bool(seat.grant.gpu_uuids))
        self._seating.give_back(seat, outcome.times.busy or 0.0, spoilt=spoilt)
        self._close_lanes()

    def _look_for_gpus(self, outcome: Outcome, granted: Collection[str]) -> None:
        """Takes out what a failed task had and has gone: its next attempt is given another one."""
        failed = isinstance(outcome.result, TaskError) and outcome.result.kind in SUSPICIOUS
        if self._lost is not None and failed and granted and (gone := self._lost.found(granted)):
            self._seating.lose(gone)

    def _close_lanes(self) -> None:
        for lane in self._seating.closed():
            keeper = self._keepers.pop(lane, None)
            if keeper is None:  # nobody has taken a seat that it gave
                self._has_gone(lane)
            else:
                keeper.close_lane(lane, self._has_gone)

    def _has_gone(self, lane: int) -> None:
        """What the lane held is free: who waits for a seat may have one now. Called by any thread."""
        self._gone.append(lane)
        self._ended.wake()

    def _fetch(self, task: FetchTask) -> Outcome:
        image = task.image
        came = fetch(image, self._files.local(image.path), self._cancelled)
        if isinstance(came, TaskError):
            return Outcome(task=task.id, result=came)
        success = Success(task=task.id, items=[])
        return Outcome(task=task.id, result=success, fetched=((image.path, came.stamp),))
