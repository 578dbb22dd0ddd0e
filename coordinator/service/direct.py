"""A layer around the application that takes the requests with work in them to their handlers at once.

The framework's own way there (its routes, its stacks of contexts, what it makes of a handler's parameters) takes as
long as the work on a small image. It still has these routes, for its document and for all other methods.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from http import HTTPMethod, HTTPStatus

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from coordinator.service.refusal import Refused
from coordinator.service.responses import failed_answer, refused_answer

_LOG = logging.getLogger("coordinator.service")


class Direct:
    """The application, past which POST requests go to handlers that take nothing but the request."""

    def __init__(self, app: ASGIApp, routes: Iterable[BaseRoute]) -> None:
        """``routes`` are the application's own."""
        self._app = app
        posts = (
            one for one in routes if isinstance(one, APIRoute) and HTTPMethod.POST in (one.methods or ())
        )
        self._routes = {route.path: route for route in posts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_post = scope["type"] == "http" and scope["method"] == HTTPMethod.POST
        route = self._routes.get(scope["path"]) if is_post else None
        if route is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = route  # for who measures
        request = Request(scope, receive)
        try:
            answer = await route.endpoint(request)
        except Refused as refused:
            answer = refused_answer(request, refused)
        except ClientDisconnect:  # nobody is left to read it
            answer = Response(status_code=HTTPStatus.BAD_REQUEST)
        except Exception:
            _LOG.exception("a request failed in the service itself")
            answer = failed_answer()
        await answer(scope, receive, send)
