"""The work for one picture: weighed, in its turn, by the workers of all jobs, with a place among them.

It is no job: nobody follows it, it is in no list, and after a kill nothing of it is taken up. Who asked asks again.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path

from coordinator.contract import ErrorKind
from coordinator.record.permissions import let_in
from coordinator.service.budget import Budget
from coordinator.service.costs import Cost, estimate
from coordinator.service.execution import Ended, WorkerSpec
from coordinator.service.jobs import File, Job
from coordinator.service.manager import Manager
from coordinator.service.mapped import mapped
from coordinator.service.naming import stems
from coordinator.service.orders import Order
from coordinator.service.outcome import check_outcome
from coordinator.service.photographs import Photograph
from coordinator.service.pool import Pool
from coordinator.service.rasters import raster
from coordinator.service.refusal import Refused
from coordinator.service.rendered.addresses import in_address
from coordinator.service.rendered.prefixes import FIELD
from coordinator.service.rendered.shelf import Kept, Shelf
from coordinator.service.single import SingleTask
from coordinator.service.store import Store
from coordinator.service.told import NO_ROOM


@dataclass(frozen=True, kw_only=True)
class Work:
    """A picture to be made. ``lay`` has the source lie at a path; ``key`` names the result on the shelf.

    ``name`` is what errors call the source.
    """

    order: Order
    photograph: Photograph
    name: str
    key: str
    lay: Callable[[Path], None]


class Renderer:
    """Makes pictures; :meth:`render` belongs to the event loop's thread, the rest may be called from any."""

    def __init__(
        self, manager: Manager, pool: Pool, program: WorkerSpec, store: Store, shelf: Shelf, budget: Budget
    ) -> None:
        self._places, self._lines = manager.places, manager.lines
        self._pool, self._program = pool, program
        self._store, self._shelf, self._budget = store, shelf, budget
        self._lock = threading.Lock()
        self._at_work: set[SingleTask] = set()
        self._is_closed = False

    @property
    def program(self) -> str:
        """What tells the results of these workers from those of others."""
        return self._program.image_id

    async def render(self, work: Work) -> Kept:
        """The result, which lies on the shelf now. Raises Refused, OSError, and what ``lay`` raises."""
        self._places.look()  # there is no use in weighing it otherwise
        job_id = secrets.token_hex(8)
        try:
            job = await asyncio.to_thread(self._weighed, job_id, work)
            # Shielded: a worker tells of it even if nobody waits any more.
            ended = await asyncio.shield(asyncio.wrap_future(self._begun(job)))
            return await asyncio.to_thread(self._put, ended, work)
        finally:
            await asyncio.to_thread(self._store.tidy, job_id)

    def _weighed(self, job_id: str, work: Work) -> Job:
        """The work as the only file of a job. Raises Refused for what is not possible, or costs too much."""
        path, found = self._store.upload(job_id, 0), work.photograph
        work.lay(path)
        let_in(path)
        try:
            check_outcome(found, work.order, FIELD)
            cost = _cost(path, found, work.order)
            self._budget.check([cost], [FIELD])
        except Refused as refused:
            raise in_address(refused) from refused
        file = File(
            name=work.name,
            stem=stems([work.name])[0],
            suffix=found.suffix,
            width=found.width,
            height=found.height,
            seconds=cost.seconds,
            memory=cost.memory,
        )
        operations, output = work.order.operations, work.order.output
        return Job(
            id=job_id, created=time.time(), operations=operations, output=output, workers=1, files=(file,)
        )

    def _begun(self, job: Job) -> Future[Ended | None]:
        """Has its turn taken by the work, and then its place left. Raises Refused if there is no place."""
        single = SingleTask(job, self._store, self._program, self._pool)
        turns = self._lines.of(job)
        ended: Future[Ended | None] = Future()

        def begin() -> None:
            started = time.monotonic()
            with self._lock:
                is_closed = self._is_closed
                self._at_work.add(single)
            if is_closed:
                single.stop()
            single.begin(partial(leave, started))

        def leave(started: float, result: Ended | None) -> None:
            with self._lock:
                self._at_work.discard(single)
            turns.leave()
            self._places.leave()
            self._places.note(time.monotonic() - started)
            ended.set_result(result)

        with self._places.admission():
            turns.enter(begin)
        return ended

    def _put(self, ended: Ended | None, work: Work) -> Kept:
        if ended is None:
            raise Refused("service", "is being stopped", HTTPStatus.SERVICE_UNAVAILABLE, retry_after=10)
        if error := ended.files[0].error:
            if error == NO_ROOM:
                told = error.message.removeprefix("the service ")
                raise Refused("service", told, HTTPStatus.INSUFFICIENT_STORAGE)
            is_ours = error.kind is ErrorKind.INTERNAL
            status = HTTPStatus.INTERNAL_SERVER_ERROR if is_ours else HTTPStatus.UNPROCESSABLE_ENTITY
            raise Refused("service" if is_ours else FIELD, error.message, status)
        ((image,),) = ended.images
        return self._shelf.put(self._store.files.local(image), work.key)

    def close(self) -> None:
        """Ends what is at work; what waits for its turn does not begin any more."""
        with self._lock:
            self._is_closed = True
            at_work = list(self._at_work)
        for single in at_work:
            single.stop()

    def drain(self, grace: float) -> None:
        """The same once so many seconds are over. It may be called by a signal's handler: it asks for no lock."""
        timer = threading.Timer(grace, self.close)
        timer.daemon = True
        timer.start()


def _cost(path: Path, found: Photograph, order: Order) -> Cost:
    with mapped(path) as data:
        promised = raster(data, found.suffix, found.width, found.height)
    return estimate(promised, order.operations, order.output)
