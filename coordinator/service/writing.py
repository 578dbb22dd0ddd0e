"""The one thread that syncs the log of accepted jobs and writes ``jobs.db``: together what was asked for together.

While it gathers it is not woken for every request, as Python's threads get in each other's way: the sync of what nobody
waits for comes after a moment, and what jobs.db is to be told after a longer one.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace

from coordinator.service.acceptlog import AcceptLog, Record
from coordinator.service.registryfile import Statement, beginning, taking_in, transact

_LOG = logging.getLogger("coordinator.service")
_GATHER, _PATIENCE = 0.1, 1.0
"""Seconds for which what nobody waits for is gathered: for a sync of the log, and to be written into jobs.db."""
_MANY = 500
"""So many writes into jobs.db do not wait any longer."""

Sync = tuple[int, "Future[None]"]
"""The generation of the log that is to be synced, and who is told."""

Tell = Callable[[bool], None]
"""Is told, in the writer's thread, whether something is written by now, whenever that was tried."""


def _tell_nobody(is_written: bool) -> None:
    """Nobody waits for it."""


@dataclass(frozen=True, eq=False)
class _Write:
    """Statements, all or none of them, which are tried until they are written; ``ends`` is the job that they end."""

    statements: Sequence[Statement]
    tell: Tell
    ends: str | None = None
    presses: bool = False


class Writer:
    """Its methods may be called from any thread. Futures hold an OSError for what could not be synced."""

    def __init__(self, db: sqlite3.Connection, log: AcceptLog) -> None:
        """Both are the writer's alone from here on; jobs.db has all that the log told before its generation."""
        self._db, self._log = db, log
        self._generation = log.generation
        """The generation before which nothing counts, as jobs.db has it."""
        self._asked = threading.Condition()
        self._syncs: list[Sync] = []
        self._queue: list[_Write] = []
        self._queued = 0.0
        """When the first of them was, on the monotonic clock."""
        self._accepted: dict[str, Record] = {}
        self.removing: set[str] = set()
        """Jobs that are removed, of which jobs.db does not know yet."""
        self._presses = self._gathers = self._closing = False
        self._thread = threading.Thread(target=self._work, name="registry", daemon=True)
        self._thread.start()

    def accept(self, record: Record, *, presses: bool) -> Future[None]:
        """Writes a record into the log, and has it synced, at once if it ``presses``. Raises OSError."""
        synced: Future[None] = Future()
        with self._asked:
            self._log.append(record)
            self._accepted[record.job_id] = record
            self._syncs.append((self._log.generation, synced))
            self._wake(presses)
        return synced

    def end(self, job_id: str, statements: Sequence[Statement], tell: Tell) -> None:
        """Writes, some time, what makes an accepted job's record useless."""
        with self._asked:
            self._accepted.pop(job_id, None)
            self._ask(_Write(statements, tell, ends=job_id))

    def remove(self, job_id: str, statements: Sequence[Statement]) -> Future[None]:
        """Removes a job: it does not come back once this returns. Raises OSError, and then it stays.

        The future is done when jobs.db has been told, or could not be; then that is tried again.
        """
        tried: Future[None] = Future()

        def tell(is_written: bool) -> None:
            if is_written:
                self.removing.discard(job_id)
            if not tried.done():
                tried.set_result(None)

        with self._asked:
            self._log.append(Record(job_id=job_id, job=None, originals={}))
            self._accepted.pop(job_id, None)
            self.removing.add(job_id)
            self._ask(_Write(statements, tell, presses=True))
        return tried

    def write(self, statements: Sequence[Statement]) -> None:
        """Writes something, some time."""
        with self._asked:
            self._ask(_Write(statements, _tell_nobody))

    def close(self) -> None:
        """Writes what is to be written, and ends."""
        with self._asked:
            self._closing = True
            self._asked.notify()
        self._thread.join()

    def _ask(self, write: _Write) -> None:
        """The lock is held."""
        if not self._queue:
            self._queued = time.monotonic()
        self._queue.append(write)
        self._wake(write.presses)

    def _wake(self, presses: bool) -> None:
        """The lock is held."""
        self._presses |= presses
        if presses or not self._gathers:
            self._asked.notify()

    # -- the thread ---------------------------------------------------------------------------------------

    def _work(self) -> None:
        while not self._closing:
            syncs, batch = self._next()
            self._sync(syncs)
            self._write(batch)
            if self._log.is_full:
                self._change_files()
        syncs, batch = self._take(everything=True)
        self._sync(syncs)
        self._write(batch)
        self._change_files()

    def _next(self) -> tuple[list[Sync], list[_Write]]:
        """Waits until something is to be done, and for what comes with it."""
        with self._asked:
            self._asked.wait_for(lambda: self._syncs or self._queue or self._closing)
            self._gathers = True
            while not (self._presses or self._closing):
                self._asked.wait(_GATHER)
                if self._syncs or self._is_due():
                    break
            self._gathers = False
        return self._take(everything=False)

    def _take(self, *, everything: bool) -> tuple[list[Sync], list[_Write]]:
        with self._asked:
            batch: list[_Write] = []
            if everything or self._presses or self._is_due():
                batch, self._queue = self._queue, []
            syncs, self._syncs, self._presses = self._syncs, [], False
        return syncs, batch

    def _is_due(self) -> bool:
        long = bool(self._queue) and time.monotonic() - self._queued > _PATIENCE
        return long or len(self._queue) >= _MANY

    def _sync(self, syncs: Sequence[Sync]) -> None:
        for generation in sorted({generation for generation, _ in syncs}):
            error = None
            try:
                self._log.sync(generation)
            except OSError as failed:
                error = failed
            for _, synced in (one for one in syncs if one[0] == generation):
                synced.set_exception(error) if error else synced.set_result(None)

    def _write(self, batch: Sequence[_Write]) -> bool:
        """Writes all at once, or else one by one; whether all of it is written. What is not is tried again."""
        if not batch:
            return True
        try:
            transact(self._db, (one for write in batch for one in write.statements), durable=False)
        except sqlite3.Error as error:
            if len(batch) > 1:
                written = [self._write([write]) for write in batch]
                return all(written)
            _LOG.error("jobs.db cannot be written: %s", error)
            self._try_again(batch[0])
            return False
        for write in batch:
            write.tell(True)
        return True

    def _try_again(self, write: _Write) -> None:
        with self._asked:
            if write.ends not in self.removing:  # or else it would bring back what has been removed meanwhile
                self._ask(replace(write, presses=False))
        write.tell(False)

    def _change_files(self) -> None:
        """Has the log's other file take its turn, once jobs.db has all that this one alone has told."""
        with self._asked:
            if self._log.generation == self._generation:
                self._log.begin(self._generation + 1)
            batch, self._queue = self._queue, []
            records = list(self._accepted.values())
        if not self._write(batch):
            return
        try:
            transact(self._db, [*taking_in(records), beginning(self._generation + 1)], durable=True)
            self._generation += 1
        except sqlite3.Error as error:
            _LOG.error("jobs.db cannot be written: %s", error)
