"""What is told of errors, as the web framework's responses."""

from __future__ import annotations

import logging
from http import HTTPStatus

from fastapi import Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.types import Send

from coordinator.service.answers import error_json, prefers_json, refusal_headers
from coordinator.service.refusal import Refused

_LOG = logging.getLogger("coordinator.service")


class Files(StreamingResponse):
    """What is read from files while it is sent: if one is gone, the answer is broken off, as its client can tell."""

    async def stream_response(self, send: Send) -> None:
        try:
            await super().stream_response(send)
        except FileNotFoundError as error:
            _LOG.warning("an answer is broken off, as what it tells of was removed meanwhile: %s", error)


def refused_answer(request: Request, refused: Refused) -> Response:
    """A refusal in the form that its client asks for."""
    headers = refusal_headers(refused)
    wants_text = request.url.path == "/process" and not prefers_json(request.headers.get("accept", ""))
    if wants_text:
        return PlainTextResponse(f"{refused}\n", refused.status, headers)
    return JSONResponse(error_json(refused.field, refused.message), refused.status, headers)


def failed_answer() -> Response:
    """That it is our fault."""
    document = error_json("service", "failed at this request; its log says why")
    return JSONResponse(document, HTTPStatus.INTERNAL_SERVER_ERROR)
