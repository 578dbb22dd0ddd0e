"""The image service as `make daemon` deploys it: nginx in front, the service contained behind it, nothing else."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import aiohttp
import cv2
import docker
import numpy as np
import pytest

from coordinator.service.rendered.signing import signature
from tests.acceptance.composed import GENERATIONS, SIGN_KEY, Composed, composed, generations
from tests.acceptance.conftest import ROOT
from tests.integration.conftest import client, engine
from tests.waiting import PATIENCE

__all__ = ["client", "engine"]

ACTIONS = (
    '{"operations": [["resize","200x300"],["split",true],["blur","gaussian"],["split",true],["blur","gaussian"],'
    '["resize","600x600"],["blur","gaussian"],["split",true]],"output":"jpg"}'
)
RESULTS = 4**3


@pytest.fixture(scope="module")
def deployment(client: docker.DockerClient) -> Iterator[Composed]:
    with composed() as found:
        yield found


@pytest.fixture
def photograph() -> bytes:
    return encoded(".jpg")


def encoded(suffix: str, width: int = 320, height: int = 240) -> bytes:
    image = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
    return cv2.imencode(suffix, image)[1].tobytes()


async def post(address: str, actions: str, *files: tuple[str, bytes], **headers: str) -> tuple[int, str]:
    """A multipart request as aiohttp makes it; the status and the text of the answer."""
    # File names go as they are, as browsers send them.
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("actions", actions)
    for name, content in files:
        form.add_field("files", content, filename=name)
    async with (
        aiohttp.ClientSession() as session,
        session.post(address, data=form, headers=headers) as answer,
    ):
        return answer.status, await answer.text()


def get(
    deployment: Composed, path: str, headers: Mapping[str, str] | None = None
) -> tuple[http.client.HTTPResponse, bytes]:
    """An answer to exactly this path: nothing is tidied up before it is sent."""
    connection = http.client.HTTPConnection("localhost", deployment.port, timeout=PATIENCE)
    connection.request("GET", path, headers=headers or {})
    answer = connection.getresponse()
    return answer, answer.read()


def listed(deployment: Composed, path: str) -> list[str]:
    """The links of a listing, but that to the folder above."""
    answer, page = get(deployment, path)
    assert answer.status == 200
    return [link for link in re.findall(r'<a href="([^"]+)">', page.decode()) if link != "../"]


def started(deployment: Composed, operations: list[list[Any]], *files: tuple[str, bytes]) -> dict[str, Any]:
    """A job that was just accepted."""
    actions = json.dumps({"operations": operations, "output": "jpg"})
    status, text = asyncio.run(post(f"{deployment.address}/jobs", actions, *files))
    assert status == 202, text
    job: dict[str, Any] = json.loads(text)
    return job


def test_the_client_gets_ok_and_finds_originals_and_results(deployment: Composed) -> None:
    before = set(listed(deployment, "/static/"))
    files = ("photo.jpg", encoded(".jpg")), ("drawing.png", encoded(".png"))
    status, text = asyncio.run(post(f"{deployment.address}/process", ACTIONS, *files))
    assert (status, text) == (200, "OK")

    (folder,) = set(listed(deployment, "/static/")) - before
    names = [f"{stem}-{number}.jpg" for stem in ("photo", "drawing") for number in range(RESULTS)]
    assert sorted(listed(deployment, f"/static/{folder}")) == sorted([*names, "original/"])
    for name, content in files:
        assert get(deployment, f"/static/{folder}original/{name}")[1] == content
    for name in (names[0], names[-1]):
        answer, content = get(deployment, f"/static/{folder}{name}")
        assert answer.headers["Content-Type"] == "image/jpeg"
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
        assert image is not None
        assert image.shape == (300, 300, 3)


def test_a_client_s_name_is_data(deployment: Composed, photograph: bytes) -> None:
    name = "../../x<script>.jpg"
    actions = json.dumps({"operations": [["resize", "10x"]], "output": "jpg"})
    address = f"{deployment.address}/process"
    status, text = asyncio.run(post(address, actions, (name, photograph), Accept="application/json"))
    assert status == 200, text
    (file,) = json.loads(text)["files"]
    assert file["name"] == name
    (result,) = file["results"]
    assert re.fullmatch(r"/static/[0-9a-f]{16}/[\w.-]+\.jpg", result)
    assert get(deployment, result)[0].status == 200


def test_events_come_while_the_job_is_running(deployment: Composed, client: docker.DockerClient) -> None:
    with deployment.standing_still(client):
        job = started(deployment, [["blur", "median"]], *[("a.jpg", encoded(".jpg"))] * 4)
        connection = http.client.HTTPConnection("localhost", deployment.port, timeout=PATIENCE)
        connection.request("GET", job["links"]["events"])
        events = connection.getresponse()
        assert events.readline() == b"event: progress\n"
        _, now = get(deployment, job["links"]["self"])
        assert json.loads(now)["finished"] is None
        connection.close()
        connection = http.client.HTTPConnection("localhost", deployment.port, timeout=PATIENCE)
        connection.request("DELETE", job["links"]["self"])
    assert connection.getresponse().status == 204
    assert get(deployment, job["links"]["self"])[0].status == 404


def test_a_body_over_the_limit_is_refused_before_it_is_sent(deployment: Composed) -> None:
    connection = http.client.HTTPConnection("localhost", deployment.port, timeout=PATIENCE)
    connection.putrequest("POST", "/process")
    connection.putheader("Content-Type", "multipart/form-data; boundary=b")
    connection.putheader("Content-Length", str(513 * 1024**2))
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 413
    assert json.loads(answer.read())["error"] == {"field": "body", "message": "is larger than 512 MiB"}


@pytest.mark.parametrize(
    ("sent", "status", "field"),
    [
        ("GET /static/none HTTP/1.1\r\nHost: localhost", 404, "path"),
        ("GET /.errors/404 HTTP/1.1\r\nHost: localhost", 404, "path"),
        ("POST /static/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0", 405, "method"),
        ("DELETE /static/none HTTP/1.1\r\nHost: localhost", 405, "method"),
        ("GET / HTTP/1.1\r\nHost: a b", 400, "header"),
        ("NOSUCH", 400, "header"),
        (f"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: {'x' * 40_000}", 400, "header"),
        (f"GET /{'x' * 40_000} HTTP/1.1\r\nHost: localhost", 414, "header"),
        ("GET / HTTP/9.9\r\nHost: localhost", 505, "header"),
        ("GET /static/ HTTP/1.1\r\nHost: evil.example", 421, "host"),
        ("DELETE /jobs/0 HTTP/1.1\r\nHost: evil.example", 421, "host"),
        ("DELETE /jobs/0 HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example", 403, "origin"),
    ],
)
def test_errors_before_the_service_have_its_form(
    deployment: Composed, sent: str, status: int, field: str
) -> None:
    with socket.create_connection(("localhost", deployment.port), PATIENCE) as connection:
        connection.sendall(f"{sent}\r\nConnection: close\r\n\r\n".encode())
        said = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = said.partition(b"\r\n\r\n")
    assert head.split()[1] == str(status).encode()
    assert json.loads(body)["error"]["field"] == field


@pytest.mark.parametrize("path", ["/", "/static/", "/healthz"])
def test_head_is_answered(deployment: Composed, path: str) -> None:
    connection = http.client.HTTPConnection("localhost", deployment.port, timeout=PATIENCE)
    connection.request("HEAD", path)
    assert connection.getresponse().status == 200


@pytest.mark.parametrize("path", ["/static", "/static/{folder}"])
def test_a_folder_without_its_slash_is_found(deployment: Composed, photograph: bytes, path: str) -> None:
    status, text = asyncio.run(post(f"{deployment.address}/process", ACTIONS, ("photo.jpg", photograph)))
    assert status == 200, text
    path = path.format(folder=listed(deployment, "/static/")[0].rstrip("/"))
    answer, _ = get(deployment, path)
    assert (answer.status, answer.headers["Location"]) == (301, f"{path}/")


@pytest.mark.parametrize(
    "path",
    [
        "/static/../jobs.db",
        "/static/%2e%2e/jobs.db",
        "/static/..%2fjobs.db",
        "/static/x/../../jobs.db",
        "/static../jobs.db",
        "/static//../jobs.db",
        "/static/..%5cjobs.db",
        "/static/%2e%2e%2f%2e%2e%2fetc/passwd",
        "/jobs.db",
        "/static/../../../etc/passwd",
    ],
)
def test_no_path_leads_out_of_the_static_folder(deployment: Composed, path: str) -> None:
    answer, body = get(deployment, path)
    assert answer.status in (400, 403, 404)
    assert b"SQLite" not in body
    assert b"root:" not in body


def test_what_was_sent_in_can_never_run(deployment: Composed, photograph: bytes) -> None:
    for path in ("/", "/static/", "/jobs/0000000000000000"):
        answer, _ = get(deployment, path)
        assert answer.headers.get_all("X-Content-Type-Options") == ["nosniff"], path
    answer, _ = get(deployment, "/static/")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy


def test_a_picture_by_url_comes_through_as_it_was_asked_for(deployment: Composed, photograph: bytes) -> None:
    status, text = asyncio.run(
        post(f"{deployment.address}/process", ACTIONS, ("ä b.jpg", photograph), accept="application/json")
    )
    assert status == 200, text
    source = f"static/{json.loads(text)['id']}/ä_b-0.jpg"
    # Escapes and dots would not be the same if nginx tidied them up.
    rest = f"/fit:50x50/quality:80/plain/.%2f{quote(source, safe='')}@webp"
    path = f"/image/{signature(SIGN_KEY, rest.encode())}{rest}"
    answer, content = get(deployment, path)
    assert (answer.status, content[8:12]) == (200, b"WEBP"), content
    once = {
        "Content-Type": "image/webp",
        "Cache-Control": "public, max-age=3600",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "X-Content-Type-Options": "nosniff",
        "Content-Length": str(len(content)),
    }
    assert {name: answer.headers.get_all(name) for name in once} == {
        name: [value] for name, value in once.items()
    }
    (policy,) = answer.headers.get_all("Content-Security-Policy") or []
    assert "default-src 'none'" in policy
    again, nothing = get(deployment, path, {"If-None-Match": answer.headers["ETag"]})
    assert (again.status, nothing) == (304, b"")
    for other, status in ((path + "?v=1", 422), (path.replace("fit:50", "fit:60"), 403)):
        refused, said = get(deployment, other)
        assert (refused.status, refused.headers["Cache-Control"]) == (status, "no-store")
        assert json.loads(said)["error"]["message"]


def test_only_nginx_can_be_reached_and_the_service_is_contained(
    deployment: Composed, client: docker.DockerClient
) -> None:
    containers = deployment.containers(client)
    assert set(containers) == {"nginx", "service"}
    published = {name: attrs["HostConfig"]["PortBindings"] or {} for name, attrs in containers.items()}
    assert set(published["nginx"]) == {"8080/tcp"}
    assert not published["service"]
    for attrs in containers.values():
        host = attrs["HostConfig"]
        assert host["ReadonlyRootfs"]
        assert host["CapDrop"] == ["ALL"]
        assert not host["CapAdd"]
        assert not host["Privileged"]
        assert "no-new-privileges:true" in host["SecurityOpt"]
        assert host["Memory"] > 0
        assert host["PidsLimit"] > 0
        assert [mount["Destination"] for mount in attrs["Mounts"]] == ["/data"]
        assert attrs["Mounts"][0]["Type"] == "volume"
    assert not containers["nginx"]["Mounts"][0]["RW"]
    networks = containers["service"]["NetworkSettings"]["Networks"]
    assert [client.networks.get(network).attrs["Internal"] for network in networks] == [True]


@pytest.mark.parametrize("service", ["nginx", "service"])
def test_nobody_is_root_inside_and_the_engine_is_out_of_reach(deployment: Composed, service: str) -> None:
    script = "id -u; ls /var/run/docker.sock /run/docker.sock; touch /opt/x && echo writable; true"
    assert deployment.compose("exec", "-T", service, "sh", "-c", script).split() == ["10001"]


def test_stopped_nothing_runs_and_started_again_the_results_are_there(
    deployment: Composed, client: docker.DockerClient, photograph: bytes
) -> None:
    actions = json.dumps({"operations": [["split", True]], "output": "png"})
    assert asyncio.run(post(f"{deployment.address}/process", actions, ("kept.jpg", photograph)))[0] == 200
    folders = set(listed(deployment, "/static/"))

    deployment.make("stop")
    nothing_runs(deployment, client)

    with deployment.running_in_the_foreground() as interrupt:
        assert set(listed(deployment, "/static/")) == folders
        interrupt()
    nothing_runs(deployment, client)

    assert "make stop" in deployment.make("daemon")
    assert set(listed(deployment, "/static/")) == folders


def nothing_runs(deployment: Composed, client: docker.DockerClient) -> None:
    assert deployment.containers(client) == {}
    assert not client.networks.list(names=[deployment.project])


@pytest.mark.parametrize("generation", GENERATIONS, ids=" ".join)
def test_the_file_is_valid_for_both_generations_of_compose(
    generation: Sequence[str], deployment: Composed
) -> None:
    if generation not in generations():
        pytest.skip(f"this machine has no {' '.join(generation)}")
    command = [*generation, "config", "--quiet"]
    done = subprocess.run(
        command, cwd=ROOT, env=deployment.environment, check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
