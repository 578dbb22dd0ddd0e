"""A kept lane: one program that stays, and one thread that feeds it line after line and reads its answers.

Several requests are in flight, so the program never waits for the coordinator. Answers are matched by task
id; the task that has waited longest (the head) is the one the program works on. It is the head that pays
for a program that dies, hangs or babbles: the program is ended, the head fails, and the tasks behind it are
lost, which costs them no attempt. The next task gets a new program.
"""

from __future__ import annotations

import os
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from coordinator.contract import (
    MAX_RESPONSE_BYTES,
    ErrorKind,
    Failure,
    Success,
    TaskError,
    parse_any_response,
    said_by_step,
    wrong_task,
)
from coordinator.core.lanes import Seat
from coordinator.core.resources import Grant
from coordinator.core.tasks import Evidence, Outcome, StepTask, Times
from coordinator.errors import EngineError
from coordinator.record.files import Files
from coordinator.runners.received import Lines, as_evidence
from coordinator.runners.verdict import CANCELLED, LOST, crashed, engine_failed, junk, timed_out, too_large
from coordinator.runners.workfolder import discard, hand_over, prepare
from coordinator.schedule.threads import Sink

_CHUNK = 256 * 1024
_GRACE = 10.0
"""Seconds a program gets to end by itself after its input has ended."""
_OUT_OF_TURN = 64 * 1024
"""Bytes that a program may write while it has no task; with more of them it is ended."""
_CANCELLED_PAUSE = 0.02
"""Seconds between two looks for tasks that still come to a lane that is cancelled."""


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a program ended. ``exit_code`` is None if that could not be learnt."""

    exit_code: int | None
    stderr: bytes
    out_of_memory: bool | None = None
    container: str | None = None
    command: str | None = None


class Program(Protocol):
    """A program that answers line after line, behind one socket."""

    connection: socket.socket

    def encode(self, request: bytes) -> bytes:
        """A request line as this program is to see it."""
        ...

    def decode(self, data: bytes) -> bytes:
        """What of the bytes from the socket is stdout."""
        ...

    def decode_line(self, line: bytes) -> bytes:
        """A response line as every rung would give it."""
        ...

    def end(self, *, kill: bool) -> Ending:
        """Ends the program, at once or after its input has ended, and leaves nothing of it behind.

        Raises EngineError if it cannot be learnt how it ended.
        """
        ...


class Lane:
    """One kept lane. Its thread starts with the lane and ends with :meth:`close`."""

    def __init__(self, open_program: Callable[[StepTask], Program], files: Files, sink: Sink) -> None:
        self._open_program = open_program
        self._files = files
        self._sink = sink
        self._inbox: deque[StepTask] = deque()
        self._pending: dict[str, StepTask] = {}
        self._program: Program | None = None
        self._answered = 0
        self._outgoing = bytearray()
        self._incoming = Lines(files.work)
        self._head_since = 0.0
        self._closing = self._cancelled = False
        self._asleep = True
        self._wake_read, self._wake_write = os.pipe()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._serve, name="lane", daemon=True)
        self._thread.start()

    @property
    def is_open(self) -> bool:
        """Whether its program is there; it is opened for the first task, and anew after it has ended."""
        return self._program is not None

    def submit(self, task: StepTask) -> None:
        """Takes a task on; its outcome goes to the sink."""
        self._inbox.append(task)
        self._wake()

    def cancel(self) -> None:
        """Ends the program at once; its tasks end as cancelled."""
        self._cancelled = True
        self._wake()

    def close(self) -> None:
        """Serves what is pending, then ends the program; returns at once (see :meth:`join`)."""
        self._closing = True
        self._wake()

    def join(self) -> None:
        """Waits until the lane has ended."""
        self._thread.join()

    def _wake(self) -> None:
        if self._asleep:
            self._asleep = False
            os.write(self._wake_write, b"w")

    # -- the lane's own thread ----------------------------------------------------------------------------

    def _serve(self) -> None:
        try:
            while not (self._closing and not self._inbox and not self._pending):
                try:
                    self._turn()
                except EngineError as error:
                    self._break_off(engine_failed(error))
                except Exception as error:  # a bug or a full disk must fail a task, not hang the run
                    message = f"the coordinator failed at this task: {type(error).__name__}: {error}"
                    self._break_off(TaskError(kind=ErrorKind.INTERNAL, message=message))
        finally:
            with suppress(EngineError):
                self._end_program(kill=self._cancelled)
            self._incoming.close()
            self._selector.close()
            os.close(self._wake_read)
            os.close(self._wake_write)

    def _turn(self) -> None:
        """Takes in what has been submitted, waits for something to happen, and handles it."""
        self._take_in()
        if self._cancelled:
            self._break_off(CANCELLED)
            time.sleep(_CANCELLED_PAUSE)
            return
        for key, events in self._select():
            if key.fd == self._wake_read:
                os.read(self._wake_read, 4096)
            else:
                if events & selectors.EVENT_WRITE:
                    self._write()
                if events & selectors.EVENT_READ:
                    self._read()
        if self._pending and time.monotonic() - self._head_since > self._head.step.timeout:
            self._break_off(timed_out(self._head))

    @property
    def _head(self) -> StepTask:
        return next(iter(self._pending.values()))

    def _take_in(self) -> None:
        while self._inbox:
            task = self._inbox.popleft()
            if not self._pending:
                self._head_since = time.monotonic()
            self._pending[task.id] = task
            if self._cancelled:
                continue  # the next step of the turn fails it
            prepare(task, self._files)
            if self._program is None:
                self._program = self._open_program(task)
                self._program.connection.setblocking(False)
                self._selector.register(self._program.connection, selectors.EVENT_READ)
                self._answered = 0
                self._head_since = time.monotonic()
            self._outgoing += self._program.encode(task.request.line())
        if self._outgoing:
            self._write()
        self._answers(b"")

    def _select(self) -> list[tuple[selectors.SelectorKey, int]]:
        timeout = None
        if self._pending:
            timeout = max(0.0, self._head_since + self._head.step.timeout - time.monotonic()) + 0.001
        self._asleep = True
        if self._inbox or self._cancelled or self._closing:
            timeout = 0.0 if not self._pending or self._inbox else timeout
        ready = self._selector.select(timeout)
        self._asleep = False
        return ready

    def _write(self) -> None:
        program = self._program
        if program is None:
            return
        try:
            sent = program.connection.send(memoryview(self._outgoing)[:_CHUNK])
            del self._outgoing[:sent]
        except BlockingIOError:
            pass
        except OSError:
            self._outgoing.clear()  # the program has gone; reading tells how
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._outgoing else 0)
        if self._selector.get_key(program.connection).events != events:
            self._selector.modify(program.connection, events)

    def _read(self) -> None:
        program = self._program
        if program is None:
            return
        try:
            data = program.connection.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._answers(program.decode(data))
        else:
            self._ended()

    def _answers(self, stdout: bytes) -> None:
        """Handles the lines that have ended; while no task is pending they wait for one."""
        self._incoming.feed(stdout)
        outcomes: list[Outcome] = []
        line, fault = b"", None
        try:
            while self._incoming and self._pending and fault is None:
                line = self._incoming.take()
                fault = self._answer(line, outcomes)
        finally:
            if outcomes:
                self._hand_out(outcomes)
        if fault is not None:
            self._break_off(fault, as_evidence(line))
        elif (flooded := self._flooded()) is not None:
            self._break_off(flooded)

    def _flooded(self) -> TaskError | None:
        """What is wrong if so much has come, and no end of it, that reading on is pointless."""
        if self._incoming.is_junk:
            return junk(self._incoming.evidence())
        limit = MAX_RESPONSE_BYTES if self._pending else _OUT_OF_TURN
        return too_large() if self._incoming.size > limit else None

    def _answer(self, line: bytes, outcomes: list[Outcome]) -> TaskError | None:
        """Adds the outcome that one line tells; a line that is no answer is a fault of the program."""
        response = parse_any_response(self._program.decode_line(line) if self._program else line)
        if isinstance(response, TaskError):
            return response
        task = self._pending.get(response.task)
        if task is None:
            return wrong_task(response.task, self._head.id)
        result = said_by_step(response) if isinstance(response, Failure) else response
        result = hand_over(task, self._files, result)
        del self._pending[task.id]
        evidence = Evidence() if isinstance(result, Success) else Evidence(stdout=as_evidence(line))
        outcomes.append(Outcome(task=task.id, result=result, evidence=evidence))
        return None

    def _hand_out(self, outcomes: Sequence[Outcome]) -> None:
        """Passes outcomes on; answers that arrive together have taken equal shares of the time since the last."""
        now = time.monotonic()
        share = (now - self._head_since) / len(outcomes)
        times = Times(busy=share)
        self._head_since = now
        self._answered += len(outcomes)
        self._sink([replace(outcome, times=times) for outcome in outcomes])

    def _ended(self) -> None:
        """The program has ended by itself. If it ended well after an answer, nobody is to blame for it."""
        stdout = self._incoming.evidence()
        ending = self._end_program(kill=False)
        if not self._pending:
            return
        if ending.exit_code == 0 and self._answered:
            self._fail_pending(LOST, ending, stdout)
        else:
            error = crashed(self._head, ending.stderr, ending.exit_code, ending.out_of_memory)
            self._fail_pending(error, ending, stdout)

    def _break_off(self, error: TaskError, stdout: bytes | None = None) -> None:
        """Ends the program because of its head, whose evidence is ``stdout``, or else what has not been taken."""
        stdout = self._incoming.evidence() if stdout is None else stdout
        try:
            ending = self._end_program(kill=True)
        except Exception:  # why it is ended is known already, and its tasks must not wait for ever
            ending = Ending(exit_code=None, stderr=b"")
        self._fail_pending(error, ending, stdout)

    def _fail_pending(self, error: TaskError, ending: Ending, stdout: bytes) -> None:
        """The head fails with ``error``; what waits behind it is lost, or cancelled with it."""
        error = CANCELLED if self._cancelled else error
        others = error if error.kind in (ErrorKind.CANCELLED, ErrorKind.LOST) else LOST
        evidence = Evidence(
            stdout=stdout,
            stderr=ending.stderr,
            exit_code=ending.exit_code,
            out_of_memory=ending.out_of_memory,
            container=ending.container,
            command=ending.command,
        )
        outcomes = []
        for number, task in enumerate(self._pending.values()):
            discard(task, self._files)
            result = others if number else error
            outcomes.append(Outcome(task=task.id, result=result, evidence=Evidence() if number else evidence))
        self._pending.clear()
        if outcomes:
            self._sink(outcomes)

    def _end_program(self, *, kill: bool) -> Ending:
        program, self._program = self._program, None
        self._outgoing.clear()
        self._incoming.close()
        self._incoming = Lines(self._files.work)
        if program is None:
            return Ending(exit_code=None, stderr=b"")
        self._selector.unregister(program.connection)
        if not kill:
            end_input(program.connection)
        return program.end(kill=kill)


def end_input(connection: socket.socket) -> None:
    """Ends a program's input and waits until it has ended its output, for a while."""
    try:
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(_GRACE)
        while connection.recv(_CHUNK):
            continue
    except OSError:
        return  # it has gone, or does not end: what follows kills it


class LaneRunner:
    """A runner on kept lanes."""

    def __init__(self, open_program: Callable[[Grant, StepTask], Program], files: Files, sink: Sink) -> None:
        self._open_program = open_program
        self._files = files
        self._sink = sink
        self._lanes: dict[int, Lane] = {}
        self._closed: list[Lane] = []

    def submit(self, task: StepTask, seat: Seat) -> None:
        """Puts a task on its lane, which opens with its first one."""
        lane = self._lanes.get(seat.lane)
        if lane is None:
            lane = self._lanes[seat.lane] = Lane(
                partial(self._open_program, seat.grant), self._files, self._sink
            )
        lane.submit(task)

    def close_lane(self, lane: int) -> None:
        """Ends the lane's program once it has nothing to do."""
        if found := self._lanes.pop(lane, None):
            found.close()
            self._closed.append(found)

    def cancel(self) -> None:
        """Ends every program at once."""
        for lane in (*self._lanes.values(), *self._closed):
            lane.cancel()

    def close(self) -> None:
        """Ends every program and waits until nothing is left of them."""
        for number in tuple(self._lanes):
            self.close_lane(number)
        for lane in self._closed:
            lane.join()
