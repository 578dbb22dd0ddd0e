"""One task as plain data, what became of it, and the key under which its result is reused. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from json.encoder import encode_basestring

from coordinator.contract import PROTOCOL, RegionMessage, Request, Success, TaskError
from coordinator.pipeline import Step
from coordinator.strictjson import Json


@dataclass(frozen=True, kw_only=True)
class RemoteImage:
    """An image that the batch names by its URL. ``path`` is where steps find it.

    ``tag`` and ``size`` in bytes are what the batch says of its content, which then need not be asked for.
    """

    path: str
    url: str
    tag: str | None = None
    size: int | None = None


@dataclass(frozen=True, kw_only=True)
class StepTask:
    """One attempt at one step's task: everything that it takes to run it, wherever that is.

    ``images`` are those that whoever runs it has to fetch first.
    """

    request: Request
    step: Step
    image_id: str
    attempt: int = 1
    images: tuple[RemoteImage, ...] = ()

    @property
    def id(self) -> str:
        return self.request.task


@dataclass(frozen=True, kw_only=True)
class FetchTask:
    """The fetching of one image that the batch names by its URL."""

    id: str
    image: RemoteImage
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


NO_EVIDENCE = Evidence()


@dataclass(frozen=True, kw_only=True)
class Times:
    """Seconds that an attempt took, by what they went to; None for what it had no part in.

    ``busy`` is what it kept its lane busy for: of answers that come together, each one's share. ``open`` is what the
    lane's program took to open before that, for the task that it was opened for. ``fetch`` is what the
    task waited for images.
    """

    queue: float | None = None
    start: float | None = None
    exchange: float | None = None
    end: float | None = None
    busy: float | None = None
    open: float | None = None
    fetch: float | None = None

    def as_metrics(self) -> dict[str, float]:
        """The seconds by name, as the journal keeps them."""
        return {f"{name}_s": seconds for name, seconds in vars(self).items() if seconds is not None}


NO_TIMES = Times()


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How an attempt at the task with the id ``task`` ended.

    ``fetched`` tells what was fetched for it: paths, each with what tells its content. ``note`` is something that
    whoever watches the run should know.
    """

    task: str
    result: Success | TaskError
    evidence: Evidence = NO_EVIDENCE
    times: Times = NO_TIMES
    fetched: tuple[tuple[str, str], ...] = ()
    note: str | None = None


def key_head(step: Step, image_id: str) -> str:
    """How the keys of all tasks of a step begin, as long as it runs with these parameters in that image."""
    return _encode([PROTOCOL, image_id, step.params]).removesuffix("]")


def task_key(
    head: str, items: Iterable[Json], region: RegionMessage | None, stamps: Iterable[str], lost: int = 0
) -> str:
    """What a task's result depends on, as a digest: equal keys, equal results.

    ``head`` is the step's :func:`key_head`; ``stamps`` tell the content of the image files that the items name, in the
    items' order; ``lost`` is how many of a region's items are missing, which its objects tell.
    """
    where = _encode(region.model_dump()) if region else "null"
    parts = (f"{head},{where},{lost}]", *map(_encode, items), *map(encode_basestring, stamps), "")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


_encode = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode
