"""Several tasks of one step in one message, and their outcomes in the answer. Pure.

Only what differs between the tasks of a step travels; the step itself is sent once, to each of its instances. Plain
tuples, because a whole task takes twenty times as long to pickle.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any

from coordinator.contract import PROTOCOL, ErrorKind, RegionMessage, Request, Success, TaskError
from coordinator.core.tasks import Evidence, Outcome, RemoteImage, StepTask, Times
from coordinator.pipeline import Step


@dataclass(frozen=True, kw_only=True)
class ShelvedTask(StepTask):
    """A task whose items lie in the file of that name; its request has none of them."""

    shelved: str


def pack_tasks(tasks: Sequence[StepTask]) -> bytes:
    """Tasks of one step, in their order."""
    return pickle.dumps([_task_row(task) for task in tasks])


def unpack_tasks(packed: bytes, step: Step, image_id: str) -> list[StepTask]:
    """The tasks again, at an instance of ``step``."""
    return [_task(row, step, image_id) for row in pickle.loads(packed)]


def pack_outcomes(outcomes: Sequence[Outcome]) -> bytes:
    return pickle.dumps([_outcome_row(outcome) for outcome in outcomes])


def unpack_outcomes(packed: bytes) -> list[Outcome]:
    return [_outcome(*row) for row in pickle.loads(packed)]


def _task_row(task: StepTask) -> tuple[Any, ...]:
    request = task.request
    region = request.region.model_dump() if request.region else None
    images = [astuple(image) for image in task.images]
    shelved = task.shelved if isinstance(task, ShelvedTask) else None
    return request.task, request.items, region, request.work_dir, task.attempt, images, shelved


def _task(row: tuple[Any, ...], step: Step, image_id: str) -> StepTask:
    name, items, region, work_dir, attempt, images, shelved = row
    # Its parts were checked where they came from.
    request = Request.model_construct(
        protocol=PROTOCOL,
        task=name,
        step=step.name,
        params=step.params,
        items=items,
        region=RegionMessage.model_validate(region) if region else None,
        work_dir=work_dir,
    )
    found = tuple(RemoteImage(**dict(zip(_IMAGE, image, strict=True))) for image in images)
    task = StepTask(request=request, step=step, image_id=image_id, attempt=attempt, images=found)
    return task if shelved is None else ShelvedTask(**vars(task), shelved=shelved)


def _outcome_row(outcome: Outcome) -> tuple[Any, ...]:
    result = outcome.result
    told = (
        (result.items, result.metrics) if isinstance(result, Success) else (result.kind.value, result.message)
    )
    evidence, times = astuple(outcome.evidence), astuple(outcome.times)
    return outcome.task, isinstance(result, Success), told, evidence, times, outcome.fetched, outcome.note


def _outcome(
    task: str,
    succeeded: bool,
    told: tuple[Any, Any],
    evidence: tuple[Any, ...],
    times: tuple[Any, ...],
    fetched: tuple[tuple[str, str], ...],
    note: str | None,
) -> Outcome:
    result: Success | TaskError
    if succeeded:
        result = Success.model_construct(task=task, items=told[0], metrics=told[1])
    else:
        result = TaskError(kind=ErrorKind(told[0]), message=told[1])
    return Outcome(
        task=task,
        result=result,
        evidence=Evidence(**dict(zip(_EVIDENCE, evidence, strict=True))),
        times=Times(**dict(zip(_TIMES, times, strict=True))),
        fetched=fetched,
        note=note,
    )


_EVIDENCE, _TIMES = tuple(Evidence.__dataclass_fields__), tuple(Times.__dataclass_fields__)
_IMAGE = tuple(RemoteImage.__dataclass_fields__)
