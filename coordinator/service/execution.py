"""One job as a run of the coordinator: its pipeline, its journal, and what became of each of its files."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

from coordinator.batch.recording import Recording
from coordinator.batch.regions import Undivided
from coordinator.contract import TaskError
from coordinator.core.tasks import StepTask
from coordinator.pipeline import Pipeline, Resources, Rung, Step
from coordinator.record.facts import SessionState
from coordinator.record.journal import Journal, Status
from coordinator.schedule.plan import Plan
from coordinator.schedule.scheduler import Scheduler
from coordinator.service.budget import Weight, weight
from coordinator.service.jobs import File, Job
from coordinator.service.pool import JobExecutor, Pool
from coordinator.service.stages import Stage, in_order, item_id, place
from coordinator.service.store import Store
from coordinator.service.told import as_told
from coordinator.strictjson import Json


@dataclass(frozen=True, kw_only=True)
class WorkerSpec:
    """What every worker runs: as a container of ``image_ref``, or as a local process by ``command``."""

    image_ref: str
    image_id: str
    rung: Rung
    command: tuple[str, ...]
    memory: int
    timeout: float

    def step(self, stage: Stage) -> Step:
        """The step of a stage: the very same for an equal one, as most clients ask for the same again."""
        return _step(self, stage)


@lru_cache(maxsize=256)
def _step(program: WorkerSpec, stage: Stage) -> Step:
    return Step(
        name=stage.name,
        image_ref=program.image_ref,
        params=stage.params,
        resources=Resources(cpus=1.0, memory=program.memory),
        timeout=program.timeout,
        rung=program.rung,
        command=program.command,
    )


@dataclass(frozen=True, kw_only=True)
class Ended:
    """What a job's run came to: by file, the images of its results in order, or why there are none."""

    files: tuple[File, ...]
    images: tuple[tuple[str, ...], ...]


class Execution:
    """A job on its way through the pool. :meth:`run` belongs to one thread; the rest may be called from any."""

    def __init__(self, job: Job, store: Store, program: WorkerSpec, pool: Pool) -> None:
        self.job = job
        self.done = 0
        """The tasks that have ended."""
        self._store = store
        self._folder = store.run(job.id)
        self._files = store.files_of(job.id)
        self._executor = JobExecutor(pool, job.id, self._weigh)
        self._steps = tuple(program.step(stage) for stage in job.stages)
        self._program = program
        self._scheduler: Scheduler | None = None

    def run(self) -> Ended | None:
        """Runs the job to its end, from where it was; None if it was stopped before, or lost its engine.

        Raises CoordinatorError if it cannot be run.
        """
        self.done = 0
        self._folder.path.mkdir(exist_ok=True)  # the lock of the service's folder holds for all of its runs
        with Journal(self._folder.journal, durable=False) as journal:
            self._begin(journal)
            self._scheduler = Scheduler(
                Plan(
                    steps=self._steps,
                    image_ids={step.name: self._program.image_id for step in self._steps},
                    regions=Undivided(),
                    census={},
                ),
                files=self._files,
                failures=self._folder.evidence,
                journal=journal,
                executor=self._executor,
                observer=self,
            )
            try:
                complete = self._scheduler.run(map(self._recording, self._images()))
            except BaseException:
                self._executor.close()  # its files are to be removed: no worker may be at them
                raise
            journal.note(session_state=SessionState.COMPLETE if complete else SessionState.INTERRUPTED)
            return self._ended(journal) if complete else None

    def _begin(self, journal: Journal) -> None:
        """A new session of the job's run, with what ``status`` and ``replay`` ask of a run folder."""
        journal.begin_session()
        journal.note(run_id=self.job.id, steps=tuple(step.name for step in self._steps))
        image = {"image_ref": self._program.image_ref, "id": self._program.image_id}
        about = {
            "batch": {"name": self.job.id, "folder": str(self._files.batch)},
            "pipeline": Pipeline(name="imaging", steps=self._steps).model_dump(mode="json"),
            "images": {step.name: image for step in self._steps},
        }
        self._folder.about.write_text(json.dumps(about), encoding="utf-8")

    def stop(self) -> None:
        """Starts no more of its tasks; :meth:`run` returns when what runs has ended."""
        self._executor.cancel()
        if self._scheduler is not None:
            self._scheduler.drain()

    # -- what the scheduler tells -------------------------------------------------------------------------

    def expect(self, step: str, tasks: int) -> None:
        """Nothing: how many tasks there are is known before."""

    def ended(self, step: str, status: Status, *, reused: bool = False) -> None:
        self.done += 1

    def failed(self, task: str, error: TaskError) -> None:
        """Nothing: the journal has it."""

    def engine_failed(self, step: str, task: str, error: TaskError) -> None:
        """Nothing: it is tried again."""

    # -- from files to items and back ---------------------------------------------------------------------

    def _weigh(self, task: StepTask) -> Weight:
        """Of a task by its image's file; a part of the operations counts as all of them."""
        return weight(self.job.files[place(task.request.items[0]["id"])[0]].cost)

    def _images(self) -> Iterable[int]:
        """The numbers of the files that there is something to do with."""
        return (number for number, file in enumerate(self.job.files) if file.is_image)

    def _recording(self, number: int) -> Recording:
        item = item_of(self.job, number, self._store)
        return Recording(id=item["id"], item=item)

    def _ended(self, journal: Journal) -> Ended:
        errors = {number: file.error for number, file in enumerate(self.job.files) if file.error}
        failures = list(journal.failures())
        if self._folder.failures.is_dir():  # of earlier sessions, too
            self._folder.evidence.keep_only(failure.id for failure in failures)
        for failure in failures:
            number = place(failure.unit)[0]
            errors.setdefault(number, as_told(failure.error, self.job.files[number], self._store))
        images = _by_file(journal.items(self._steps[-1].name))
        published = [() if number in errors else images[number] for number in range(len(self.job.files))]
        files = (
            replace(file, results=len(found), error=errors.get(number))
            for number, (file, found) in enumerate(zip(self.job.files, published, strict=True))
        )
        return Ended(files=tuple(files), images=tuple(map(tuple, published)))


def item_of(job: Job, number: int, store: Store) -> Json:
    """The item of a job's file, by the file's number."""
    file = job.files[number]
    return {
        "id": item_id(job.id, number),
        "image": store.mounted(job, number),
        "width": file.width,
        "height": file.height,
    }


def _by_file(items: Iterable[Json]) -> defaultdict[int, list[str]]:
    """The images of a job's results by file, in order."""
    found: defaultdict[int, list[str]] = defaultdict(list)
    for item in in_order(items):
        found[place(item["id"])[0]].append(item["image"])
    return found
