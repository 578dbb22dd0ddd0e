"""Where the container engine is: by the same rules as the docker CLI, which the SDK follows only in part.

``DOCKER_HOST`` wins over everything; else it is the context that ``DOCKER_CONTEXT`` names, else the one that the docker
CLI's config file names (``docker context use``), else the local socket.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from docker.errors import DockerException
from docker.utils import parse_host

from coordinator.errors import EngineError

LOCAL_SOCKET = "unix:///var/run/docker.sock"
_DEFAULT = "default"
"""The docker CLI's name for having no context."""
_PLAIN = {"http+unix": "unix", "http": "tcp"}
"""What an engine can be spoken to over, as the SDK calls it and as DOCKER_HOST does."""
_TLS = ("DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH")


@dataclass(frozen=True)
class Address:
    """An engine's address as in DOCKER_HOST, and what names it."""

    url: str
    named_by: str

    def __str__(self) -> str:
        return f"{self.url} ({self.named_by})"

    @property
    def socket(self) -> str | None:
        """The path of its socket on this machine; None for an address on a network."""
        parts = urlsplit(self.url)
        return (parts.netloc + parts.path) if parts.scheme == "unix" else None

    def environment(self, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
        """``environment`` as one in which the SDK and the docker CLI find this engine."""
        rest = {name: value for name, value in environment.items() if name != "DOCKER_CONTEXT"}
        return {**rest, "DOCKER_HOST": self.url}


def engine_address(environment: Mapping[str, str] = os.environ) -> Address:
    """Where the engine is that the docker CLI would use.

    Raises EngineError for a context that is not there or cannot be read, and for an address that is not supported.
    """
    found = _named(environment)
    try:
        url = str(parse_host(found.url))
    except DockerException as error:
        raise EngineError(f"there is no engine at {found}: {error}") from error
    scheme, _, place = url.partition("://")
    if scheme not in _PLAIN:
        raise _unsupported(found)
    return Address(f"{_PLAIN[scheme]}://{place}", found.named_by)


def _named(environment: Mapping[str, str]) -> Address:
    if host := environment.get("DOCKER_HOST"):
        address = Address(host, "DOCKER_HOST")
        if not host.startswith("unix:") and any(map(environment.get, _TLS)):
            raise _unsupported(address, " over TLS")
        return address
    folder = _config_folder(environment)
    name, source = environment.get("DOCKER_CONTEXT"), "DOCKER_CONTEXT"
    if not name and folder is not None:
        name, source = _current_context(folder / "config.json"), str(folder / "config.json")
    if not name or name == _DEFAULT:
        return Address(LOCAL_SOCKET, "the local socket")
    return _of_context(name, source, folder)


def _config_folder(environment: Mapping[str, str]) -> Path | None:
    """The docker CLI's own folder; None for a user without a home."""
    if folder := environment.get("DOCKER_CONFIG"):
        return Path(folder)
    if home := environment.get("HOME"):
        return Path(home) / ".docker"
    with suppress(RuntimeError):
        return Path.home() / ".docker"
    return None


def _current_context(path: Path) -> str | None:
    """The context that the docker CLI's config file names, if any. Raises EngineError if that cannot be told."""
    try:
        config = json.loads(path.read_bytes())
        name = config.get("currentContext")
    except OSError:  # whoever has no such file, or may not read it, has chosen nothing in it
        return None
    except (ValueError, AttributeError) as error:
        raise EngineError(
            f"which container engine is meant cannot be told: {path} cannot be read: {error}\n"
            "  mend it, or set DOCKER_HOST"
        ) from error
    return name if isinstance(name, str) else None


def _of_context(name: str, source: str, folder: Path | None) -> Address:
    """The address that a context of the docker CLI stands for."""
    key = hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()
    contexts = (folder or Path()) / "contexts"
    meta = _meta(contexts / "meta" / key / "meta.json")
    if meta is None:
        known = ", ".join([_DEFAULT, *sorted(_known(contexts))])
        raise EngineError(
            f"the docker context {name!r}, which {source} names, is not there; known: {known}\n"
            "  name one of them, or set DOCKER_HOST"
        )
    address = Address(_host(meta), f"docker context {name!r}, by {source}")
    if not address.url:
        raise EngineError(
            f"the docker context {name!r}, which {source} names, has no docker endpoint; "
            "name another one, or set DOCKER_HOST"
        )
    if not address.url.startswith("unix:") and (contexts / "tls" / key / "docker").is_dir():
        raise _unsupported(address, " over TLS")
    return address


def _known(contexts: Path) -> Iterator[str]:
    """The names of the contexts that can be read."""
    for path in (contexts / "meta").glob("*/meta.json"):
        with suppress(EngineError):
            if (meta := _meta(path)) is not None and isinstance(meta.get("Name"), str):
                yield meta["Name"]


def _meta(path: Path) -> dict[str, Any] | None:
    """What a context's file says; None if there is none. Raises EngineError if it cannot be read."""
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise EngineError(f"the docker context in {path} cannot be read: {error}") from error
    return found if isinstance(found, dict) else {}


def _host(meta: dict[str, Any]) -> str:
    found: Any = meta
    for key in ("Endpoints", "docker", "Host"):
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, str) else ""


def _unsupported(address: Address, how: str = "") -> EngineError:
    return EngineError(
        f"an engine at {address}{how} is not supported; forward its socket "
        "(ssh -L ./docker.sock:/var/run/docker.sock HOST) and set DOCKER_HOST=unix://$PWD/docker.sock"
    )
