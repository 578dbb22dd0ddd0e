"""An executor without a machine, and a whole run around it: the scheduler's tests say what every task answers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from coordinator.batch.recording import BadRecording, Recording
from coordinator.batch.regions import Regions, Undivided
from coordinator.contract import Success, TaskError
from coordinator.core.resources import Inventory, Ledger
from coordinator.core.retries import spoils
from coordinator.core.seating import Seat, Seating
from coordinator.core.tasks import FetchTask, Outcome, StepTask, Task
from coordinator.pipeline import Per, Step
from coordinator.record.journal import FailedTask, Journal, Status
from coordinator.record.runfolder import RunFolder
from coordinator.schedule.plan import Plan
from coordinator.schedule.scheduler import Scheduler
from coordinator.strictjson import Json

Answer = Sequence[Json] | TaskError
Work = Callable[[StepTask], Answer]
Choose = Callable[[Sequence[Task]], int]

IDLE_MACHINE = Inventory(cpus=64, memory=1 << 50)


def echo(task: StepTask) -> Answer:
    """Every step gives back what it got."""
    return task.request.items


def no_fetch(task: FetchTask) -> TaskError | None:
    raise AssertionError(f"{task.id} should not have been fetched")


def first(tasks: Sequence[Task]) -> int:
    """Tasks end in the order they started."""
    return 0


def last(tasks: Sequence[Task]) -> int:
    """The task that started last ends first."""
    return len(tasks) - 1


@dataclass
class FakeExecutor:
    """Answers tasks by ``work``, one at a time, in the order that ``choose`` says. No thread, no clock.

    Seats are those of an invented machine; ``seats`` has that of every attempt in ``submitted`` that had one.
    """

    work: Work = echo
    choose: Choose = first
    fetched: Callable[[FetchTask], TaskError | None] = no_fetch
    inventory: Inventory = IDLE_MACHINE
    jobs: int = 4
    on_wait: Callable[[], None] | None = None
    running: list[Task] = field(default_factory=list)
    submitted: list[Task] = field(default_factory=list)
    seats: list[tuple[StepTask, Seat]] = field(default_factory=list)
    closed_lanes: list[int] = field(default_factory=list)
    most: int = 0
    woken: bool = False
    now: float = 0.0
    """Seconds that the scheduler has waited for pauses to end."""

    def __post_init__(self) -> None:
        self.held: dict[str, Seat] = {}
        self._seating: Seating | None = None

    @property
    def seating(self) -> Seating:
        if self._seating is None:
            self._seating = Seating(Ledger(self.inventory), jobs=self.jobs)
        return self._seating

    @property
    def fetches(self) -> int:
        return 4

    def ahead(self, step: Step) -> int:
        return 1024 if step.keeps else 2 * self.jobs

    @property
    def longest(self) -> None:
        """Steps share what there is."""

    def seat(self, step: Step) -> Seat | None:
        return self.seating.take(step) or (self.seating.take(step) if self._end_lanes() else None)

    def submit(self, task: StepTask, seat: Seat) -> None:
        self.held[task.id] = seat
        self.seats.append((task, seat))
        self._start(task)
        self.most = max(self.most, sum(isinstance(one, StepTask) for one in self.running))

    def fetch(self, task: FetchTask) -> None:
        self._start(task)

    def _start(self, task: Task) -> None:
        self.submitted.append(task)
        self.running.append(task)

    def cancel(self) -> None:
        raise AssertionError("the scheduler drains, and cancels nothing")

    def close(self) -> None:
        raise AssertionError("whoever made the executor closes it")

    def wait(self, timeout: float | None) -> list[Outcome]:
        if self.on_wait is not None:
            self.on_wait()
        if self.woken:
            self.woken, self.on_wait = False, None
            return []
        if not self.running and timeout is not None:
            self.now += timeout
            return []
        assert self.running, "the scheduler waits, but nothing runs: it would hang"
        return [self._end(self.running.pop(self.choose(self.running)))]

    def wake(self) -> None:
        self.woken = True

    def _end(self, task: Task) -> Outcome:
        answer = (self.fetched(task) or []) if isinstance(task, FetchTask) else self.work(task)
        if seat := self.held.pop(task.id, None):
            self.seating.give_back(seat, 0.0, spoilt=spoils(answer, has_gpus=bool(seat.grant.gpu_uuids)))
            self._end_lanes()
        if isinstance(answer, TaskError):
            return Outcome(task=task.id, result=answer)
        return Outcome(task=task.id, result=Success(task=task.id, items=list(answer)))

    def _end_lanes(self) -> bool:
        """Those that are closed end at once; whether there were any."""
        closed = self.seating.closed()
        for lane in closed:
            self.seating.ended(lane)
        self.closed_lanes += closed
        return bool(closed)

    def steps_run(self) -> list[str]:
        """The ids of the tasks in the order they were started, retries included."""
        return [task.id for task in self.submitted if isinstance(task, StepTask)]


@dataclass
class Watcher:
    """An observer that counts."""

    expected: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    reused: Counter[str] = field(default_factory=Counter)
    failures: dict[str, TaskError] = field(default_factory=dict)
    engine_failures: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def expect(self, step: str, tasks: int) -> None:
        self.expected[step] += tasks

    def ended(self, step: str, status: Status, *, reused: bool = False) -> None:
        self.done[step] += 1
        self.reused[step] += reused

    def failed(self, task: str, error: TaskError) -> None:
        self.failures[task] = error

    def engine_failed(self, step: str, task: str, error: TaskError) -> None:
        self.engine_failures[step].append(task)


@dataclass(kw_only=True)
class Run:
    """One session: a scheduler on a real run folder and journal, with a fake executor."""

    path: Path
    steps: Sequence[Step]
    regions: Regions = field(default_factory=Undivided)
    executor: FakeExecutor = field(default_factory=FakeExecutor)
    inventory: Inventory | None = None
    jobs: int | None = None
    image_ids: dict[str, str] = field(default_factory=dict)
    earlier: dict[str, list[tuple[Step, str]]] = field(default_factory=dict)
    only: str | None = None
    watcher: Watcher = field(default_factory=Watcher)
    complete: bool = False
    counts: dict[tuple[str, Status], int] = field(default_factory=dict)
    failures: list[FailedTask] = field(default_factory=list)
    items: dict[str, list[Json]] = field(default_factory=dict)
    scheduler: Scheduler = field(init=False)

    def over(
        self, recordings: Iterable[Recording | BadRecording], announced: Iterable[Recording] = ()
    ) -> Run:
        """Runs to the end; ``announced`` were counted by the census and then never came."""
        found = recordings if isinstance(recordings, Iterator) else list(recordings)
        folder = RunFolder(self.path / "run")
        (self.path / "batch").mkdir(exist_ok=True)
        folder.create()
        if self.inventory is not None:
            self.executor.inventory = self.inventory
        if self.jobs is not None:
            self.executor.jobs = self.jobs
        with Journal(folder.journal) as journal:
            journal.begin_session()
            self.scheduler = self._scheduler(
                folder, journal, self._census([*(found if isinstance(found, list) else ()), *announced])
            )
            self.complete = self.scheduler.run(iter(found))
            self.counts, self.failures = journal.counts(), list(journal.failures())
            self.items = {step.name: list(journal.items(step.name)) for step in self.steps}
        return self

    def _scheduler(self, folder: RunFolder, journal: Journal, census: Counter[str]) -> Scheduler:
        image_ids = {step.name: self.image_ids.get(step.name, f"sha256:{step.name}") for step in self.steps}
        return Scheduler(
            Plan(
                steps=tuple(self.steps),
                image_ids=image_ids,
                regions=self.regions,
                census=census,
                earlier=self.earlier,
                only=self.only,
            ),
            files=folder.files(self.path / "batch"),
            failures=folder.evidence,
            journal=journal,
            executor=self.executor,
            observer=self.watcher,
            clock=lambda: self.executor.now,
        )

    def _census(self, recordings: Iterable[Recording | BadRecording]) -> Counter[str]:
        census: Counter[str] = Counter()
        if any(step.per is Per.REGION for step in self.steps):
            for recording in recordings:
                if isinstance(recording, Recording):
                    census.update(self.regions.around(recording.position))
        return census

    def ids(self, step: str) -> list[str]:
        return sorted(item["id"] for item in self.items[step])
