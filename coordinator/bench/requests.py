"""Single small requests to the image service against the least that could answer them, in one run.

The other side is :mod:`coordinator.bench.minimal`: the same web framework and a pool of as many processes, which keeps
nothing. Both get the same bytes from the same clients, on connections that stay open, in turns.
"""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import cv2

from coordinator.bench.figures import Aim, Comparison, Sample, ratios, summarise, turns
from coordinator.bench.machine import BenchError, Pace, wait_until_quiet
from coordinator.bench.serving import served

_BOUNDARY = "a-boundary-that-no-photograph-holds"
_CHUNK = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class Load:
    """Clients that each send one request after the other: images of ``side`` pixels, to be made half as large, blurred.

    ``least`` is what is aimed at: of the requests a second that the other side answers; ``through`` likewise where they
    come through nginx.
    """

    name: str
    side: int
    clients: int
    requests: int
    least: float
    through: float | None = None


LOADS = (
    Load(name="128 px, 1 client", side=128, clients=1, requests=400, least=0.6, through=0.5),
    Load(name="128 px, 8 clients", side=128, clients=8, requests=800, least=0.7),
    Load(name="1024 px, 1 client", side=1024, clients=1, requests=60, least=0.9),
)


def compare_requests(
    photograph: Path, folder: Path, *, rung: str, workers: int, nginx: int | None, pace: Pace
) -> Comparison:
    """Samples both sides under every load, in turns. Raises BenchError if one of them does not work.

    ``nginx`` is the port of one on this machine, with a service behind it, that is a third side.
    """
    service = ["-m", "coordinator", "serve", "--port", "0", "--rung", rung, "--data", str(folder / "data")]
    minimal = ["-m", "coordinator.bench.minimal", str(workers)]
    commands = {"service": [*service, "--workers", str(workers)], "minimal": minimal}
    with ExitStack() as stack:
        ports = {
            name: stack.enter_context(served(command, folder / f"{name}.log", name))
            for name, command in commands.items()
        }
        if nginx is not None:
            ports["nginx"] = _answering(nginx)
        rounds: list[dict[str, Sample]] = [{} for _ in range(pace.repeats)]
        variants = [(load, side) for load in LOADS for side in ports]
        requests = {load.name: _request(photograph, load.side) for load in LOADS}
        for load, side in variants:
            _sample(ports[side], requests[load.name], load)  # warm
        same = all(_is_same(ports, requests[load.name]) for load in LOADS)
        for number, (load, side) in turns(variants, pace.repeats):
            if pace.patience and not wait_until_quiet(pace.patience):
                pace.say("the machine does not get quiet")
            sample = rounds[number][f"{side}, {load.name}"] = _sample(ports[side], requests[load.name], load)
            pace.say(
                f"round {number + 1}: {side}, {load.name}: {sample.tasks / sample.seconds:.0f} requests/s"
            )
    aims = [
        Aim(name=f"{side}, {load.name}", floor=f"minimal, {load.name}", least=least)
        for load in LOADS
        for side, least in (("service", load.least), ("nginx", load.through))
    ]
    figures = (summarise(f"{side}, {load.name}", rounds) for load, side in variants)
    return Comparison(
        workload="single requests",
        about=f"resize to half and blur one JPEG; {workers} workers, {rung}",
        figures=tuple(row for row in figures if row is not None),
        ratios=tuple(ratios(aims, rounds)),
        identical=same,
    )


def _answering(port: int) -> int:
    """The port. Raises BenchError if nothing listens there."""
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError as error:
        raise BenchError(
            f"no nginx answers on port {port}: {error.strerror}; make daemon starts one"
        ) from error
    return port


def _is_same(ports: dict[str, int], request: bytes) -> bool:
    """Whether all sides give the same result."""
    plain = _by_minimal(ports["minimal"], request)
    return all(_by_service(port, request) == plain for side, port in ports.items() if side != "minimal")


def _by_service(port: int, request: bytes) -> bytes:
    """The service's result of a request."""
    head, body = request.split(b"\r\n\r\n", 1)
    connection = http.client.HTTPConnection("127.0.0.1", port)
    headers = {"Content-Type": head.rpartition(b"Content-Type: ")[2].decode(), "Accept": "application/json"}
    connection.request("POST", "/process", body, headers)
    link = json.loads(connection.getresponse().read())["files"][0]["results"][0]
    return _fetched(port, link)


def _by_minimal(port: int, request: bytes) -> bytes:
    """The same of the other side."""
    _client(port, request, 1, [])
    return _fetched(port, "/last")


def _fetched(port: int, path: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", path)
    return connection.getresponse().read()


def _request(photograph: Path, side: int) -> bytes:
    image = cv2.imread(str(photograph))
    if image is None:
        raise BenchError(f"photograph {str(photograph)!r} cannot be read")
    content = cv2.imencode(".jpg", cv2.resize(image, (side, side)))[1].tobytes()
    half = f"{side // 2}x{side // 2}"
    actions = {"operations": [["resize", half], ["blur", "gaussian"]], "output": "jpg"}
    body = b"".join(
        f"--{_BOUNDARY}\r\nContent-Disposition: form-data; {about}\r\n\r\n".encode() + part + b"\r\n"
        for about, part in (
            ('name="actions"', json.dumps(actions).encode()),
            ('name="files"; filename="photo.jpg"', content),
        )
    )
    body += f"--{_BOUNDARY}--\r\n".encode()
    head = (
        f"POST /process HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
        f"Content-Type: multipart/form-data; boundary={_BOUNDARY}\r\n\r\n"
    )
    return head.encode() + body


def _sample(port: int, request: bytes, load: Load) -> Sample:
    answered: list[int] = []
    each = load.requests // load.clients
    clients = [
        threading.Thread(target=_client, args=(port, request, each, answered)) for _ in range(load.clients)
    ]
    started = time.perf_counter()
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    seconds = time.perf_counter() - started
    if sum(answered) != each * load.clients:
        raise BenchError(f"{each * load.clients - sum(answered)} requests were not answered by OK")
    tasks = each * load.clients
    return Sample(tasks=tasks, recordings=tasks, seconds=seconds, command_seconds=seconds, digest="")


def _client(port: int, request: bytes, requests: int, answered: list[int]) -> None:
    """Sends a request as often as told; both sides answer ``OK`` and nothing behind it."""
    count = 0
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(requests):
            connection.sendall(request)
            answer = b""
            while not answer.endswith(b"\r\n\r\nOK"):
                if not (data := connection.recv(_CHUNK)):
                    break
                answer += data
                if b" 200 " not in answer[:20]:
                    break
            count += answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"\r\n\r\nOK")
    answered.append(count)
