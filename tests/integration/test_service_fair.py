"""One client's large or slow requests beside another's small ones, at the service's own process with local workers.

With COORDINATOR_LOSSES there are as many of each as the service promises for, which takes a minute.
"""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest

from tests.integration.serving import Operations, Served, encoded, noise
from tests.waiting import PATIENCE, eventually

MANY = bool(os.environ.get("COORDINATOR_LOSSES"))
TIMES, SLOW = (10, 200) if MANY else (2, 40)
PROMPTLY = 2.0 if MANY else 10.0
"""Seconds, within which a small request and a DELETE are answered beside the largest that is allowed: two are promised,
and a machine that does much else has more. Behind the largest it would be a minute."""
HUGE: Operations = (("resize", "10000x10000"), *[("blur", "bilateral")] * 19)
LARGEST: Operations = (("resize", "6000x5000"), *[("blur", "bilateral")] * 20)
"""About 50 of the 60 seconds that one image may take."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Two workers, and fewer places than there are slow clients."""
    options = ("--rung", "process", "--workers", "2", "--running", "2", "--waiting", "8")
    served = Served(tmp_path_factory.mktemp("service") / "data", *options)
    try:
        yield served
        assert served.stop() == 0
    finally:
        served.end()


def specks(count: int) -> list[tuple[str, bytes]]:
    return [(f"{number}.png", encoded(noise(number, 8, 8))) for number in range(count)]


def small_request(service: Served) -> float:
    """Seconds that it took."""
    began = time.monotonic()
    answer = service.post("/process", [("resize", "50%")], [("a.jpg", encoded(noise(1, 128, 128), ".jpg"))])
    assert answer.status_code == 200, answer.text
    return time.monotonic() - began


def test_small_files_that_become_huge_are_refused_with_the_estimate(service: Served) -> None:
    answer = service.post("/process", HUGE, specks(8))
    assert (answer.status_code, answer.json()["error"]["field"]) == (413, "files[0]")
    assert "would take a worker about" in answer.json()["error"]["message"]


def test_beside_the_largest_request_a_small_one_and_its_end_are_prompt(service: Served) -> None:
    small, ends = [], []
    for _ in range(TIMES):
        job_id = service.post("/jobs", LARGEST, specks(10)).json()["id"]
        eventually(lambda job_id=job_id: service.tasks_at_workers(job_id) == 2)  # type: ignore[misc]
        small.append(small_request(service))
        began = time.monotonic()
        assert service.client.delete(f"/jobs/{job_id}").status_code == 204
        ends.append(time.monotonic() - began)
        assert not [path for path in service.data.rglob(f"*{job_id}*") if path.exists()]
    assert max(small) < PROMPTLY, small
    assert max(ends) < PROMPTLY, ends


def test_large_jobs_that_wait_keep_no_small_one_from_a_thread(service: Served) -> None:
    jobs = [service.post("/jobs", LARGEST, specks(1)).json()["id"] for _ in range(4)]
    assert small_request(service) < PROMPTLY
    with ThreadPoolExecutor(4) as clients:
        ended = clients.map(lambda job_id: service.client.delete(f"/jobs/{job_id}"), jobs)
        assert [answer.status_code for answer in ended] == [204] * 4


def received_bytes(service: Served) -> int:
    """Bytes of bodies that the service has read so far."""
    found = re.search(
        r"^coordinator_received_bytes_total (\S+)", service.client.get("/metrics").text, re.MULTILINE
    )
    assert found is not None
    return int(float(found[1]))


@contextmanager
def slow_uploads(service: Served, count: int) -> Iterator[None]:
    """So many bodies that have begun, and do not go on."""
    host, port = service.url.removeprefix("http://").split(":")
    received = received_bytes(service)
    head = (
        f"POST /jobs HTTP/1.1\r\nHost: {host}\r\nContent-Type: multipart/form-data; boundary=B\r\n"
        "Content-Length: 100000\r\n\r\n"
    )
    body = '--B\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n\xff'
    with ExitStack() as stack:
        for _ in range(count):
            client = stack.enter_context(socket.create_connection((host, int(port)), PATIENCE))
            client.sendall((head + body).encode("latin-1"))
        eventually(lambda: received_bytes(service) == received + count * len(body))
        yield


def test_uploads_that_do_not_go_on_keep_nobody_out(service: Served) -> None:
    with slow_uploads(service, SLOW):
        assert [small_request(service) < PROMPTLY for _ in range(TIMES)] == [True] * TIMES
    eventually(lambda: not list((service.data / "uploads").iterdir()))
