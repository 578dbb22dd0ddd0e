"""The application: the routes, their OpenAPI document, the pages, and how errors are told."""

from __future__ import annotations

from http import HTTPStatus
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any, cast

from fastapi import FastAPI, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles
from starlette.convertors import Convertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match
from starlette.types import ASGIApp

from coordinator import __version__
from coordinator.service.answers import error_json
from coordinator.service.direct import Direct
from coordinator.service.heads import Heads
from coordinator.service.measuring import Measured
from coordinator.service.metrics import Metrics
from coordinator.service.refusal import Refused
from coordinator.service.rendered.route import ImageRoute
from coordinator.service.responses import failed_answer, refused_answer
from coordinator.service.routes import Routes
from coordinator.service.schemas import BODY, EVENT, PICTURE, URL_OF_PICTURE, Health, JobDocument, refusals

_ASSETS = "/docs/assets"
_NOT_KEPT = {"Cache-Control": "no-store"}
"""A browser must not mix the page's files of two versions, and files in a container's image tell no dates. Nor may it
keep a refusal."""
_POST_REFUSALS = (408, 413, 415, 422, 429, 503, 507)
_IMAGE_REFUSALS = (403, 404, 410, 413, 422, 429, 502, 503, 504, 507)


class _Anything(Convertor[str]):
    """The rest of a path, also with an end of a line in it, at which the framework's own ends."""

    regex = "(?s:.*)"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("anything", _Anything())


def create_app(routes: Routes, metrics: Metrics, images: ImageRoute | None = None) -> ASGIApp:
    """The application: the routes, their document, and how errors are told; ``images`` has pictures by URL."""
    app = _framework(routes, images)
    return Measured(Direct(app, app.routes), metrics)


def _framework(routes: Routes, images: ImageRoute | None) -> FastAPI:
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
    _add_jobs(app, routes)
    if images:
        app.get(
            "/image/{path:anything}",
            openapi_extra=URL_OF_PICTURE,
            responses={**PICTURE, **refusals(*_IMAGE_REFUSALS)},
            response_class=Response,
        )(images.image)
    app.get("/healthz", responses={200: {"model": Health}, 503: {"model": Health}})(routes.health)
    app.get("/metrics", response_class=PlainTextResponse)(routes.metrics)
    app.add_route("/static/{path:path}", routes.static, include_in_schema=False)
    _add_pages(app)
    app.add_middleware(Heads)
    _document(app)
    return app


def _add_jobs(app: FastAPI, routes: Routes) -> None:
    """What a client sends, follows and fetches."""
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
    archive = {"content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}}
    app.get(
        "/jobs/{job_id}/zip", responses={200: archive, **refusals(404, 409)}, response_class=StreamingResponse
    )(routes.bundle)
    app.delete("/jobs/{job_id}", status_code=204, response_class=Response, responses=refusals(404, 503, 507))(
        routes.delete
    )


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
            if operation["responses"].get("422", {}).get("description") == "Validation Error":
                del operation["responses"]["422"]
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)


async def _refused(request: Request, refused: Refused) -> Response:
    return refused_answer(request, refused)


async def _http_error(request: Request, error: HTTPException) -> Response:
    """What the framework itself refuses: unknown paths, other methods."""
    message = HTTPStatus(error.status_code).phrase.lower()
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers = {**_NOT_KEPT, "Allow": ", ".join(sorted(_methods(request)))}
        return JSONResponse(error_json("method", message), error.status_code, headers)
    return JSONResponse(
        error_json("path", message), error.status_code, {**_NOT_KEPT, **(error.headers or {})}
    )


def _methods(request: Request) -> set[str]:
    """The methods of all routes to a path: the framework tells those of the first one only."""
    routes = (route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE)
    methods = {method for route in routes for method in getattr(route, "methods", None) or ()}
    return {*methods, "HEAD"} if "GET" in methods else methods


async def _gone(request: Request, error: ClientDisconnect) -> Response:
    """Nobody reads this."""
    return Response(status_code=HTTPStatus.BAD_REQUEST)


async def _internal_error(request: Request, error: Exception) -> Response:
    return failed_answer()
