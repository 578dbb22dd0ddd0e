"""Where the programs run that are talked with: in containers as a run makes them, or behind the socket of a sidecar.

One flag of a container's isolation can be left out, to find the one that a program cannot do without. A sidecar is as
it is: neither can its isolation be varied, nor can it be sent a signal.
"""

from __future__ import annotations

import itertools
import secrets
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from coordinator.checkstep.requests import STEP
from coordinator.core.paths import WORK_MOUNT
from coordinator.core.resources import Grant
from coordinator.errors import EngineError
from coordinator.pipeline import Step
from coordinator.record.files import Files
from coordinator.record.permissions import make_folder
from coordinator.runners.api import ApiError
from coordinator.runners.devices import DeviceForm
from coordinator.runners.engine import EndedFromOutside, Engine, ImageFacts
from coordinator.runners.isolation import container_labels, container_spec
from coordinator.runners.sidecar import Sidecar
from coordinator.runners.sidecarrunner import SidecarProcess
from coordinator.runners.spec import ContainerSpec
from coordinator.runners.stream import Spoken, Streams
from coordinator.runners.trial import is_final, refusal
from coordinator.strictjson import Json

CHECK = "check"
"""The role of these containers."""


class CannotStart(EngineError):
    """The engine made the container, and could not start its program: engines differ in when and how they say so."""


class NotBehindASocket(EngineError):
    """What a check wants cannot be had of a sidecar."""


class Without(StrEnum):
    """What a container can be spared, in the words in which it is told."""

    READ_ONLY_ROOT = "a root file system it can write to"
    NO_NETWORK = "a network"
    UNPRIVILEGED = "root's rights"
    PID_1 = "an init process"


ISOLATION = (Without.READ_ONLY_ROOT, Without.NO_NETWORK, Without.UNPRIVILEGED)


@dataclass(frozen=True, kw_only=True)
class RelaxedSpec(ContainerSpec):
    """A container without some of its isolation: for finding out why a program fails, never for a run."""

    without: frozenset[Without] = frozenset()

    def to_api(self, devices: DeviceForm = DeviceForm.NVIDIA) -> Json:
        body = super().to_api(devices)
        host = body["HostConfig"]
        if Without.READ_ONLY_ROOT in self.without:
            host["ReadonlyRootfs"] = False
        if Without.NO_NETWORK in self.without:
            host["NetworkMode"] = "bridge"
        if Without.UNPRIVILEGED in self.without:
            body["User"] = "0:0"
            del host["CapDrop"], host["SecurityOpt"]
        if Without.PID_1 in self.without:
            host["Init"] = True
        return body


class Partner(Protocol):
    """A program that has been started, and what it is talked with by."""

    connection: socket.socket
    received: bytes
    """The first bytes of its streams."""
    streams: Spoken

    def encode(self, said: bytes) -> bytes:
        """What is said to it, with paths as it sees them."""
        ...

    def decode(self, stdout: bytes) -> bytes:
        """What it said, with paths as a container sees them."""
        ...

    def signal(self, name: str) -> None:
        """Sends a signal to the container's first process; nothing happens if it has gone."""
        ...

    def exit_code(self, patience: float) -> int | None:
        """The exit code; None if the program has closed its output and does not end."""
        ...

    def kill(self) -> None:
        """Ends it at once."""
        ...

    def ran_out_of_memory(self) -> bool:
        """Whether that ended it, as far as is known."""
        ...

    def remove(self) -> None:
        """Leaves nothing of it behind."""
        ...


class Place(Protocol):
    """Where one image's programs are started."""

    def start(self, without: Sequence[Without]) -> Partner:
        """Starts one. Raises EngineError, CannotStart among them, and leaves nothing behind then."""
        ...


@dataclass(kw_only=True)
class Containers:
    """Programs as the first process of containers of their own, as a run makes them."""

    engine: Engine
    image: ImageFacts
    files: Files
    owner: Path
    grant: Grant

    def __post_init__(self) -> None:
        self._run_id = secrets.token_hex(4)
        self._numbers = itertools.count(1)

    def start(self, without: Sequence[Without]) -> Partner:
        return _Container(self.engine, self.spec(without))

    def spec(self, without: Sequence[Without] = ()) -> ContainerSpec:
        """A container as a run makes it, which may write where the tasks of this step have their folders."""
        writable = str(WORK_MOUNT / STEP)
        make_folder(self.files.local(writable))
        spec = container_spec(
            Step(name=STEP, image_ref=self.image.image_ref, resources=self.grant.resources),
            self.image.id,
            self.grant,
            self.files,
            writable=writable,
            labels=container_labels(self._run_id, self.owner, CHECK),
            name=f"coordinator-check-{self._run_id}-{next(self._numbers)}",
        )
        if not without:
            return spec
        return RelaxedSpec(**vars(spec), without=frozenset(without))


class _Container:
    """The first process of a container."""

    def __init__(self, engine: Engine, spec: ContainerSpec) -> None:
        self._engine = engine
        self.streams: Spoken = Streams()
        self._id = _created(engine, spec)
        try:
            self.connection, self.received = engine.attach(self._id)
            engine.start(self._id)
        except BaseException as error:
            engine.remove(self._id)
            if isinstance(error, ApiError | EndedFromOutside):
                raise CannotStart(refusal(error)) from error
            raise

    def encode(self, said: bytes) -> bytes:
        return said

    def decode(self, stdout: bytes) -> bytes:
        return stdout

    def signal(self, name: str) -> None:
        self._engine.signal(self._id, name)

    def exit_code(self, patience: float) -> int | None:
        try:
            return self._engine.wait(self._id, max(1.0, patience))
        except EngineError:
            return None

    def kill(self) -> None:
        # While anybody could read what the program goes on to write, the engine would wait for that.
        self.connection.close()
        self._engine.kill(self._id)

    def ran_out_of_memory(self) -> bool:
        return bool(self._engine.ran_out_of_memory(self._id))

    def remove(self) -> None:
        self.connection.close()
        self._engine.remove(self._id)


def _created(engine: Engine, spec: ContainerSpec) -> str:
    """Raises CannotStart for what the engine refuses to make already."""
    try:
        return engine.create(spec)
    except ApiError as error:
        if not is_final(error):
            raise
        raise CannotStart(refusal(error)) from error


@dataclass(frozen=True, kw_only=True)
class Behind:
    """Programs behind the socket of a sidecar."""

    sidecar: Sidecar
    files: Files

    def start(self, without: Sequence[Without]) -> Partner:
        if without:
            raise NotBehindASocket(
                "a sidecar's isolation is what its pod says, and cannot be varied from here"
            )
        return _Sidecar(self.sidecar, self.files)


class _Sidecar:
    """A process in a sidecar. Where its stderr is takes the place of what it said there."""

    def __init__(self, sidecar: Sidecar, files: Files) -> None:
        self._process = SidecarProcess(sidecar, files)
        self.connection = self._process.connection
        self.received = b""
        self.streams: Spoken = self._process.stream
        self.streams.stderr.add(sidecar.log.encode())

    def encode(self, said: bytes) -> bytes:
        return self._process.encode(said)

    def decode(self, stdout: bytes) -> bytes:
        return self._process.decode_line(stdout)

    def signal(self, name: str) -> None:
        raise NotBehindASocket(f"{name} cannot be sent through a socket")

    def exit_code(self, patience: float) -> int | None:
        """It comes with the end of the output. A sidecar that ends with its process tells none: killed, then."""
        code = self._process.stream.exit_code
        return _KILLED if code is None else code

    def kill(self) -> None:
        self._process.end(kill=True)

    def ran_out_of_memory(self) -> bool:
        return False

    def remove(self) -> None:
        self._process.end(kill=True)


_KILLED = 137
