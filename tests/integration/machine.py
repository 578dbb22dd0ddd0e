"""A machine within this one, for tests of losses: processes, network, names, mounts and an engine of its own.

Its first process holds all its namespaces: when that is killed, everything on it is, as when its plug is pulled.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import docker
from docker.errors import DockerException

from tests.waiting import eventually

_NAMESPACES = ("--mount", "--uts", "--net", "--pid")
_INIT = """
import pathlib, signal, socket, subprocess, sys
name, private, ready = sys.argv[1:]
socket.sethostname(name)
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
subprocess.run(["mount", "-t", "tmpfs", "tmpfs", private], check=True)
signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # whoever has lost its parent is buried
pathlib.Path(ready).touch()
sys.stdin.read()  # it ends with the tests, however these do
"""
_CGROUPS = Path("/sys/fs/cgroup")


def missing() -> str | None:
    """Why this machine, and who asks, cannot have another one within; None if it can."""
    if os.getuid() != 0:
        return "only root can make network namespaces"
    lacking = [
        name for name in ("dockerd", "docker", "unshare", "nsenter", "ip") if shutil.which(name) is None
    ]
    return f"{', '.join(lacking)} is not installed" if lacking else None


class Machine:
    """Namespaces, and what was started in them."""

    def __init__(self, name: str, folder: Path) -> None:
        """Boots it. ``folder`` is its own, with a short path: sockets lie there."""
        self.name = name
        self.folder = folder
        self.private = folder / "private"
        """A folder that only its own processes see as it is, and that goes with them."""
        self.engine_address = f"unix://{folder / 's'}"
        self.private.mkdir(parents=True)
        self.boot()

    def boot(self) -> None:
        """Begins its first process, again after :meth:`kill`; its engine's images and containers are still there."""
        ready = self.folder / "ready"
        ready.unlink(missing_ok=True)
        self._holder = subprocess.Popen(
            [
                *("unshare", *_NAMESPACES, "--fork", "--kill-child", "--mount-proc"),
                *(sys.executable, "-c", _INIT, self.name, str(self.private), str(ready)),
            ],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # it complains when it is the child that has ended
        )
        eventually(lambda: ready.exists() or self._holder.poll() is not None)
        (self.init,) = children(self._holder.pid)
        self._started: list[subprocess.Popen[bytes]] = []

    def start(
        self, *command: str, log: Path, environment: dict[str, str] | None = None, cwd: Path | None = None
    ) -> Child:
        """Starts a program there; its output goes to ``log``."""
        with log.open("ab") as output:
            process = subprocess.Popen(
                self.within(*command, cwd=cwd),
                env={**os.environ, "DOCKER_HOST": self.engine_address, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        self._started.append(process)
        return Child(process)

    def within(self, *command: str, cwd: Path | None = None) -> list[str]:
        """A command line that does the same there."""
        folder = ("env", "-C", str(cwd)) if cwd else ()
        return ["nsenter", f"--target={self.init}", *_NAMESPACES, *folder, *command]

    def do(self, *command: str) -> None:
        """Runs a program there to its end."""
        subprocess.run(self.within(*command), check=True, stdout=subprocess.DEVNULL)

    def start_engine(self) -> Child:
        """Its container engine, with images and containers of its own and no network."""
        at = self.folder
        engine = self.start(
            *("dockerd", "--host", self.engine_address, "--pidfile", str(self.private / "dockerd.pid")),
            *("--data-root", str(at / "data"), "--exec-root", str(self.private / "exec")),
            *("--bridge", "none", "--iptables=false", "--ip-masq=false", "--cgroup-parent", self._cgroup),
            log=at / "engine.log",
        )
        eventually(lambda: self._answers() or not engine.runs)
        assert engine.runs, (at / "engine.log").read_text()
        return engine

    @contextmanager
    def engine(self) -> Iterator[docker.DockerClient]:
        """The SDK's view of its engine."""
        client = docker.DockerClient(self.engine_address, timeout=60)
        try:
            yield client
        finally:
            client.close()

    def containers(self) -> list[str]:
        """All that is on its engine, running or not."""
        with self.engine() as client:
            return [str(found["Id"]) for found in client.api.containers(all=True)]

    def processes(self, name: str) -> list[int]:
        """Those that run there, outside of containers, whose names begin so; the name is what the kernel knows."""
        home = Path(f"/proc/{self.init}/ns/pid").readlink()
        found: list[int] = []
        for path in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if (path / "ns/pid").readlink() == home and (path / "comm").read_text().startswith(name):
                    found.append(int(path.name))
        return sorted(found)

    def kill(self) -> None:
        """SIGKILL for all that runs there at once, engine and containers too."""
        with suppress(ProcessLookupError):
            os.kill(self.init, signal.SIGKILL)
        self._holder.wait()
        for process in self._started:
            process.wait()

    def remove(self) -> None:
        """Ends it, and removes all that is left of it: cgroups and its folder."""
        self.kill()
        folders = [path for path in _CGROUPS.glob(f"*{self._cgroup}") if path.is_dir()]
        for top in (*folders, _CGROUPS / self._cgroup.strip("/")):
            for path in sorted(top.rglob("*/"), reverse=True):
                with suppress(OSError):
                    path.rmdir()
            with suppress(OSError):
                top.rmdir()
        shutil.rmtree(self.folder)

    @property
    def _cgroup(self) -> str:
        return f"/coordinator-{self.name}-{os.getpid()}"

    def _answers(self) -> bool:
        try:
            with self.engine() as client:
                return bool(client.ping())
        except DockerException:
            return False


class Child:
    """A program on a machine, as it is seen from outside."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        eventually(lambda: children(process.pid) or process.poll() is not None)
        self._found = children(process.pid)

    @property
    def pid(self) -> int:
        """The program's id here."""
        return self._found[0]

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    def send(self, number: int) -> None:
        os.kill(self.pid, number)

    def wait(self, seconds: float) -> int:
        return self._process.wait(seconds)


def children(process: int) -> list[int]:
    """The processes that it has started and that are there."""
    found: list[int] = []
    for path in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):
            found += map(int, path.read_text().split())
    return found
