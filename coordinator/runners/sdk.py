"""Docker's SDK on the line to an engine, for what it does better: credentials of registries, builds."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from math import ceil
from typing import Any

import requests
import urllib3
from docker import APIClient
from docker.errors import DockerException
from docker.transport.basehttpadapter import BaseHTTPAdapter
from requests import PreparedRequest

from coordinator.errors import EngineError
from coordinator.runners.line import Line

NOWHERE = "http+unix:///nowhere"
"""The SDK must be given an address; it is never connected to."""


def sdk_on(line: Line, version: str, timeout: float) -> APIClient:
    """The SDK's low-level client, which speaks ``version`` of the API; a call's answer may pause so many seconds."""
    client = APIClient(base_url=NOWHERE, version=version, timeout=ceil(timeout))
    client.mount("http+docker://", _Adapter(_Pool(line, timeout)))
    return client


def pulled(sdk: APIClient, image_ref: str) -> Iterator[str]:
    """Brings an image from its registry, and says how far it is. Raises EngineError with the registry's reason."""
    layers: dict[str, bool] = {}
    told = 0
    try:
        for event in sdk.pull(image_ref, stream=True, decode=True):
            if said := event_error(event):
                raise EngineError(f"image {image_ref!r} cannot be pulled: {said}")
            status = event.get("status", "")
            if status == "Pulling fs layer":
                layers[event["id"]] = False
            elif status in ("Pull complete", "Already exists"):
                layers[event["id"]] = True
            if sum(layers.values()) > told:
                told = sum(layers.values())
                yield f"pulling {image_ref}: {told} of {len(layers)} layers"
    except (DockerException, requests.RequestException, OSError) as error:
        reason = getattr(error, "explanation", None) or error
        raise EngineError(f"image {image_ref!r} cannot be pulled: {reason}") from error


def event_error(event: Mapping[str, Any]) -> str:
    """The error that a line of a long answer tells, empty if none; some engines tell it in ``errorDetail`` alone."""
    detail = event.get("errorDetail")
    return str(event.get("error") or (detail.get("message") if isinstance(detail, dict) else "") or "")


class _Adapter(BaseHTTPAdapter):
    """Sends every request over the one pool."""

    def __init__(self, pool: _Pool) -> None:
        super().__init__()
        self._pool = pool

    def get_connection(self, url: Any, proxies: Any = None) -> Any:
        return self._pool

    def request_url(self, request: PreparedRequest, proxies: Any) -> str:
        """The path alone: no proxy leads to an engine."""
        return request.path_url

    def close(self) -> None:
        self._pool.close()


class _Pool(urllib3.HTTPConnectionPool):
    def __init__(self, line: Line, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._line = line
        self._seconds = timeout

    def _new_conn(self) -> _Connection:
        return _Connection(self._line, self._seconds)


class _Connection(urllib3.connection.HTTPConnection):
    def __init__(self, line: Line, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._line = line
        self._seconds = timeout

    def connect(self) -> None:
        self.sock = self._line.connect(time.monotonic() + self._seconds)
        self.sock.settimeout(self._seconds)
