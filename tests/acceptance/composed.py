"""The image service as `make daemon` brings it up, in a compose project and on a volume of its own."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import docker
import pytest
from docker.errors import APIError

from coordinator.service.container.answers import main as answers
from tests.acceptance.conftest import ROOT, as_from_a_terminal
from tests.waiting import PATIENCE

PORT = 8080
WORKERS = 2
"""Of a deployment, whatever number of CPUs the machine has."""
SIGN_KEY = "a key of the operator's"
"""For pictures by URL."""
SIGNALLED = """
import json, os, signal, sys
from contextlib import suppress
from pathlib import Path
workers = []
for path in Path("/proc").glob("[0-9]*/cmdline"):
    with suppress(OSError):  # it has just ended
        if path.read_bytes().endswith(b"\\0steps.imaging\\0"):
            workers.append(int(path.parent.name))
for process in sorted(workers)[int(sys.argv[2]):]:
    os.kill(process, getattr(signal, sys.argv[1]))
print(json.dumps(workers))
"""
"""Sends a signal to the service's workers, some of which may be spared."""
GENERATIONS: tuple[Sequence[str], ...] = (("docker", "compose"), ("docker-compose",))


@dataclass(frozen=True, kw_only=True)
class Composed:
    """One deployment: its name and its port on this machine."""

    project: str
    port: int

    @property
    def address(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """For make and compose; as from a shell, even if these tests were started by make."""
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "COMPOSE_"))
        }
        return {
            **kept,
            "COMPOSE_PROJECT_NAME": self.project,
            "COORDINATOR_PORT": str(self.port),
            "COORDINATOR_WORKERS": str(WORKERS),
            "COORDINATOR_SIGN_KEY": SIGN_KEY,
            # The volume: what jobs have published is a folder of images, too.
            "COORDINATOR_IMAGES": "/data",
        }

    def make(self, target: str) -> str:
        """Runs a target of the Makefile to its end; returns what it said."""
        return self._run("make", "--no-print-directory", target)

    def compose(self, *arguments: str) -> str:
        """The same for a compose command."""
        return self._run("coordinator/service/container/compose.sh", *arguments)

    @contextmanager
    def running_in_the_foreground(self) -> Iterator[Callable[[], None]]:
        """`make run` in a terminal of its own, once the service answers; gives what Ctrl-C does there."""
        process = subprocess.Popen(
            ["make", "--no-print-directory", "run"],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,
            preexec_fn=as_from_a_terminal,
        )
        try:
            assert answers(self.address, PATIENCE) == 0
            yield lambda: os.killpg(process.pid, signal.SIGINT)
            process.wait(timeout=PATIENCE)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)

    def _run(self, *command: str) -> str:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def containers(self, client: docker.DockerClient) -> dict[str, dict[str, Any]]:
        """What the engine knows of each container, by the service's name in docker-compose.yml."""
        found = client.containers.list(
            all=True, filters={"label": f"com.docker.compose.project={self.project}"}
        )
        return {str(one.labels["com.docker.compose.service"]): one.attrs for one in found}

    @contextmanager
    def standing_still(self, client: docker.DockerClient, *, spared: int = 0) -> Iterator[None]:
        """The workers but for those spared stop where they are: what they have does not end before this does."""
        service = client.containers.get(self.containers(client)["service"]["Id"])
        stopped, said = service.exec_run(["python3", "-c", SIGNALLED, "SIGSTOP", str(spared)])
        assert stopped == 0, said
        assert isinstance(said, bytes)
        assert len(json.loads(said)) == WORKERS + 1  # one is for small tasks alone
        try:
            yield
        finally:
            with suppress(APIError):  # a service that has been killed meanwhile
                service.exec_run(["python3", "-c", SIGNALLED, "SIGCONT", str(spared)])


@contextmanager
def composed() -> Iterator[Composed]:
    """A deployment on the usual port, or on another if that is taken. Nothing of it is left afterwards.

    Without compose, the test is skipped; where an engine is required, make is to install it.
    """
    if not (generations() or os.environ.get("COORDINATOR_REQUIRE_ENGINE")):
        pytest.skip("this machine has neither docker compose nor docker-compose")
    deployment = Composed(project=f"coordinator-test-{secrets.token_hex(4)}", port=_free_port())
    try:
        deployment.make("daemon")
        yield deployment
    finally:
        deployment.compose("down", "--volumes")


def generations() -> list[Sequence[str]]:
    """The compose programs that this machine has."""
    return [command for command in GENERATIONS if _runs(*command, "version")]


def _runs(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def _free_port() -> int:
    for port in (PORT, 0):
        with socket.socket() as candidate:
            # As the engine binds: connections of an earlier deployment that are not quite over do no harm.
            candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                candidate.bind(("", port))
            except OSError:
                continue
            return int(candidate.getsockname()[1])
    raise AssertionError("this machine has no free port")
