"""The image service as its clients and its operator meet it: its own process, real workers."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import docker
import httpx
import pytest

from coordinator.runners.engine import FOLDER_LABEL, Engine
from steps.build.images import ensure_base, ensure_step
from tests.integration.conftest import left_behind
from tests.integration.serving import CHAIN, Served, decoded, directly, encoded, noise, same

REQUESTS, CLIENTS = 200, 32
KILLED_AFTER = 16
"""So many jobs are accepted when the service is killed."""
MEMORY = 250 << 20
"""Bytes that the service's process may take, whatever it is sent: about three times what it does."""
SLOW = [["blur", "bilateral"]]
"""What keeps a worker busy for a good while on :data:`LARGE`."""


def large() -> bytes:
    return encoded(noise(0, 1400, 1200), ".jpg")


@pytest.fixture(scope="session")
def imaging(client: docker.DockerClient) -> str:
    ensure_base(client, print)
    ensure_step(client, "imaging")
    return "coordinator/imaging"


@pytest.fixture(scope="module")
def service(engine: Engine, imaging: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service on containers, shared by the tests that only ask it for something."""
    folder = tmp_path_factory.mktemp("service")
    served = Served(folder / "data")
    try:
        yield served
        assert served.stop() == 0, served.log
    finally:
        served.end()
        assert not left_behind(engine, folder)


class TestResults:
    @pytest.mark.parametrize("output", ["jpg", "png"])
    def test_the_chain_gives_64_results_of_each_file(self, service: Served, output: str) -> None:
        picture = noise(1, 321, 243)
        sent = [("photo.jpg", encoded(picture, ".jpg")), ("photo.png", encoded(picture))]
        answer = service.post("/process", CHAIN, sent, output)
        assert (answer.status_code, answer.json()["state"]) == (200, "done"), answer.text
        for (name, body), file, stem in zip(sent, answer.json()["files"], ("photo", "photo_2"), strict=True):
            assert (file["name"], file["error"]) == (name, None)
            folder = f"/static/{answer.json()['id']}"
            assert file["results"] == [f"{folder}/{stem}-{number}.{output}" for number in range(64)]
            if output == "png":
                assert same(service.images(file), directly(decoded(body), CHAIN))
            assert service.client.get(file["original"]).content == body

    def test_a_single_file_is_split_over_the_workers_with_the_same_results(self, service: Served) -> None:
        job = service.post("/process", CHAIN, [("a.png", encoded(noise(2)))]).json()
        assert job["progress"]["expected"] > 1  # the quarters were tasks of their own
        assert same(service.images(job["files"][0]), directly(noise(2), CHAIN))

    def test_a_file_that_breaks_later_fails_alone(self, service: Served) -> None:
        whole = encoded(noise(3))
        broken = whole[:400] + bytes(200) + whole[600:]
        answer = service.post("/process", [("split", True)], [("a.png", whole), ("b.png", broken)])
        good, bad = answer.json()["files"]
        assert (answer.status_code, answer.json()["state"]) == (422, "failed")
        assert same(service.images(good), directly(noise(3), [("split", True)]))
        assert (bad["results"], bad["error"]["kind"]) == ([], "bad_input")

    def test_nothing_of_a_job_is_left_but_what_is_published(self, service: Served) -> None:
        service.post("/process", CHAIN, [("a.png", encoded(noise(4)))])
        assert not list((service.data / "work").iterdir())
        assert not list((service.data / "uploads").iterdir())


def test_many_clients_at_once_get_each_their_own(service: Served) -> None:
    operations = [("resize", "40x30"), ("split", True)]

    def ask(number: int) -> bool:
        images = [("photo.jpg", encoded(noise(1000 + number))), ("photo.jpg", encoded(noise(5000 + number)))]
        job = service.post("/process", operations, images).json()
        found = [service.images(file) for file in job["files"]]
        expected = [directly(noise(seed + number), operations) for seed in (1000, 5000)]
        return all(map(same, found, expected))

    with ThreadPoolExecutor(CLIENTS) as clients:
        assert sum(clients.map(ask, range(REQUESTS))) == REQUESTS
    assert service.peak_memory() < MEMORY


class TestJobs:
    def test_a_job_is_followed_to_its_end(self, service: Served) -> None:
        accepted = service.post("/jobs", [("split", True), *SLOW], [("a.jpg", large())])
        assert accepted.status_code == 202
        events = []
        with service.client.stream("GET", accepted.json()["links"]["events"]) as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            lines = [line for line in stream.iter_lines() if line and not line.startswith(":")]
        for name, data in zip(lines[::2], lines[1::2], strict=True):
            events.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
        assert [name for name, _ in events[-2:]] == ["progress", "end"]
        done = [document["progress"]["done"] for _, document in events]
        assert done == sorted(done)
        assert events[-1][1] == service.client.get(accepted.headers["location"]).json()
        assert events[-1][1]["state"] == "done"

    def test_a_running_job_is_cancelled_and_nothing_of_it_is_left(self, service: Served) -> None:
        job = service.post("/jobs", SLOW, [(f"{n}.jpg", large()) for n in range(4)]).json()
        assert service.client.delete(f"/jobs/{job['id']}").status_code == 204
        assert service.client.get(f"/jobs/{job['id']}").status_code == 404
        left = [path for path in service.data.rglob(f"*{job['id']}*") if path.exists()]
        assert not left
        assert service.post("/process", [("split", True)], [("a.png", encoded(noise(6)))]).status_code == 200

    def test_who_waits_for_a_cancelled_job_is_told(self, service: Served) -> None:
        answers = []

        def wait() -> None:
            answers.append(service.post("/process", SLOW, [(f"{n}.jpg", large()) for n in range(4)]))

        waiting = threading.Thread(target=wait)
        waiting.start()
        deadline = time.monotonic() + 30
        while not (
            running := [path.name for path in (service.data / "runs").iterdir() if is_live(service, path)]
        ):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        for job_id in running:
            service.client.delete(f"/jobs/{job_id}")
        waiting.join()
        assert answers[0].status_code == 409
        assert "was cancelled" in answers[0].json()["error"]["message"]


def is_live(service: Served, run: Path) -> bool:
    return bool(service.client.get(f"/jobs/{run.name}").json().get("state") == "running")


def test_a_killed_worker_is_replaced(service: Served, engine: Engine) -> None:
    workers = [
        container
        for container, labels in engine.containers().items()
        if labels[FOLDER_LABEL] == str(service.data) and labels["coordinator.role"] == "lane"
    ]
    job = service.post("/jobs", SLOW, [(f"{n}.jpg", large()) for n in range(3)]).json()
    engine.kill(workers[0])
    assert service.wait_for(job["id"])["state"] == "done"


class TestRestart:
    def test_accepted_jobs_end_though_the_service_is_killed_in_mid_load(
        self, engine: Engine, imaging: str, tmp_path: Path
    ) -> None:
        operations = [("split", True), ("blur", "bilateral"), ("resize", "40x30")]
        served = Served(tmp_path / "data")
        accepted: dict[str, int] = {}
        crash = threading.Event()

        def ask(number: int) -> None:
            images = [("photo.png", encoded(noise(100 * number + n, 500, 400))) for n in range(3)]
            with suppress(httpx.TransportError):  # what the service was killed at
                accepted[served.post("/jobs", operations, images).json()["id"]] = number
            if len(accepted) >= KILLED_AFTER:
                crash.set()

        try:
            with ThreadPoolExecutor(8) as clients:
                for number in range(3 * KILLED_AFTER):
                    clients.submit(ask, number)
                assert crash.wait(60)
                served.kill()
            served.start()
            assert "is resumed" in served.log
            assert "removed 3 containers that an earlier process left behind" in served.log
            for job_id, number in accepted.items():
                job = served.wait_for(job_id)
                assert job["state"] == "done"
                for n, file in enumerate(job["files"]):
                    assert same(served.images(file), directly(noise(100 * number + n, 500, 400), operations))
            assert served.stop() == 0
        finally:
            served.end()

    def test_a_full_service_refuses_and_a_stopped_one_goes_on_later(
        self, engine: Engine, imaging: str, tmp_path: Path
    ) -> None:
        served = Served(
            tmp_path / "data", "--running", "1", "--waiting", "2", "--grace", "0.2", "--workers", "1"
        )
        try:
            answers = [served.post("/jobs", SLOW, [("a.jpg", large())] * 2) for _ in range(4)]
            assert [answer.status_code for answer in answers] == [202, 202, 202, 429]
            assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
            assert answers[-1].json()["error"]["field"] == "service"
            assert served.stop() == 0, served.log
            assert not left_behind(engine, tmp_path)
            served.start()
            for answer in answers[:3]:
                job = served.wait_for(answer.json()["id"])
                assert (job["state"], [len(file["results"]) for file in job["files"]]) == ("done", [1, 1])
            assert served.stop() == 0
        finally:
            served.end()

    def test_a_second_service_leaves_the_folder_alone(self, service: Served) -> None:
        with pytest.raises(AssertionError, match="is in use by process"):
            Served(service.data)


class TestWithoutEngine:
    def test_local_processes_give_the_same_results(self, tmp_path: Path) -> None:
        served = Served(tmp_path / "data", "--rung", "process", "--workers", "2")
        try:
            job = served.post("/process", CHAIN, [("a.png", encoded(noise(1)))]).json()
            assert same(served.images(job["files"][0]), directly(noise(1), CHAIN))
            assert served.stop() == 0
        finally:
            served.end()

    def test_workers_that_cannot_work_are_told_at_the_start(self, tmp_path: Path) -> None:
        with pytest.raises(
            AssertionError, match=r"image 'no-such-image' is not on this engine|no container engine"
        ):
            Served(tmp_path / "data", "--image-ref", "no-such-image")
