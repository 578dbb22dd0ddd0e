"""A server of HTTP beside the benchmark, that says on which port it listens."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from coordinator.bench.machine import BenchError

_MAX_START = 60.0
"""Maximum number of seconds until a server has started."""


@contextmanager
def served(command: Sequence[str], log: Path, name: str) -> Iterator[int]:
    """The port of a server at work, a Python program, until the block ends. Raises BenchError if it does not start."""
    with log.open("wb") as output:
        process = subprocess.Popen([sys.executable, *command], stdout=output, stderr=output)
    try:
        yield _port(process, log, name)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _port(process: subprocess.Popen[bytes], log: Path, name: str) -> int:
    deadline = time.monotonic() + _MAX_START
    while not (found := re.search(r"running on http://\S+:(\d+)", said := log.read_text(errors="replace"))):
        if process.poll() is not None or time.monotonic() > deadline:
            raise BenchError(f"{name} does not start: {said.strip()[-500:]}")
        time.sleep(0.05)
    return int(found[1])
