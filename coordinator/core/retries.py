"""What follows a failed attempt: another one, or the end. Pure: it decides, and never sleeps."""

from __future__ import annotations

from dataclasses import dataclass, replace

from coordinator.contract import ErrorKind, TaskError

DEADLY = frozenset({ErrorKind.CRASH, ErrorKind.TIMEOUT})
"""How a task kills its step. What does so in all its attempts is quarantined: it fails for good, the run goes on."""
_NEVER_AGAIN = {ErrorKind.BAD_INPUT, ErrorKind.CANCELLED}
_FIRST_PAUSE, _MAX_PAUSE = 0.5, 30.0
"""Seconds."""
_ENGINE_FAILURES = 12
"""So often the engine may fail a task before the task is given up: minutes, with the pauses between."""
_LOSSES = 5
"""So often a task may be lost with the machine that it ran on: the last of them was not the machine's fault."""


@dataclass(frozen=True, kw_only=True)
class Tries:
    """How often a task has been tried: attempts that count, failures of the engine and losses, which do not."""

    attempt: int = 1
    engine_failures: int = 0
    losses: int = 0

    @property
    def number(self) -> int:
        """Of this try, from 1 on."""
        return self.attempt + self.engine_failures + self.losses


@dataclass(frozen=True, kw_only=True)
class Retry:
    """Try again, ``pause`` seconds from now."""

    tries: Tries
    pause: float


def retry(error: TaskError, tries: Tries, retries: int) -> Retry | None:
    """What follows a failed attempt: another one after a pause that doubles each time, or None.

    Bad input is never tried again. A task that was lost for another one's sake costs nothing; the engine's own
    failures, and the loss of the machine that it ran on, cost no attempt, but end somewhere.
    """
    if error.kind is ErrorKind.LOST:
        return Retry(tries=tries, pause=0.0)
    if error.kind is ErrorKind.ENGINE and tries.engine_failures < _ENGINE_FAILURES:
        failures = tries.engine_failures + 1
        return Retry(tries=replace(tries, engine_failures=failures), pause=_pause(failures))
    if error.kind is ErrorKind.NODE:
        losses = tries.losses + 1
        return Retry(tries=replace(tries, losses=losses), pause=0.0) if losses < _LOSSES else None
    if error.kind in _NEVER_AGAIN or error.kind is ErrorKind.ENGINE or tries.attempt > retries:
        return None
    return Retry(tries=replace(tries, attempt=tries.attempt + 1), pause=_pause(tries.attempt))


def spoils(result: object, *, has_gpus: bool) -> bool:
    """Whether what is kept for a task is to serve no others behind its ``result``.

    A container can lose its GPUs while it runs. Its program then says of every task that it cannot do it.
    """
    return isinstance(result, TaskError) and (
        result.kind in DEADLY or (has_gpus and result.kind is ErrorKind.INTERNAL)
    )


def _pause(times: int) -> float:
    return min(_MAX_PAUSE, _FIRST_PAUSE * 2.0 ** (times - 1))
