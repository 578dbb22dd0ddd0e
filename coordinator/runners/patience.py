"""Patience with an engine that does not answer: it may be starting again, and whatever runs can wait for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from coordinator.errors import EngineError
from coordinator.runners.api import Api, ApiError

_PING_PAUSE = 0.5
"""Seconds between two questions whether it is back."""


class EngineGone(EngineError):
    """The engine has been away for so long that it is waited for no longer."""


def _tell_nobody(text: str) -> None:
    return


class Patience:
    """Waits for one engine; safe to use from many threads."""

    def __init__(self, api: Api, seconds: float) -> None:
        """An engine that is away for ``seconds`` is given up; if it comes back all the same, it can be used again."""
        self.tell: Callable[[str], None] = _tell_nobody
        """Hears, from any thread, when the engine is waited for and when it is back."""
        self._api = api
        self._seconds = seconds
        self.is_over = False
        """Whether the engine has been given up, and not been heard of since."""
        self._gone: EngineGone | None = None
        self._is_waiting = False
        self._lock = threading.Lock()

    def wait(self, cancelled: threading.Event) -> None:
        """Waits while the engine does not answer, until ``cancelled``; returns at once if the last call got one.

        Raises EngineGone once that has taken too long, and at once from then on.
        """
        started = time.monotonic()
        while self._api.is_silent and not cancelled.is_set():
            error = self._ping()
            if error is None:
                self.is_over = False
                self._note(waiting=False)
            elif self.is_over or time.monotonic() - started > self._seconds:
                self.is_over = True
                self._gone = EngineGone(
                    f"the container engine has been away for {self._seconds:g} s ({error})\n"
                    "  what is done is kept: start the engine, and the same command continues this run"
                )
                raise self._gone
            else:
                self._note(waiting=True)
                cancelled.wait(_PING_PAUSE)

    def check(self) -> None:
        """Raises EngineGone if the engine was ever given up."""
        if self._gone is not None:
            raise self._gone

    def _ping(self) -> EngineError | None:
        """Why there is no answer; a refusal is one."""
        try:
            self._api.call("GET", "/version")
        except ApiError:
            return None
        except EngineError as error:
            return error
        return None

    def _note(self, *, waiting: bool) -> None:
        with self._lock:
            changed, self._is_waiting = waiting != self._is_waiting, waiting
        if changed and waiting:
            self.tell(f"the container engine does not answer; waiting for it, {self._seconds:g} s at most")
        elif changed:
            self.tell("the container engine answers again")
