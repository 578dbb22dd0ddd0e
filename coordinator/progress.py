"""What the user sees while a run goes on: bars per step on a terminal, plain lines otherwise."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

from coordinator.journal import Status
from coordinator.messages import TaskError

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

_PLAIN_INTERVAL = 5.0
_SHOWN_FAILURES = 5


@dataclass
class _Tally:
    expected: int = 0
    done: int = 0
    failed: int = 0
    reused: int = 0


def tell(text: str) -> None:
    """One line, before there is a progress to show."""
    print(text, file=sys.stderr, flush=True)


class Progress:
    """An observer of the scheduler that draws on stderr."""

    def __init__(self, steps: Sequence[str], *, first: int | None = None, notes: Sequence[str] = ()) -> None:
        """``first`` is the number of tasks that the first step is going to have, where that is known."""
        self._tallies = {step: _Tally() for step in steps}
        self._least = {steps[0]: first or 0}
        self._notes = notes
        self._failures = 0
        self._started = time.monotonic()
        self._last_line = self._started
        self._bars: Bars | None = None
        self._rows: dict[str, TaskID] = {}

    def __enter__(self) -> Progress:
        if sys.stderr.isatty():
            self._bars = _make_bars()
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

    def expect(self, step: str, tasks: int) -> None:
        self._tally(step).expected += tasks
        self._show(step)

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

    def note(self, text: str) -> None:
        """One line that stays."""
        if self._bars is not None:
            self._bars.console.print(text, markup=False, highlight=False)
        else:
            print(text, file=sys.stderr, flush=True)

    def _tally(self, step: str) -> _Tally:
        return self._tallies.setdefault(step, _Tally())

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
        print(f"[{elapsed:6.1f} s]  " + "   ".join(parts), file=sys.stderr, flush=True)


def _plain(step: str, tally: _Tally, total: int, elapsed: float) -> str:
    text = f"{step} {tally.done}/{total}"
    if elapsed > 0 and tally.done > tally.reused:
        text += f" ({(tally.done - tally.reused) / elapsed:.1f}/s)"
    if tally.reused:
        text += f", {tally.reused} from before"
    return text + (f", {tally.failed} failed" if tally.failed else "")


def _make_bars() -> Bars:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        ProgressColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bars
    from rich.text import Text

    class Rate(ProgressColumn):
        """Tasks a second."""

        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:.1f}/s" if task.speed else "", style="progress.data.speed")

    return Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("[red]{task.fields[failed]}"),
        console=Console(stderr=True),
    )
