"""A job as a value: what was accepted, how far it is, and its forms for clients and for the registry. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from coordinator.contract import TaskError
from coordinator.service.budget import is_large
from coordinator.service.costs import Cost
from coordinator.service.naming import link, result_name
from coordinator.service.orders import Operation, Order
from coordinator.service.stages import Stage, stages
from coordinator.strictjson import Json


class JobState(StrEnum):
    """The states of a job; the last three are final."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether the job has ended."""
        return self not in (JobState.QUEUED, JobState.RUNNING)


@dataclass(frozen=True, kw_only=True)
class File:
    """One image of a job. ``name`` is the client's, ``stem`` and ``suffix`` make its name on disk.

    ``width`` and ``height`` are pixels, upright. A file that was no image when it came has no ``suffix``, and
    nothing of it is kept but its error.
    ``seconds`` of a worker and bytes of ``memory`` are what it costs by estimate.
    ``results`` is the number of its published results; a file with an error has none.
    """

    name: str
    stem: str
    suffix: str
    width: int
    height: int
    seconds: float = 0.0
    memory: int = 0
    results: int = 0
    error: TaskError | None = None

    @property
    def is_image(self) -> bool:
        """Whether there is something to be done with it."""
        return bool(self.suffix)

    @property
    def original(self) -> str:
        """The name on disk of what the client sent."""
        return self.stem + self.suffix

    @property
    def cost(self) -> Cost:
        """What it costs by estimate."""
        return Cost(seconds=self.seconds, memory=self.memory)

    def with_error(self, error: TaskError) -> File:
        """The file without results, and why."""
        return replace(self, results=0, error=error)


@dataclass(frozen=True, kw_only=True)
class Job:
    """One accepted request. Times are seconds since the epoch.

    ``owner`` is the name of the key that it came with, None where none is asked for.
    ``workers`` is how many were idle at its acceptance: its stages follow from it, and must be the same when the
    job is resumed.
    """

    id: str
    created: float
    operations: tuple[Operation, ...]
    output: str
    workers: int
    files: tuple[File, ...]
    state: JobState = JobState.QUEUED
    finished: float | None = None
    owner: str | None = None

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The steps of its run."""
        order = Order(operations=self.operations, output=self.output)
        return stages(order, files=sum(file.is_image for file in self.files), workers=self.workers)

    @property
    def is_large(self) -> bool:
        """Whether it holds its place for long."""
        return is_large(file.cost for file in self.files)

    @property
    def tasks(self) -> int:
        """The number of tasks if none fails."""
        return sum(stage.tasks for stage in self.stages)

    @property
    def result_names(self) -> list[str]:
        """The file names of all its published results."""
        return [
            result_name(file.stem, number, self.output)
            for file in self.files
            for number in range(file.results)
        ]

    def in_state(self, state: JobState) -> Job:
        """The same in another state."""
        return replace(self, state=state)

    def ended(self, files: Iterable[File], at: float) -> Job:
        """The job with what became of its files; ``at`` is in seconds since the epoch."""
        files = tuple(files)
        failed = any(file.error for file in files)
        return replace(self, files=files, finished=at, state=JobState.FAILED if failed else JobState.DONE)

    def as_json(self, done: int | None = None) -> Json:
        """What a client sees; ``done`` is the number of tasks that have ended, None for a job that has ended."""
        return {
            "id": self.id,
            "state": str(self.state),
            "created": _iso(self.created),
            "finished": None if self.finished is None else _iso(self.finished),
            "operations": [list(operation) for operation in self.operations],
            "output": self.output,
            "progress": {"done": self.tasks if done is None else done, "expected": self.tasks},
            "links": {
                "self": f"/jobs/{self.id}",
                "events": f"/jobs/{self.id}/events",
                "files": f"/static/{self.id}/",
                "zip": f"/jobs/{self.id}/zip",
            },
            "files": [
                {
                    "name": file.name,
                    "original": link("static", self.id, "original", file.original) if file.is_image else None,
                    "results": [
                        link("static", self.id, result_name(file.stem, number, self.output))
                        for number in range(file.results)
                    ],
                    "error": file.error.model_dump(mode="json") if file.error else None,
                }
                for file in self.files
            ],
        }

    def dump(self) -> str:
        """The job as the registry keeps it."""
        # Not by asdict, which would copy everything, and takes longer than all else that is done with a job.
        files = [
            {**vars(file), "error": file.error.model_dump(mode="json") if file.error else None}
            for file in self.files
        ]
        return _encode({**vars(self), "files": files})

    @classmethod
    def load(cls, text: str) -> Job:
        """The job that :meth:`dump` wrote. Raises ValueError, KeyError or TypeError for another text."""
        document = json.loads(text)
        files = (
            File(**{**kept, "error": TaskError(**kept["error"]) if kept["error"] else None})
            for kept in document["files"]
        )
        operations = tuple((name, value) for name, value in document["operations"])
        state = JobState(document["state"])
        return cls(**{**document, "files": tuple(files), "operations": operations, "state": state})


_encode = json.JSONEncoder(ensure_ascii=False).encode


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
