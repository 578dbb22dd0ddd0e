"""From what a program said to bad input to a finding. Nothing here knows containers, files or clocks."""

from __future__ import annotations

from coordinator.checkstep.conversation import Heard
from coordinator.checkstep.findings import Finding, failed, passed, warning
from coordinator.checkstep.judging import ERROR, NO_LOOP, ended, ended_well, last_words, repeatable
from coordinator.contract import Failure, Success, TaskError, parse_any_response, parse_response


def refusal(heard: Heard, what: str) -> Finding:
    """A request that is none, alone: an error of the contract, or at least a non-zero exit; never junk."""
    if not heard.ended:
        return failed(f"{what} made the step hang", f"{ERROR}, or exit with another code than 0")
    for line in heard.lines:
        if (bad := _not_an_error(line, what)) is not None:
            return bad
    if not heard.lines and heard.exit_code == 0:
        return failed(f"{what} got no answer, and exit code 0", ERROR)
    return passed()


def refusal_in_loop(heard: Heard, what: str, next_task: str) -> Finding:
    """The same, and then a good request in the same process, which must be answered all the same."""
    if not heard.ended:
        return failed(f"{what} made the step hang", ERROR)
    if len(heard.lines) < 2:
        said = f"{what} and a good request behind it got {len(heard.lines)} answers; the step {ended(heard)}"
        return failed(
            said,
            "catch errors inside of the loop, answer with an error and go on",
            last_words(heard) or heard.stdout,
        )
    if (bad := _not_an_error(heard.lines[0], what)) is not None:
        return bad
    return _goes_on(heard, what, next_task)


def _goes_on(heard: Heard, what: str, next_task: str) -> Finding:
    following = parse_response(b"\n".join(heard.lines[1:]), next_task)
    if isinstance(following, TaskError):
        return failed(
            f"after {what}, the next good request did not get its answer: {following.message}",
            "keep nothing of a bad request",
            heard.stdout,
        )
    return ended_well(heard)


def _not_an_error(line: bytes, what: str) -> Finding | None:
    """Why a line is no error of the contract; None if it is one."""
    response = parse_any_response(line)
    if isinstance(response, TaskError):
        return failed(f"{what} was answered with junk: {response.message}", ERROR, line)
    if isinstance(response, Success):
        return failed(f"{what} was answered as if it were a request", ERROR, line)
    return None


def unreadable(heard: Heard, task_id: str, what: str) -> Finding:
    """A request whose image cannot be read: a step that reads images says so, another one does its task."""
    if not heard.ended:
        return failed(f"{what} made the step hang", ERROR)
    first = parse_any_response(heard.lines[0]) if heard.lines else None
    if isinstance(first, TaskError):
        return failed(f"{what} was answered with junk: {first.message}", ERROR, heard.lines[0])
    if first is None:
        return passed() if heard.exit_code != 0 else failed(f"{what} got no answer, and exit code 0", ERROR)
    if first.task != task_id:
        return failed(f"{what} was answered for task {first.task!r} instead of {task_id!r}", ERROR)
    if isinstance(first, Failure) and first.error.kind == "internal":
        return warning(
            f"{what} was answered with an error of kind internal, so that it would be tried again in vain",
            "say kind bad_input for what can never succeed",
        )
    return passed("as an error" if isinstance(first, Failure) else "the step does not read it")


def unreadable_in_loop(heard: Heard, task_id: str, what: str, next_task: str) -> Finding:
    """The same, and then a good request in the same process."""
    alone = unreadable(heard, task_id, what)
    if not alone.is_good:
        return alone
    following = _goes_on(heard, what, next_task)
    return following if not following.is_good else alone


def waiting(heard: Heard, due: list[tuple[str, bool]], first: Success, work_dirs: list[str]) -> Finding:
    """Requests that waited together: each its own answer, in order, and what is bad fails alone.

    ``due`` are the tasks, "" for a line that is no request, and whether they are good; ``first`` is what those get.
    """
    if len(heard.lines) != len(due):
        said = f"{len(due)} requests that waited together got {len(heard.lines)} answers; the step {ended(heard)}"
        return failed(said, NO_LOOP, last_words(heard) or heard.stdout)
    for number, (line, (task_id, is_good)) in enumerate(zip(heard.lines, due, strict=True), start=1):
        response = parse_any_response(line)
        if isinstance(response, TaskError):
            return failed(f"answer {number}: {response.message}", NO_LOOP, line)
        if task_id and response.task != task_id:
            said = f"answer {number} is for task {response.task!r}, task {task_id!r} is due"
            return failed(said, "answer in the order of the requests, each with its own task", line)
        if not task_id and isinstance(response, Success):
            return failed(f"answer {number}: what is no request was answered as if it were one", ERROR, line)
        if is_good and isinstance(response, Failure):
            said = f"a good request failed with the bad ones that waited beside it: {response.error.message}"
            return failed(said, "let a request that is bad fail alone (steps/stepkit does)", line)
        if is_good and isinstance(response, Success):
            alike = repeatable(first, [("together with others", response)], work_dirs)
            if not alike.is_good:
                return alike
    return ended_well(heard)
