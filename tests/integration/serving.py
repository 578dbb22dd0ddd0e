"""A service as its own process on a free port, and what its clients do."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import cv2
import docker
import httpx
import numpy as np
from docker.errors import APIError
from numpy.typing import NDArray

from coordinator.runners.engine import FOLDER_LABEL
from coordinator.runners.isolation import LANE
from coordinator.runners.spec import ROLE
from tests.waiting import PATIENCE, eventually

ROOT = Path(__file__).parents[2]
Image = NDArray[Any]
Operations = Sequence[Sequence[object]]
CHAIN: Operations = (
    ("resize", "200x300"), ("split", True), ("blur", "gaussian"), ("split", True), ("blur", "gaussian"),
    ("resize", "600x600"), ("blur", "gaussian"), ("split", True),
)  # fmt: skip
"""The client's operations of the issue: 64 results for every image."""


class Served:
    """``python -m coordinator serve`` at work on a data folder; :meth:`start` may follow the end of one before."""

    def __init__(self, data: Path, *options: str) -> None:
        self.data = data
        self._options = options
        self._log = data.with_suffix(".log")
        self.start()

    def start(self) -> None:
        """Starts it and waits until it takes requests."""
        command = [sys.executable, "-m", "coordinator", "serve", "--port", "0", "--data", str(self.data)]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen([*command, *self._options], cwd=ROOT, stdout=log, stderr=log)
        eventually(lambda: self._address() or self.process.poll() is not None)
        self.url = self._address()
        assert self.url, self.log
        self.client = httpx.Client(base_url=self.url, timeout=PATIENCE)

    def _address(self) -> str:
        """Where it takes requests, once it says so."""
        found = re.search(r"running on (http://\S+)", self.log)
        return found[1] if found else ""

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def stop(self) -> int:
        """Ends it as an operator does; its exit code."""
        self.client.close()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def kill(self) -> None:
        """Ends it as a crash does."""
        self.client.close()
        self.process.kill()
        self.process.wait(PATIENCE)

    def end(self) -> None:
        """Ends it whatever has become of it."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE)

    def peak_memory(self) -> int:
        """Bytes of memory that the service's own process had at most."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) * 1024

    def post(
        self, path: str, operations: Operations, images: Iterable[tuple[str, bytes]], output: str = "png"
    ) -> httpx.Response:
        actions = json.dumps({"operations": operations, "output": output})
        files = [("files", (name, body)) for name, body in images]
        headers = {"accept": "application/json"}
        return self.client.post(path, data={"actions": actions}, files=files, headers=headers)

    def wait_for(self, job_id: str) -> dict[str, Any]:
        """The job once it has ended."""
        eventually(lambda: self.job(job_id)["state"] not in ("queued", "running"))
        return self.job(job_id)

    def job(self, job_id: str) -> dict[str, Any]:
        """The job as it is now."""
        return dict(self.client.get(f"/jobs/{job_id}").json())

    def jobs(self) -> set[str]:
        """The ids of the jobs of several tasks that have begun and not ended well."""
        return {path.name for path in (self.data / "runs").iterdir()}

    def tasks_at_workers(self, job_id: str) -> int:
        """The tasks of a job that workers have: each of those has a folder to write to, a job's only task the job's."""
        folder = self.data / "work" / job_id
        return len(list(folder.glob("*/*"))) or int(folder.is_dir())

    def tasks_waiting(self) -> int:
        """The tasks of all jobs that no worker has yet."""
        found = re.search(r"^coordinator_tasks_waiting (\S+)", self.client.get("/metrics").text, re.MULTILINE)
        assert found is not None
        return int(float(found[1]))

    def workers(self, client: docker.DockerClient) -> list[Any]:
        """The containers of its workers."""
        labels = [f"{FOLDER_LABEL}={self.data}", f"{ROLE}={LANE}"]
        return list(client.containers.list(filters={"label": labels}))

    @contextmanager
    def standing_still(self, client: docker.DockerClient) -> Iterator[list[Any]]:
        """Its workers stop where they are: what they have does not end before this does, on however quick a machine.

        Gives their containers.
        """
        workers = self.workers(client)
        for worker in workers:
            worker.kill("SIGSTOP")
        try:
            yield workers
        finally:
            for worker in workers:
                with suppress(APIError):  # one that has been killed meanwhile
                    worker.kill("SIGCONT")

    def images(self, file: dict[str, Any]) -> list[Image]:
        """The results of one file of a job, as clients fetch them."""
        return [decoded(self.client.get(link).content) for link in file["results"]]


def decoded(body: bytes) -> Image:
    image = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_UNCHANGED)
    assert image is not None
    return np.asarray(image, dtype=np.uint8)


def encoded(image: Image, suffix: str = ".png") -> bytes:
    return cv2.imencode(suffix, image)[1].tobytes()


def noise(seed: int, width: int = 160, height: int = 120) -> Image:
    """A picture unlike any other."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def directly(image: Image, operations: Operations) -> list[Any]:
    """What OpenCV itself makes of the image."""
    images: list[Any] = [image]
    for name, value in operations:
        if name == "resize":
            width, height = map(int, str(value).split("x"))
            images = [cv2.resize(one, (width, height), interpolation=cv2.INTER_AREA) for one in images]
        elif name == "split":
            images = [quarter for one in images for quarter in _quarters(one)]
        elif value == "gaussian":
            images = [cv2.GaussianBlur(one, (5, 5), 0) for one in images]
        else:
            images = [cv2.bilateralFilter(one, 9, 75, 75) for one in images]
    return images


def _quarters(image: Image) -> tuple[Image, ...]:
    y, x = image.shape[0] // 2, image.shape[1] // 2
    return image[:y, :x], image[:y, x:], image[y:, :x], image[y:, x:]


def same(found: Sequence[Image], expected: Sequence[Image]) -> bool:
    return len(found) == len(expected) and all(map(np.array_equal, found, expected))
