"""The task loop: one JSON line in, one JSON line out, until the input ends.

A step gives :func:`serve` a function from :class:`Task` to items. The real stdout is set aside before
anything else runs, so that a stray ``print`` of the step or of a library lands on stderr.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

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


def serve(handler: Handler) -> None:
    """Answer every line of stdin on stdout until end of input.

    A handler's :class:`BadInput` becomes an error of kind ``bad_input``; any other exception one of kind
    ``internal``, its traceback on stderr. Neither ends the loop; a SIGTERM ends the process.
    """
    replies = _claim_stdout()
    # A container's first process gets no signal that it has no handler for.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(_TERMINATED))
    for line in sys.stdin.buffer:
        if line.strip():
            replies.write(answer(handler, line) + b"\n")
            replies.flush()


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
