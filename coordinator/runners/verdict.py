"""What an attempt came to, from all that is known of it; and the result every runner gives when cancelled."""

from __future__ import annotations

import math

from coordinator.contract import MAX_RESPONSE_BYTES, ErrorKind, Success, TaskError, parse_response
from coordinator.core.tasks import StepTask
from coordinator.errors import EngineError
from coordinator.pipeline import Rung
from coordinator.runners.api import ApiError
from coordinator.runners.patience import EngineGone
from coordinator.runners.stream import Cut, Exchange

CANCELLED = TaskError(kind=ErrorKind.CANCELLED, message="the run was interrupted")
ABANDONED = TaskError(kind=ErrorKind.CANCELLED, message="nobody wants its results any more")
LOST = TaskError(kind=ErrorKind.LOST, message="the container it waited in ended for another task's sake")


def judge(
    task: StepTask, answer: Exchange, exit_code: int | None, out_of_memory: bool | None
) -> Success | TaskError:
    """The result of an attempt that had a program to itself."""
    match answer.cut:
        case Cut.TIME:
            return timed_out(task)
        case Cut.SIZE:
            return too_large()
        case Cut.JUNK:
            return junk(answer.stdout)
        case Cut.BROKEN:
            return TaskError(kind=ErrorKind.ENGINE, message=answer.broken)
    result = parse_response(answer.stdout, task.id)
    told = isinstance(result, TaskError) and result.kind is not ErrorKind.PROTOCOL
    if exit_code == 0 or told:
        return result
    return crashed(task, answer.stderr, exit_code, out_of_memory)


def engine_failed(error: EngineError) -> TaskError:
    """The engine's own failure, which costs no attempt; what it refuses outright (an image that has gone) does.

    Once the engine has been given up, the run ends, and the task is to be done by the next one.
    """
    if isinstance(error, EngineGone):
        return TaskError(kind=ErrorKind.CANCELLED, message=str(error))
    refused = isinstance(error, ApiError) and error.status < 500
    return TaskError(kind=ErrorKind.INTERNAL if refused else ErrorKind.ENGINE, message=str(error))


def broken_by(error: Exception) -> TaskError:
    """The engine's failure, or ours: a bug or a full disk must fail a task, not hang the run."""
    if isinstance(error, EngineError):
        return engine_failed(error)
    message = f"the coordinator failed at this task: {type(error).__name__}: {error}"
    return TaskError(kind=ErrorKind.INTERNAL, message=message)


def timed_out(task: StepTask) -> TaskError:
    message = f"no answer within {task.step.timeout:g} s; the step was killed"
    return TaskError(kind=ErrorKind.TIMEOUT, message=message)


def too_large() -> TaskError:
    message = f"the response is larger than {MAX_RESPONSE_BYTES} bytes; the step was killed"
    return TaskError(kind=ErrorKind.PROTOCOL, message=message)


def junk(sample: bytes) -> TaskError:
    """A long output that shows at its first byte that it is no response, and was not read to its end."""
    begins = repr(sample.lstrip()[:60])[1:]
    message = (
        f"the response is not one JSON document, at byte 0: it begins with {begins}; the step was killed"
    )
    return TaskError(kind=ErrorKind.PROTOCOL, message=message)


def crashed(task: StepTask, stderr: bytes, exit_code: int | None, out_of_memory: bool | None) -> TaskError:
    """The step's program ended and should not have; what is known of why, and its last words."""
    how = f"the step ended with exit code {exit_code}"
    if exit_code is None:
        how = "the step ended, and its container with it"
    elif out_of_memory:
        how += f", out of memory ({_more_memory(task)})"
    elif exit_code == 137:
        how += " (killed; by whom is not known)"
    last_words = stderr.decode(errors="replace").strip().splitlines()[-1:]
    said = f": {last_words[0][:300]}" if last_words else ", and nothing on stderr"
    return TaskError(kind=ErrorKind.CRASH, message=how + said)


def _more_memory(task: StepTask) -> str:
    if task.step.rung is Rung.PROCESS:  # which has no limit of its own
        return "this machine, or the container that all of this runs in, had none left; give it more, or smaller images"
    limit = task.step.resources.memory
    twice = math.ceil(2 * limit / 1024**2)
    return (
        f"its limit is {limit} bytes; give step {task.step.name!r} more in the pipeline, "
        f"as resources: {{memory: {twice}m}}, or smaller images"
    )
