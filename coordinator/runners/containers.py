"""The containers of one run, from their creation to their removal, whatever the engine does meanwhile.

Rules
    A call without an answer may have taken effect. Its container is given up, and another one is made.
    No container is started while one that may still be running could not be removed: no task runs twice at once.
    At the end, everything that carries the run's label goes, known or not.
"""

from __future__ import annotations

import contextlib
import secrets
import shlex
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from coordinator.errors import EngineError
from coordinator.runners.api import ApiError, has_ended
from coordinator.runners.engine import Engine, NameTaken
from coordinator.runners.spec import ContainerSpec

_CHUNK = 64 * 1024
_NAMES = 5
"""Names that are tried before a container cannot be made because of others' names."""
_SWEEP_PAUSES = (0.0, 0.2, 1.0)
"""Seconds between looks for what is left at the end; the last look finds nothing if all went well."""


@dataclass(frozen=True, kw_only=True)
class Started:
    """A container that has started; ``received`` are bytes of its streams that came with the engine's reply."""

    id: str
    spec: ContainerSpec
    connection: socket.socket
    received: bytes

    @property
    def command(self) -> str:
        """What makes such a container by hand, as a line for a shell."""
        return shlex.join(self.spec.to_command())

    def has_ended(self) -> bool:
        """Whether it has ended, of a container whose output is of no interest: what has come of it is dropped."""
        with contextlib.suppress(OSError):
            self.connection.setblocking(False)
            self.connection.recv(_CHUNK)
        return has_ended(self.connection)


class Containers:
    """Starts one run's containers, a few at a time, and leaves none of them behind."""

    def __init__(self, engine: Engine, run_id: str, *, starts: int) -> None:
        """``starts`` is how many may be starting at once: more only slow each other."""
        self._engine = engine
        self._run_id = run_id
        self._starts = threading.BoundedSemaphore(starts)
        self._live: dict[str, Started] = {}
        self._owed: set[str] = set()
        self._lock = threading.Lock()
        self._remover = ThreadPoolExecutor(max_workers=2, thread_name_prefix="remove")
        self._stop = threading.Event()
        self._killer = threading.Thread(target=self._kill_all, name="kill", daemon=True)
        self._killer.start()

    @property
    def is_cancelled(self) -> bool:
        return self._stop.is_set()

    def await_engine(self) -> None:
        """Waits for an engine that is away, and until nothing may still be running that could not be removed.

        Raises EngineError if the engine stays away or something stays running.
        """
        self._engine.patience.wait(self._stop)
        with self._lock:
            owed = tuple(self._owed)
        for container in owed:
            self._settle(container)

    def start(self, spec: ContainerSpec) -> Started:
        """Creates, attaches and starts a container. Raises EngineError, and leaves nothing behind then."""
        spec = self._engine.habits.applied(spec)
        container = self._create(spec)
        connection = None
        try:
            connection, received = self._engine.attach(container)
            started = Started(id=container, spec=spec, connection=connection, received=received)
            with self._lock:
                self._live[container] = started
            with self._starts:
                self._engine.start(container)
            if self.is_cancelled:
                raise EngineError("the run was interrupted")
        except BaseException:
            if connection is not None:
                connection.close()
            self.remove_now(container)
            raise
        return started

    def remove(self, container: str) -> None:
        """Removes a container that has ended, beside the tasks, so that none waits for it."""
        self._remover.submit(self.remove_now, container)

    def remove_now(self, container: str) -> None:
        """Removes a container that may be running; what the engine leaves of it is owed."""
        with self._lock:
            self._live.pop(container, None)
        try:
            self._engine.remove(container)
        except EngineError:
            with self._lock:
                self._owed.add(container)

    def cancel(self) -> None:
        """Ends every container at once. Safe in a signal handler: the work is another thread's."""
        self._stop.set()

    def close(self) -> None:
        """Removes all that is left, or as much as the engine allows: the next run's sweep takes the rest."""
        self._remover.shutdown()
        for pause in _SWEEP_PAUSES:
            with contextlib.suppress(EngineError):
                if not self._sweep():
                    break
            if self._engine.patience.is_over:
                break
            time.sleep(pause)
        with self._lock:
            self._live.clear()
        self._stop.set()
        self._killer.join()

    def _sweep(self) -> bool:
        """Removes all that carries the run's label; whether there was any."""
        found = self._engine.containers(self._run_id)
        for container in found:
            with contextlib.suppress(ApiError):
                self._engine.remove(container)
        return bool(found)

    def _create(self, spec: ContainerSpec) -> str:
        """A new container; a name that somebody else's container has is left to it."""
        for _ in range(_NAMES):
            try:
                return self._engine.create(spec)
            except NameTaken:
                spec = replace(spec, name=f"{spec.name}-{secrets.token_hex(2)}")
        return self._engine.create(spec)

    def _settle(self, container: str) -> None:
        """Removes what is owed; one that has ended and that the engine cannot remove just now does no harm."""
        try:
            self._engine.remove(container)
        except ApiError:
            if self._engine.is_running(container):
                raise
        with self._lock:
            self._owed.discard(container)

    def _kill_all(self) -> None:
        """Waits until the run is cancelled or over, and ends what is left then."""
        self._stop.wait()
        with self._lock:
            live = tuple(self._live.values())
        for started in live:
            with contextlib.suppress(OSError):  # whoever listens to it need not wait for the engine
                started.connection.shutdown(socket.SHUT_RDWR)
            with contextlib.suppress(EngineError):
                self._engine.kill(started.id)
