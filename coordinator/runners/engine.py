"""The container engine behind a few calls: what it is, which images it has, one container's life."""

from __future__ import annotations

import base64
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import quote

from docker import APIClient

from coordinator.errors import EngineError
from coordinator.runners.address import Address, engine_address
from coordinator.runners.api import Api, ApiError
from coordinator.runners.devices import DeviceForm, device_form
from coordinator.runners.habits import Habits
from coordinator.runners.line import Line
from coordinator.runners.patience import Patience
from coordinator.runners.sdk import sdk_on
from coordinator.runners.spec import NETWORK, ROLE, ContainerSpec
from coordinator.runners.waiting import told_of

LABEL = "coordinator.run"
"""Every container the coordinator makes carries this label; its value is the run's id."""
FOLDER_LABEL = "coordinator.folder"
"""Beside it, the run folder that the container belongs to."""

TIMEOUT, PATIENCE = "COORDINATOR_ENGINE_TIMEOUT", "COORDINATOR_ENGINE_PATIENCE"
"""Variables with the seconds that a call may take (60), and that an engine may be away in mid-run (300)."""
_FIRST_ANSWER = 10.0
"""Seconds that an engine gets to say which version it is, unless :data:`TIMEOUT` says otherwise."""
_MUTE = (
    "one that takes connections and says nothing has to be started again; one that is only slow gets more time by "
    f"{TIMEOUT}=60"
)
_END_TIMEOUT = 10.0
_PATH_STATUS = "X-Docker-Container-Path-Stat"


class EndedFromOutside(EngineError):
    """The engine no longer has a container, or no longer runs it, or the one whose network it was to join."""


class NameTaken(ApiError):
    """Another container has the name."""


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
        """Connects to where :func:`engine_address` says. Raises EngineError with what to do."""
        self.address = engine_address()
        self._timeout, patience = _seconds(TIMEOUT, 60.0), _seconds(PATIENCE, 300.0)
        self._line = Line(self.address)
        self._api = Api(self._line, self._timeout)
        try:
            self._facts: dict[str, Any] = _first_answer(self._api, self.address)
            self._api.speak(self._facts["ApiVersion"])
        except (EngineError, KeyError, TypeError) as error:
            self.close()
            todo = [self.address.remedy, *([_MUTE] if isinstance(error.__cause__, TimeoutError) else [])]
            raise EngineError(
                "\n  ".join([f"no container engine answers at {self.address}: {error}", *todo])
            ) from error
        self.patience = Patience(self._api, patience)

    def close(self) -> None:
        self._api.close()
        self._line.close()

    def describe(self) -> dict[str, str]:
        """Name, versions, and where it is, for run.json."""
        return {
            "address": str(self.address),
            "platform": self._facts.get("Platform", {}).get("Name") or "Docker",
            "version": self._facts["Version"],
            "api": self._facts["ApiVersion"],
        }

    def info(self) -> dict[str, Any]:
        """What the engine tells of itself and its machine (``docker info``)."""
        found: dict[str, Any] = self._api.call("GET", "/info")
        return found

    @cached_property
    def _devices(self) -> DeviceForm:
        return device_form(self._facts, self.info())

    @cached_property
    def habits(self) -> Habits:
        """What it does with users and files: containers are asked for accordingly."""
        return Habits.told_by(self.info())

    def image(self, image_ref: str) -> ImageFacts:
        """The image behind a reference; nothing is ever pulled. Raises EngineError if it is not there."""
        try:
            found = self._api.call("GET", f"/images/{quote(image_ref)}/json")
        except ApiError as error:
            if error.status != 404:
                raise EngineError(f"image {image_ref!r} cannot be inspected: {error}") from error
            raise EngineError(
                f"image {image_ref!r} is not on this engine; make it (`python -m coordinator images build`, "
                "if it is a step of the coordinator's own), "
                f"or pull it (`docker pull {image_ref}`, or run with --pull)"
            ) from error
        config = found["Config"]
        command = (*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ()))
        return ImageFacts(
            image_ref=image_ref, id=found["Id"], labels=config.get("Labels") or {}, command=command
        )

    def has_image(self, image_ref: str) -> bool:
        """Whether the engine has it; if that cannot be told, :meth:`image` says why."""
        try:
            self._api.call("GET", f"/images/{quote(image_ref)}/json")
        except ApiError as error:
            return error.status != 404
        return True

    def sdk(self) -> APIClient:
        """Docker's SDK on the same line; to be closed before the engine."""
        return sdk_on(self._line, self._facts["ApiVersion"], self._timeout)

    def containers(self, run_id: str | None = None) -> dict[str, dict[str, str]]:
        """The labels of the coordinator's containers, of one run or of all, running or not, by container id.

        In an order in which all of them can be removed: Podman keeps a container in whose network another one is.
        """
        filters = quote(json.dumps({"label": [f"{LABEL}={run_id}" if run_id else LABEL]}))
        found = self._api.call("GET", f"/containers/json?all=1&filters={filters}")
        labels = {container["Id"]: container["Labels"] for container in found}
        return dict(sorted(labels.items(), key=lambda one: one[1].get(ROLE) == NETWORK))

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
        """A container that is not started yet; :meth:`remove` it whatever happens.

        Raises NameTaken if another container has its name; it is not touched.
        """
        spec = self.habits.applied(spec)
        try:
            body = spec.to_api(self._devices) if spec.gpu_uuids else spec.to_api()
            return str(self._api.call("POST", f"/containers/create?name={spec.name}", body)["Id"])
        except ApiError as error:
            if error.status == 409:
                raise NameTaken(error.status, str(error)) from error
            if error.status == 404 and "image" in str(error):
                raise ApiError(404, f"its image is no longer on the engine; make it anew: {error}") from error
            raise

    def status_of(self, container: str, path: str) -> dict[str, Any]:
        """What the engine finds at a path of a container, started or not: its mode, size and time of change."""
        found = self._api.header(f"/containers/{container}/archive?path={quote(path)}", _PATH_STATUS)
        status: dict[str, Any] = json.loads(base64.b64decode(found))
        return status

    def attach(self, container: str) -> tuple[socket.socket, bytes]:
        """A raw connection to the streams, and the bytes that came behind the reply. Attach, then start."""
        with _ended_by_others(container):
            return self._api.hijack(f"/containers/{container}/attach?stream=1&stdin=1&stdout=1&stderr=1")

    def start(self, container: str) -> None:
        with _ended_by_others(container):
            self._api.call("POST", f"/containers/{container}/start")

    def exit_code(self, container: str) -> int:
        """The exit code of a container whose streams have ended, and that ends with them or soon after."""
        return self.wait(container, min(_END_TIMEOUT, self._timeout))

    def wait(self, container: str, timeout: float) -> int:
        """The exit code; call it after the streams have ended (a container only created 'ends' at once)."""
        with _ended_by_others(container):
            return int(self._api.call("POST", f"/containers/{container}/wait", timeout=timeout)["StatusCode"])

    def ran_out_of_memory(self, container: str) -> bool:
        """What the engine says of it; on cgroup v2 a False proves nothing."""
        return bool(self._state(container).get("OOMKilled"))

    def is_running(self, container: str) -> bool:
        return bool(self._state(container).get("Running"))

    def has_devices(self, container: str) -> bool:
        """Whether the engine tells of devices that a container has, or, as Docker, that it has kept the request."""
        with _ended_by_others(container):
            host = self._api.call("GET", f"/containers/{container}/json")["HostConfig"]
        return bool(host.get("DeviceRequests") or host.get("Devices"))

    def pid(self, container: str) -> int:
        """Its first process, by the engine's count; 0 if it does not run."""
        return int(self._state(container)["Pid"])

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

    def _state(self, container: str) -> dict[str, Any]:
        with _ended_by_others(container):
            state: dict[str, Any] = self._api.call("GET", f"/containers/{container}/json")["State"]
            return state

    # -- a further process in a running container -------------------------------------------------------

    def exec_create(self, container: str, command: tuple[str, ...]) -> str:
        """A process that is not started yet, with the container's own user, environment and limits."""
        body = {"AttachStdin": True, "AttachStdout": True, "AttachStderr": True, "Cmd": list(command)}
        return str(self._api.call("POST", f"/containers/{container}/exec", body)["Id"])

    def exec_start(self, process: str) -> tuple[socket.socket, bytes]:
        """Starts the process; its streams are those of :meth:`attach`."""
        with _ended_by_others(process):
            return self._api.hijack(f"/exec/{process}/start", {"Detach": False, "Tty": False})

    def exec_exit_code(self, process: str) -> int | None:
        """The exit code, None while the process runs."""
        with _ended_by_others(process):
            code = self._api.call("GET", f"/exec/{process}/json")["ExitCode"]
        return None if code is None else int(code)


def _first_answer(api: Api, address: Address) -> dict[str, Any]:
    """What an engine says of itself, and soon: whatever else listens there may never say a word."""
    with told_of(f"an answer of the container engine at {address}"):
        found: dict[str, Any] = api.call("GET", "/version", timeout=_seconds(TIMEOUT, _FIRST_ANSWER))
    return found


@contextmanager
def _ended_by_others(container: str) -> Iterator[None]:
    """A container that the engine no longer has, or no longer runs, was ended by somebody else: no step's fault."""
    try:
        yield
    except ApiError as error:
        if error.status in (404, 409):
            raise EndedFromOutside(f"{container[:12]} was ended from outside: {error}") from error
        raise


def _seconds(variable: str, default: float) -> float:
    """The seconds that an environment variable says. Raises EngineError if they are none."""
    text = os.environ.get(variable, "")
    try:
        seconds = float(text) if text else default
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise EngineError(f"{variable} is {text!r}; it must be a number of seconds")
    return seconds
