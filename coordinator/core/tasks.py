"""One task as plain data, its way through an executor, and the key under which its result is reused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from coordinator.contract import PROTOCOL, Json, RegionMessage, Request, Success, TaskError
from coordinator.core.resources import Grant
from coordinator.pipeline import Step


@dataclass(frozen=True, kw_only=True)
class StepTask:
    """One attempt at one step's task: everything an executor needs, on this machine or another.

    ``lane`` numbers what is kept from task to task on the rungs that keep something; tasks of one lane are
    served one after the other.
    """

    request: Request
    step: Step
    image_id: str
    grant: Grant
    lane: int = 0
    attempt: int = 1

    @property
    def id(self) -> str:
        return self.request.task


@dataclass(frozen=True, kw_only=True)
class FetchTask:
    """The fetching of one image that the batch names by its URL. ``path`` is where steps will find it."""

    id: str
    url: str
    path: str
    attempt: int = 1


Task = StepTask | FetchTask


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What is known of an attempt besides its result; kept for failures only."""

    stdout: bytes = b""
    stderr: bytes = b""
    exit_code: int | None = None
    out_of_memory: bool | None = None
    container: str | None = None
    command: str | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How an attempt ended. ``metrics`` are seconds by name."""

    task: Task
    result: Success | TaskError
    evidence: Evidence = Evidence()
    metrics: dict[str, float] = field(default_factory=dict)


def task_key(
    step: Step,
    image_id: str,
    items: Iterable[Json],
    region: RegionMessage | None,
    stamps: Iterable[str],
    lost: int = 0,
) -> str:
    """What a task's result depends on, as a digest: equal keys, equal results.

    ``stamps`` tell the content of the image files that the items name, in the items' order; ``lost`` is how
    many of a region's items are missing, which its objects tell.
    """
    digest = hashlib.sha256()
    head = [PROTOCOL, image_id, step.params, region.model_dump() if region else None, lost]
    for part in (head, *items, *stamps):
        digest.update(json.dumps(part, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode())
        digest.update(b"\n")
    return digest.hexdigest()


def image_paths(value: Any) -> Iterator[str]:
    """Every path that stands under an ``image`` key anywhere in an item."""
    if isinstance(value, dict):
        for name, part in value.items():
            if name == "image" and isinstance(part, str):
                yield part
            else:
                yield from image_paths(part)
    elif isinstance(value, list):
        for part in value:
            yield from image_paths(part)
