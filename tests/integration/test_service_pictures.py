"""Pictures by URL as their users and operator meet them: the service's own process, real workers, a real source."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import httpx
import numpy as np
import pytest

from coordinator.service.rendered.signing import signature
from tests.integration.serving import Served, decoded, encoded, noise
from tests.unit.origin import Origin
from tests.waiting import PATIENCE, eventually

KEY = "a key of the operator's"
SLOW = "/resize:6000x6000" + "/blur:bilateral" * 9 + "/plain/a.png@png"


def signed(operations: str, source: str, output: str = "png") -> str:
    rest = f"{operations}/plain/{quote(source, safe='')}@{output}"
    return f"/image/{signature(KEY, rest.encode())}{rest}"


class Pictures(Served):
    """A service with a folder of images and a server of sources."""

    def __init__(self, folder: Path, origin: Origin) -> None:
        self.folder = folder / "images"
        self.folder.mkdir()
        (self.folder / "a.png").write_bytes(encoded(noise(1)))
        options = (
            "--rung",
            "process",
            "--workers",
            "1",
            "--token",
            "a token of the operator's",
            "--grace",
            "1",
        )
        asked = ("--images", str(self.folder), "--sign-key", KEY, "--sources", origin.url)
        super().__init__(folder / "data", *options, *asked)

    def kept(self) -> list[str]:
        return sorted(path.name for path in (self.data / "rendered").iterdir())

    def left(self) -> list[Path]:
        """What lies where work is done."""
        return [path for name in ("uploads", "work") for path in (self.data / name).iterdir()]


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    made = Origin()
    yield made
    made.close()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, origin: Origin) -> Iterator[Pictures]:
    served = Pictures(tmp_path_factory.mktemp("pictures"), origin)
    try:
        yield served
        assert served.stop() == 0
        assert "Traceback" not in served.log
    finally:
        served.end()


def test_a_picture_is_what_a_job_makes_of_it(service: Pictures, origin: Origin) -> None:
    origin.answers("/%C3%A4%20b.png", body=encoded(noise(2)))
    asked = [("fit", "50x50"), ("blur", "gaussian")]
    service.client.headers["authorization"] = "Bearer a token of the operator's"
    job = service.post("/process", asked, [("a.png", encoded(noise(1))), ("b.png", encoded(noise(2)))]).json()
    expected = [service.images(file)[0] for file in job["files"]]
    del service.client.headers["authorization"]
    for source, made in zip(("a.png", f"{origin.url}/ä b.png"), expected, strict=True):
        found = service.client.get(signed("/fit:50x50/blur:gaussian", source))
        assert (found.status_code, found.headers["content-type"]) == (200, "image/png"), found.text
        assert np.array_equal(decoded(found.content), made)


def test_many_clients_of_the_same_have_it_made_once(service: Pictures) -> None:
    before = len(service.kept())
    with ThreadPoolExecutor(16) as clients:
        answers = list(
            clients.map(lambda _: service.client.get(signed("/resize:900x900", "a.png")), range(32))
        )
    assert {(answer.status_code, answer.headers["etag"]) for answer in answers} == {
        (200, answers[0].headers["etag"])
    }
    assert len(service.kept()) == before + 1
    assert not service.left()


def test_killed_in_the_middle_it_leaves_no_half_and_keeps_what_was_there(service: Pictures) -> None:
    whole = service.client.get(signed("/fit:30x30", "a.png"))
    with ThreadPoolExecutor(1) as clients:
        waiting = clients.submit(httpx.get, service.url + slow(), timeout=PATIENCE)
        eventually(service.left)
        service.kill()
        with pytest.raises(httpx.TransportError):
            waiting.result()
    (service.data / "rendered" / "0.part").write_bytes(b"half")
    kept = service.kept()
    service.start()
    eventually(lambda: not service.left())  # a job that ended right before may be done once more
    assert service.kept() == [name for name in kept if not name.endswith(".part")]
    again = service.client.get(signed("/fit:30x30", "a.png"), headers={"if-none-match": '"other"'})
    assert (again.content, again.headers["etag"]) == (whole.content, whole.headers["etag"])


def test_stopped_in_the_middle_it_says_so_and_ends(service: Pictures) -> None:
    with ThreadPoolExecutor(1) as clients:
        waiting = clients.submit(httpx.get, service.url + slow(), timeout=PATIENCE)
        eventually(service.left)
        assert service.stop() == 0
        assert waiting.result().status_code == 503
    assert not service.left()
    service.start()


def slow() -> str:
    return f"/image/{signature(KEY, SLOW.encode())}{SLOW}"
