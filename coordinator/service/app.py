"""The HTTP side: routes to the intake and the manager, and their values to answers."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from http import HTTPStatus
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any, cast

from fastapi import FastAPI, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match
from starlette.types import Receive

from coordinator import __version__
from coordinator.messages import Json
from coordinator.service.answers import (
    error_json,
    event,
    listing,
    plain,
    prefers_json,
    refusal_headers,
)
from coordinator.service.intake import Intake
from coordinator.service.jobs import Job, State
from coordinator.service.manager import Live, Manager
from coordinator.service.measuring import Measured
from coordinator.service.metrics import CONTENT_TYPE, Metrics
from coordinator.service.refusal import Refused
from coordinator.service.schemas import BODY, EVENT, Health, JobDocument, refusals
from coordinator.service.store import Store

_LOG = logging.getLogger("coordinator.service")
_DISCARDED = 16 * 1024 * 1024
"""So much of a refused body is read, because most clients look for an answer only when they have sent it."""
_DISCARD_SECONDS = 10.0
_PROGRESS_SECONDS = 0.2
_HEARTBEAT_SECONDS = 15.0
_ASSETS = "/docs/assets"
_NOT_KEPT = {"Cache-Control": "no-store"}
"""A browser must not mix the page's files of two versions, and files in a container's image tell no dates."""
_POST_REFUSALS = (408, 413, 415, 422, 429, 503, 507)


class Routes:
    """The handlers, beside what they work with."""

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
        live = await self._accept(request)
        job = await asyncio.shield(asyncio.wrap_future(live.ended))
        if job.state is State.CANCELLED:
            raise Refused("job", f"{job.id} was cancelled", HTTPStatus.CONFLICT)
        if not job.state.is_final:
            message = f"is being stopped; /jobs/{job.id} goes on when it is there again"
            raise Refused("service", message, HTTPStatus.SERVICE_UNAVAILABLE, retry_after=10)
        status = HTTPStatus.OK if job.state is State.DONE else HTTPStatus.UNPROCESSABLE_ENTITY
        if prefers_json(request.headers.get("accept", "")):
            return JSONResponse(job.as_json(), status)
        return PlainTextResponse(plain(job), status)

    async def create(self, request: Request) -> Response:
        """The same, answered as soon as the job is stored: it will be carried out, even after a restart."""
        live = await self._accept(request)
        document = live.as_json()
        headers = {"Location": document["links"]["self"]}
        return JSONResponse(document, HTTPStatus.ACCEPTED, headers)

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
        removed = await asyncio.to_thread(self._manager.cancel, job_id)
        if removed is None:
            raise _no_such_job(job_id)
        await asyncio.shield(asyncio.wrap_future(removed))
        return Response(status_code=HTTPStatus.NO_CONTENT)

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
        found = await asyncio.to_thread(self._store.published, url_path)
        if found is None:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        if found.is_file():
            return FileResponse(found)
        if url_path and not url_path.endswith("/"):
            return Response(status_code=HTTPStatus.PERMANENT_REDIRECT, headers={"Location": f"{found.name}/"})
        return HTMLResponse(await asyncio.to_thread(_listing, f"/static/{url_path}", found))

    async def _accept(self, request: Request) -> Live:
        """Receives a job and hands it to the manager. Raises Refused."""
        chunks = _chunks(request.receive, self._metrics)
        try:
            with self._manager.admission():
                return await self._intake.take(request.headers, chunks, self._manager.accept)
        except Refused:
            if "expect" not in request.headers:
                await _discard(chunks)
            raise
        except OSError as error:
            _LOG.error("a request cannot be stored: %s", error)
            message = f"cannot store the request: {error.strerror}"
            raise Refused("service", message, HTTPStatus.INSUFFICIENT_STORAGE) from error

    async def _document(self, job_id: str) -> Json:
        if live := self._manager.live(job_id):
            return live.as_json()
        job = await asyncio.to_thread(self._manager.kept, job_id)
        if job is None:
            raise _no_such_job(job_id)
        return job.as_json(None if job.state.is_final else 0)


def create_app(routes: Routes, metrics: Metrics) -> FastAPI:
    """The application: the routes, their document, and how errors are told."""
    app = FastAPI(
        title="Image service",
        version=__version__,
        description="Resizes, splits and blurs images, in any order.",
        docs_url=None,
        redoc_url=None,
        exception_handlers={
            Refused: cast(Any, _refused),
            HTTPException: cast(Any, _http_error),
            ClientDisconnect: cast(Any, _gone),
            Exception: _internal_error,
        },
    )
    as_job: dict[str, Any] = {"model": JobDocument}
    as_text: dict[str, Any] = {"content": {"text/plain": {"schema": {"type": "string"}}}}
    failed = {
        "description": "a field is wrong, or a file failed: what and why",
        "content": as_text["content"],
    }
    app.post(
        "/process",
        openapi_extra=BODY,
        responses={
            200: as_job | as_text | {"description": "all files are done"},
            **refusals(*_POST_REFUSALS, 409, text=True),
            422: failed | {"model": refusals(422)[422]["model"] | JobDocument},
        },
    )(routes.process)
    app.post(
        "/jobs",
        status_code=202,
        openapi_extra=BODY,
        responses={202: as_job | {"description": "the job is accepted"}, **refusals(*_POST_REFUSALS)},
    )(routes.create)
    app.get("/jobs/{job_id}", responses={200: as_job, **refusals(404)})(routes.job)
    stream = {"content": {"text/event-stream": {"schema": EVENT}}}
    app.get(
        "/jobs/{job_id}/events", responses={200: stream, **refusals(404)}, response_class=StreamingResponse
    )(routes.events)
    app.delete("/jobs/{job_id}", status_code=204, response_class=Response, responses=refusals(404))(
        routes.delete
    )
    app.get("/healthz", responses={200: {"model": Health}, 503: {"model": Health}})(routes.health)
    app.get("/metrics", response_class=PlainTextResponse)(routes.metrics)
    app.add_route("/static/{path:path}", routes.static, include_in_schema=False)
    _add_pages(app)
    app.add_middleware(Measured, metrics=metrics)
    _document(app)
    return app


def _add_pages(app: FastAPI) -> None:
    """The page at / and the document's page, both without anything from elsewhere."""
    page = Path(str(package_files("coordinator.service") / "page"))
    if page.is_dir():
        app.add_route(
            "/",
            lambda request: FileResponse(page / "index.html", headers=_NOT_KEPT),
            include_in_schema=False,
        )
        app.mount("/page", _Page(directory=page))
    app.mount(_ASSETS, StaticFiles(packages=[("fastapi_offline", "static")]))
    app.add_route("/docs", _docs_page, include_in_schema=False)


class _Page(StaticFiles):
    """The page's files."""

    def file_response(self, *arguments: Any, **options: Any) -> Response:
        response = super().file_response(*arguments, **options)
        response.headers.update(_NOT_KEPT)
        return response


async def _docs_page(request: Request) -> Response:
    return get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="Image service",
        swagger_js_url=f"{_ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{_ASSETS}/swagger-ui.css",
        swagger_favicon_url=f"{_ASSETS}/favicon.png",
    )


def _document(app: FastAPI) -> None:
    """Takes from the document what FastAPI adds and the service never answers."""
    document = app.openapi()
    for path in document["paths"].values():
        for operation in path.values():
            if "requestBody" not in operation:
                operation["responses"].pop("422", None)
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)


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
    left = _DISCARDED
    with suppress(TimeoutError):
        async with asyncio.timeout(_DISCARD_SECONDS):
            async for chunk in chunks:
                left -= len(chunk)
                if left < 0:
                    return


# -- events ------------------------------------------------------------------------------------------------


async def _follow(live: Live) -> AsyncIterator[bytes]:
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


# -- lists and errors --------------------------------------------------------------------------------------


def _listing(title: str, folder: Path) -> str:
    children = (child for child in folder.iterdir() if not child.name.startswith("."))
    return listing(title, sorted(f"{child.name}/" if child.is_dir() else child.name for child in children))


def _no_such_job(job_id: str) -> Refused:
    return Refused("job", f"there is no job {job_id!r}", HTTPStatus.NOT_FOUND)


async def _refused(request: Request, refused: Refused) -> Response:
    headers = refusal_headers(refused)
    wants_text = request.url.path == "/process" and not prefers_json(request.headers.get("accept", ""))
    if wants_text:
        return PlainTextResponse(f"{refused}\n", refused.status, headers)
    return JSONResponse(error_json(refused.field, refused.message), refused.status, headers)


async def _http_error(request: Request, error: HTTPException) -> Response:
    """What the framework itself refuses: unknown paths, other methods."""
    message = HTTPStatus(error.status_code).phrase.lower()
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers = {"Allow": ", ".join(sorted(_methods(request)))}
        return JSONResponse(error_json("method", message), error.status_code, headers)
    return JSONResponse(error_json("path", message), error.status_code, error.headers)


def _methods(request: Request) -> set[str]:
    """The methods of all routes to a path: the framework tells those of the first one only."""
    routes = (route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE)
    return {method for route in routes for method in getattr(route, "methods", None) or ()}


async def _gone(request: Request, error: ClientDisconnect) -> Response:
    """Nobody reads this."""
    return Response(status_code=HTTPStatus.BAD_REQUEST)


async def _internal_error(request: Request, error: Exception) -> Response:
    return JSONResponse(
        error_json("service", "failed at this request; its log says why"), HTTPStatus.INTERNAL_SERVER_ERROR
    )
