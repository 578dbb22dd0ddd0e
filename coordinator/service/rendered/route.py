"""The handler of ``GET /image/...``: from a URL to a picture, by way of what is known and what is kept."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from functools import partial
from http import HTTPStatus
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from coordinator import __version__
from coordinator.service.metrics import Metrics
from coordinator.service.naming import quoted, stems
from coordinator.service.refusal import Refused
from coordinator.service.rendered.addresses import AUTO, Asked, parse, parted
from coordinator.service.rendered.conditions import (
    TYPES,
    cache_control,
    etag,
    is_known,
    output_of,
    result_key,
)
from coordinator.service.rendered.flights import Flights
from coordinator.service.rendered.looking import Looks
from coordinator.service.rendered.prefixes import FIELD, is_url
from coordinator.service.rendered.rendering import Renderer, Work
from coordinator.service.rendered.shelf import Kept, Shelf
from coordinator.service.rendered.signing import Signing
from coordinator.service.rendered.sources import Changed, Seen, Sources
from coordinator.service.shortage import not_stored

_LOG = logging.getLogger("coordinator.service")
_TRIES = 3
"""For a source that changes, or goes, while it is worked on."""
_FOR_EVERYBODY = {
    # It stands in pages of other sites, and can run in none: as a page of its own it is a picture.
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; sandbox; "
    "frame-ancestors 'none'",
}


class ImageRoute:
    """The handler, beside what it works with. It belongs to the event loop's thread."""

    def __init__(
        self,
        signing: Signing,
        sources: Sources,
        shelf: Shelf,
        renderer: Renderer,
        metrics: Metrics,
        *,
        age: float,
        source_time: float,
    ) -> None:
        """In seconds: ``age`` is how long a result may be used without asking, ``source_time`` a fetch."""
        self._signing, self._sources, self._shelf, self._renderer = signing, sources, shelf, renderer
        self._metrics = metrics
        self._age = age
        self._looks, self._renderings = Looks(sources, source_time), Flights[Kept]()
        self._program = f"{__version__} {renderer.program}"

    async def image(self, request: Request) -> Response:
        """One picture, made of a source by operations that stand in the URL, which is signed.

        The part behind `/image/` is `SIGNATURE/OPERATION/.../plain/SOURCE@OUTPUT`, with operations like
        `resize:200x300` and the source percent-encoded."""
        raw, unsigned, _ = request.scope["raw_path"].partition(b"?")
        try:
            signature, rest = parted(raw.decode())
        except UnicodeDecodeError as error:
            raise Refused("path", "is not UTF-8") from error
        self._signing.check(signature, rest.encode())
        if unsigned or request.scope["query_string"]:
            message = "has a ? or # that is not part of it; in a source they are written %3F and %23"
            raise Refused("path", message)
        asked = parse(rest)
        now = time.time()
        if asked.expires is not None and asked.expires <= now:
            raise Refused("expires", "was in the past: this URL is valid no more", HTTPStatus.GONE)
        asked.order()
        try:
            return await self._answer(request, asked, now)
        except OSError as error:
            _LOG.error("a picture cannot be stored: %s", error)
            raise not_stored(error, "the picture") from error

    async def _answer(self, request: Request, asked: Asked, now: float) -> Response:
        for _ in range(_TRIES):
            seen = await self._looks.see(asked.source)
            output = output_of(asked.output, seen.photograph.suffix, request.headers.get("accept", ""))
            order = asked.order(output)
            key = f"{result_key(seen.digest, order.operations, output, self._program)}.{output}"
            headers = self._headers(request, asked, seen, key, now)
            if is_known(request.headers.get("if-none-match", ""), headers["ETag"]):
                self._count("unchanged")
                return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
            kept = await asyncio.to_thread(self._shelf.open, key)
            if kept is not None:
                self._count("hit")
            else:
                work = Work(
                    order=order,
                    photograph=seen.photograph,
                    name=_name(asked.source),
                    key=key,
                    lay=partial(self._sources.lay, asked.source, seen),
                )
                try:
                    kept = await self._renderings.join(key, partial(self._renderer.render, work))
                except Changed:
                    continue
                self._count("miss")
            return await _sent(kept, {**headers, **_shown(asked.source, output)})
        message = "changes, or goes, faster than it can be worked on"
        raise Refused(FIELD, message, HTTPStatus.SERVICE_UNAVAILABLE, retry_after=1)

    def _headers(self, request: Request, asked: Asked, seen: Seen, key: str, now: float) -> dict[str, str]:
        """What caches are told."""
        is_shared = "authorization" not in request.headers  # or else it was let in by that
        headers = {
            "ETag": etag(key),
            "Cache-Control": cache_control(self._age, expires=asked.expires, now=now, is_shared=is_shared),
            **_FOR_EVERYBODY,
        }
        if seen.modified:
            headers["Last-Modified"] = seen.modified
        if asked.output == AUTO:
            headers["Vary"] = "Accept"
        return headers

    def _count(self, result: str) -> None:
        self._metrics.images.labels(result).inc()

    def drain(self, grace: float) -> None:
        """Ends all work so many seconds from now. It may be called by a signal's handler."""
        self._renderer.drain(grace)

    def close(self) -> None:
        """Waits for no fetch any more."""
        self._looks.close()


async def _sent(kept: Kept, headers: dict[str, str]) -> Response:
    """A file's content, as it comes from the disk."""
    first = await asyncio.to_thread(kept.read, 0)
    if len(first) == kept.size:
        return Response(first, headers=headers)

    async def pieces() -> AsyncIterator[bytes]:
        piece, sent = first, 0
        while piece:
            yield piece
            sent += len(piece)
            piece = await asyncio.to_thread(kept.read, sent)

    return StreamingResponse(pieces(), headers={**headers, "Content-Length": str(kept.size)})


def _shown(source: str, output: str) -> dict[str, str]:
    """The type, and the name by which a browser stores it."""
    name = f"{stems([_name(source)])[0]}.{output}"
    return {"Content-Type": TYPES[output], "Content-Disposition": f"inline; filename*=UTF-8''{quoted(name)}"}


def _name(source: str) -> str:
    """A source's last name."""
    path = unquote(urlsplit(source).path) if is_url(source) else source
    return PurePosixPath(path).name or "image"
