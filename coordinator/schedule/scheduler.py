"""The one loop that owns a run's state: ready -> reserve -> submit -> finished -> journal.

Only this thread touches the dataflow, the ledger and the journal; executors return outcomes. Recordings
are taken from the batch as there is room for them, so that memory does not grow with the batch.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from coordinator.batch.folder import FETCH, BadRecording, Recording
from coordinator.batch.regions import Regions
from coordinator.contract import PROTOCOL, ErrorKind, Json, RegionMessage, Request, Success, TaskError
from coordinator.core.admission import ReadyQueue
from coordinator.core.dataflow import DEADLY, Advance, Dataflow, Tries, Unit, retry
from coordinator.core.lanes import Lanes, Seat
from coordinator.core.resources import Ledger
from coordinator.core.tasks import FetchTask, Outcome, StepTask, image_paths, task_key
from coordinator.pipeline import Per, Rung, Step
from coordinator.record.journal import BATCH, Attempt, Journal, Status
from coordinator.record.runfolder import RunFolder
from coordinator.schedule.executor import Executor

_KEPT_WINDOW = 1024
"""So many recordings may wait before a first step whose lanes take many tasks at once."""
_FETCH_RETRIES = 2
_FETCHES = 4
"""Images fetched at a time."""


class Observer(Protocol):
    """Is told what happens, to show it."""

    def expect(self, step: str, tasks: int) -> None:
        """So many more tasks of ``step`` are known of."""
        ...

    def ended(self, step: str, status: Status, *, reused: bool = False) -> None:
        """One task of ``step`` has reached its final state; ``reused`` if an earlier session's result served."""
        ...

    def failed(self, task: str, error: TaskError) -> None:
        """A task failed for good."""
        ...


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a run is to do. ``image_ids`` pins each step's image; ``census`` counts recordings by region.

    ``earlier`` has each step's forms (and image ids) of earlier sessions, whose results serve as well.
    With ``only``, the failures of all other steps stay as they are unless their input has changed.
    With ``hash_inputs``, image files are told apart by their content instead of size and time.
    """

    steps: tuple[Step, ...]
    image_ids: Mapping[str, str]
    regions: Regions
    census: Mapping[str, int]
    earlier: Mapping[str, Sequence[tuple[Step, str]]] = field(default_factory=dict)
    only: str | None = None
    hash_inputs: bool = False


@dataclass(frozen=True, kw_only=True)
class _Ready:
    """A unit that waits for its turn, with the key of its result."""

    unit: Unit
    key: str
    tries: Tries = field(default_factory=Tries)


@dataclass(frozen=True, kw_only=True)
class _Moment:
    """A time of day (seconds since the epoch) and the clock's: days may jump, and what lasted is told by the clock."""

    day: float
    clock: float


@dataclass(frozen=True, kw_only=True)
class _Running:
    ready: _Ready
    seat: Seat
    submitted: _Moment


@dataclass(frozen=True, kw_only=True)
class _Fetching:
    recording: Recording
    task: FetchTask
    submitted: _Moment
    tries: Tries = field(default_factory=Tries)


class Scheduler:
    """Drives one run to its end."""

    def __init__(
        self,
        plan: Plan,
        *,
        folder: RunFolder,
        journal: Journal,
        executor: Executor,
        ledger: Ledger,
        observer: Observer,
        jobs: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``jobs`` is the most tasks at a time; ``clock`` gives the seconds by which pauses are measured."""
        self._plan = plan
        self._folder = folder
        self._journal = journal
        self._executor = executor
        self._lanes = Lanes(ledger, plan.steps)
        self._observer = observer
        self._jobs = jobs
        self._clock = clock
        self._window = 2 * jobs if plan.steps[0].rung is Rung.FRESH else _KEPT_WINDOW
        self._flow = Dataflow(plan.steps, plan.census)
        self._queue: ReadyQueue[_Ready] = ReadyQueue(len(plan.steps))
        self._running: dict[str, _Running] = {}
        self._fetching: dict[str, _Fetching] = {}
        self._known: set[str] = set()
        self._pauses: list[tuple[float, int, Callable[[], None]]] = []
        self._pause_numbers = itertools.count()
        self._draining = False

    def run(self, recordings: Iterator[Recording | BadRecording]) -> bool:
        """Runs until nothing is left to do; True if that was everything, False if it was interrupted."""
        feed: Iterator[Recording | BadRecording] | None = recordings
        while True:
            if not self._draining:
                feed = self._fill(feed)
                self._start()
            self._journal.commit()
            if not (self._running or self._fetching):
                if self._draining:
                    return False
                if feed is None and not len(self._queue) and not self._pauses:
                    return True
            for outcome in self._executor.wait(timeout=self._until_due()):
                self._settle(outcome)
            self._resume_due()

    def drain(self) -> None:
        """Starts nothing more; :meth:`run` returns when what runs has ended. Safe in a signal handler."""
        self._draining = True
        self._executor.wake()

    # -- pauses before another attempt ------------------------------------------------------------------

    def _after(self, pause: float, resume: Callable[[], None]) -> None:
        """Calls ``resume`` once the pause is over, at once if there is none."""
        if pause == 0.0:
            resume()
        else:
            heapq.heappush(self._pauses, (self._clock() + pause, next(self._pause_numbers), resume))

    def _until_due(self) -> float | None:
        """Seconds until the next pause is over; None if there is none to wait for."""
        if not self._pauses or self._draining:
            return None
        return max(0.0, self._pauses[0][0] - self._clock())

    def _resume_due(self) -> None:
        while self._pauses and not self._draining and self._pauses[0][0] <= self._clock():
            heapq.heappop(self._pauses)[2]()

    # -- the batch --------------------------------------------------------------------------------------

    def _fill(
        self, feed: Iterator[Recording | BadRecording] | None
    ) -> Iterator[Recording | BadRecording] | None:
        """Takes recordings in while there is room before the first step; None once the batch has ended."""
        while feed is not None and self._has_room():
            recording = next(feed, None)
            if recording is None:
                if (
                    self._fetching or self._pauses
                ):  # what is still to enter its regions, perhaps after a pause
                    return feed
                self._advance(self._flow.close())
                return None
            self._admit(recording)
        return feed

    def _has_room(self) -> bool:
        return self._queue.waiting(0) < self._window and len(self._fetching) < _FETCHES

    def _admit(self, recording: Recording | BadRecording) -> None:
        if isinstance(recording, BadRecording):
            self._fail_recording(recording.id, recording.reason)
        elif not self._journal.admit(recording.id):
            self._advance(self._flow.lose(self._plan.regions.around(recording.position)))
            self._fail_recording(
                recording.id, f"the id {recording.id!r} is used twice; give every recording its own"
            )
        elif recording.url is None:
            self._enter(recording)
        else:
            self._fetch(recording, recording.url)

    def _enter(self, recording: Recording) -> None:
        self._advance(self._flow.admit(recording.item, self._plan.regions.around(recording.position)))

    def _fail_recording(self, recording_id: str, reason: str) -> None:
        self._fail_task(
            f"{BATCH}/{recording_id}",
            BATCH,
            recording_id,
            TaskError(kind=ErrorKind.BAD_INPUT, message=reason),
        )

    def _fetch(self, recording: Recording, url: str) -> None:
        task = FetchTask(id=f"{FETCH}/{recording.id}", url=url, path=recording.item["image"])
        if self._folder.local(task.path).is_file() and self._journal.reusable(task.id, url) is not None:
            self._enter(recording)
            return
        self._observer.expect(FETCH, 1)
        if self._stays_failed(FETCH, task.id, [url]):
            self._advance(self._flow.lose(self._plan.regions.around(recording.position)))
            return
        self._submit_fetch(_Fetching(recording=recording, task=task, submitted=self._now()))

    def _submit_fetch(self, fetching: _Fetching) -> None:
        self._fetching[fetching.task.id] = replace(fetching, submitted=self._now())
        self._executor.submit(fetching.task)

    # -- ready units ------------------------------------------------------------------------------------

    def _advance(self, advance: Advance) -> None:
        """Carries out what an event led to; results that can be reused lead on at once."""
        todo = deque([advance])
        while todo:
            current = todo.popleft()
            for waiting in current.gathered:
                if not self._journal.gather(waiting.step, waiting.region, waiting.item):
                    self._fail_again(waiting.step, waiting.item["id"])
            for unit in current.skipped:
                self._skip(unit)
            todo.extend(self._refuse(unit) for unit in current.incomplete)
            for unit in current.ready:
                reused = self._make_ready(unit)
                if reused is not None:
                    todo.append(reused)

    def _make_ready(self, unit: Unit) -> Advance | None:
        """Queues the unit, or says what follows if its result is there already."""
        step = self._plan.steps[unit.step]
        task_id = self._task_id(unit)
        if task_id in self._known or self._journal.has_ended(task_id):
            self._fail_again(unit.step, unit.id)
            return self._flow.fail(unit)
        self._observer.expect(step.name, 1)
        keys = self._keys(step, unit)
        reused = (self._journal.reusable(task_id, key) for key in keys)
        result = next((items for items in reused if items is not None), None)
        if result is not None and not self._has_files(unit, result):
            self._journal.forget(task_id)
            result = None
        if result is not None:
            self._observer.ended(step.name, Status.SUCCEEDED, reused=True)
            self._take_gathered(unit)
            return self._flow.finish(unit, result)
        if self._stays_failed(step.name, task_id, keys):
            self._take_gathered(unit)
            return self._flow.fail(unit)
        self._known.add(task_id)
        self._queue.push(unit.step, _Ready(unit=unit, key=keys[0]))
        return None

    def _keys(self, step: Step, unit: Unit) -> list[str]:
        """The key of the unit's result, and those under which an earlier form of the step would have kept it."""
        items, region = self._items(unit), self._region(unit)
        stamp = self._folder.content_stamp if self._plan.hash_inputs else self._folder.stamp
        stamps = [stamp(path) for item in items for path in image_paths(item)]
        forms = ((step, self._plan.image_ids[step.name]), *self._plan.earlier.get(step.name, ()))
        return [task_key(form, image_id, items, region, stamps, unit.lost) for form, image_id in forms]

    def _has_files(self, unit: Unit, items: list[Json]) -> bool:
        """Whether the images that a result names in its task's own folder are still there.

        Steps do not sync what they write: after a power cut a file may be there and empty.
        """
        step = self._plan.steps[unit.step]
        own = self._folder.work_mount(step.name, unit.id) + "/"
        paths = (path for item in items for path in image_paths(item) if path.startswith(own))
        return not step.writes or all(self._folder.holds(path) for path in paths)

    def _stays_failed(self, step: str, task_id: str, keys: Sequence[str]) -> bool:
        """Whether the task failed before at the same input, and is not asked for again."""
        if self._plan.only in (None, step):
            return False
        if not any(self._journal.still_failed(task_id, key) for key in keys):
            return False
        self._observer.ended(step, Status.FAILED)
        return True

    def _fail_again(self, step: int, item_id: str) -> None:
        """Two items of one id would share a task and its folder: the first is kept, the second fails."""
        name = self._plan.steps[step].name
        message = f"another item of the same id {item_id!r} has come to step {name!r}"
        error = TaskError(kind=ErrorKind.PROTOCOL, message=message)
        self._fail_task(f"{name}/{item_id} (again)", name, item_id, error)

    def _skip(self, unit: Unit) -> None:
        name = self._plan.steps[unit.step].name
        self._journal.skipped(self._task_id(unit), name, unit.id)
        self._observer.expect(name, 1)
        self._observer.ended(name, Status.SKIPPED)

    def _refuse(self, unit: Unit) -> Advance:
        """A region that lost so many items that its step is not to run."""
        step = self._plan.steps[unit.step]
        total = unit.gathered + unit.lost
        message = (
            f"only {unit.gathered} of the region's {total} items are there, the others failed; "
            f"min_complete is {step.min_complete:g}"
        )
        self._observer.expect(step.name, 1)
        self._take_gathered(unit)
        error = TaskError(kind=ErrorKind.BAD_INPUT, message=message)
        self._fail_task(self._task_id(unit), step.name, unit.id, error)
        return self._flow.fail(unit)

    def _start(self) -> None:
        """Submits ready units while there are lanes for them."""
        self._close_lanes()
        while (seated := self._queue.pop(self._seat)) is not None:
            self._close_lanes()
            self._submit(*seated)

    def _close_lanes(self) -> None:
        for lane in self._lanes.closed():
            self._executor.close_lane(lane)

    def _seat(self, step: int) -> Seat | None:
        """A seat for a task of ``step``; a kept lane's seats beyond its first are no further job."""
        return self._lanes.take(step) if self._lanes.busy < self._jobs else self._lanes.join(step)

    def _submit(self, ready: _Ready, seat: Seat) -> None:
        step = self._plan.steps[ready.unit.step]
        task = StepTask(
            request=self._request(ready.unit),
            step=step,
            image_id=self._plan.image_ids[step.name],
            grant=seat.grant,
            lane=seat.lane,
            attempt=ready.tries.attempt + ready.tries.engine_failures,
        )
        self._running[task.id] = _Running(ready=ready, seat=seat, submitted=self._now())
        self._journal.forget(task.id)
        self._executor.submit(task)

    def _request(self, unit: Unit) -> Request:
        step = self._plan.steps[unit.step]
        # Made from checked parts; checking every item of a large region once more would cost time for nothing.
        return Request.model_construct(
            protocol=PROTOCOL,
            task=self._task_id(unit),
            step=step.name,
            params=step.params,
            items=self._items(unit),
            region=self._region(unit),
            work_dir=self._folder.work_mount(step.name, unit.id),
        )

    def _task_id(self, unit: Unit) -> str:
        return f"{self._plan.steps[unit.step].name}/{unit.id}"

    def _items(self, unit: Unit) -> list[Json]:
        return [unit.item] if unit.item is not None else self._journal.gathered(unit.step, unit.id)

    def _region(self, unit: Unit) -> RegionMessage | None:
        per_region = self._plan.steps[unit.step].per is Per.REGION
        return self._plan.regions.message(unit.id) if per_region else None

    def _take_gathered(self, unit: Unit) -> None:
        if unit.item is None:
            self._journal.take_gathered(unit.step, unit.id)

    # -- finished attempts ------------------------------------------------------------------------------

    def _settle(self, outcome: Outcome) -> None:
        if isinstance(outcome.task, FetchTask):
            self._settle_fetch(outcome, self._fetching.pop(outcome.task.id))
            return
        running = self._running.pop(outcome.task.id)
        step, unit, result = outcome.task.step, running.ready.unit, outcome.result
        spoilt = isinstance(result, TaskError) and result.kind in DEADLY
        self._lanes.give_back(running.seat, outcome.metrics.get("busy_s", 0.0), spoilt=spoilt)
        if isinstance(result, Success) or result.kind is not ErrorKind.LOST:
            self._note_attempt(outcome, running.submitted)
        if isinstance(result, Success):
            self._known.discard(outcome.task.id)
            items = _with_losses(result.items, unit)
            self._journal.succeeded(outcome.task.id, step.name, unit.id, running.ready.key, items)
            self._take_gathered(unit)
            self._observer.ended(step.name, Status.SUCCEEDED)
            self._advance(self._flow.finish(unit, items))
        elif result.kind is ErrorKind.CANCELLED:
            self._draining = True
        elif again := retry(result, running.ready.tries, step.retries):
            ready = replace(running.ready, tries=again.tries)
            self._after(again.pause, lambda: self._queue.push(unit.step, ready))
        else:
            self._known.discard(outcome.task.id)
            self._take_gathered(unit)
            self._fail_task(outcome.task.id, step.name, unit.id, result, outcome, key=running.ready.key)
            self._advance(self._flow.fail(unit))

    def _settle_fetch(self, outcome: Outcome, fetching: _Fetching) -> None:
        self._note_attempt(outcome, fetching.submitted)
        recording, task = fetching.recording, fetching.task
        if isinstance(outcome.result, Success):
            self._journal.succeeded(task.id, FETCH, recording.id, task.url, [])
            self._observer.ended(FETCH, Status.SUCCEEDED)
            self._enter(recording)
        elif outcome.result.kind is ErrorKind.CANCELLED:
            self._draining = True
        elif again := retry(outcome.result, fetching.tries, _FETCH_RETRIES):
            waiting = replace(fetching, tries=again.tries, task=replace(task, attempt=again.tries.attempt))
            self._after(again.pause, lambda: self._submit_fetch(waiting))
        else:
            self._fail_task(task.id, FETCH, recording.id, outcome.result, key=task.url)
            self._advance(self._flow.lose(self._plan.regions.around(recording.position)))

    def _now(self) -> _Moment:
        return _Moment(day=time.time(), clock=self._clock())

    def _note_attempt(self, outcome: Outcome, submitted: _Moment) -> None:
        self._journal.attempted(
            Attempt(
                task=outcome.task.id,
                number=outcome.task.attempt,
                submitted=submitted.day,
                ended=submitted.day + self._clock() - submitted.clock,
                container=outcome.evidence.container,
                error=outcome.result if isinstance(outcome.result, TaskError) else None,
                metrics=outcome.metrics,
            )
        )

    def _fail_task(
        self,
        task_id: str,
        step: str,
        unit: str,
        error: TaskError,
        outcome: Outcome | None = None,
        *,
        key: str | None = None,
    ) -> None:
        try:
            self._folder.keep_failure(task_id, error, outcome)
        except OSError as trouble:
            message = f"{error.message} (its evidence could not be kept: {trouble.strerror})"
            error = error.model_copy(update={"message": message})
        self._journal.failed(task_id, step, unit, error, key)
        self._observer.ended(step, Status.FAILED)
        self._observer.failed(task_id, error)


def _with_losses(items: list[Json], unit: Unit) -> list[Json]:
    """A region's items, which say so if recordings were missing that failed before."""
    return [{**item, "missing": unit.lost} for item in items] if unit.lost else items
