"""The container engine behind a few calls: what it is, which images it has, one container's life."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import requests
from docker import APIClient
from docker.errors import APIError, DockerException, ImageNotFound
from docker.utils import kwargs_from_env, parse_host

from coordinator.errors import EngineError
from coordinator.runners.api import TIMEOUT, Api, ApiError
from coordinator.runners.container import ContainerSpec

LABEL = "coordinator.run"
"""Every container the coordinator makes carries this label; its value is the run's id."""
FOLDER_LABEL = "coordinator.folder"
"""Beside it, the run folder that the container belongs to."""


@dataclass(frozen=True, kw_only=True)
class ImageFacts:
    """A container image as the engine has it: its content's id, its own labels, what it runs."""

    image_ref: str
    id: str
    labels: dict[str, str]
    command: tuple[str, ...]


class Engine:
    """One engine; safe to use from many threads."""

    def __init__(self) -> None:
        """Connects by the environment (DOCKER_HOST). Raises EngineError with what to do."""
        try:
            self._sdk = APIClient(**kwargs_from_env(), version="auto", timeout=int(TIMEOUT))
            self._facts = self._sdk.version()
        except (DockerException, requests.RequestException) as error:
            raise EngineError(
                f"no container engine answers: {error}\n"
                "  start one (`make engine` sets one up), set DOCKER_HOST, or add yourself to the docker group"
            ) from error
        self._api = Api(str(parse_host(kwargs_from_env().get("base_url"))), self._sdk.api_version)

    def close(self) -> None:
        self._api.close()
        self._sdk.close()

    def describe(self) -> dict[str, str]:
        """Name and versions, for run.json."""
        return {
            "platform": self._facts.get("Platform", {}).get("Name") or "Docker",
            "version": self._facts["Version"],
            "api": self._facts["ApiVersion"],
        }

    def info(self) -> dict[str, Any]:
        """What the engine tells of itself and its machine (``docker info``)."""
        found: dict[str, Any] = self._api.call("GET", "/info")
        return found

    def image(self, image_ref: str) -> ImageFacts:
        """The image behind a reference; nothing is ever pulled. Raises EngineError if it is not there."""
        try:
            found: dict[str, Any] = self._sdk.inspect_image(image_ref)  # type: ignore[no-untyped-call]
        except ImageNotFound as error:
            raise EngineError(
                f"image {image_ref!r} is not on this engine; build it (`make images`), "
                f"or pull it (`docker pull {image_ref}`, or run with --pull)"
            ) from error
        except (APIError, requests.RequestException) as error:
            raise EngineError(f"image {image_ref!r} cannot be inspected: {error}") from error
        config = found["Config"]
        command = (*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ()))
        return ImageFacts(
            image_ref=image_ref, id=found["Id"], labels=config.get("Labels") or {}, command=command
        )

    def has_image(self, image_ref: str) -> bool:
        """Whether the engine has it; if that cannot be told, :meth:`image` says why."""
        try:
            self._sdk.inspect_image(image_ref)  # type: ignore[no-untyped-call]
        except ImageNotFound:
            return False
        except (APIError, requests.RequestException):
            return True
        return True

    def pull(self, image_ref: str) -> Iterator[str]:
        """Brings an image from its registry, and says how far it is. Raises EngineError with the registry's reason."""
        layers: dict[str, bool] = {}
        told = 0
        try:
            for event in self._sdk.pull(image_ref, stream=True, decode=True):
                if reason := event.get("error"):
                    raise EngineError(f"image {image_ref!r} cannot be pulled: {reason}")
                status = event.get("status", "")
                if status == "Pulling fs layer":
                    layers[event["id"]] = False
                elif status in ("Pull complete", "Already exists"):
                    layers[event["id"]] = True
                if sum(layers.values()) > told:
                    told = sum(layers.values())
                    yield f"pulling {image_ref}: {told} of {len(layers)} layers"
        except (APIError, requests.RequestException) as error:
            reason = getattr(error, "explanation", None) or error
            raise EngineError(f"image {image_ref!r} cannot be pulled: {reason}") from error

    def containers(self) -> dict[str, dict[str, str]]:
        """The labels of all of the coordinator's containers, running or not, by container id."""
        filters = quote(f'{{"label":["{LABEL}"]}}')
        found = self._api.call("GET", f"/containers/json?all=1&filters={filters}")
        return {container["Id"]: container["Labels"] for container in found}

    # -- one container's life ---------------------------------------------------------------------------

    @contextmanager
    def created(self, spec: ContainerSpec) -> Iterator[str]:
        """A created container's id; the container is gone when the block ends, whatever happened in it."""
        container = self.create(spec)
        try:
            yield container
        finally:
            self.remove(container)

    def create(self, spec: ContainerSpec) -> str:
        """A container that is not started yet; :meth:`remove` it whatever happens."""
        return str(self._api.call("POST", f"/containers/create?name={spec.name}", spec.to_api())["Id"])

    def attach(self, container: str) -> tuple[socket.socket, bytes]:
        """A raw connection to the streams, and the bytes that came behind the reply. Attach, then start."""
        return self._api.hijack(f"/containers/{container}/attach?stream=1&stdin=1&stdout=1&stderr=1")

    def start(self, container: str) -> None:
        self._api.call("POST", f"/containers/{container}/start")

    def wait(self, container: str, timeout: float) -> int:
        """The exit code; call it after the streams have ended (a container only created 'ends' at once)."""
        return int(self._api.call("POST", f"/containers/{container}/wait", timeout=timeout)["StatusCode"])

    def ran_out_of_memory(self, container: str) -> bool:
        """What the engine says of it; on cgroup v2 a False proves nothing."""
        return bool(self._api.call("GET", f"/containers/{container}/json")["State"].get("OOMKilled"))

    def kill(self, container: str) -> None:
        """Ends a container that may have ended already, or be gone."""
        try:
            self._api.call("POST", f"/containers/{container}/kill")
        except ApiError:
            return

    def signal(self, container: str, name: str) -> None:
        """Sends a signal such as SIGTERM to a container's first process, which may have ended already."""
        try:
            self._api.call("POST", f"/containers/{container}/kill?signal={name}")
        except ApiError as error:
            if error.status not in (404, 409):
                raise

    def remove(self, container: str) -> None:
        try:
            self._api.call("DELETE", f"/containers/{container}?force=1&v=1")
        except ApiError as error:
            if error.status not in (404, 409):  # gone already, or on its way
                raise

    # -- a further process in a running container -------------------------------------------------------

    def exec_create(self, container: str, command: tuple[str, ...]) -> str:
        """A process that is not started yet, with the container's own user, environment and limits."""
        body = {"AttachStdin": True, "AttachStdout": True, "AttachStderr": True, "Cmd": list(command)}
        return str(self._api.call("POST", f"/containers/{container}/exec", body)["Id"])

    def exec_start(self, process: str) -> tuple[socket.socket, bytes]:
        """Starts the process; its streams are those of :meth:`attach`."""
        return self._api.hijack(f"/exec/{process}/start", {"Detach": False, "Tty": False})

    def exec_exit_code(self, process: str) -> int | None:
        """The exit code, None while the process runs."""
        code = self._api.call("GET", f"/exec/{process}/json")["ExitCode"]
        return None if code is None else int(code)
