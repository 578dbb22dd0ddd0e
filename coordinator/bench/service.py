"""The image service against the same OpenCV calls in a plain multiprocessing pool with as many workers.

Both are warm, on the same JPEGs, in turns. The service gets them over HTTP from clients on the same machine, whose
work counts against it; the pool reads them from files. The results are compared byte for byte.

Every round writes new files on both sides, and nothing is removed before the end: ext4 passes over inodes that were
removed in the last seconds, one by one, which would charge a round for the tidying up after the one before.
"""

from __future__ import annotations

import hashlib
import http.client
import itertools
import json
import multiprocessing
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.pool import Pool
from pathlib import Path

import cv2

from coordinator.batch.folder import open_batch
from coordinator.batch.recording import Recording
from coordinator.bench.figures import Aim, Comparison, Sample, identical, ratios, summarise, turns
from coordinator.bench.machine import BenchError, Pace, wait_until_quiet
from coordinator.bench.serving import served
from coordinator.core.paths import MOUNT

RUNGS = ("resident", "process")
POOL = "pool"
AIM = 0.7
_SIDE = 1024
_PER_REQUEST, _CLIENTS = 8, 4
_DIFFERENT = 16
_WIDTH, _HEIGHT = 200, 300
_ACTIONS = {
    "operations": [["resize", f"{_WIDTH}x{_HEIGHT}"], ["split", True], ["blur", "gaussian"]],
    "output": "jpg",
}
_BOUNDARY = "a-boundary-that-no-photograph-holds"

TakeSample = Callable[[], Sample]


def compare_service(
    batch: Path,
    folder: Path,
    *,
    rungs: Sequence[str],
    images: int,
    workers: int,
    pace: Pace,
) -> Comparison:
    """Samples the pool and the service on each rung in turns, with so many ``images`` each time.

    Raises BenchError if one of them does not work.
    """
    photographs = _photographs(batch, folder / "photographs", images)
    with ExitStack() as stack:
        variants: dict[str, TakeSample] = {
            POOL: stack.enter_context(_pool(photographs, folder / "pool", workers))
        }
        for rung in rungs:
            served = stack.enter_context(_service(folder / rung, rung, workers))
            for each in (_PER_REQUEST, 1):
                variants[f"{rung}, {each} per request"] = _Load(served, photographs, each).sample
        for measure in variants.values():
            measure()  # warm
        rounds: list[dict[str, Sample]] = [{} for _ in range(pace.repeats)]
        for number, name in turns(tuple(variants), pace.repeats):
            if pace.patience and not wait_until_quiet(pace.patience):
                pace.say("the machine does not get quiet")
            sample = rounds[number][name] = variants[name]()
            pace.say(f"round {number + 1}: {name}: {sample.tasks / sample.seconds:.0f} images/s")
    aims = [
        Aim(name=name, floor=POOL, least=AIM if str(_PER_REQUEST) in name else None)
        for name in variants
        if name != POOL
    ]
    figures = (summarise(name, rounds) for name in variants)
    return Comparison(
        workload="image service",
        about=f"resize to {_WIDTH}x{_HEIGHT}, split, blur {_SIDE}x{_SIDE} JPEGs; {workers} workers, {_CLIENTS} clients",
        figures=tuple(row for row in figures if row is not None),
        ratios=tuple(ratios(aims, rounds)),
        identical=identical(rounds),
    )


def _photographs(batch: Path, folder: Path, images: int) -> list[Path]:
    """The batch's first photographs as JPEGs of one size, over and over."""
    folder.mkdir(parents=True)
    made = []
    found = (recording for recording in open_batch(batch).recordings() if isinstance(recording, Recording))
    for number, recording in enumerate(itertools.islice(found, _DIFFERENT)):
        image = cv2.imread(str(batch / recording.item["image"].removeprefix(f"{MOUNT}/")))
        path = folder / f"{number}.jpg"
        if image is None or not cv2.imwrite(str(path), cv2.resize(image, (_SIDE, _SIDE))):
            raise BenchError(f"photograph {recording.id!r} of batch {str(batch)!r} cannot be used")
        made.append(path)
    if not made:
        raise BenchError(f"batch {str(batch)!r} holds no photograph that can be used")
    return list(itertools.islice(itertools.cycle(made), images))


def first_photograph(batch: Path) -> Path:
    """The batch's first photograph that is there. Raises BenchError."""
    for recording in open_batch(batch).recordings():
        if isinstance(recording, Recording):
            return batch / str(recording.item["image"]).removeprefix(f"{MOUNT}/")
    raise BenchError(f"batch {str(batch)!r} holds no photograph that can be used")


# -- the pool ------------------------------------------------------------------------------------------------


@contextmanager
def _pool(photographs: Sequence[Path], folder: Path, workers: int) -> Iterator[TakeSample]:
    rounds = itertools.count()
    # Not forked: a child of a process with threads may find their locks held for ever.
    with multiprocessing.get_context("spawn").Pool(workers, _one_thread) as pool:
        yield lambda: _sample_pool(pool, photographs, folder / str(next(rounds)))
    shutil.rmtree(folder)


def _sample_pool(pool: Pool, photographs: Sequence[Path], folder: Path) -> Sample:
    folder.mkdir(parents=True)
    work = [(str(path), str(folder / str(number))) for number, path in enumerate(photographs)]
    started = time.perf_counter()
    pool.starmap(_resize_split_blur, work, chunksize=1)
    seconds = time.perf_counter() - started
    return _sample(len(work), seconds, [Path(f"{stem}-{n}.jpg") for _, stem in work for n in range(4)])


def _one_thread() -> None:
    """As the service's workers: side by side, a second thread of one would only wait for another."""
    cv2.setNumThreads(1)


def _resize_split_blur(source: str, stem: str) -> None:
    image = cv2.imread(source, cv2.IMREAD_UNCHANGED)
    assert image is not None  # it was written by cv2.imwrite
    image = cv2.resize(image, (_WIDTH, _HEIGHT), interpolation=cv2.INTER_AREA)
    y, x = _HEIGHT // 2, _WIDTH // 2
    for number, quarter in enumerate((image[:y, :x], image[:y, x:], image[y:, :x], image[y:, x:])):
        cv2.imwrite(f"{stem}-{number}.jpg", cv2.GaussianBlur(quarter, (5, 5), 0))


def _sample(images: int, seconds: float, results: Sequence[Path]) -> Sample:
    digest = hashlib.sha256()
    for path in results:
        digest.update(path.read_bytes())
    return Sample(
        tasks=images,
        recordings=images,
        seconds=seconds,
        command_seconds=seconds,
        digest=digest.hexdigest()[:12],
    )


# -- the service -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Served:
    data: Path
    port: int


@contextmanager
def _service(data: Path, rung: str, workers: int) -> Iterator[_Served]:
    """A service at work, until the block ends."""
    command = ["-m", "coordinator", "serve", "--port", "0", "--rung", rung]
    command += ["--data", str(data), "--workers", str(workers)]
    try:
        with served(command, data.with_suffix(".log"), "the service") as port:
            yield _Served(data, port)
    finally:
        shutil.rmtree(data, ignore_errors=True)


class _Load:
    """Clients that each send one request after the other."""

    def __init__(self, served: _Served, photographs: Sequence[Path], per_request: int) -> None:
        self._served = served
        self._images = len(photographs)
        self._requests = [
            _body(photographs[start : start + per_request])
            for start in range(0, len(photographs), per_request)
        ]

    def sample(self) -> Sample:
        jobs: list[dict[str, object]] = [{}] * len(self._requests)
        turns = iter(range(len(self._requests)))
        clients = [threading.Thread(target=self._client, args=(turns, jobs)) for _ in range(_CLIENTS)]
        started = time.perf_counter()
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        seconds = time.perf_counter() - started
        if not all(jobs):
            raise BenchError("the service did not answer every request")
        return _sample(self._images, seconds, [path for job in jobs for path in self._results(job)])

    def _client(self, turns: Iterator[int], jobs: list[dict[str, object]]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._served.port)
        headers = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}", "Accept": "application/json"}
        for number in turns:
            connection.request("POST", "/process", self._requests[number], headers)
            answer = connection.getresponse()
            said = answer.read()
            jobs[number] = json.loads(said) if answer.status == 200 else {}
        connection.close()

    def _results(self, job: dict[str, object]) -> Iterator[Path]:
        files = job["files"]
        assert isinstance(files, list)
        for file in files:
            for link in file["results"]:
                yield self._served.data / link.removeprefix("/")


def _body(photographs: Sequence[Path]) -> bytes:
    """A request as an HTTP client sends it."""
    parts = [('name="actions"', json.dumps(_ACTIONS).encode())]
    parts += [('name="files"; filename="photo.jpg"', path.read_bytes()) for path in photographs]
    body = [
        f"--{_BOUNDARY}\r\nContent-Disposition: form-data; {about}\r\n\r\n".encode() + content + b"\r\n"
        for about, content in parts
    ]
    return b"".join([*body, f"--{_BOUNDARY}--\r\n".encode()])
