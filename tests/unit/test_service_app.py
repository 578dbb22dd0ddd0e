"""The HTTP side with a manager that runs nothing: bad requests by name, and the forms of answers."""

from __future__ import annotations

import asyncio
import errno
import io
import json
import os
import tempfile
import zipfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import cv2
import httpx
import numpy as np
import pytest
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp

from coordinator.service.app import create_app
from coordinator.service.budget import budget
from coordinator.service.intake import Intake
from coordinator.service.jobs import Job
from coordinator.service.manager import Manager
from coordinator.service.metrics import Metrics
from coordinator.service.photographs import Photograph, examine
from coordinator.service.rasters import Buffer
from coordinator.service.refusal import Refused
from coordinator.service.room import MARGIN
from coordinator.service.routes import Routes
from coordinator.service.schemas import JobDocument
from coordinator.service.securing import Images
from coordinator.service.settings import read_settings
from coordinator.service.store import Store
from coordinator.service.told import NO_ROOM
from coordinator.strictjson import Json
from tests.unit.builders import error, write_png
from tests.waiting import PATIENCE

KIB = 1024
LIMITS = {"max_files": "3", "max_file_bytes": "64k", "max_request_bytes": "100k", "max_pixels": "10000"}
BUDGET = budget(job=10.0, timeout=9.0, workers=2, memory=1 << 30, is_shared=False)
GOOD: Json = {"operations": [["resize", "50%"]], "output": "png"}


class FakeLive:
    """A job that has ended as soon as it is accepted."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.ended: Future[Job] = Future()
        self.ended.set_result(job)
        self.stored: Future[None] = Future()
        self.stored.set_result(None)

    def as_json(self) -> Json:
        return self.job.as_json(0)


class FakeManager:
    """Accepts jobs and says that they are done; or is full, or stopping."""

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        self.refusal: Refused | None = None
        self.outcome: Callable[[Job], Job] = lambda job: job.ended(job.files, job.created)
        self.is_draining = False
        self.kept_images: Mapping[str, bytes] = {}

    def look(self) -> None:
        if self.refusal:
            raise self.refusal

    @contextmanager
    def admission(self) -> Iterator[None]:
        self.look()
        yield

    def accept(self, job: Job, images: Images, *, lasting: bool) -> FakeLive:
        images.sync()
        self.kept_images = images.kept
        self.jobs[job.id] = self.outcome(job)
        return FakeLive(self.jobs[job.id])

    def live(self, job_id: str) -> None:
        return None

    def kept(self, job_id: str) -> Job | None:
        return self.jobs.get(job_id)

    def owner(self, job_id: str) -> str | None:
        return self.jobs[job_id].owner if job_id in self.jobs else None

    def cancel(self, job_id: str) -> Future[Job] | None:
        return FakeLive(self.jobs.pop(job_id)).ended if job_id in self.jobs else None


class Service:
    """The application in this process, on a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.images = folder / "images"
        write_png(self.images / "seen.png")
        (self.images / "large.png").write_bytes(bytes(65 * KIB))
        (self.images / "out.png").symlink_to("/etc/hostname")
        (self.images / "loop.png").symlink_to("loop.png")
        options = {**LIMITS, "data": str(folder / "data"), "images": str(self.images)}
        settings = read_settings(options, {})
        self.store = Store(settings.data)
        self.store.create()
        self.manager, metrics = FakeManager(), Metrics()
        manager = cast(Manager, self.manager)
        intake = Intake(settings, self.store, lambda: 2, BUDGET)
        self.app = create_app(Routes(manager, intake, self.store, metrics, 2), metrics)
        self.stand_behind(lambda app: app)

    def stand_behind(self, layer: Callable[[ASGIApp], ASGIApp]) -> None:
        """Puts a layer before the application."""
        layered = cast(Any, layer(self.app))
        self._transport = httpx.ASGITransport(layered, raise_app_exceptions=False)

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._transport, base_url="http://service") as client:
                return await client.request(method, path, **options)

        return asyncio.run(ask())

    def get(self, path: str) -> httpx.Response:
        return self.request("GET", path)

    def post(self, path: str, *parts: bytes, **options: Any) -> httpx.Response:
        headers = {"content-type": "multipart/form-data; boundary=B", **options.pop("headers", {})}
        body = b"".join(b"--B\r\n" + part + b"\r\n" for part in parts) + b"--B--\r\n"
        return self.request("POST", path, content=options.pop("content", body), headers=headers)

    def sent(self, path: str) -> list[Any]:
        """What the application says of a GET request, message by message."""
        said: list[Any] = []

        async def send(message: Any) -> None:
            said.append(message)

        async def receive() -> Any:
            await asyncio.sleep(PATIENCE)

        scope: dict[str, Any] = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode()}
        scope |= {"query_string": b"", "headers": [], "asgi": {"spec_version": "2.4"}}
        asyncio.run(cast(Any, self.app)(scope, receive, send))
        return said

    def uploads(self) -> list[Path]:
        return list(self.store.uploads.iterdir())


@pytest.fixture
def service(tmp_path: Path) -> Service:
    return Service(tmp_path)


def part(name: str, body: bytes, filename: str | None = None) -> bytes:
    named = "" if filename is None else f'; filename="{filename}"'
    return f'Content-Disposition: form-data; name="{name}"{named}\r\n\r\n'.encode() + body


def actions(**fields: Any) -> bytes:
    return part("actions", json.dumps({**GOOD, **fields}).encode())


def picture(suffix: str = ".png", width: int = 20, height: int = 10) -> bytes:
    noise = np.random.default_rng(7).integers(0, 255, (height, width, 3), np.uint8)
    return cv2.imencode(suffix, noise)[1].tobytes()


def image(body: bytes | None = None, filename: str = "photo.png") -> bytes:
    return part("files", picture() if body is None else body, filename)


def lying_header(side: int) -> bytes:
    """A PNG whose header promises that many pixels squared."""
    with tempfile.TemporaryDirectory() as folder:
        return write_png(Path(folder) / "bomb.png", side, side, pixels=b"").read_bytes()


OVER = bytes(65 * KIB)

BAD_REQUESTS: dict[str, tuple[tuple[bytes, ...], dict[str, Any], int, str, str]] = {
    "no actions": ((image(),), {}, 422, "actions", "missing; give a JSON object"),
    "actions twice": ((actions(), actions(), image()), {}, 422, "actions", "given twice"),
    "actions no json": ((part("actions", b"{'a'}"), image()), {}, 422, "actions", "not JSON at character 1"),
    "actions null bytes": ((part("actions", b"\0\0"), image()), {}, 422, "actions", "not JSON"),
    "actions too deep": (
        (part("actions", b'{"a":' * 9999 + b"1" + b"}" * 9999), image()),
        {},
        422,
        "actions",
        "nested",
    ),
    "actions too large": ((part("actions", b" " * 300 * KIB),), {}, 413, "body", "larger than 102,400 bytes"),
    "unknown operation": (
        (actions(operations=[["turn", 90]]), image()),
        {},
        422,
        "actions.operations[0]",
        "unknown operation 'turn'; known are resize, split, blur",
    ),
    "wrong parameter": (
        (actions(operations=[["split", True], ["resize", "big"]]), image()),
        {},
        422,
        "actions.operations[1]",
        "resize must be like 200x300, 200x, x300 or 50%, not 'big'",
    ),
    "unknown output": (
        (actions(output="gif"), image()),
        {},
        422,
        "actions.output",
        "must be one of jpg, png",
    ),
    "too many results": (
        (actions(operations=[["split", True]] * 6), image(), image()),
        {},
        413,
        "actions.operations",
        "2 x 4,096 results; at most 4,096 are allowed",
    ),
    "no file": ((actions(),), {}, 422, "files", "missing; send at least one"),
    "a file that is none": ((actions(), part("files", b"x")), {}, 422, "files[0]", "it has no filename"),
    "an empty file": ((actions(), image(b"")), {}, 422, "files[0]", "is empty"),
    "not an image": (
        (actions(), image(), image(b"GIF89a...")),
        {},
        422,
        "files[1]",
        "begins like a gif file, but is not an image",
    ),
    "a name that lies": (
        (actions(), image(b"MZ\x90", "a.jpg")),
        {},
        422,
        "files[0]",
        "neither a JPEG nor a PNG",
    ),
    "half a png": ((actions(), image(picture()[:-60])), {}, 422, "files[0]", "is truncated"),
    "half a jpeg": ((actions(), image(picture(".jpg")[:-60])), {}, 422, "files[0]", "is truncated"),
    "a header that lies": (
        (actions(), image(lying_header(15_000))),
        {},
        413,
        "files[0]",
        "has 15000x15000 pixels",
    ),
    "a header that lies more": (
        (actions(), image(lying_header(20_000))),
        {},
        413,
        "files[0]",
        "promises 20000x20000 pixels",
    ),
    "the beginning of a jpeg": (
        (actions(), image(b"\xff\xd8\xff" + bytes(99))),
        {},
        422,
        "files[0]",
        "is truncated: its end is missing, after 102 bytes",
    ),
    "too many pixels": (
        (actions(), image(picture(".jpg", 200, 100))),
        {},
        413,
        "files[0]",
        "has 200x100 pixels; at most 10,000 are allowed",
    ),
    "too many bytes": ((actions(), image(OVER)), {}, 413, "files[0]", "is larger than 65,536 bytes"),
    "too many files": ((actions(), *[image()] * 4), {}, 413, "files", "more than 3 files"),
    "too large in all": (
        (actions(), image(OVER[1500:]), image(OVER[1500:])),
        {},
        413,
        "body",
        "larger than 102,400",
    ),
    "an unknown field": (
        (actions(), part("colour", b"red"), image()),
        {},
        422,
        "colour",
        "known are actions and",
    ),
    "a path that climbs": ((actions(paths=["../x.png"]),), {}, 422, "actions.paths[0]", "names no image"),
    "a path from the root": (
        (actions(paths=["/etc/passwd"]),),
        {},
        422,
        "actions.paths[0]",
        "names no image",
    ),
    "a path out and in again": (
        (actions(paths=["../images/seen.png"]),),
        {},
        422,
        "actions.paths[0]",
        "names no image",
    ),
    "a circle of links": ((actions(paths=["loop.png"]),), {}, 422, "actions.paths[0]", "names no image"),
    "a link that leaves": ((actions(paths=["out.png"]),), {}, 422, "actions.paths[0]", "names no image"),
    "a path too long": ((actions(paths=["x" * 5000]),), {}, 422, "actions.paths[0]", "names no image"),
    "a large path": (
        (actions(paths=["large.png"]),),
        {},
        413,
        "actions.paths[0]",
        "is larger than 65,536 bytes",
    ),
    "json instead": (
        (),
        {"headers": {"content-type": "application/json"}, "content": b"{}"},
        415,
        "content-type",
        "must be multipart/form-data",
    ),
    "compressed": (
        (actions(), image()),
        {"headers": {"content-encoding": "gzip"}},
        415,
        "content-encoding",
        "send the body as it is",
    ),
    "no content type": ((), {"headers": {"content-type": ""}}, 415, "content-type", "must be multipart"),
    "no boundary": (
        (),
        {"headers": {"content-type": "multipart/form-data"}},
        415,
        "content-type",
        "no boundary",
    ),
    "another boundary": (
        (actions(), image()),
        {"headers": {"content-type": "multipart/form-data; boundary=other"}},
        422,
        "body",
        "not well-formed",
    ),
    "a boundary too long": (
        (actions(),),
        {"headers": {"content-type": f"multipart/form-data; boundary={'b' * 999}"}},
        422,
        "body",
        "not well-formed",
    ),
    "broken off": ((), {"content": b"--B\r\n" + actions()}, 422, "body", "ends before its last boundary"),
    "nothing at all": ((), {"content": b""}, 422, "body", "ends before its last boundary"),
    "a header too long": ((b"X: " + b"y" * 9999 + b"\r\n\r\n",), {}, 422, "body", "not well-formed"),
    "no disposition": ((b"Content-Type: text/plain\r\n\r\nx",), {}, 422, "body", "an unknown field"),
}


@pytest.mark.parametrize("name", BAD_REQUESTS)
@pytest.mark.parametrize("path", ["/process", "/jobs"])
def test_a_bad_request_is_told_which_field_and_why(service: Service, path: str, name: str) -> None:
    parts, options, status, field, message = BAD_REQUESTS[name]
    answer = service.post(path, *parts, **options)
    assert answer.status_code == status, answer.text
    if path == "/process":
        assert answer.headers["content-type"].startswith("text/plain")
        told, said = answer.text.split(": ", 1)
    else:
        told, said = answer.json()["error"]["field"], answer.json()["error"]["message"]
    assert told == field
    assert message in said
    assert not service.manager.jobs
    assert not service.uploads()  # nothing of it is left


@pytest.mark.parametrize(
    ("method", "path", "status", "field"),
    [
        ("GET", "/process", 405, "method"),
        ("PUT", "/jobs", 405, "method"),
        ("PATCH", "/jobs/0011223344556677", 405, "method"),
        ("GET", "/jobs/0011223344556677", 404, "job"),
        ("GET", "/jobs/%00%ff", 404, "job"),
        ("GET", "/jobs/0011223344556677/events", 404, "job"),
        ("DELETE", "/jobs/0011223344556677", 404, "job"),
        ("GET", "/nothing", 404, "path"),
        ("GET", "/static/nothing", 404, "path"),
        ("GET", "/static/..%2f..%2fjobs.db", 404, "path"),
        ("GET", "/static/%00", 404, "path"),
        ("GET", f"/static/{'x' * 5000}", 404, "path"),
    ],
)
def test_a_request_to_nowhere(service: Service, method: str, path: str, status: int, field: str) -> None:
    answer = service.request(method, path)
    assert answer.status_code == status
    assert answer.json()["error"]["field"] == field


def test_a_body_of_unknown_length_is_limited_as_it_comes(service: Service) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b"--B\r\n" + part("actions", b"")
        while sent < 10**8:
            sent += 10_000
            yield bytes(10_000)

    answer = service.post("/jobs", content=endless())
    assert (answer.status_code, answer.json()["error"]["field"]) == (413, "body")
    assert sent < 3 * 10**7  # what is read of a refused body has an end, too
    assert not service.uploads()


def test_what_the_disk_has_no_room_for_is_not_taken_in(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = SimpleNamespace(f_bavail=MARGIN // 4096 + 1, f_frsize=4096)
    monkeypatch.setattr("coordinator.service.room.os", SimpleNamespace(statvfs=lambda folder: free))
    answer = service.post("/jobs", actions(), image(bytes(5000)))
    assert (answer.status_code, answer.json()["error"]["field"]) == (507, "service")
    assert answer.json()["error"]["message"].endswith("bytes, 4,096 are free")
    assert service.post("/jobs", actions(), image()).status_code == 202


def test_a_client_that_goes_away_leaves_nothing_behind(service: Service) -> None:
    async def breaking() -> AsyncIterator[bytes]:
        yield b"--B\r\n" + part("files", picture()[:50], "photo.png")
        raise ClientDisconnect

    assert service.post("/jobs", content=breaking()).status_code == 400
    assert not service.uploads()


def test_of_a_refused_request_nothing_is_left_that_was_too_large_for_memory(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coordinator.service.uploads.SMALL", 60)
    answer = service.post("/jobs", actions(), image(b"a few bytes"), image())
    assert (answer.status_code, answer.json()["error"]["field"]) == (422, "files[0]")
    assert not service.uploads()


def test_a_result_without_room_is_no_fault_of_the_client(service: Service) -> None:
    service.manager.outcome = lambda job: job.ended([file.with_error(NO_ROOM) for file in job.files], 0.0)
    answer = service.post("/process", actions(), image())
    assert (answer.status_code, answer.text) == (507, "service: has no room to store the results\n")
    assert not service.manager.jobs


def test_a_disk_that_takes_nothing_is_no_fault_of_the_client(service: Service) -> None:
    service.store.uploads.rmdir()
    answer = service.post("/jobs", actions(), image())
    assert answer.status_code == 507
    assert answer.json()["error"]["message"] == "cannot store the request: No such file or directory"


@pytest.mark.parametrize("parts", [(actions(), image()), (actions(paths=["seen.png"]),)])
def test_a_service_with_too_many_open_files_says_so(
    service: Service, monkeypatch: pytest.MonkeyPatch, parts: tuple[bytes, ...]
) -> None:
    def refuse(*_: object, **__: object) -> object:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as full:
        full.setattr("coordinator.service.intake.write_new", refuse)
        full.setattr("coordinator.service.uploads.mapped", refuse)
        answer = service.post("/jobs", *parts)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["error"]["message"].startswith("has too many open files, of ")
    assert answer.json()["error"]["message"].endswith("raise ulimit -n")
    assert not service.uploads()


def test_all_methods_of_a_path_are_allowed_together(service: Service) -> None:
    answer = service.request("PUT", "/jobs/0011223344556677")
    assert {name.strip() for name in answer.headers["allow"].split(",")} == {"GET", "HEAD", "DELETE"}


def not_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Intake, "_copied", lambda *_: pytest.fail("copied before it was refused"))


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (["seen.png"] * 4, "more than 3 images"),
        (["whole.jpg"] * 3, "more than 102,400 bytes together"),
        (["seen.png", "large.png"], "is larger than 65,536 bytes"),
    ],
)
def test_limits_are_looked_at_before_a_named_image_is_copied(
    service: Service, monkeypatch: pytest.MonkeyPatch, paths: list[str], message: str
) -> None:
    photo = picture(".jpg")
    (service.images / "whole.jpg").write_bytes(photo[:-2] + bytes(40 * KIB) + photo[-2:])
    not_copied(monkeypatch)
    answer = service.post("/jobs", actions(paths=paths))
    assert answer.status_code == 413
    assert message in answer.json()["error"]["message"]


def test_a_named_image_is_looked_at_where_nobody_can_cut_it_short(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = (service.images / "seen.png").read_bytes()
    looks = []

    def cut_and_examine(data: Buffer, *arguments: Any) -> Photograph:
        os.truncate(service.images / "seen.png", 0)
        looks.append(data[:])  # of a file that is mapped, this would be the end of all tests
        return examine(data, *arguments)

    monkeypatch.setattr("coordinator.service.intake.examine", cut_and_examine)
    answer = service.post("/jobs", actions(paths=["seen.png"]))
    assert (answer.status_code, answer.json()["error"]["field"]) == (422, "actions.paths[0]")
    assert looks == [content, b""]


def test_what_a_named_image_costs_is_told_before_it_is_copied(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    not_copied(monkeypatch)
    much = actions(paths=["seen.png"], operations=[["resize", "9000x9000"], *[["blur", "bilateral"]] * 9])
    answer = service.post("/jobs", much)
    assert (answer.status_code, answer.json()["error"]["field"]) == (413, "actions.paths[0]")
    assert answer.json()["error"]["message"].startswith("would take a worker about")


def test_named_images_are_not_copied_where_there_is_no_room(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = picture(".jpg")
    (service.images / "long.jpg").write_bytes(photo[:-2] + bytes(40 * KIB) + photo[-2:])
    free = SimpleNamespace(f_bavail=MARGIN // 4096 + 1, f_frsize=4096)
    monkeypatch.setattr("coordinator.service.room.os", SimpleNamespace(statvfs=lambda folder: free))
    not_copied(monkeypatch)
    answer = service.post("/jobs", actions(paths=["long.jpg"]))
    assert answer.status_code == 507
    assert answer.json()["error"]["message"].startswith("has no room to store the request")


def test_a_full_service_reads_no_body(service: Service) -> None:
    service.manager.refusal = Refused("service", "is full", HTTPStatus.TOO_MANY_REQUESTS)
    service.store.uploads.rmdir()  # the first thing that a body needs
    assert service.post("/jobs", actions(), image()).status_code == 429


def test_a_full_service_says_when_to_come_again(service: Service) -> None:
    service.manager.refusal = Refused("service", "is full", HTTPStatus.TOO_MANY_REQUESTS, retry_after=7)
    answer = service.post("/jobs", actions(), image())
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")


class TestAnswers:
    def test_a_plain_client_gets_ok(self, service: Service) -> None:
        answer = service.post("/process", actions(), image())
        assert (answer.status_code, answer.text) == (200, "OK")
        assert answer.headers["content-type"].startswith("text/plain")
        assert answer.headers["x-content-type-options"] == "nosniff"
        (job,) = service.manager.jobs
        assert (answer.headers["x-job-id"], answer.headers["location"]) == (job, f"/jobs/{job}")

    def test_a_bad_file_fails_by_itself_if_the_client_asks_for_that(self, service: Service) -> None:
        parts = (image(), image(b"text", "bad.jpg"), image(picture()[:-60], "half.png"))
        assert service.post("/jobs", actions(), *parts).status_code == 422
        answer = service.post("/jobs", actions(bad_files="fail"), *parts)
        assert answer.status_code == 202
        JobDocument.model_validate(answer.json())
        good, bad, half = answer.json()["files"]
        assert (good["error"], bad["original"], bad["error"]["kind"]) == (None, None, "bad_input")
        assert "neither a JPEG nor a PNG" in bad["error"]["message"]
        assert "is truncated" in half["error"]["message"]
        assert [path.stat().st_size for path in sorted(service.uploads())] == [len(picture()), 0, 0]
        assert service.get(answer.headers["location"]).json()["progress"]["expected"] == 1

    @pytest.mark.parametrize("parts", [[image(b"text")], [image(b"text"), image(b"")]])
    def test_where_all_files_are_bad_each_fails_by_itself(self, service: Service, parts: list[bytes]) -> None:
        asked = actions(bad_files="fail", operations=[["split", True], ["blur", "median"]])
        answer = service.post("/jobs", asked, *parts)
        assert answer.status_code == 202
        JobDocument.model_validate(answer.json())
        told = [file["error"]["message"] for file in answer.json()["files"]]
        assert told[0].startswith("is neither a JPEG")
        assert told[1:] == ["is empty"] * (len(parts) - 1)
        assert answer.json()["progress"] == {"done": 0, "expected": 0}
        text = service.post("/process", asked, *parts)
        assert text.status_code == 422
        assert [line.split(":")[0] for line in text.text.splitlines()] == [
            f'files[{number}] "photo.png"' for number in range(len(parts))
        ]

    def test_what_is_kept_of_an_original_has_no_metadata(self, service: Service) -> None:
        plain = picture(".jpg")
        told = plain[:2] + b"\xff\xfe\0\x08secret" + plain[2:]
        job = service.post("/jobs", actions(), image(told, "a.jpg")).json()
        assert service.manager.kept_images == {"a.jpg": plain}
        assert service.store.upload(job["id"], 0).read_bytes() == plain

    def test_the_zip_of_a_job(self, service: Service) -> None:
        service.manager.outcome = lambda job: job.ended(
            [replace(file, results=2) for file in job.files], job.created
        )
        job = service.post("/jobs", actions(), image(filename="日本.png")).json()
        assert job["files"][0]["results"][1] == f"/static/{job['id']}/%E6%97%A5%E6%9C%AC-1.png"
        folder = service.store.static / job["id"]
        folder.mkdir()
        for number in range(2):
            (folder / f"日本-{number}.png").write_bytes(b"png")
        answer = service.get(job["links"]["zip"])
        assert answer.headers["content-type"] == "application/zip"
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            assert archive.namelist() == ["日本-0.png", "日本-1.png"]

    def test_the_zip_of_a_job_that_is_removed_meanwhile_is_broken_off(
        self, service: Service, caplog: pytest.LogCaptureFixture
    ) -> None:
        service.manager.outcome = lambda job: job.ended([replace(job.files[0], results=2)], job.created)
        job = service.post("/jobs", actions(), image()).json()
        folder = service.store.static / job["id"]
        folder.mkdir()
        (folder / "photo-0.png").write_bytes(b"png")
        said = service.sent(job["links"]["zip"])
        assert said[-1]["more_body"]  # its end never comes
        assert "was removed meanwhile" in caplog.text

    def test_the_zip_of_a_job_that_is_not_done(self, service: Service) -> None:
        service.manager.outcome = lambda job: job
        job = service.post("/jobs", actions(), image()).json()
        answer = service.get(job["links"]["zip"])
        assert answer.status_code == 409
        assert "is queued; its results are there when it has ended" in answer.json()["error"]["message"]
        assert service.get("/jobs/0123456789abcdef/zip").status_code == 404

    @pytest.mark.parametrize(
        ("accept", "is_json"),
        [
            ("application/json", True),
            ("*/*", False),
            ("text/plain, application/json", False),
            ("text/html, application/json;q=0.9, */*;q=0.8", True),
            ("application/json;q=0.1, text/plain", False),
            ("application/*", True),
            ("application/json;q=x", False),
        ],
    )
    def test_a_client_that_prefers_json_gets_the_job(
        self, service: Service, accept: str, is_json: bool
    ) -> None:
        answer = service.post("/process", actions(), image(), headers={"accept": accept})
        assert answer.headers["content-type"].startswith("application/json") is is_json
        if is_json:
            JobDocument.model_validate(answer.json())

    def test_a_job_is_accepted_with_its_place(self, service: Service) -> None:
        answer = service.post("/jobs", actions(), image(filename="a b.png"), image(filename="a b.png"))
        job = answer.json()
        assert (answer.status_code, answer.headers["location"]) == (202, f"/jobs/{job['id']}")
        JobDocument.model_validate(job)
        assert [file["name"] for file in job["files"]] == ["a b.png", "a b.png"]
        assert [file["original"].split("/")[-1] for file in job["files"]] == ["a_b.png", "a_b_2.png"]
        assert service.get(answer.headers["location"]).json()["id"] == job["id"]

    def test_a_failed_file_is_told_in_both_forms(self, service: Service) -> None:
        broken = error(message="it broke")
        service.manager.outcome = lambda job: job.ended([file.with_error(broken) for file in job.files], 0.0)
        text = service.post("/process", actions(), image(filename="ü.png"))
        assert (text.status_code, text.text) == (422, 'files[0] "ü.png": crash: it broke\n')
        asked = service.post("/process", actions(), image(), headers={"accept": "application/json"})
        assert asked.status_code == 422
        assert asked.json()["files"][0]["error"] == {"kind": "crash", "message": "it broke"}
        JobDocument.model_validate(asked.json())

    def test_an_image_by_path_is_copied(self, service: Service) -> None:
        job = service.post("/jobs", actions(paths=["seen.png"])).json()
        copy = service.store.upload(job["id"], 0)
        assert copy.read_bytes() == (service.images / "seen.png").read_bytes()
        assert not copy.is_symlink()

    def test_the_events_of_a_job_that_has_ended(self, service: Service) -> None:
        job = service.post("/jobs", actions(), image()).json()
        told = service.get(job["links"]["events"]).text
        names = [line for line in told.splitlines() if line.startswith("event")]
        assert names == ["event: progress", "event: end"]
        last = json.loads(told.strip().splitlines()[-1].removeprefix("data: "))
        assert last == service.get(job["links"]["self"]).json()

    @pytest.mark.parametrize("path", ["/", "/page/page.js", "/page/page.css"])
    def test_the_page_is_not_kept_by_browsers(self, path: str, service: Service) -> None:
        answer = service.get(path)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")

    def test_a_job_is_deleted_once(self, service: Service) -> None:
        where = service.post("/jobs", actions(), image()).headers["location"]
        assert [service.request("DELETE", where).status_code for _ in range(2)] == [204, 404]

    def test_a_job_that_cannot_be_removed_stays_and_that_is_told(
        self, service: Service, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def cancel(job_id: str) -> Future[Job]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        where = service.post("/jobs", actions(), image()).headers["location"]
        monkeypatch.setattr(service.manager, "cancel", cancel)
        answer = service.request("DELETE", where)
        assert answer.status_code == 507
        assert (
            answer.json()["error"]["message"]
            == "cannot store that the job is removed: No space left on device"
        )
        assert service.get(where).status_code == 200

    def test_a_folder_of_results_is_listed(self, service: Service) -> None:
        folder = service.store.static / "0011223344556677"
        (folder / "original").mkdir(parents=True)
        (folder / "photo-0.png").write_bytes(picture())
        (service.store.static / ".hidden").mkdir()
        assert ".hidden" not in service.get("/static/").text
        assert service.get("/static/.hidden/").status_code == 404
        page = service.get("/static/0011223344556677/").text
        assert 'href="photo-0.png"' in page
        assert 'href="original/"' in page
        assert service.get("/static/0011223344556677").headers["location"] == "0011223344556677/"
        found = service.get("/static/0011223344556677/photo-0.png")
        assert (found.content, found.headers["content-type"]) == (picture(), "image/png")

    def test_health_and_its_end(self, service: Service) -> None:
        assert service.get("/healthz").json() == {"status": "ok", "workers": 2}
        service.manager.is_draining = True
        assert service.get("/healthz").status_code == 503

    def test_figures_for_prometheus(self, service: Service) -> None:
        service.post("/process", actions(), image())
        service.post("/process")
        told = service.get("/metrics").text
        assert 'coordinator_requests_refused_total{status="422"} 1.0' in told
        assert 'coordinator_request_seconds_count{route="/process"} 2.0' in told

    def test_the_document_and_its_page_need_nothing_from_elsewhere(self, service: Service) -> None:
        page = service.get("/docs").text
        assert "http://" not in page
        assert "https://" not in page
        assert service.get("/docs/assets/swagger-ui-bundle.js").status_code == 200
        document = service.get("/openapi.json").json()
        assert "HTTPValidationError" not in json.dumps(document)
        assert {"/process", "/jobs", "/jobs/{job_id}", "/healthz"} <= set(document["paths"])
