"""The task loop: one JSON line in, one JSON line out, until the input ends.

A step gives :func:`serve` a function from :class:`Task` to items. The real stdout is set aside before
anything else runs, so that a stray ``print`` of the step or of a library lands on stderr.

A step that is faster with several tasks at once gives a second function, which takes those that already wait in its
input. Nothing is waited for, order and answers stay those of one by one, and a task that fails fails alone.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from steps.stepkit.lines import Lines

Json = dict[str, Any]
"""One JSON object: an item, a region or a step's parameters."""

PROTOCOL = 1
_TERMINATED = 128 + signal.SIGTERM
"""The exit code of a process that a SIGTERM has ended, as shells tell it."""


class BadInput(Exception):
    """The task's input can never succeed (an unreadable image, a missing field); it is not tried again."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """One step applied to one item, or to all the items of one region.

    ``work_dir`` is the only folder the step may write to; ``region`` is ``None`` for a step run per item.
    """

    id: str
    step: str
    params: Json
    items: list[Json]
    region: Json | None
    work_dir: Path

    @property
    def item(self) -> Json:
        """The only item of a task run per item. Raises BadInput if there is not exactly one."""
        if len(self.items) != 1:
            raise BadInput(f"step {self.step!r} works on one item at a time, got {len(self.items)}")
        return self.items[0]


Handler = Callable[[Task], Iterable[Json]]
Together = Callable[[Sequence[Task]], Sequence[Iterable[Json] | BadInput] | None]
"""From two tasks or more to the items of each, or why it has none, in the order of the tasks.

Each must get what the step's :data:`Handler` gives for it alone. The tasks may have unequal parameters. If it raises
anything, or gives None because one by one is as good, the handler takes them one by one; so only what is wrong with a
single task needs care.
"""


def serve(handler: Handler, together: Together | None = None, most: int = 8) -> None:
    """Answer every line of stdin on stdout until end of input.

    A handler's :class:`BadInput` becomes an error of kind ``bad_input``; any other exception one of kind
    ``internal``, its traceback on stderr. Neither ends the loop; a SIGTERM ends the process. With ``together``, the
    tasks that already wait are taken at once, ``most`` at the most.
    """
    replies = _claim_stdout()
    # A container's first process gets no signal that it has no handler for.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(_TERMINATED))
    if together is None:
        for line in sys.stdin.buffer:
            if line.strip():
                replies.write(answer(handler, line) + b"\n")
                replies.flush()
        return
    for lines in Lines(sys.stdin.fileno()).groups(most):
        for reply in answers(handler, together, lines):
            replies.write(reply + b"\n")
            replies.flush()


def answers(handler: Handler, together: Together, lines: Sequence[bytes]) -> Iterator[bytes]:
    """The responses to several request lines, as :func:`answer` gives them one by one, but for the time it took.

    ``compute_s`` is each task's share of that, and the metric ``together`` says among how many.
    """
    tasks = {number: task for number, line in enumerate(lines) if (task := _readable(line)) is not None}
    found: dict[int, bytes | None] = {}
    if len(tasks) > 1:
        found = dict(zip(tasks, _at_once(together, list(tasks.values())), strict=False))
    for number, line in enumerate(lines):
        yield found.get(number) or answer(handler, line)


def _readable(line: bytes) -> Task | None:
    try:
        return _parse(line)
    except BadInput:
        return None


def _at_once(together: Together, tasks: list[Task]) -> Iterator[bytes | None]:
    """Each task's response, None for what cannot be written; nothing at all if they could not be done at once."""
    started = time.perf_counter()
    try:
        given = together(tasks)
        if given is None:
            return
        results = [one if isinstance(one, BadInput) else list(one) for one in given]
        if len(results) != len(tasks):
            raise ValueError(f"{len(tasks)} tasks got {len(results)} results")
    except Exception:
        traceback.print_exc()
        print(f"{len(tasks)} tasks could not be done at once, and are done one by one", file=sys.stderr)
        return
    metrics = {
        "compute_s": round((time.perf_counter() - started) / len(tasks), 6),
        "together": len(tasks),
    }
    for task, result in zip(tasks, results, strict=True):
        yield _told(task, result, metrics)


def _told(task: Task, result: list[Json] | BadInput, metrics: Json) -> bytes | None:
    if isinstance(result, BadInput):
        return _encode_error(task.id, "bad_input", str(result))
    try:
        return _encode({"task": task.id, "items": result, "metrics": metrics})
    except Exception:
        return None


def answer(handler: Handler, line: bytes) -> bytes:
    """The response to one request line, as one line of UTF-8 JSON without the newline."""
    task_id = ""
    try:
        task = _parse(line)
        task_id = task.id
        started = time.perf_counter()
        items = list(handler(task))
        metrics = {"compute_s": round(time.perf_counter() - started, 6)}
        return _encode({"task": task_id, "items": items, "metrics": metrics})
    except BadInput as error:
        return _encode_error(task_id, "bad_input", str(error))
    except Exception as error:
        traceback.print_exc()
        return _encode_error(task_id, "internal", f"{type(error).__name__}: {error}")


def _parse(line: bytes) -> Task:
    try:
        request = json.loads(line, object_pairs_hook=_each_once)
        if request["protocol"] != PROTOCOL:
            raise BadInput(f"this step speaks protocol {PROTOCOL}, the request {request['protocol']!r}")
        if not isinstance(request["params"], dict):
            raise BadInput(f"params must be an object, not {request['params']!r}")
        return Task(
            id=request["task"],
            step=request["step"],
            params=request["params"],
            items=request["items"],
            region=request["region"],
            work_dir=Path(request["work_dir"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(f"not a request of the step contract: {type(error).__name__}: {error}") from error


def _each_once(pairs: list[tuple[str, Any]]) -> Json:
    """The object that these pairs make. Raises BadInput if a key stands twice: one of two values would be lost."""
    made = dict(pairs)
    if len(made) != len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise BadInput(f"not a request of the step contract: the key {twice!r} stands twice in one object")
    return made


def _encode(response: Json) -> bytes:
    text = json.dumps(response, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode()


def _encode_error(task_id: str, kind: str, message: str) -> bytes:
    # An exception's text may hold what UTF-8 cannot (a file name that is none); the answer must get out all the same.
    writable = [text.encode(errors="backslashreplace").decode() for text in (task_id, message)]
    return _encode({"task": writable[0], "error": {"kind": kind, "message": writable[1]}})


def _claim_stdout() -> BinaryIO:
    """The real stdout under a descriptor of its own; descriptor 1 then leads to stderr."""
    real = os.dup(1)
    sys.stdout.flush()
    os.dup2(2, 1)
    return os.fdopen(real, "wb")
