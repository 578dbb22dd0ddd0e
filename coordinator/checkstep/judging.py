"""From what a program said to a finding. Nothing here knows containers, files or clocks."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

from coordinator.checkstep.conversation import Heard
from coordinator.checkstep.findings import SAMPLE, Finding, failed, passed, skipped
from coordinator.contract import (
    MAX_RESPONSE_BYTES,
    Failure,
    Success,
    TaskError,
    parse_any_response,
    wrong_task,
)
from coordinator.runners.trial import remedy
from coordinator.strictjson import Json, encode_line

_TO_STDERR = "send logs and progress to stderr; steps/stepkit sets the real stdout aside"
NO_LOOP = 'answer line after line until the input ends, or leave the label coordinator.loop="true" out'
_END = "end when stdin ends, with exit code 0 (in Python: `for line in sys.stdin` does)"
ERROR = 'answer {"task": ..., "error": {"kind": "bad_input", "message": ...}}'


# -- one request -----------------------------------------------------------------------------------------


def answer(heard: Heard, task_id: str) -> Success | Failure | TaskError:
    """The response to a task wherever it stands on stdout, or why there is none."""
    whole = parse_any_response(heard.stdout)
    responses = [whole, *map(parse_any_response, heard.lines)]
    valid = [response for response in responses if not isinstance(response, TaskError)]
    if mine := next((response for response in valid if response.task == task_id), None):
        return mine
    if valid:
        return wrong_task(valid[0].task, task_id)
    assert isinstance(whole, TaskError)
    return whole


def contract(heard: Heard, task_id: str, timeout: float) -> Finding:
    """One request: a valid response to it, and exit code 0 after the end of input."""
    if heard.refused:
        return failed(f"the container does not start: {heard.refused}", remedy(heard.refused))
    found = answer(heard, task_id)
    if not heard.ended:
        return _endless(heard, found, timeout)
    if isinstance(found, Failure) and heard.exit_code == 0:
        return _refused(found)
    if heard.exit_code != 0:
        how = "answered well, and then " if isinstance(found, Success) else ""
        return failed(
            f"the step {how}{ended(heard)}",
            f"exit with 0 after the answer; {ERROR} to say no",
            last_words(heard),
        )
    if isinstance(found, TaskError):
        return failed(
            found.message,
            "see docs/steps.md and `python -m coordinator schema`",
            heard.stdout or last_words(heard),
        )
    return passed(f"answered after {heard.seconds:.1f} s")


def _endless(heard: Heard, found: Success | Failure | TaskError, timeout: float) -> Finding:
    if heard.flooded:
        return failed(f"more than {MAX_RESPONSE_BYTES} bytes came on stdout", _TO_STDERR, heard.stdout)
    if isinstance(found, TaskError):
        return failed(
            f"no answer within {timeout:g} s, and the step had to be killed",
            "answer each line as soon as it is read, or give the step more time with --timeout",
            heard.stdout or last_words(heard),
        )
    return failed("the step answered, but did not end after its input had ended", _END)


def _refused(found: Failure) -> Finding:
    said = f"the step answered with an error of kind {found.error.kind}: {found.error.message}"
    if found.error.kind == "bad_input":
        return skipped(
            said, "give it a request that it can do with --request or --item (and --batch, --params)"
        )
    return failed(said, "see what it says on stderr: run it by hand (docs/steps.md, Trying it)")


def ended(heard: Heard) -> str:
    """How a program ended, with its last words."""
    if not heard.ended:
        return "did not end and had to be killed"
    how = f"ended with exit code {heard.exit_code}"
    if heard.out_of_memory:
        how += ", out of memory"
    words = heard.stderr.decode(errors="replace").strip().splitlines()[-1:]
    return f"{how}: {words[0][:300]}" if words else how


def last_words(heard: Heard) -> bytes:
    """The end of stderr, where a traceback says what it was."""
    return heard.stderr.rstrip()[-SAMPLE:]


def purity(heard: Heard) -> Finding:
    """Nothing but one line, the response, on stdout."""
    if not heard.lines:
        return skipped("nothing came on stdout")
    documents = [line for line in heard.lines if _is_message(line)]
    strays = [line for line in heard.lines if not _is_message(line)]
    if len(documents) > 1:
        return failed(
            f"{len(documents)} documents came where one is due", "answer every request once", heard.stdout
        )
    if not strays:
        return passed()
    if not documents and _is_message(heard.stdout):
        return failed(
            f"the response is spread over {len(heard.lines)} lines",
            "write it on one line (no indentation)",
            heard.stdout,
        )
    return failed(f"{len(strays)} lines on stdout are no response", _TO_STDERR, strays[0])


def numbers(heard: Heard) -> Finding:
    """Every number of a response, its metrics included, is finite."""
    documents = [document for line in heard.lines if (document := _lenient(line)) is not None]
    if not documents:
        return skipped("there is no JSON on stdout")
    for where, value in (found for document in documents for found in _not_finite(document, "")):
        return failed(
            f"{where} is {value}, which is not finite (and no JSON)",
            "leave such a value out, or say null",
            heard.stdout,
        )
    return passed()


def _is_message(line: bytes) -> bool:
    """Whether a line is meant as a response, valid or not."""
    document = _lenient(line)
    return document is not None and "task" in document


def _lenient(line: bytes) -> Json | None:
    """The object in a line, as Python reads it: with NaN and infinities."""
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _not_finite(value: Any, where: str) -> Iterator[tuple[str, float]]:
    if isinstance(value, float) and not math.isfinite(value):
        yield where, value
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from _not_finite(part, f"{where}.{name}" if where else name)
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from _not_finite(part, f"{where}[{number}]")


# -- several requests ------------------------------------------------------------------------------------


def several(heard: Heard, task_ids: list[str]) -> Finding:
    """Every request answered once, in order, and exit code 0."""
    responses = [parse_any_response(line) for line in heard.lines]
    for number, (response, task_id) in enumerate(zip(responses, task_ids, strict=False), start=1):
        if isinstance(response, TaskError):
            return failed(f"answer {number}: {response.message}", NO_LOOP, heard.lines[number - 1])
        if response.task != task_id:
            return failed(
                f"answer {number} is for task {response.task!r}, task {task_id!r} is due",
                "answer in the order of the requests, each with its own task",
                heard.stdout,
            )
        if isinstance(response, Failure):
            said = f"answer {number} is an error: {response.error.message}"
            return failed(said, "every request must be answered as the first one is", heard.lines[number - 1])
    if len(responses) != len(task_ids):
        said = f"{len(task_ids)} requests got {len(responses)} answers"
        return failed(f"{said}; the step {ended(heard)}", NO_LOOP, heard.stdout)
    return ended_well(heard)


def ended_well(heard: Heard) -> Finding:
    """A program that has answered well ends with its input, with exit code 0."""
    if not heard.ended:
        return failed("the step answered, but did not end after its input had ended", _END)
    if heard.exit_code != 0:
        return failed(f"the step answered well, and then {ended(heard)}", _END, last_words(heard))
    return passed()


def flushed(came: list[bool], heard: Heard, task_ids: list[str]) -> Finding:
    """Every answer there before the next request was written; ``came`` tells for each one asked."""
    if not all(came):
        late = len(heard.lines) > came.index(False)
        if late:
            return failed(
                f"answer {came.index(False) + 1} came only after the input had ended",
                "flush stdout after every answer (and do not read ahead: in Python, `for line in sys.stdin` is fine)",
                heard.lines[came.index(False)],
            )
        return failed(
            f"request {came.index(False) + 1} got no answer; the step {ended(heard)}",
            NO_LOOP,
            last_words(heard),
        )
    return several(heard, task_ids)


# -- the end, and the same again ---------------------------------------------------------------------------


def end_of_input(heard: Heard) -> Finding:
    """No request at all: no output, exit code 0, at once."""
    if not heard.ended:
        return failed("the step did not end when its input ended", _END)
    if heard.stdout:
        return failed("the step wrote to stdout without a request", _TO_STDERR, heard.stdout)
    if heard.exit_code != 0:
        return failed(f"without any request, the step {ended(heard)}", _END, last_words(heard))
    return passed()


def repeatable(first: Success, again: list[tuple[str, Success]], work_dirs: list[str]) -> Finding:
    """The same items, byte for byte; ``again`` says where each of the others was asked."""
    expected = _items(first, work_dirs)
    for where, response in again:
        items = _items(response, work_dirs)
        if items != expected:
            at = next(
                (number for number, (a, b) in enumerate(zip(expected, items, strict=False)) if a != b),
                min(len(expected), len(items)),
            )
            before = max(0, at - 40)
            sample = expected[before : at + 40] + b"  <>  " + items[before : at + 40]
            return failed(
                f"the same request, asked again {where}, got other items (from byte {at} on)",
                "leave times, random numbers and unordered sets out of items; times belong in metrics",
                sample,
            )
    return passed()


def _items(response: Success, work_dirs: list[str]) -> bytes:
    """The items as bytes; a file that a step wrote is named by its work_dir, which is the task's own."""
    text = encode_line({"items": response.items})
    for work_dir in sorted(work_dirs, key=len, reverse=True):
        text = text.replace(work_dir.encode(), b"WORK_DIR")
    return text
