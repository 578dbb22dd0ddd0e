"""The line to an engine: plain sockets that lead to it, whatever lies between, as the docker CLI would get there.

The local socket and TCP are spoken to as they are. TLS is done by a relay within this process. For an engine behind ssh
every connection is an ``ssh`` of its own that runs ``docker system dial-stdio`` there, which takes no more than the
docker CLI on the other side; keys and all else come from the user's own ssh configuration.
"""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import weakref
from math import ceil
from pathlib import Path

from coordinator.errors import EngineError
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
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    path = tls.authority
    try:
        if tls.verify:
            context.load_verify_locations(path)
        if tls.certificate.exists() or tls.key.exists():
            path = tls.certificate
            context.load_cert_chain(path, tls.key)
    except OSError as error:
        raise EngineError(
            f"the files for TLS in {tls.folder} cannot be used: {path.name}: {error.strerror or error}\n"
            "  ca.pem is the authority's certificate, cert.pem and key.pem are your own; "
            "DOCKER_CERT_PATH names their folder"
        ) from error
    return context
