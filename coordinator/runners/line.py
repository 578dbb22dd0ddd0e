"""The line to an engine: plain sockets that lead to it, whatever lies between, as the docker CLI would get there.

The local socket and TCP are spoken to as they are. TLS is done by a relay within this process. For an engine behind ssh
every connection is an ``ssh`` of its own that runs ``docker system dial-stdio`` there, which takes no more than the
docker CLI on the other side; keys and all else come from the user's own ssh configuration.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil
from pathlib import Path

from coordinator.errors import EngineError
from coordinator.plainfile import check_file, open_file
from coordinator.runners.address import Address, Tls
from coordinator.runners.tlsrelay import over_tls

_PLAIN_PORT = 2375
_WORDS = 2000
"""Bytes of what was said last that are looked at."""


class Line:
    """Connections to one engine; safe to use from many threads."""

    def __init__(self, address: Address) -> None:
        """Connects nothing so far. Raises EngineError if the files for TLS cannot be used."""
        self.address = address
        self._context = _context(address.tls) if address.tls else None
        self._broke = ""
        self._ssh: list[subprocess.Popen[bytes]] = []
        self._stderr = _nameless_file(self) if address.scheme == "ssh" else None
        """A descriptor of what all of ssh has said."""
        self._lock = threading.Lock()

    def connect(self, deadline: float) -> socket.socket:
        """A new connection to the engine, on which nothing was said. Raises OSError.

        One over ssh is there before ssh itself has connected, and ends at once if that fails.
        """
        seconds = deadline - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("timed out")
        if self.address.scheme == "ssh":
            return self._over_ssh(seconds)
        if (path := self.address.socket) is not None:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                connection.settimeout(seconds)
                connection.connect(path)
            except OSError:
                connection.close()
                raise
            return connection
        host = self.address.host
        far = socket.create_connection((host, self.address.port or _PLAIN_PORT), seconds)
        return over_tls(far, self._context, host, deadline, self._note) if self._context else far

    def complaint(self) -> str:
        """What is known of why the last connection that broke did, beyond what its socket told; empty if nothing."""
        if self._stderr is None:
            return self._broke
        size = os.fstat(self._stderr).st_size
        said = os.pread(self._stderr, _WORDS, max(0, size - _WORDS))
        lines = said.decode(errors="replace").strip().splitlines()
        return lines[-1].strip() if lines else ""

    def close(self) -> None:
        """Ends what was started for connections; they break."""
        with self._lock:
            processes, self._ssh = self._ssh, []
        for process in processes:
            process.terminate()
            process.wait()

    def _over_ssh(self, seconds: float) -> socket.socket:
        near, far = socket.socketpair()
        command = ssh_command(self.address, max(1, ceil(seconds)))
        try:
            with far:
                # In a session of its own: Ctrl-C is for the coordinator, whose tasks may go on until they are done.
                end = far.fileno()
                process = subprocess.Popen(
                    command, stdin=end, stdout=end, stderr=self._stderr, start_new_session=True
                )
        except OSError:
            near.close()
            raise
        with self._lock:
            self._ssh = [*(one for one in self._ssh if one.poll() is None), process]
        return near

    def _note(self, reason: str) -> None:
        self._broke = reason


def _nameless_file(owner: object) -> int:
    """A file that is there as long as its owner."""
    descriptor, name = tempfile.mkstemp()
    Path(name).unlink()
    weakref.finalize(owner, os.close, descriptor)
    return descriptor


def ssh_command(address: Address, seconds: int) -> list[str]:
    """What connects to an engine behind ssh, without asking anybody for a password."""
    words = ["ssh", "-T", "-o", "BatchMode=yes", "-o", f"ConnectTimeout={seconds}"]
    words += ["-l", address.user] if address.user else []
    words += ["-p", str(address.port)] if address.port else []
    host = ["--host", f"unix://{address.path}"] if address.path.strip("/") else []
    return [*words, "--", address.host, "docker", *host, "system", "dial-stdio"]


def _context(tls: Tls) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if tls.verify:
        with _named(tls, tls.authority):
            check_file(tls.authority)
            context.load_verify_locations(tls.authority)
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls.certificate.exists() or tls.key.exists():
        _load_own(context, tls)
    return context


def _load_own(context: ssl.SSLContext, tls: Tls) -> None:
    """Loads the user's own certificate and key, which Python's error does not tell apart."""
    for path in (tls.certificate, tls.key):
        with _named(tls, path), open_file(path):
            pass
    with _named(tls, tls.certificate, tls.key):
        context.load_cert_chain(tls.certificate, tls.key, password=_no_pass_phrase)


def _no_pass_phrase() -> str:
    """OpenSSL would ask the terminal for it, and a run never asks."""
    raise PermissionError(
        errno.EACCES, "the key has a pass phrase, which nobody is asked for; name one without"
    )


@contextmanager
def _named(tls: Tls, *paths: Path) -> Iterator[None]:
    """Names the files that cannot be used, and what they are."""
    try:
        yield
    except OSError as error:
        whose = "the docker context brings them" if tls.by_context else "DOCKER_CERT_PATH names their folder"
        names = " or ".join(path.name for path in paths)
        raise EngineError(
            f"the files for TLS in {tls.folder} cannot be used: {names}: {error.strerror or error}\n"
            f"  ca.pem is the authority's certificate, cert.pem and key.pem are your own; {whose}"
        ) from error
