"""One class per cause of a refusal, each with the exit code the command ends with.

What goes wrong with one *task* is never raised: it is a :class:`coordinator.contract.TaskError`, a value.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the command tells the shell."""

    DONE = 0
    SOME_FAILED = 1
    REFUSED = 2
    INTERRUPTED = 130


EXIT_CODES = "exit codes: 0 all done, 1 some items failed, 2 wrong usage or preflight, 130 interrupted"
"""The same for a reader."""


class CoordinatorError(Exception):
    """The command cannot go on; the message says what, where and what to do."""

    exit_code = ExitCode.REFUSED


class UsageError(CoordinatorError):
    """The command line asks for something that makes no sense."""


class BatchError(CoordinatorError):
    """The batch as a whole cannot be read (one bad file is a value instead)."""


class PipelineError(CoordinatorError):
    """The pipeline file is not valid, or does not fit the machine."""


class MachinesError(CoordinatorError):
    """The file of machines to plan with is not valid, or a step fits none of them."""


class EngineError(CoordinatorError):
    """The container engine cannot be reached, or refused what was asked of it."""


class RunFolderError(CoordinatorError):
    """The run folder cannot be used: not writable, another batch's, or another coordinator's."""
