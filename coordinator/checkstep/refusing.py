"""From what a program said to bad input to a finding. Nothing here knows containers, files or clocks."""

from __future__ import annotations

from coordinator.checkstep.conversation import Heard
from coordinator.checkstep.findings import Finding, failed, passed, warning
from coordinator.checkstep.judging import ERROR, ended, ended_well, last_words
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
