"""The image service as its clients and its operator meet it: its own process, real workers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import docker
import httpx
import pytest

from coordinator.runners.engine import Engine
from steps.build.images import ensure_base, ensure_step
from tests.integration.conftest import left_behind
from tests.integration.serving import CHAIN, Served, decoded, directly, encoded, noise, same
from tests.waiting import PATIENCE, eventually

REQUESTS, CLIENTS = 200, 32
KILLED_AFTER = 16
"""So many jobs are accepted when the service is killed."""
MEMORY = 250 << 20
"""Bytes that the service's process may take, whatever it is sent: about three times what it does."""
SPLIT = [["split", True]]


def files(count: int) -> list[tuple[str, bytes]]:
    """So many images."""
    return [(f"{number}.png", encoded(noise(number))) for number in range(count)]


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
        accepted = service.post("/jobs", [*SPLIT, ("blur", "bilateral")], files(1))
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

    def test_a_running_job_is_cancelled_and_nothing_of_it_is_left(
        self, service: Served, client: docker.DockerClient
    ) -> None:
        with ThreadPoolExecutor(1) as clients:
            with service.standing_still(client) as workers:
                keep_a_worker_busy(service)
                count = 2 * len(workers)
                job_id = service.post("/jobs", SPLIT, files(count)).json()["id"]
                fills_the_workers(service, job_id, count)
                deleted = clients.submit(service.client.delete, f"/jobs/{job_id}")
                is_being_cancelled(service)
                assert not deleted.done()  # what workers have comes to its end
            assert deleted.result(PATIENCE).status_code == 204
        assert service.client.get(f"/jobs/{job_id}").status_code == 404
        left = [path for path in service.data.rglob(f"*{job_id}*") if path.exists()]
        assert not left
        assert service.post("/process", SPLIT, files(1)).status_code == 200

    def test_who_waits_for_a_cancelled_job_is_told(
        self, service: Served, client: docker.DockerClient
    ) -> None:
        with ThreadPoolExecutor(2) as clients:
            with service.standing_still(client) as workers:
                keep_a_worker_busy(service)
                count, before = 2 * len(workers), service.jobs()
                asked = clients.submit(service.post, "/process", SPLIT, files(count))
                eventually(lambda: service.jobs() - before)
                (job_id,) = service.jobs() - before
                fills_the_workers(service, job_id, count)
                deleted = clients.submit(service.client.delete, f"/jobs/{job_id}")
                is_being_cancelled(service)
                assert not asked.done()
            assert deleted.result(PATIENCE).status_code == 204
            answer = asked.result(PATIENCE)
        assert answer.status_code == 409
        assert "was cancelled" in answer.json()["error"]["message"]


def keep_a_worker_busy(service: Served) -> None:
    """Gives workers that stand still a first task: of a job that has one for each of the places, one must wait then."""
    job_id = service.post("/jobs", SPLIT, files(1)).json()["id"]
    eventually(lambda: service.tasks_at_workers(job_id))


def fills_the_workers(service: Served, job_id: str, tasks: int) -> None:
    """Waits until workers that stand still have all of a job's tasks but one."""
    eventually(lambda: service.tasks_at_workers(job_id) == tasks - 1 and service.tasks_waiting() == 1)
    assert service.job(job_id)["state"] == "running"


def is_being_cancelled(service: Served) -> None:
    """Waits until the service has heard that the job is to be cancelled: it withdraws what no worker has."""
    eventually(lambda: service.tasks_waiting() == 0)


def test_a_killed_worker_is_replaced(service: Served, client: docker.DockerClient) -> None:
    with service.standing_still(client) as workers:
        count = 2 * len(workers)
        job_id = service.post("/jobs", SPLIT, files(count)).json()["id"]
        eventually(lambda: service.tasks_at_workers(job_id) == count)
        workers[0].kill()
        known = {worker.id for worker in workers}
        eventually(lambda: {worker.id for worker in service.workers(client)} - known)
    assert service.wait_for(job_id)["state"] == "done"


class TestRestart:
    def test_accepted_jobs_end_though_the_service_is_killed_in_mid_load(
        self, engine: Engine, client: docker.DockerClient, imaging: str, tmp_path: Path
    ) -> None:
        """Some have ended by then, some are at work, and more are being sent."""
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
            ask(0)
            for job_id in accepted:
                served.wait_for(job_id)
            with served.standing_still(client) as workers, ThreadPoolExecutor(8) as clients:
                for number in range(1, 3 * KILLED_AFTER):
                    clients.submit(ask, number)
                assert crash.wait(PATIENCE)
                served.kill()
            served.start()
            assert "is resumed" in served.log
            # The workers and the holder of their network.
            assert f"removed {len(workers) + 1} containers that an earlier process left behind" in served.log
            for job_id, number in accepted.items():
                job = served.wait_for(job_id)
                assert job["state"] == "done"
                for n, file in enumerate(job["files"]):
                    assert same(served.images(file), directly(noise(100 * number + n, 500, 400), operations))
            assert served.stop() == 0
        finally:
            served.end()

    def test_a_full_service_refuses_and_a_stopped_one_goes_on_later(
        self, engine: Engine, client: docker.DockerClient, imaging: str, tmp_path: Path
    ) -> None:
        served = Served(
            tmp_path / "data", "--running", "1", "--waiting", "2", "--grace", "0.2", "--workers", "1"
        )
        try:
            with served.standing_still(client):
                answers = [served.post("/jobs", SPLIT, files(2)) for _ in range(4)]
                assert [answer.status_code for answer in answers] == [202, 202, 202, 429]
                assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
                assert answers[-1].json()["error"]["field"] == "service"
                assert served.stop() == 0, served.log
            assert not left_behind(engine, tmp_path)
            served.start()
            for answer in answers[:3]:
                job = served.wait_for(answer.json()["id"])
                assert (job["state"], [len(file["results"]) for file in job["files"]]) == ("done", [4, 4])
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
