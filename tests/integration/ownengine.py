"""A container engine of the tests' own, which may be killed, started again and deprived of its images.

Which engine that is, is said by the program that is started: Debian's own dockerd, or another one (engines.sh).
"""

from __future__ import annotations

import json
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
PATH, CDI = "COORDINATOR_TEST_PATH", "COORDINATOR_TEST_CDI"
"""What engines.sh's starters go by: folders of programs, and one of CDI's files, as Podman looks in one place only."""


def can_run(program: str = "dockerd") -> bool:
    """Whether this machine, and who asks, can start an engine."""
    return os.getuid() == 0 and shutil.which(program) is not None and shutil.which("unshare") is not None


def has_all() -> bool:
    """Whether tests may bring images of half a gigabyte to engines of their own, which takes a minute."""
    return os.environ.get("COORDINATOR_OWN_ENGINES") == "all"


class OwnEngine:
    """An engine with its own socket, images and containers below ``folder``, and without a network."""

    def __init__(
        self,
        folder: Path,
        *options: str,
        program: str = "dockerd",
        files: Mapping[Path, str] | None = None,
        cdi: Path | None = None,
        hooks: Path | None = None,
    ) -> None:
        """Starts ``program``, a dockerd or a podman, with further ``options`` of it.

        It sees ``files`` instead of this machine's; ``cdi`` is a folder of CDI's files, ``hooks`` one of programs.
        """
        self.address = f"unix://{folder / 's'}"
        self.is_podman = Path(program).name.startswith("podman")
        self._folder = folder
        self._program, self._options = program, options
        self._mounts = ""
        for path, content in (files or {}).items():
            (folder / path.name).write_text(content)
            self._mounts += f"mount --bind {folder / path.name} {path}; "
        self._cdi = cdi
        self.has_cdi = cdi is not None
        self._variables = {CDI: str(cdi)} if cdi else {}
        if hooks is not None:
            self._variables |= {"PATH": f"{hooks}:{os.environ['PATH']}", PATH: str(hooks)}
        self._log: IO[bytes] = (folder / "log").open("ab")
        self.start()

    def start(self) -> None:
        """Starts it, again after :meth:`kill`, and waits until it answers."""
        words = self._podman() if self.is_podman else self._docker()
        room = ("--mount", "sh", "-ec", f'{self._mounts}exec "$@"', "sh") if self._mounts else ()
        self._process = subprocess.Popen(
            # In a network namespace of its own: an engine without a bridge deletes the docker0 that it finds.
            ["unshare", "--net", *room, self._program, *words],
            env={**os.environ, **self._variables},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )
        self.client = self._connect(time.monotonic() + _WAIT)

    def _docker(self) -> list[str]:
        at = self._folder
        settings = {"features": {"cdi": True}, "cdi-spec-dirs": [str(self._cdi)]} if self._cdi else {}
        (at / "daemon.json").write_text(json.dumps(settings))
        return [
            *("--host", self.address, "--pidfile", str(at / "pid"), "--config-file", str(at / "daemon.json")),
            *("--data-root", str(at / "data"), "--exec-root", str(at / "exec")),
            *("--bridge", "none", "--iptables=false", "--ip-masq=false", *self._options),
        ]

    def _podman(self) -> list[str]:
        at = self._folder
        return [
            # crun, its default, starts nothing where cgroups are of both kinds.
            *("--runtime", "runc", "--cgroup-manager", "cgroupfs", "--events-backend", "file"),
            *("--root", str(at / "data"), "--runroot", str(at / "exec"), "--tmpdir", str(at / "tmp")),
            *self._options,
            *("system", "service", "--time", "0", self.address),
        ]

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
        # The mount of its data folder on itself, which one that was killed has left, and so does a Podman.
        for name in ("data/overlay", "data"):
            subprocess.run(["umount", str(self._folder / name)], stderr=subprocess.DEVNULL, check=False)
