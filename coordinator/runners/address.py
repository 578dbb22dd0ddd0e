"""Where the container engine is: by the same rules as the docker CLI, which the SDK follows only in part.

``DOCKER_HOST`` wins over everything; white space around it does not count, and white space alone is what is usual on
this machine, whatever the context. Else it is the context that ``DOCKER_CONTEXT`` names, else the one that the docker
CLI's config file names (``docker context use``), else the local socket. TLS is asked for by ``DOCKER_TLS_VERIFY`` or
``DOCKER_TLS``, with the files in ``DOCKER_CERT_PATH``; a context brings files of its own.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from coordinator.errors import EngineError
from coordinator.plainfile import NoFile, read_file

LOCAL_SOCKET = "unix:///var/run/docker.sock"
LOCAL_TLS = "tcp://localhost:2376"
"""Where an engine is looked for if nothing is said but that it is over TLS."""
_DEFAULT = "default"
"""The docker CLI's name for having no context."""
_SCHEMES = {"unix": "unix", "tcp": "tcp", "http": "tcp", "ssh": "ssh"}
"""What an engine can be reached over, by the names that DOCKER_HOST may have for it."""

_NAMES = ("DOCKER_CONTEXT", "DOCKER_TLS", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH")


@dataclass(frozen=True)
class Tls:
    """The files that TLS is done with, in one folder by fixed names; ``verify`` says whether the engine has to prove
    who it is, ``by_context`` that a docker context brings them."""

    folder: Path
    verify: bool = True
    by_context: bool = False

    @property
    def authority(self) -> Path:
        """The certificate that signed the engine's."""
        return self.folder / "ca.pem"

    @property
    def certificate(self) -> Path:
        """The user's own; an engine that asks for none needs none."""
        return self.folder / "cert.pem"

    @property
    def key(self) -> Path:
        return self.folder / "key.pem"


@dataclass(frozen=True)
class Address:
    """An engine's address as in DOCKER_HOST, what names it, and how TLS is done with it, if it is."""

    url: str
    named_by: str
    tls: Tls | None = None

    def __str__(self) -> str:
        return f"{self.url} ({self.named_by}{', over TLS' if self.tls else ''})"

    @property
    def _parts(self) -> SplitResult:
        return urlsplit(self.url)

    @property
    def scheme(self) -> str:
        """``unix``, ``tcp`` or ``ssh``."""
        return self._parts.scheme

    @property
    def host(self) -> str:
        return self._parts.hostname or "localhost"

    @property
    def port(self) -> int | None:
        return self._parts.port

    @property
    def user(self) -> str | None:
        """Whose account ssh is to use, if the address says."""
        return self._parts.username

    @property
    def path(self) -> str:
        """Behind ssh, the engine's socket there; empty for the one that is usual there."""
        return self._parts.path

    @property
    def socket(self) -> str | None:
        """The path of its socket on this machine; None for one that lies elsewhere."""
        parts = self._parts
        return (parts.netloc + parts.path) if parts.scheme == "unix" else None

    @property
    def remedy(self) -> str:
        """What to do if no engine answers there."""
        if self.scheme == "ssh":
            return f"see whether `ssh {self.host} docker version` works without a password, and ssh is here"
        if self.scheme == "tcp":
            secured = "its certificate is for this host" if self.tls else "it wants TLS (DOCKER_TLS_VERIFY)"
            return f"see whether `docker version` reaches it, whether host and port are right, and whether {secured}"
        return "start one (`make engine` sets one up), set DOCKER_HOST, or add yourself to the docker group"

    def environment(self, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
        """``environment`` as one in which the docker CLI finds this engine, and the SDK as far as it can."""
        rest = {name: value for name, value in environment.items() if name not in _NAMES}
        tls = {"DOCKER_CERT_PATH": str(self.tls.folder)} if self.tls else {}
        if self.tls:
            tls["DOCKER_TLS_VERIFY" if self.tls.verify else "DOCKER_TLS"] = "1"
        return {**rest, **tls, "DOCKER_HOST": self.url}


def engine_address(environment: Mapping[str, str] = os.environ) -> Address:
    """Where the engine is that the docker CLI would use.

    Raises EngineError for a context that is not there or cannot be read, and for an address that is not supported.
    """
    found = _named(environment)
    if _has_white_space(found.url):
        raise EngineError(
            f"there is no engine at {found.url!r} ({found.named_by}): there is white space in it; "
            "an address is one, as tcp://HOST:PORT"
        )
    try:
        parts = urlsplit(found.url)
        is_whole = bool(parts.netloc + parts.path if parts.scheme == "unix" else parts.hostname)
        is_whole = is_whole and parts.port != 0
    except ValueError:
        is_whole = False
    scheme = _SCHEMES.get(parts.scheme) if is_whole else None
    if scheme is None:
        raise EngineError(
            f"there is no engine at {found}: known are unix:///PATH, tcp://HOST:PORT and ssh://[USER@]HOST[:PORT]"
        )
    if parts.password is not None:
        raise EngineError(
            f"there is no engine at ssh://{parts.hostname}: an address has no password; use a key"
        )
    return replace(found, url=f"{scheme}{found.url[len(parts.scheme) :]}")


def _named(environment: Mapping[str, str]) -> Address:
    folder = _config_folder(environment)
    if host := environment.get("DOCKER_HOST"):
        return _by_variable(host.strip(), _tls(environment, folder))
    name, source = environment.get("DOCKER_CONTEXT"), "DOCKER_CONTEXT"
    if not name and folder is not None:
        name, source = _current_context(folder / "config.json"), str(folder / "config.json")
    if name and name != _DEFAULT:
        return _of_context(name, source, folder)
    return _usual(_tls(environment, folder))


def _by_variable(host: str, tls: Tls | None) -> Address:
    if not host:
        usual = _usual(tls)
        return replace(usual, named_by=f"{usual.named_by}, as DOCKER_HOST is blank")
    return Address(host, "DOCKER_HOST", None if host.startswith("unix:") else tls)


def _usual(tls: Tls | None) -> Address:
    """Where an engine is on a machine on which nothing names another one."""
    if tls is not None:
        return Address(LOCAL_TLS, "what is usual over TLS", tls)
    return Address(LOCAL_SOCKET, "the local socket")


def _has_white_space(url: str) -> bool:
    """Whether there is white space where none can be; the path of a socket may have blanks."""
    return any(sign.isspace() for sign in (url.replace(" ", "") if url.startswith("unix:") else url))


def _tls(environment: Mapping[str, str], folder: Path | None) -> Tls | None:
    """How TLS is done by the environment, if it asks for it; ``folder`` is the docker CLI's own."""
    verify = bool(environment.get("DOCKER_TLS_VERIFY"))
    if not (verify or environment.get("DOCKER_TLS")):
        return None
    path = environment.get("DOCKER_CERT_PATH")
    return Tls(Path(path) if path else folder or Path(), verify)


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
        config = json.loads(read_file(path))
        name = config.get("currentContext")
    except NoFile as error:
        raise _unreadable(path, error) from error
    except OSError:  # whoever has no such file, or may not read it, has chosen nothing in it
        return None
    except (ValueError, AttributeError) as error:
        raise _unreadable(path, error) from error
    return name if isinstance(name, str) else None


def _unreadable(path: Path, error: Exception) -> EngineError:
    return EngineError(
        f"which container engine is meant cannot be told: {path} cannot be read: {error}\n"
        "  mend it, or set DOCKER_HOST"
    )


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
    endpoint = _endpoint(meta)
    address = Address(str(endpoint.get("Host") or ""), f"docker context {name!r}, by {source}")
    if not address.url:
        raise EngineError(
            f"the docker context {name!r}, which {source} names, has no docker endpoint; "
            "name another one, or set DOCKER_HOST"
        )
    files = contexts / "tls" / key / "docker"
    skip = bool(endpoint.get("SkipTLSVerify"))  # which asks for TLS by itself, without any file
    if not address.url.startswith(("tcp:", "http:")) or not (skip or files.is_dir()):
        return address
    return replace(address, tls=Tls(files, verify=not skip, by_context=True))


def _known(contexts: Path) -> Iterator[str]:
    """The names of the contexts that can be read."""
    for path in (contexts / "meta").glob("*/meta.json"):
        with suppress(EngineError):
            if (meta := _meta(path)) is not None and isinstance(meta.get("Name"), str):
                yield meta["Name"]


def _meta(path: Path) -> dict[str, Any] | None:
    """What a context's file says; None if there is none. Raises EngineError if it cannot be read."""
    try:
        found = json.loads(read_file(path))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise EngineError(f"the docker context in {path} cannot be read: {error}") from error
    return found if isinstance(found, dict) else {}


def _endpoint(meta: dict[str, Any]) -> dict[str, Any]:
    """What a context says of its engine; empty if nothing."""
    found: Any = meta
    for key in ("Endpoints", "docker"):
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}
