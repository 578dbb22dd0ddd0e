"""The handlers of all routes: requests to the intake and the manager, and their values to answers."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from pathlib import Path

from fastapi import Request, Response
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse, StreamingResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Receive

from coordinator.service.answers import event, job_headers, listing, plain, prefers_json
from coordinator.service.bundle import zipped
from coordinator.service.driver import LiveJob
from coordinator.service.eventloop import done
from coordinator.service.intake import Intake
from coordinator.service.jobs import Job, JobState
from coordinator.service.keys import Caller, caller_of
from coordinator.service.manager import Manager
from coordinator.service.metrics import CONTENT_TYPE, Metrics
from coordinator.service.published import find
from coordinator.service.refusal import Refused
from coordinator.service.responses import Files
from coordinator.service.securing import Images
from coordinator.service.shortage import not_stored
from coordinator.service.store import Store
from coordinator.service.told import NO_ROOM
from coordinator.strictjson import Json

_LOG = logging.getLogger("coordinator.service")
_MAX_DISCARDED, _MAX_DISCARD_SECONDS = 16 * 1024 * 1024, 10.0
"""Maximum bytes and seconds for which a refused body is read on: most clients look for an answer only behind it."""
_PROGRESS_SECONDS, _HEARTBEAT_SECONDS = 0.2, 15.0
"""Between two looks at a job, and between two signs of life to a client that follows one on which nothing happens."""


class Routes:
    """The handlers, beside what they work with.

    They run in the event loop's thread, and lend another one whatever touches the disk. What they refuse they raise, as
    Refused or HTTPException, and :mod:`coordinator.service.app` answers it: a handler's docstring tells clients, not
    callers, as it stands in the OpenAPI document.
    """

    def __init__(
        self, manager: Manager, intake: Intake, store: Store, metrics: Metrics, workers: int
    ) -> None:
        self._manager = manager
        self._intake = intake
        self._store = store
        self._metrics = metrics
        self._workers = workers

    async def process(self, request: Request) -> Response:
        """Carries the operations out on every image, and answers when all is done: `OK`, or what failed.

        Clients that prefer `application/json` get the job as JSON instead."""
        live = await self._accept(request, lasting=False)
        job = await done(live.ended)
        if job.state is JobState.CANCELLED:
            raise Refused("job", f"{job.id} was cancelled", HTTPStatus.CONFLICT)
        if not job.state.is_final:
            message = f"is being stopped; /jobs/{job.id} goes on when it is there again"
            raise Refused("service", message, HTTPStatus.SERVICE_UNAVAILABLE, retry_after=10)
        if any(file.error == NO_ROOM for file in job.files):
            await self._removed(job.id)
            raise Refused(
                "service", NO_ROOM.message.removeprefix("the service "), HTTPStatus.INSUFFICIENT_STORAGE
            )
        status = HTTPStatus.OK if job.state is JobState.DONE else HTTPStatus.UNPROCESSABLE_ENTITY
        if prefers_json(request.headers.get("accept", "")):
            return JSONResponse(job.as_json(), status, job_headers(job))
        return PlainTextResponse(plain(job), status, job_headers(job))

    async def create(self, request: Request) -> Response:
        """The same, answered as soon as the job is stored: it will be carried out, even after a restart."""
        live = await self._accept(request, lasting=True)
        return JSONResponse(live.as_json(), HTTPStatus.ACCEPTED, job_headers(live.job))

    async def job(self, job_id: str) -> Response:
        """The job as it is now."""
        return JSONResponse(await self._document(job_id))

    async def events(self, job_id: str) -> Response:
        """Server-sent events: `progress` whenever something changes, then `end` with the whole job."""
        live = self._manager.live(job_id)
        told = _follow(live) if live else _tell(await self._document(job_id))
        return StreamingResponse(told, media_type="text/event-stream", headers={"Cache-Control": "no-store"})

    async def delete(self, job_id: str) -> Response:
        """Cancels the job if it has not ended, and removes everything of it."""
        removed = await self._removed(job_id)
        if removed is None:
            raise _no_such_job(job_id)
        await done(removed)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def bundle(self, job_id: str) -> Response:
        """All results of a job that has ended, as a zip file."""
        live = self._manager.live(job_id)
        job = live.job if live else await asyncio.to_thread(self._manager.kept, job_id)
        if job is None:
            raise _no_such_job(job_id)
        if not job.state.is_final:
            raise Refused(
                "job",
                f"{job.id} is {job.state}; its results are there when it has ended",
                HTTPStatus.CONFLICT,
            )
        folder = self._store.static / job.id
        results = [(name, folder / name) for name in job.result_names]
        headers = {"Content-Disposition": f'attachment; filename="{job.id}.zip"'}
        return Files(zipped(results), media_type="application/zip", headers=headers)

    async def health(self) -> Response:
        """Whether the service takes requests."""
        stopping = self._manager.is_draining
        status = HTTPStatus.SERVICE_UNAVAILABLE if stopping else HTTPStatus.OK
        return JSONResponse({"status": "stopping" if stopping else "ok", "workers": self._workers}, status)

    async def metrics(self) -> Response:
        """Figures for Prometheus."""
        return Response(self._metrics.text(), media_type=CONTENT_TYPE)

    async def static(self, request: Request) -> Response:
        """Originals and results, and lists of them, where no web server in front does it."""
        url_path = request.path_params["path"]
        found = await asyncio.to_thread(find, self._store.static, url_path)
        if found is None:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        if isinstance(found, Path):
            return FileResponse(found)
        if url_path and not url_path.endswith("/"):
            name = url_path.rpartition("/")[2]
            return Response(status_code=HTTPStatus.PERMANENT_REDIRECT, headers={"Location": f"{name}/"})
        caller = caller_of(request.scope)
        if not url_path and caller.name is not None:
            found = await asyncio.to_thread(self._seen_by, caller, found)
        return HTMLResponse(listing(f"/static/{url_path}", found))

    async def _accept(self, request: Request, *, lasting: bool) -> LiveJob:
        """Receives a job and hands it to the manager. Raises Refused.

        If it is to be ``lasting``, this returns only when it survives the machine: who waits for results need not wait
        for that, as they would ask again.
        """
        chunks = _chunks(request.receive, self._metrics)
        try:
            self._manager.look()
            live = await self._intake.take(
                request.headers, chunks, partial(self._admit, lasting=lasting), caller_of(request.scope).name
            )
            if lasting:
                await done(live.stored)
            return live
        except Refused:
            if "expect" not in request.headers:
                await _discard(chunks)
            raise
        except OSError as error:
            _LOG.error("a request cannot be stored: %s", error)
            raise not_stored(error, "the request") from error

    async def _removed(self, job_id: str) -> Future[Job] | None:
        """Has a job ended and removed; what is done then. None if there is no such job. Raises Refused."""
        try:
            return await asyncio.to_thread(self._manager.cancel, job_id)
        except OSError as error:
            _LOG.error("job %s cannot be removed: %s", job_id, error)
            raise not_stored(error, "that the job is removed") from error

    def _admit(self, job: Job, images: Images, *, lasting: bool) -> LiveJob:
        """Only a request that is there as a whole takes a place: who sends slowly keeps nobody out."""
        with self._manager.admission():
            return self._manager.accept(job, images, lasting=lasting)

    def _seen_by(self, caller: Caller, folders: Iterable[str]) -> list[str]:
        """Of the folders of all jobs, those that a caller sees."""
        return [name for name in folders if caller.may_see(self._manager.owner(name.rstrip("/")))]

    async def _document(self, job_id: str) -> Json:
        if live := self._manager.live(job_id):
            return live.as_json()
        job = await asyncio.to_thread(self._manager.kept, job_id)
        if job is None:
            raise _no_such_job(job_id)
        return job.as_json(None if job.state.is_final else 0)


# -- bodies ------------------------------------------------------------------------------------------------


async def _chunks(receive: Receive, metrics: Metrics) -> AsyncIterator[bytes]:
    """A request's body as it comes. Raises ClientDisconnect if the client goes away."""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk = message.get("body", b"")
        metrics.received.inc(len(chunk))
        more = message.get("more_body", False)
        if chunk:
            yield chunk


async def _discard(chunks: AsyncIterator[bytes]) -> None:
    left = _MAX_DISCARDED
    with suppress(TimeoutError):
        async with asyncio.timeout(_MAX_DISCARD_SECONDS):
            async for chunk in chunks:
                left -= len(chunk)
                if left < 0:
                    return


# -- events ------------------------------------------------------------------------------------------------


async def _follow(live: LiveJob) -> AsyncIterator[bytes]:
    """The events of a job that has not ended yet."""
    ended = asyncio.wrap_future(live.ended)
    last: Json | None = None
    told = time.monotonic()
    while not ended.done():
        now = _short(live.as_json())
        if now != last:
            yield event("progress", now)
            last, told = now, time.monotonic()
        elif time.monotonic() - told > _HEARTBEAT_SECONDS:
            yield b": still there\n\n"
            told = time.monotonic()
        await asyncio.wait([ended], timeout=_PROGRESS_SECONDS)
    job: Job = ended.result()
    document = job.as_json(None if job.state.is_final else live.execution.done)
    if _short(document) != last:
        yield event("progress", _short(document))
    yield event("end", document)


async def _tell(document: Json) -> AsyncIterator[bytes]:
    """The events of a job that has ended before."""
    yield event("progress", _short(document))
    yield event("end", document)


def _short(document: Json) -> Json:
    return {name: document[name] for name in ("state", "progress")}


# -- the rest --------------------------------------------------------------------------------------


def _no_such_job(job_id: str) -> Refused:
    return Refused("job", f"there is no job {job_id!r}", HTTPStatus.NOT_FOUND)
