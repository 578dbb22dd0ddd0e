"""What a run does when it is told to end: the first signal lets the running tasks end, the second ends them at once.

Before there are any tasks, the second one ends the run as a KeyboardInterrupt.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

_WAITING = "interrupted: waiting for the tasks that run (once more to end them at once)"


class Interrupts:
    """Takes SIGINT, SIGTERM and SIGHUP for as long as it is entered, so that none of them cuts the cleaning up short.

    A SIGHUP that the process was started to ignore (``nohup``) stays ignored.
    """

    def __init__(self) -> None:
        self._seen = 0
        self._is_held = False
        self._drain: Callable[[], None] | None = None
        self._cancel: Callable[[], None] | None = None
        self._note: Callable[[str], None] | None = None
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Interrupts:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                self._previous[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    @contextmanager
    def held(self) -> Iterator[None]:
        """What the block makes is removed by its end, whatever comes meanwhile: signals are heard after it."""
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False
        if self._seen:
            self._act()

    def drive(
        self, *, drain: Callable[[], None], cancel: Callable[[], None], note: Callable[[str], None]
    ) -> None:
        """From now on there is something to end: ``drain`` and ``note`` must be safe in a signal handler."""
        self._drain, self._cancel, self._note = drain, cancel, note
        if self._seen:
            self._act()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._seen += 1
        if not self._is_held:
            self._act()

    def _act(self) -> None:
        if self._drain is None or self._cancel is None or self._note is None:
            if self._seen > 1:
                raise KeyboardInterrupt
            return
        self._drain()
        if self._seen == 1:
            self._note(_WAITING)
        else:
            # In a thread of its own: it waits for locks that this one may hold, and for the engine.
            threading.Thread(target=self._cancel, name="cancel", daemon=True).start()
