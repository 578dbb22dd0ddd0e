"""A layer around the application that measures every request, and says of every answer that its type holds."""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from coordinator.service.metrics import Metrics

_NOSNIFF = (b"x-content-type-options", b"nosniff")


class Measured:
    """The application with measuring around it."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()

        async def pass_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), _NOSNIFF]
                if message["status"] >= 400:
                    self._metrics.refused.labels(str(message["status"])).inc()
            else:
                self._metrics.sent.inc(len(message.get("body", b"")))
            await send(message)

        try:
            await self._app(scope, receive, pass_on)
        finally:
            route = scope.get("route")
            path = getattr(route, "path", "other")
            self._metrics.seconds_of(path).observe(time.perf_counter() - started)
