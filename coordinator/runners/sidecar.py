"""Step images as containers beside this one, in a pod: what there are, what each says of itself, connections to it.

In a pod no engine can be asked for containers. Instead, each step's unchanged image is a container that was started
with the program ``lane`` (deploy/lane/lane.c) in front of its command. It shares two folders with this container: the
one of the sockets, ``COORDINATOR_LANES``, and the one of batches and runs, which lies at the same path in both. Every
connection to ``NAME.sock`` is a fresh process of the step; ``NAME.json`` tells what is behind it.
"""

from __future__ import annotations

import json
import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from coordinator.errors import EngineError
from coordinator.runners.engine import ImageFacts
from coordinator.runners.workfolder import step_user
from coordinator.strictjson import Json

LANES = "COORDINATOR_LANES"
"""The variable with the folder of the sockets; where it is set, no engine is asked for."""
KNOWN = "COORDINATOR_STEPS"
"""The variable with what other nodes may have: a JSON list of objects like the ``step`` of a sidecar."""
_PAUSE = 0.2
"""Seconds between two tries to connect."""


@dataclass(frozen=True, kw_only=True)
class Sidecar:
    """A step's container beside this one. ``seen`` is device and inode of the folder ``shared``, as seen from there."""

    path: Path
    image: ImageFacts
    user: int
    shared: str
    seen: str

    @property
    def log(self) -> str:
        """Where its stderr is."""
        return f"stderr is in the log: kubectl logs {socket.gethostname()} -c {self.path.stem}"

    def check(self) -> None:
        """Raises EngineError if it cannot serve this container's runs."""
        if not self.shared:
            raise EngineError(
                f"{self._who} does not say what it shares: set COORDINATOR_SHARED to that folder"
            )
        try:
            state = os.stat(self.shared)  # noqa: PTH116
        except OSError as error:
            why = f"{error.strerror}, here"
        else:
            why = f"{self.seen} there, {state.st_dev}:{state.st_ino} here"
            if self.seen == f"{state.st_dev}:{state.st_ino}":
                why = ""
        if why:
            raise EngineError(
                f"{self._who} does not share {self.shared!r} with this container ({why}): mount the same volume in both"
            )
        if self.user != step_user()[0]:
            raise EngineError(
                f"{self._who} runs as user {self.user}, and work folders belong to user {step_user()[0]}: "
                "set runAsUser for the whole pod"
            )

    def connect(self, patience: float = 0.0) -> socket.socket:
        """A connection, and with it a process of the step. A sidecar that is starting again gets ``patience`` seconds.

        Raises EngineError with what to do.
        """
        deadline = time.monotonic() + patience
        while True:
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(str(self.path))
            except OSError as error:
                connection.close()
                if time.monotonic() > deadline or isinstance(error, PermissionError):
                    raise EngineError(f"{self._who} does not answer: {_why(error)}; {self.log}") from error
                time.sleep(_PAUSE)
            else:
                return connection

    @property
    def _who(self) -> str:
        return f"the sidecar at {str(self.path)!r}"


def sidecar(path: Path) -> Sidecar:
    """The sidecar behind a socket. Raises EngineError if there is none, or if it does not say what it is."""
    told = path.with_suffix(".json")
    try:
        found = json.loads(told.read_bytes())
        return Sidecar(
            path=path,
            image=_facts(found["step"]),
            user=int(found["user"]),
            shared=str(found["shared"]),
            seen=str(found["seen"]),
        )
    except OSError as error:
        raise EngineError(
            f"there is no sidecar at {str(path)!r}: {error.strerror}: {told.name}; is its container started with "
            "`lane NAME.sock -- COMMAND`, and do both mount the folder of the sockets?"
        ) from error
    except (ValueError, TypeError, KeyError) as error:
        raise EngineError(
            f"{str(told)!r} does not say what the sidecar is ({type(error).__name__}: {error}): set COORDINATOR_STEP "
            'to {"image_ref": ..., "id": ..., "labels": {...}} in its container'
        ) from error


def lanes() -> Path | None:
    """The folder of the sockets, where sidecars take the engine's place."""
    folder = os.environ.get(LANES)
    return Path(folder) if folder else None


def find_sidecar(folder: Path, image_ref: str) -> Sidecar:
    """The sidecar of an image, which can serve. Raises EngineError."""
    found = _sidecars(folder)
    for one in found:
        if one.image.image_ref == image_ref:
            one.check()
            return one
    there = ", ".join(one.image.image_ref for one in found) or "none"
    raise EngineError(f"no sidecar in {str(folder)!r} has {image_ref!r}; those there: {there}")


def find_image(folder: Path, image_ref: str) -> ImageFacts:
    """What this node knows of an image: from its sidecar, or, of one on other nodes, from what was said of all of them.

    Raises EngineError, also if those two differ, or the sidecar does not answer.
    """
    known = next((one for one in _known() if one.image_ref == image_ref), None)
    if known is not None and all(one.image.image_ref != image_ref for one in _sidecars(folder)):
        return known
    found = find_sidecar(folder, image_ref)
    if known is not None and known != found.image:
        raise EngineError(
            f"its sidecar has {found.image.id}, and {KNOWN} says {known.id}: write the same in both"
        )
    found.connect().close()
    return found.image


def _sidecars(folder: Path) -> list[Sidecar]:
    return [sidecar(path.with_suffix(".sock")) for path in sorted(folder.glob("*.json"))]


def _known() -> list[ImageFacts]:
    try:
        return [_facts(one) for one in json.loads(os.environ.get(KNOWN) or "[]")]
    except (ValueError, TypeError, KeyError) as error:
        raise EngineError(f"{KNOWN} is no list of images ({type(error).__name__}: {error})") from error


def _facts(step: Json) -> ImageFacts:
    labels = {str(name): str(value) for name, value in step["labels"].items()}
    return ImageFacts(image_ref=str(step["image_ref"]), id=str(step["id"]), labels=labels, command=())


def _why(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens there; its container has ended, or starts again"
    if isinstance(error, PermissionError):
        return "this user may not connect; set runAsUser for the whole pod"
    return error.strerror or str(error)
