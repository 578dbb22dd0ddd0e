"""A layer around the application that answers HEAD as GET is answered, without the body."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Heads:
    """The application, whose answers to HEAD end where the body would begin: a stream of events, too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        told = asyncio.Event()

        async def pass_head_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
            elif not told.is_set():
                told.set()
                await send({"type": "http.response.body"})

        asked = {**scope, "method": "GET"}
        work = asyncio.ensure_future(self._app(asked, receive, pass_head_on))
        head = asyncio.ensure_future(told.wait())
        try:
            await asyncio.wait((work, head), return_when=asyncio.FIRST_COMPLETED)
        finally:
            head.cancel()
            if told.is_set():
                work.cancel()
            with suppress(asyncio.CancelledError):
                await work
        scope["route"] = asked.get("route")  # for who measures
