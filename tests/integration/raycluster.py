"""A Ray cluster of one machine for the tests, if Ray is installed: started once, ended by its processes' ids."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.waiting import eventually

ADDRESS = "COORDINATOR_RAY_ADDRESS"
"""A variable with the address of a cluster that is there already, on this machine, from this virtual environment."""
CPUS = 4
SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # On a busy machine the metrics agent is late, and its node would give itself up for that.
    "RAY_agent_register_timeout_ms": "150000",
    "RAY_worker_niceness": "0",
    # On a busy machine the server that a head forks for a client may die of what gRPC does in it (cluster/joining.py).
    "GRPC_ENABLE_FORK_SUPPORT": "0",
}


def skip_without_ray() -> None:
    """Skips what needs the extra ``cluster`` where that is not installed."""
    if importlib.util.find_spec("ray") is None:
        pytest.skip("Ray is not installed: pip install -e '.[cluster]'")


@contextmanager
def cluster() -> Iterator[str]:
    """The address of a cluster on this machine."""
    skip_without_ray()
    if ADDRESS in os.environ:
        yield os.environ[ADDRESS]
        return
    # Sockets lie in it, whose paths may have a hundred letters.
    folder, port = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp")), free_port()
    head = ("--head", f"--port={port}", "--include-dashboard=false", f"--temp-dir={folder}")
    try:
        with started(folder / "log", *head, f"--num-cpus={CPUS}"):
            yield f"127.0.0.1:{port}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def node(address: str, folder: Path, *, cpus: int, within: Sequence[str] = ()) -> Iterator[int]:
    """One more node on this machine; the id of its ``ray start``, whose children are what Ray runs on it.

    ``within`` is a command that starts the one behind it, as in a namespace of its own.
    """
    options = (f"--address={address}", f"--num-cpus={cpus}")
    with started(folder / "node.log", *options, within=within) as process:
        yield process


@contextmanager
def started(log: Path, *options: str, within: Sequence[str] = (), **settings: str) -> Iterator[int]:
    """Ray with such options and environment, until the end; the id of its ``ray start``."""
    start = (sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats")
    command = (*within, *start)
    sizes = (f"--memory={8 * 1024**3}", f"--object-store-memory={128 * 1024**2}")
    with log.open("wb") as output:
        process = subprocess.Popen(
            (*command, "--node-ip-address=127.0.0.1", *sizes, *options),
            env={**os.environ, **SETTINGS, **settings},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        eventually(lambda: b"block forever" in log.read_bytes())
        yield process.pid
    finally:
        started_by_it = _below(process.pid)
        process.terminate()  # it ends what it has started, but not all of what that has
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
        for left in started_by_it:
            with suppress(ProcessLookupError):
                os.kill(left, signal.SIGKILL)


def _below(process: int) -> list[int]:
    """All that it has started, and what that has."""
    found: list[int] = []
    for path in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, path.read_text().split()):
                found += [child, *_below(child)]
    return found


def free_port() -> int:
    """A port of this machine that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port
