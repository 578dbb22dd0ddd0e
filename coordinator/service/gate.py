"""A layer around the application that lets in only who may come, and to each only the jobs that are theirs."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from http import HTTPStatus

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from coordinator.service.keys import CALLER, EVERYBODY, Caller, Keys
from coordinator.service.metrics import Metrics
from coordinator.service.refusal import BAD_HEADER, Refused
from coordinator.service.rendered.signing import carries_signature
from coordinator.service.responses import refused_answer
from coordinator.service.strangers import Strangers

_OF_A_JOB = re.compile(r"/(?P<where>jobs|static)/(?P<job>[^/]*)")
_ALL_JOBS = "/static/"
_FOR_ALL = frozenset(("/healthz",))
"""Whoever starts and watches the service asks this, and learns nothing else by it."""
_ASK = {"WWW-Authenticate": 'Basic realm="image service", charset="UTF-8"'}
"""Browsers then ask people, and send what they get with everything that the page asks for."""

Owner = Callable[[str], str | None]
"""From a job's id to the name of the key that it came with; None if there is no such job, or it came with none."""


class Gate:
    """The application behind a gate."""

    def __init__(
        self, app: ASGIApp, strangers: Strangers, keys: Keys, owner: Owner, metrics: Metrics
    ) -> None:
        self._app = app
        self._strangers, self._keys = strangers, keys
        self._owner = owner
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        try:
            scope[CALLER] = await self._check(request)
        except Refused as refused:
            self._metrics.refused.labels(str(int(refused.status))).inc()
            answer = refused_answer(request, refused)
            answer.headers["X-Content-Type-Options"] = "nosniff"
            if refused.status is HTTPStatus.UNAUTHORIZED:
                answer.headers.update(_ASK)
            await answer(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _check(self, request: Request) -> Caller:
        """Who asks. Raises Refused for whom nothing is answered."""
        if [name for name, _ in request.scope["headers"]].count(b"host") > 1:
            raise Refused("host", "given more than once", BAD_HEADER)
        self._strangers.check(request.method, request.headers)
        path = request.scope["path"]
        if path in _FOR_ALL or carries_signature(path):
            return EVERYBODY
        caller = self._keys.caller(request.headers.get("authorization", ""))
        if caller is None:
            message = "missing, or has no key of this service; send Authorization: Bearer KEY"
            raise Refused("authorization", message, HTTPStatus.UNAUTHORIZED)
        named = _OF_A_JOB.match(path)
        if named and caller.name is not None and path != _ALL_JOBS:
            owner = await asyncio.to_thread(self._owner, named["job"])
            if not caller.may_see(owner):
                raise _nothing_there(named["where"], named["job"])
        return caller


def _nothing_there(where: str, job_id: str) -> Refused:
    """As of a job that there is not: whether somebody else has one by this id is nobody's business."""
    if where == "static":
        return Refused("path", "not found", HTTPStatus.NOT_FOUND)
    return Refused("job", f"there is no job {job_id!r}", HTTPStatus.NOT_FOUND)
