"""A kept lane in an event loop: what :mod:`coordinator.runners.lane` does in a thread of its own, without one.

The table there holds here, too. Threads of one process take turns at one interpreter, and to change them several times
a task takes longer than a small task. So here one thread writes requests, reads answers and hands them on; only what
may take long is lent to another one: to open a program, and to end it.

    the lane is   tasks that come                  leaves it
    -----------   ------------------------------   ----------------------------------------------------------------
    idle          have a program opened            by that
    busy          wait until it is opened, or      when the lent thread is through; what waits has the next program
                  the last one has ended           opened
    talking       are asked at once                when the program ends, or has to be ended

:meth:`LoopLane.submit` and the others may be called from any thread: elsewhere than in the loop's they are passed on to
it. Nothing of them reaches the sink before they return, as whoever calls may hold a lock that the sink takes.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial

from coordinator.contract import TaskError
from coordinator.core.tasks import StepTask
from coordinator.record.files import Files
from coordinator.runners.answers import Answers
from coordinator.runners.failing import failed
from coordinator.runners.kept import Ending, Program, end_input
from coordinator.runners.lane import PATIENCE
from coordinator.runners.looptalk import Alarm, Talk, lend, runs_here
from coordinator.runners.pending import Pending
from coordinator.runners.verdict import ABANDONED, CANCELLED, LOST, broken_by, crashed, timed_out
from coordinator.runners.workfolder import prepare
from coordinator.schedule.threads import Sink

Blame = Callable[[Ending | Exception], TaskError]
"""From how a program ended, or why that could not be learnt, to what its head fails of."""


class LoopLane:
    """One kept lane, in a loop that runs in a thread of its own, or in the one that makes the lane."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        threads: Executor,
        open_program: Callable[[StepTask], Program],
        files: Files,
        sink: Sink,
    ) -> None:
        self._loop = loop
        self._inner = _InLoop(loop, threads, open_program, files, sink)

    @property
    def is_open(self) -> bool:
        """Whether its program is there; it is opened for the first task, and anew after it has ended."""
        return self._inner.program is not None

    def submit(self, task: StepTask) -> None:
        """Takes a task on; its outcome goes to the sink."""
        if runs_here(self._loop):
            self._inner.take(task)
        else:
            self._loop.call_soon_threadsafe(self._inner.take, task)

    def abandon(self, task_id: str) -> None:
        """Has a task that was submitted end as cancelled, if it does not end by itself before long."""
        self._loop.call_soon_threadsafe(self._inner.abandon, task_id)

    def cancel(self) -> None:
        """Ends the program at once; its tasks end as cancelled, and so do those that come later."""
        self._loop.call_soon_threadsafe(self._inner.cancel)

    def close(self) -> None:
        """Serves what is pending, then ends the program; returns at once (see :meth:`join`)."""
        self._loop.call_soon_threadsafe(self._inner.close)

    def join(self) -> None:
        """Waits until the lane has ended; not in the loop's thread."""
        self._inner.ended.wait()


class _InLoop:
    """The lane as the loop's thread knows it."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        threads: Executor,
        open_program: Callable[[StepTask], Program],
        files: Files,
        sink: Sink,
    ) -> None:
        self.program: Program | None = None
        self.ended = threading.Event()
        self._loop, self._threads = loop, threads
        self._open_program = open_program
        self._files, self._sink = files, sink
        self._talk: Talk | None = None
        self._busy = self._closing = self._cancelled = False
        self._unasked: deque[StepTask] = deque()
        self._pending = Pending()
        self._answers = self._no_answers()
        self._alarm = Alarm(loop, self._look_at_time)

    def take(self, task: StepTask) -> None:
        was_idle = not self._pending
        self._pending.add(task, time.monotonic())
        if self._cancelled:
            self._loop.call_soon(self._break_off, CANCELLED)
        elif self.program is None or self._busy:
            self._unasked.append(task)
            self._open_for_next()
        else:
            self._ask(self.program, task)
            if was_idle:
                self._watch_time()

    def _ask(self, program: Program, task: StepTask) -> None:
        """Sends a request; what goes wrong is told later, as nothing may reach the sink from here."""
        assert self._talk is not None  # there is one with the program
        try:
            prepare(task, self._files)
            self._talk.say(program.encode(task.request.line()))
        except Exception as error:
            self._loop.call_soon(self._end_for, program, broken_by(error))
            return
        if self._answers.waits:  # what was said out of turn may be about it
            self._loop.call_soon(self._match, program)

    def _hear(self, data: bytes) -> None:
        """Takes in what the program said."""
        program = self.program
        if program is None:
            return
        if not data:
            self._program_ended()
            return
        try:
            self._answers.feed(program.decode(data))
        except Exception as error:
            self._break_off(broken_by(error))
        else:
            self._match(program)

    def _match(self, program: Program) -> None:
        if self.program is not program:
            return
        try:
            fault = self._answers.match(program.decode_line)
        except Exception as error:
            self._break_off(broken_by(error))
            return
        if fault is not None:
            self._break_off(fault.error, fault.stdout)
            return
        self._watch_time()
        self._end_if_done()

    def _watch_time(self) -> None:
        deadline = self._pending.deadline
        if deadline is not None and self.program is not None:
            self._alarm.set(deadline)

    def _look_at_time(self) -> None:
        deadline = self._pending.deadline
        if deadline is None or self.program is None:
            return
        if time.monotonic() < deadline:
            self._watch_time()
        else:
            self._break_off(ABANDONED if self._pending.is_unwanted else timed_out(self._pending.head))

    def abandon(self, task_id: str) -> None:
        self._pending.abandon(task_id, time.monotonic() + PATIENCE)
        self._watch_time()

    def cancel(self) -> None:
        self._cancelled = True
        self._break_off(CANCELLED)

    def close(self) -> None:
        self._closing = True
        self._end_if_done()

    # -- a program's beginning ----------------------------------------------------------------------------

    def _open_for_next(self) -> None:
        """Opens a program for what waits, unless a thread is at one."""
        if self._busy or not self._unasked:
            return
        self._busy = True
        opening = partial(self._open_program, self._unasked[0])
        lend(self._loop, self._threads, opening, partial(self._opened, time.monotonic()))

    def _opened(self, since: float, program: Program | Exception) -> None:
        self._busy = False
        if isinstance(program, Exception):
            self._break_off(broken_by(program))
            return
        self.program = program
        self._talk = Talk(self._loop, program.connection, self._hear)
        now = time.monotonic()
        self._pending.begin(now, now - since)
        if self._cancelled:
            self._break_off(CANCELLED)
            return
        while self._unasked:
            self._ask(program, self._unasked.popleft())
        self._watch_time()

    # -- and its end --------------------------------------------------------------------------------------

    def _program_ended(self) -> None:
        """The program has ended by itself. If it ended well after an answer, nobody is to blame for it."""
        has_answered, head = self._answers.any, self._pending.head if self._pending else None

        def blame(ending: Ending | Exception) -> TaskError:
            if isinstance(ending, Exception):
                return broken_by(ending)
            if head is None or (ending.exit_code == 0 and has_answered):
                return LOST
            return crashed(head, ending.stderr, ending.exit_code, ending.out_of_memory)

        self._end_program(blame, self._answers.evidence(), kill=False)

    def _end_for(self, program: Program, error: TaskError) -> None:
        """Breaks off, unless that program has gone since."""
        if self.program is program:
            self._break_off(error)

    def _break_off(self, error: TaskError, stdout: bytes | None = None) -> None:
        """Ends the program because of its head, whose evidence is ``stdout``, or else what has not been taken."""
        if self._busy:  # what is opened or ended now is looked at once that is done
            return
        stdout = self._answers.evidence() if stdout is None else stdout
        self._end_program(lambda _: error, stdout, kill=True)

    def _end_program(self, blame: Blame, stdout: bytes, *, kill: bool) -> None:
        """Lets go of the program; its tasks fail when it has ended. What comes meanwhile waits for the next one."""
        program, self.program = self.program, None
        failing, self._pending = self._pending, Pending()
        self._unasked.clear()
        self._answers.close()
        self._answers = self._no_answers()
        self._alarm.stop()
        if program is None:
            self._fail(failing, blame, stdout, Ending())
            return
        assert self._talk is not None
        self._talk.end()
        self._busy = True
        lend(
            self._loop,
            self._threads,
            partial(_end, program, kill=kill),
            partial(self._fail, failing, blame, stdout),
        )

    def _fail(self, failing: Pending, blame: Blame, stdout: bytes, ending: Ending | Exception) -> None:
        self._busy = False
        if failing:
            known = Ending() if isinstance(ending, Exception) else ending
            error = CANCELLED if self._cancelled else blame(ending)
            self._sink(failed(failing, error, known, stdout, self._files))
        if self._cancelled and self._pending:
            self._break_off(CANCELLED)
        self._open_for_next()
        self._end_if_done()

    def _end_if_done(self) -> None:
        """Ends the lane once it is closed and through with everything."""
        if not self._closing or self._pending or self._busy or self.ended.is_set():
            return
        if self.program is not None:
            self._end_program(lambda _: LOST, b"", kill=self._cancelled)
            return
        self._answers.close()
        self.ended.set()

    def _no_answers(self) -> Answers:
        return Answers(self._pending, self._files, self._sink)


def _end(program: Program, *, kill: bool) -> Ending:
    if not kill:
        end_input(program.connection)
    return program.end(kill=kill)
