"""A kept lane: one program that stays, and one thread that feeds it line after line and reads its answers.

Several requests are in flight, so the program never waits for the coordinator. Answers are matched by task id. The
task that has waited longest is the head: it is the one that the program works on, so it is the head that pays for a
program that dies, hangs or babbles. Those behind it are lost, which costs them no attempt.

    program  pending  the lane
    -------  -------  ------------------------------------------------------------------------------------------
    none     none     waits for a task
    there    none     waits for a task; what the program says is kept for one, a maximum of 64 kB of it
    there    some     writes requests, reads answers, until the head's time is up
    none     some     only while a program is opened; a failure of that is the head's

    what happens                              the program     the head      those behind it
    ----------------------------------------  --------------  ------------  ------------------
    a task comes                              opened if none  -             it joins them
    an answer                                 stays           or any other has its outcome
    the output ends, exit code 0, after       has gone        is lost       are lost
      an answer of this program
    the output ends otherwise                 has gone        crashed       are lost
    no JSON, too much of it, another task     killed          PROTOCOL      are lost
    the head's time is up                     killed          TIMEOUT       are lost
    the engine fails, or a bug of ours        killed          ENGINE, ...   are lost
    the head is abandoned, and does not end   killed          cancelled     are lost
      by itself within half a second
    cancel                                    killed          cancelled     cancelled, and all that come later
    close                                     its input ends once nothing is pending, and then the lane ends,
                                                  which it tells whoever has closed it

A program that has gone is no end of the lane: the next task opens another one.

Threads: :meth:`Lane.submit`, :meth:`Lane.abandon`, :meth:`Lane.cancel` and :meth:`Lane.close` may be called from any
thread, and cancel from a signal handler. They publish what they want (in the inbox, in a flag) and then ring the
bell; everything else is the lane's own thread's. pump.py says why a ring is never lost. What nobody rings for is what
the lane itself does: it may have ended its last task since it looked whether it was closed, so it looks once more
right before it waits.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from coordinator.contract import TaskError
from coordinator.core.tasks import StepTask
from coordinator.errors import EngineError
from coordinator.record.files import Files
from coordinator.runners.answers import Answers
from coordinator.runners.failing import failed
from coordinator.runners.kept import Ending, Program, end_input
from coordinator.runners.pending import Pending
from coordinator.runners.pump import Bell, Pump
from coordinator.runners.verdict import ABANDONED, CANCELLED, LOST, broken_by, crashed, timed_out
from coordinator.runners.workfolder import prepare
from coordinator.schedule.threads import Sink

PATIENCE = 0.5
"""Seconds for which an abandoned task may go on: most end by then, and to open a program anew takes as long."""


class Lane:
    """One kept lane. Its thread starts with the lane and ends after :meth:`close`."""

    def __init__(self, open_program: Callable[[StepTask], Program], files: Files, sink: Sink) -> None:
        self._open_program = open_program
        self._files = files
        self._sink = sink
        self._inbox: deque[StepTask] = deque()
        self._abandoned: deque[str] = deque()
        self._closing = self._cancelled = False
        self._bell = Bell()
        self._pump = Pump(bell=self._bell)
        self._pending = Pending()
        self._program: Program | None = None
        self._answers = self._no_answers()
        self._when_ended: Callable[[], None] = _do_nothing
        self._thread = threading.Thread(target=self._live, name="lane", daemon=True)
        self._thread.start()

    @property
    def is_open(self) -> bool:
        """Whether its program is there; it is opened for the first task, and anew after it has ended."""
        return self._program is not None

    @property
    def has_ended(self) -> bool:
        """Whether it was closed, and nothing is left of it."""
        return not self._thread.is_alive()

    def submit(self, task: StepTask) -> None:
        """Takes a task on; its outcome goes to the sink."""
        self._inbox.append(task)
        self._bell.ring()

    def abandon(self, task_id: str) -> None:
        """Has a task that was submitted end as cancelled, if it does not end by itself before long."""
        self._abandoned.append(task_id)
        self._bell.ring()

    def cancel(self) -> None:
        """Ends the program at once; its tasks end as cancelled, and so do those that come later."""
        self._cancelled = True
        self._bell.ring()

    def close(self, ended: Callable[[], None] | None = None) -> None:
        """Serves what is pending, then ends the program; returns at once (see :meth:`join`).

        ``ended`` is called once nothing is left of it, in the lane's own thread.
        """
        self._when_ended = ended or self._when_ended
        self._closing = True
        self._bell.ring()

    def join(self) -> None:
        """Waits until the lane has ended."""
        self._thread.join()

    # -- the lane's own thread ----------------------------------------------------------------------------

    def _live(self) -> None:
        try:
            self._serve()
        finally:
            self._when_ended()

    def _serve(self) -> None:
        try:
            while not self._is_done():
                try:
                    self._turn()
                except Exception as error:
                    self._break_off(broken_by(error))
        finally:
            with suppress(EngineError):
                self._end_program(kill=self._cancelled)
            self._answers.close()

    def _is_done(self) -> bool:
        # The flag first: what was submitted before it was raised is in the inbox by then.
        return self._closing and not self._inbox and not self._pending

    def _turn(self) -> None:
        """Takes in what has been submitted, waits for something to happen, and handles it."""
        self._bell.acknowledge()
        if self._cancelled:
            while self._inbox:
                self._pending.add(self._inbox.popleft(), 0.0)
            self._break_off(CANCELLED)
        else:
            self._take_in()
            while self._abandoned:
                self._pending.abandon(self._abandoned.popleft(), time.monotonic() + PATIENCE)
        if self._is_done():  # since just now, by the lane's own doing: nobody rings for that
            return
        try:
            data = self._pump.turn(self._pending.deadline)
        except OSError:
            data = b""  # the program has gone with the connection; its ending tells how
        if data:
            assert self._program is not None  # nothing else is pumped
            self._answers.feed(self._program.decode(data))
            self._match(self._program)
        elif data is not None:
            self._ended()
        deadline = self._pending.deadline
        if deadline is not None and time.monotonic() > deadline:
            self._break_off(ABANDONED if self._pending.is_unwanted else timed_out(self._pending.head))

    def _take_in(self) -> None:
        """Asks the program what has been submitted, all in one go; opens it if need be."""
        requests: list[bytes] = []
        while self._inbox:
            task = self._inbox.popleft()
            self._pending.add(task, time.monotonic())
            prepare(task, self._files)
            program = self._program or self._open(task)
            requests.append(program.encode(task.request.line()))
        if requests and self._program is not None:
            self._pump.send(b"".join(requests))
            self._pump.write()
            self._match(self._program)  # what was said out of turn may be about them

    def _open(self, task: StepTask) -> Program:
        since = time.monotonic()
        program = self._program = self._open_program(task)
        self._pump.connect(program.connection)
        now = time.monotonic()
        self._pending.begin(now, now - since)
        return program

    def _match(self, program: Program) -> None:
        fault = self._answers.match(program.decode_line)
        if fault is not None:
            self._break_off(fault.error, fault.stdout)

    # -- the end of a program -----------------------------------------------------------------------------

    def _ended(self) -> None:
        """The program has ended by itself. If it ended well after an answer, nobody is to blame for it."""
        stdout, has_answered = self._answers.evidence(), self._answers.any
        ending = self._end_program(kill=False)
        if not self._pending:
            return
        if ending.exit_code == 0 and has_answered:
            self._fail_pending(LOST, ending, stdout)
        else:
            head = self._pending.head
            error = crashed(head, ending.stderr, ending.exit_code, ending.out_of_memory)
            self._fail_pending(error, ending, stdout)

    def _break_off(self, error: TaskError, stdout: bytes | None = None) -> None:
        """Ends the program because of its head, whose evidence is ``stdout``, or else what has not been taken."""
        stdout = self._answers.evidence() if stdout is None else stdout
        try:
            ending = self._end_program(kill=True)
        except Exception:  # why it is ended is known already, and its tasks must not wait for ever
            ending = Ending()
        self._fail_pending(error, ending, stdout)

    def _fail_pending(self, error: TaskError, ending: Ending, stdout: bytes) -> None:
        if self._pending:
            cause = CANCELLED if self._cancelled else error
            self._sink(failed(self._pending, cause, ending, stdout, self._files))

    def _no_answers(self) -> Answers:
        return Answers(self._pending, self._files, self._sink)

    def _end_program(self, *, kill: bool) -> Ending:
        program, self._program = self._program, None
        self._pump.disconnect()
        self._answers.close()
        self._answers = self._no_answers()
        if program is None:
            return Ending()
        if not kill:
            end_input(program.connection)
        return program.end(kill=kill)


def _do_nothing() -> None:
    """Nobody waits for the lane's end."""
