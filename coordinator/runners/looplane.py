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
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from functools import partial

from coordinator.contract import ErrorKind, TaskError
from coordinator.core.tasks import NO_EVIDENCE, Evidence, Outcome, StepTask
from coordinator.errors import EngineError
from coordinator.record.files import Files
from coordinator.runners.answers import Answers
from coordinator.runners.kept import Ending, Program, end_input
from coordinator.runners.lane import PATIENCE
from coordinator.runners.pending import Pending
from coordinator.runners.verdict import ABANDONED, CANCELLED, LOST, crashed, engine_failed, timed_out
from coordinator.runners.workfolder import discard, prepare
from coordinator.schedule.threads import Sink

_CHUNK = 256 * 1024

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
        self._loop, self._threads = loop, threads
        self._open_program = open_program
        self._files, self._sink = files, sink
        self._program: Program | None = None
        self._busy = self._awaits_room = self._closing = self._cancelled = False
        self._unasked: deque[StepTask] = deque()
        self._unsent: deque[memoryview] = deque()
        self._pending = Pending()
        self._answers = self._no_answers()
        self._timer: asyncio.TimerHandle | None = None
        self._ended = threading.Event()

    @property
    def is_open(self) -> bool:
        """Whether its program is there; it is opened for the first task, and anew after it has ended."""
        return self._program is not None

    def submit(self, task: StepTask) -> None:
        """Takes a task on; its outcome goes to the sink."""
        self._pass_on(self._take, task)

    def abandon(self, task_id: str) -> None:
        """Has a task that was submitted end as cancelled, if it does not end by itself before long."""
        self._loop.call_soon_threadsafe(self._abandon, task_id)

    def cancel(self) -> None:
        """Ends the program at once; its tasks end as cancelled, and so do those that come later."""
        self._loop.call_soon_threadsafe(self._cancel)

    def close(self) -> None:
        """Serves what is pending, then ends the program; returns at once (see :meth:`join`)."""
        self._loop.call_soon_threadsafe(self._close)

    def join(self) -> None:
        """Waits until the lane has ended; not in the loop's thread."""
        self._ended.wait()

    def _pass_on(self, call: Callable[[StepTask], None], task: StepTask) -> None:
        if _runs_here(self._loop):
            call(task)
        else:
            self._loop.call_soon_threadsafe(call, task)

    # -- in the loop --------------------------------------------------------------------------------------

    def _take(self, task: StepTask) -> None:
        was_idle = not self._pending
        self._pending.add(task, time.monotonic())
        if self._cancelled:
            self._loop.call_soon(self._break_off, CANCELLED)
        elif self._program is None or self._busy:
            self._unasked.append(task)
            self._open_for_next()
        else:
            self._ask(self._program, task)
            if was_idle:
                self._watch_time()

    def _ask(self, program: Program, task: StepTask) -> None:
        """Sends a request; what goes wrong is told later, as nothing may reach the sink from here."""
        try:
            prepare(task, self._files)
            self._write(program.encode(task.request.line()))
        except Exception as error:
            self._loop.call_soon(self._end_for, program, _as_task_error(error))
            return
        if self._answers.waits:  # what was said out of turn may be about it
            self._loop.call_soon(self._hear, b"")

    def _write(self, data: bytes) -> None:
        self._unsent.append(memoryview(data))
        self._flush()

    def _flush(self) -> None:
        """Writes what goes without waiting. A connection that has gone is noticed by who reads."""
        assert self._program is not None
        connection = self._program.connection
        try:
            while self._unsent:
                sent = connection.send(self._unsent[0])
                if sent < len(self._unsent[0]):
                    self._unsent[0] = self._unsent[0][sent:]
                else:
                    self._unsent.popleft()
        except BlockingIOError:
            if not self._awaits_room:
                self._awaits_room = True
                self._loop.add_writer(connection, self._flush)
            return
        except OSError:
            self._unsent.clear()
        self._stop_awaiting_room(connection)

    def _stop_awaiting_room(self, connection: socket.socket) -> None:
        if self._awaits_room:
            self._awaits_room = False
            self._loop.remove_writer(connection)

    def _readable(self, program: Program) -> None:
        try:
            data = program.connection.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""  # the program has gone with the connection; its ending tells how
        if data:
            self._hear(data)
        else:
            self._program_ended()

    def _hear(self, data: bytes) -> None:
        """Takes in what the program said."""
        program = self._program
        if program is None or self._busy:
            return
        try:
            if data:
                self._answers.feed(program.decode(data))
            fault = self._answers.match(program.decode_line)
        except Exception as error:
            self._break_off(_as_task_error(error))
            return
        if fault is not None:
            self._break_off(fault.error, fault.stdout)
            return
        self._watch_time()
        self._end_if_done()

    def _watch_time(self) -> None:
        """Sees to it that somebody looks when the head's time is up. A timer that is due before that stays as it is."""
        deadline = self._pending.deadline if self._program is not None and not self._busy else None
        if deadline is None:
            return
        due = self._loop.time() + deadline - time.monotonic()
        if self._timer is not None:
            if self._timer.when() <= due:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(due, self._look_at_time)

    def _look_at_time(self) -> None:
        self._timer = None
        deadline = self._pending.deadline
        if deadline is None or self._program is None or self._busy:
            return
        if time.monotonic() < deadline:
            self._watch_time()
        else:
            self._break_off(ABANDONED if self._pending.is_unwanted else timed_out(self._pending.head))

    def _abandon(self, task_id: str) -> None:
        self._pending.abandon(task_id, time.monotonic() + PATIENCE)
        self._watch_time()

    def _cancel(self) -> None:
        self._cancelled = True
        self._break_off(CANCELLED)

    def _close(self) -> None:
        self._closing = True
        self._end_if_done()

    # -- a program's beginning ----------------------------------------------------------------------------

    def _open_for_next(self) -> None:
        """Opens a program for what waits, unless a thread is at one."""
        if self._busy or not self._unasked:
            return
        self._busy = True
        since = time.monotonic()
        self._lend(partial(self._open_program, self._unasked[0]), partial(self._opened, since))

    def _opened(self, since: float, program: Program | Exception) -> None:
        self._busy = False
        if isinstance(program, Exception):
            self._break_off(_as_task_error(program))
            return
        program.connection.setblocking(False)
        self._program = program
        self._loop.add_reader(program.connection, self._readable, program)
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
                return _as_task_error(ending)
            if head is None or (ending.exit_code == 0 and has_answered):
                return LOST
            return crashed(head, ending.stderr, ending.exit_code, ending.out_of_memory)

        self._end_program(blame, self._answers.evidence(), kill=False)

    def _end_for(self, program: Program, error: TaskError) -> None:
        """Breaks off, unless that program has gone since."""
        if self._program is program:
            self._break_off(error)

    def _break_off(self, error: TaskError, stdout: bytes | None = None) -> None:
        """Ends the program because of its head, whose evidence is ``stdout``, or else what has not been taken."""
        if self._busy:  # what is opened or ended now is looked at once that is done
            return
        stdout = self._answers.evidence() if stdout is None else stdout
        self._end_program(lambda _: error, stdout, kill=True)

    def _end_program(self, blame: Blame, stdout: bytes, *, kill: bool) -> None:
        """Lets go of the program; its tasks fail when it has ended. What comes meanwhile waits for the next one."""
        program, self._program = self._program, None
        failing, self._pending = self._pending, Pending()
        self._unasked.clear()
        self._unsent.clear()
        self._answers.close()
        self._answers = self._no_answers()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if program is None:
            self._fail(failing, blame, stdout, Ending())
            return
        self._loop.remove_reader(program.connection)
        self._stop_awaiting_room(program.connection)
        self._busy = True
        self._lend(partial(_end, program, kill=kill), partial(self._fail, failing, blame, stdout))

    def _fail(self, failing: Pending, blame: Blame, stdout: bytes, ending: Ending | Exception) -> None:
        """The head fails; what waited behind it is lost, or cancelled with it."""
        self._busy = False
        outcomes = []
        if failing:
            known = Ending() if isinstance(ending, Exception) else ending
            evidence = Evidence(stdout=stdout, **vars(known))
            for task, result in failing.fail(CANCELLED if self._cancelled else blame(ending)):
                discard(task, self._files)
                outcomes.append(Outcome(task=task.id, result=result, evidence=evidence))
                evidence = NO_EVIDENCE  # it tells of the head
        if outcomes:
            self._sink(outcomes)
        if self._cancelled and self._pending:
            self._break_off(CANCELLED)
        self._open_for_next()
        self._end_if_done()

    def _end_if_done(self) -> None:
        """Ends the lane once it is closed and through with everything."""
        if not self._closing or self._pending or self._busy or self._ended.is_set():
            return
        if self._program is not None:
            self._end_program(lambda _: LOST, b"", kill=self._cancelled)
            return
        self._answers.close()
        self._ended.set()

    def _lend(self, work: Callable[[], object], then: Callable[[object], None]) -> None:
        """Has a thread do something; what it gives, or raises, is passed on in the loop."""

        def do() -> None:
            try:
                done: object = work()
            except Exception as error:
                done = error
            with suppress(RuntimeError):  # the loop has gone, and everything with it
                self._loop.call_soon_threadsafe(then, done)

        self._threads.submit(do)

    def _no_answers(self) -> Answers:
        return Answers(self._pending, self._files, self._sink)


def _runs_here(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:  # none runs in this thread
        return False


def _end(program: Program, *, kill: bool) -> Ending:
    if not kill:
        end_input(program.connection)
    return program.end(kill=kill)


def _as_task_error(error: Exception) -> TaskError:
    if isinstance(error, EngineError):
        return engine_failed(error)
    # A bug or a full disk must fail a task, not hang the service.
    message = f"the coordinator failed at this task: {type(error).__name__}: {error}"
    return TaskError(kind=ErrorKind.INTERNAL, message=message)
