"""What the user sees while a run goes on: bars per step on a terminal, plain lines otherwise."""

from __future__ import annotations

import io
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import IO, TYPE_CHECKING, cast

from coordinator.contract import TaskError
from coordinator.record.journal import Status
from coordinator.session.timeleft import Pace, in_words, time_left

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

_PLAIN_INTERVAL = 5.0
_SHOWN_FAILURES = 5
_MAX_CHUNKS = 1000
"""What is drawn and not yet read by the terminal, or by whatever stderr leads to."""
_LAST_WORDS = 1.0
"""Seconds to wait for them at the end."""


@dataclass
class _Count:
    expected: int = 0
    done: int = 0
    failed: int = 0
    reused: int = 0
    began: float | None = None
    """By the clock, when its first task was to come."""


class _Stderr:
    """The file to draw on. A thread of its own writes, so that a reader who stops reading, or has gone, stops no run.

    What such a reader does not take is dropped.
    """

    def __init__(self) -> None:
        self._chunks: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._pass_on, name="stderr", daemon=True)
        self._thread.start()

    def write(self, text: str) -> int:
        """Takes text; safe in a signal handler."""
        if self._chunks.qsize() < _MAX_CHUNKS:
            self._chunks.put(text)
        return len(text)

    def flush(self) -> None:
        return

    def close(self) -> None:
        """Waits for what was written to be read, for a while."""
        self._chunks.put(None)
        self._thread.join(_LAST_WORDS)

    def _pass_on(self) -> None:
        while (text := self._chunks.get()) is not None:
            with suppress(OSError):  # nobody is there to read it
                _write(text)


def _write(text: str) -> None:
    """Writes past Python's own stream, whose lock must be free when the interpreter ends."""
    try:
        descriptor = sys.stderr.fileno()
    except io.UnsupportedOperation:
        sys.stderr.write(text)
    else:
        os.write(descriptor, text.encode(errors="backslashreplace"))


def tell(text: str) -> None:
    """One line, before there is a progress to show."""
    print(text, file=sys.stderr, flush=True)


class Progress:
    """An observer of the scheduler that draws on stderr."""

    def __init__(
        self, steps: Sequence[str], *, least: Mapping[str, int] | None = None, notes: Sequence[str] = ()
    ) -> None:
        """``least`` is the number of tasks that a step is going to have, where that is known."""
        self._tallies = {step: _Count() for step in steps}
        self._least = least or {}
        self._notes = notes
        self._failures = 0
        self._engine_failed: set[str] = set()
        """Steps of which that has been said: what fails of one task fails of many."""
        self._started = time.monotonic()
        self._last_line = self._started
        self._out = _Stderr()
        self._bars: Bars | None = None
        self._rows: dict[str, TaskID] = {}

    def __enter__(self) -> Progress:
        if sys.stderr.isatty():
            self._bars = _load_bars()(cast(IO[str], self._out))
            self._bars.start()
        for note in self._notes:
            self.note(note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()
        else:
            self._print_line()
        self._out.close()

    def expect(self, step: str, tasks: int) -> None:
        tally = self._tally(step)
        tally.expected += tasks
        if tally.began is None and tasks:
            tally.began = time.monotonic()
        if self._bars is not None:
            self._update_bar(step)

    def ended(self, step: str, status: Status, *, reused: bool = False) -> None:
        tally = self._tally(step)
        tally.done += 1
        tally.failed += status is Status.FAILED
        tally.reused += reused
        tally.expected = max(tally.expected, tally.done)
        self._show(step)

    def failed(self, task: str, error: TaskError) -> None:
        self._failures += 1
        if self._failures <= _SHOWN_FAILURES:
            self.note(f"failed: {task!r}: {error.kind}: {error.message}")
        elif self._failures == _SHOWN_FAILURES + 1:
            self.note("more tasks failed; see failures/ in the run folder")

    def engine_failed(self, step: str, task: str, error: TaskError) -> None:
        if step not in self._engine_failed:
            self._engine_failed.add(step)
            self.note(f"the engine failed {task!r}, which is tried again: {error.message}")

    def note(self, text: str) -> None:
        """One line that stays."""
        if self._bars is not None:
            self._bars.console.print(text, markup=False, highlight=False)
        else:
            self._out.write(f"{text}\n")

    def _tally(self, step: str) -> _Count:
        tally = self._tallies.get(step)
        if tally is None:
            tally = self._tallies[step] = _Count()
        return tally

    def _show(self, step: str) -> None:
        if self._bars is not None:
            self._update_bar(step)
        elif time.monotonic() - self._last_line >= _PLAIN_INTERVAL:
            self._print_line()

    def _update_bar(self, step: str) -> None:
        assert self._bars is not None
        tally = self._tallies[step]
        if step not in self._rows:
            self._rows[step] = self._bars.add_task(step, total=None, failed="")
        failed = f"{tally.failed} failed" if tally.failed else ""
        self._bars.update(self._rows[step], completed=tally.done, total=self._total(step), failed=failed)

    def _total(self, step: str) -> int:
        return max(self._tallies[step].expected, self._least.get(step, 0))

    def _print_line(self) -> None:
        self._last_line = time.monotonic()
        elapsed = self._last_line - self._started
        parts = [_plain(step, tally, self._total(step), elapsed) for step, tally in self._tallies.items()]
        if left := self._left():
            parts.append(f"about {in_words(left)} left")
        self._out.write(f"[{elapsed:6.1f} s]  " + "   ".join(parts) + "\n")

    def _left(self) -> float | None:
        now = self._last_line
        return time_left(
            [
                Pace(
                    ran=tally.done - tally.reused,
                    left=max(0, self._total(step) - tally.done),
                    seconds=now - (tally.began or now),
                    known=self._total(step) > 0,
                )
                for step, tally in self._tallies.items()
            ]
        )


def _plain(step: str, tally: _Count, total: int, elapsed: float) -> str:
    text = f"{step} {tally.done}/{total}"
    if elapsed > 0 and tally.done > tally.reused:
        text += f" ({(tally.done - tally.reused) / elapsed:.1f}/s)"
    if tally.reused:
        text += f", {tally.reused} from before"
    return text + (f", {tally.failed} failed" if tally.failed else "")


def _load_bars() -> Callable[[IO[str]], Bars]:
    """Late, because rich takes a tenth of all the time to load, and only a terminal is drawn on."""
    from coordinator.session.bars import make_bars

    return make_bars
