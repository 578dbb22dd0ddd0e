"""The image service on a disk that fills up, and killed under small requests. Its workers are local processes."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.integration.serving import Served, directly, encoded, noise, same
from tests.waiting import PATIENCE

MIB = 1 << 20
DISK = 24 * MIB
UPLOADS, UPLOAD_BYTES = 60, 252_570
SMALL = [["resize", "40x30"]]
CLIENTS, KILLED_AFTER = 4, 60


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system of 24 MB. Only root may make one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill_but(folder: Path, left: int) -> None:
    """Fills a file system until so many bytes are left."""
    with (folder / "filler").open("wb", buffering=0) as filler, suppress(OSError):
        while True:
            free = os.statvfs(folder).f_bavail * 4096 - left
            if free <= 0:
                return
            filler.write(bytes(min(free, 1 << 20)))


HEAD = b'--B\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n\xff\xd8\xff'


def answered_before_its_body(served: Served, length: int) -> bytes:
    """What a client is told that promises so many bytes, and waits to be asked for them."""
    host, port = served.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), PATIENCE) as client:
        client.sendall(
            f"POST /jobs HTTP/1.1\r\nHost: {host}\r\nContent-Type: multipart/form-data; boundary=B\r\n"
            f"Content-Length: {length}\r\nExpect: 100-continue\r\n\r\n".encode()
        )
        return client.recv(4096)


def sent_in_pieces(served: Served, body: bytes) -> httpx.Response:
    """The answer to a body that does not tell its length."""
    pieces = (HEAD, *(body[at : at + MIB] for at in range(0, len(body), MIB)))
    kind = {"Content-Type": "multipart/form-data; boundary=B"}
    return served.client.post("/jobs", content=iter(pieces), headers=kind)


def test_a_nearly_full_disk_is_told_as_such_and_no_stored_file_has_a_hole(small_disk: Path) -> None:
    whole = encoded(noise(1), ".jpg")
    image = whole[:-2] + b"\xff\xfe\xff\xfd" + bytes(0xFFFD - 2) + whole[-2:]
    image = image[:2] + (b"\xff\xfe\xff\xfd" + bytes(0xFFFD - 2)) * 3 + image[2:]
    served = Served(small_disk / "data", "--rung", "process", "--workers", "1", "--keep-metadata")
    try:
        fill_but(small_disk, 3 * UPLOAD_BYTES)
        answers = [
            served.client.post(
                "/process",
                data={"actions": '{"operations": [["resize", "40x30"]], "output": "png"}'},
                files=[("files", ("photo.jpg", image))],
            )
            for _ in range(UPLOADS)
        ]
        assert {answer.status_code for answer in answers} == {200, 507}
        assert all(
            "no room" in answer.text or os.strerror(errno.ENOSPC) in answer.text for answer in answers[-3:]
        )
        stored = list((small_disk / "data" / "static").glob("*/original~*"))
        assert len(stored) == sum(answer.status_code == 200 for answer in answers)
        assert all(path.read_bytes() == image for path in stored)
        (small_disk / "filler").unlink()
        body = bytes(DISK)
        assert answered_before_its_body(served, len(body)).startswith(b"HTTP/1.1 507 ")
        assert sent_in_pieces(served, body).status_code == 507
        assert list((small_disk / "data" / "uploads").iterdir()) == []
        assert served.post("/process", SMALL, [("photo.jpg", image)]).status_code == 200
        assert served.stop() == 0, served.log
    finally:
        served.end()


def test_small_jobs_end_though_the_service_is_killed_in_mid_load(tmp_path: Path) -> None:
    served = Served(tmp_path / "data", "--rung", "process", "--workers", "2")
    accepted: dict[str, int] = {}
    crash = threading.Event()

    def ask(number: int) -> None:
        with suppress(httpx.TransportError):  # what the service was killed at
            path = "/process" if number % 2 else "/jobs"
            answer = served.post(path, SMALL, [("photo.png", encoded(noise(number)))])
            accepted[answer.json()["id"]] = number
        if len(accepted) >= KILLED_AFTER:
            crash.set()

    try:
        with ThreadPoolExecutor(CLIENTS) as clients:
            for number in range(3 * KILLED_AFTER):
                clients.submit(ask, number)
            assert crash.wait(PATIENCE)
            served.kill()
        served.start()
        for job_id, number in accepted.items():
            job = served.wait_for(job_id)
            assert job["state"] == "done"
            assert same(served.images(job["files"][0]), directly(noise(number), SMALL))
        assert served.stop() == 0, served.log
    finally:
        served.end()
