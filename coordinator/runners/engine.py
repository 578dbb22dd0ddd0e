"""The container engine behind a few calls: what it is, which images it has, one container's life."""

from __future__ import annotations

import math
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import requests
from docker import APIClient
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.utils import kwargs_from_env, parse_host

from coordinator.errors import EngineError
from coordinator.runners.container import ContainerSpec

_API_TIMEOUT = 60
_UPGRADE = "Host: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n"
LABEL = "coordinator.run"
"""Every container the coordinator makes carries this label; its value is the run's id."""


@dataclass(frozen=True, kw_only=True)
class ImageFacts:
    """A container image as the engine has it. ``digest`` is its content's id; labels are the image's own."""

    image_ref: str
    id: str
    labels: dict[str, str]


class Engine:
    """One connection pool to one engine; safe to use from many threads."""

    def __init__(self, *, connections: int = 32) -> None:
        """Connects by the environment (DOCKER_HOST and the like). Raises EngineError with what to do."""
        try:
            self._api = APIClient(
                **kwargs_from_env(),
                version="auto",
                timeout=_API_TIMEOUT,
                max_pool_size=connections,
            )
            self._facts = self._api.version()
        except (DockerException, requests.RequestException) as error:
            raise EngineError(
                f"no container engine answers: {error}\n"
                "  start one (`make engine` sets one up), set DOCKER_HOST, or add yourself to the docker group"
            ) from error

    def describe(self) -> dict[str, str]:
        """Name and versions, for run.json."""
        return {
            "platform": self._facts.get("Platform", {}).get("Name") or "Docker",
            "version": self._facts["Version"],
            "api": self._facts["ApiVersion"],
        }

    def close(self) -> None:
        self._api.close()

    def image(self, image_ref: str) -> ImageFacts:
        """The image behind a reference; nothing is ever pulled. Raises EngineError if it is not there."""
        try:
            found: dict[str, Any] = self._api.inspect_image(image_ref)  # type: ignore[no-untyped-call]
        except ImageNotFound as error:
            raise EngineError(
                f"image {image_ref!r} is not on this engine; build it (`make images`) or `docker pull {image_ref}`"
            ) from error
        except (APIError, requests.RequestException) as error:
            raise EngineError(f"image {image_ref!r} cannot be inspected: {error}") from error
        return ImageFacts(image_ref=image_ref, id=found["Id"], labels=found["Config"].get("Labels") or {})

    @contextmanager
    def created(self, spec: ContainerSpec) -> Iterator[str]:
        """A created container's id; the container is gone when the block ends, whatever happened in it."""
        with _as_engine_errors("create"):
            made = self._api.create_container_from_config(spec.to_api(), name=spec.name)  # type: ignore[no-untyped-call]
        container: str = made["Id"]
        try:
            yield container
        finally:
            self.remove(container)

    def attach(self, container: str) -> tuple[socket.socket, bytes]:
        """A raw connection to the streams, and the bytes that came behind the engine's reply. Attach, then start."""
        connection = self._connect()
        streams = "stream=1&stdin=1&stdout=1&stderr=1"
        path = f"/v{self._api.api_version}/containers/{quote(container)}/attach?{streams}"
        head = f"POST {path} HTTP/1.1\r\n{_UPGRADE}\r\n"
        try:
            connection.settimeout(_API_TIMEOUT)
            connection.sendall(head.encode())
            reply = b""
            while b"\r\n\r\n" not in reply:
                data = connection.recv(4096)
                if not data:
                    raise EngineError(f"attach: the engine closed the connection after {reply!r}")
                reply += data
        except OSError as error:
            connection.close()
            raise EngineError(f"attach: {error}") from error
        status, _, received = reply.partition(b"\r\n\r\n")
        if b" 101 " not in status.split(b"\r\n")[0] and b" 200 " not in status.split(b"\r\n")[0]:
            connection.close()
            raise EngineError(f"attach: the engine said {status.splitlines()[0].decode(errors='replace')}")
        return connection, received

    def start(self, container: str) -> None:
        with _as_engine_errors("start"):
            self._api.start(container)

    def wait(self, container: str, timeout: float) -> int:
        """The exit code; call it after the streams have ended (a container only created 'ends' at once)."""
        with _as_engine_errors("wait"):
            return int(self._api.wait(container, timeout=math.ceil(timeout))["StatusCode"])

    def ran_out_of_memory(self, container: str) -> bool:
        """What the engine says of it; on cgroup v2 a False proves nothing."""
        with _as_engine_errors("inspect"):
            return bool(self._api.inspect_container(container)["State"].get("OOMKilled"))

    def kill(self, container: str) -> None:
        """Ends a container that may have ended already."""
        try:
            self._api.kill(container)
        except (NotFound, APIError):
            return

    def remove(self, container: str) -> None:
        try:
            self._api.remove_container(container, force=True, v=True)
        except NotFound:
            return
        except (APIError, requests.RequestException) as error:
            raise EngineError(f"remove: {error}") from error

    def containers(self, label: str) -> list[str]:
        """The ids of all containers, running or not, that carry ``label``."""
        with _as_engine_errors("list"):
            found: list[dict[str, Any]] = self._api.containers(all=True, filters={"label": label})
        return [container["Id"] for container in found]

    def _connect(self) -> socket.socket:
        address = str(parse_host(kwargs_from_env().get("base_url")))
        parts = urlsplit(address)
        try:
            if parts.scheme in ("unix", "http+unix"):
                connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                connection.connect(parts.path or parts.netloc)
                return connection
            if parts.scheme in ("tcp", "http") and parts.hostname:
                return socket.create_connection((parts.hostname, parts.port or 2375), timeout=_API_TIMEOUT)
        except OSError as error:
            raise EngineError(f"attach: cannot connect to {address}: {error}") from error
        raise EngineError(
            f"attach: an engine at {parts.scheme!s}:// is not supported; use a unix or tcp address"
        )


@contextmanager
def _as_engine_errors(call: str) -> Iterator[None]:
    try:
        yield
    except (APIError, requests.RequestException) as error:
        raise EngineError(f"{call}: {getattr(error, 'explanation', None) or error}") from error
