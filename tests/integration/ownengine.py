"""A container engine of the tests' own, which may be killed, started again and deprived of its images."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import docker
from docker.errors import DockerException

_WAIT = 60.0
"""Seconds that the engine gets to answer, or to stop."""


def can_run() -> bool:
    """Whether this machine, and who asks, can start an engine."""
    return os.getuid() == 0 and shutil.which("dockerd") is not None and shutil.which("unshare") is not None


def has_all() -> bool:
    """Whether tests may bring images of half a gigabyte to engines of their own, which takes a minute."""
    return os.environ.get("COORDINATOR_OWN_ENGINES") == "all"


class OwnEngine:
    """A dockerd with its own socket, images and containers below ``folder``, and without a network."""

    def __init__(self, folder: Path, *options: str, files: Mapping[Path, str] | None = None) -> None:
        """Starts it with further ``options`` of dockerd, and with ``files`` that it sees instead of this machine's."""
        self.address = f"unix://{folder / 's'}"
        self._folder = folder
        self._options = options
        self._mounts = ""
        for path, content in (files or {}).items():
            (folder / path.name).write_text(content)
            self._mounts += f"mount --bind {folder / path.name} {path}; "
        self._log: IO[bytes] = (folder / "log").open("ab")
        self.start()

    def start(self) -> None:
        """Starts it, again after :meth:`kill`, and waits until it answers."""
        at = self._folder
        room = ("--mount", "sh", "-ec", f'{self._mounts}exec "$@"', "sh") if self._mounts else ()
        self._process = subprocess.Popen(
            [
                # In a network namespace of its own: an engine without a bridge deletes the docker0 that it finds.
                *("unshare", "--net", *room, "dockerd", "--host", self.address, "--pidfile", str(at / "pid")),
                *("--data-root", str(at / "data"), "--exec-root", str(at / "exec")),
                *("--bridge", "none", "--iptables=false", "--ip-masq=false"),
                *self._options,
            ],
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )
        self.client = self._connect(time.monotonic() + _WAIT)

    def within(self, *command: str) -> list[str]:
        """A command line that does the same in its network, whose loopback is the only one there is."""
        return ["nsenter", f"--target={self._process.pid}", "--net", *command]

    def _connect(self, deadline: float) -> docker.DockerClient:
        while True:
            try:
                return docker.DockerClient(self.address, timeout=int(_WAIT))
            except DockerException:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self.stop()
                    raise
                time.sleep(0.1)

    def load(self, image_ref: str, source: docker.DockerClient) -> None:
        """Brings an image over from another engine."""
        archive = b"".join(source.images.get(image_ref).save(named=True))
        self.client.images.load(archive)

    def kill(self) -> None:
        """Ends it without a warning; what it ran may go on without it."""
        self.client.close()
        self._process.kill()
        self._process.wait()
        # Its containerd goes with it; where no init reaps that, the next engine would take it for a living one.
        (self._folder / "exec" / "containerd" / "containerd.pid").unlink(missing_ok=True)

    def stop(self) -> None:
        """Ends it, and everything that it runs."""
        self._process.terminate()
        self._process.wait(_WAIT)
        self._log.close()
        # The mount of its data folder on itself, which one that was killed has left.
        subprocess.run(["umount", str(self._folder / "data")], stderr=subprocess.DEVNULL, check=False)
