"""Foreign sites in a real browser: one whose name points here, and one whose page sends a form here."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from coordinator.service.rendered.signing import signature
from tests.acceptance import browser
from tests.integration.serving import Served, encoded, noise

EVIL = "evil.example"
KEY = "a key of the operator's"
SHOWS = """
const done = arguments[1];
const image = new Image();
image.onload = () => done(image.naturalWidth);
image.onerror = () => done("refused");
image.src = arguments[0];
document.body.append(image);
"""
SENDS_A_FORM = """
const done = arguments[1];
const form = new FormData();
form.append("actions", JSON.stringify({operations: [["split", true]], output: "png"}));
form.append("files", new Blob(["x"]), "a.png");
fetch(arguments[0], {method: "POST", mode: "no-cors", body: form}).then(answer => done(answer.type), done);
"""
ASKS = """
const done = arguments[2];
fetch(arguments[0], {method: arguments[1]}).then(answer => done(answer.status), error => done(String(error)));
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("service")
    (folder / "a.png").write_bytes(encoded(noise(1)))
    pictures = ("--images", str(folder), "--sign-key", KEY)
    served = Served(folder / "data", "--rung", "process", "--workers", "1", *pictures)
    try:
        yield served
        assert served.stop() == 0
    finally:
        served.end()


@pytest.fixture(scope="module")
def driver() -> Iterator[Chrome]:
    """A browser for which the foreign site is on this machine."""
    with browser.required(900, 700, f"--host-resolver-rules=MAP {EVIL} 127.0.0.1") as found:
        yield found


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """A page of another site."""
    (tmp_path / "index.html").write_text("<!doctype html><title>Foreign</title>")
    # Browsers open connections ahead on which they say nothing for minutes: one thread would wait for their word.
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{EVIL}:{server.server_port}/"
        server.shutdown()


def refused(service: Served, status: int) -> bool:
    """Whether the service has refused something with this status."""
    return f'coordinator_requests_refused_total{{status="{status}"}}' in service.client.get("/metrics").text


def test_a_site_whose_name_points_here_reads_and_removes_nothing(service: Served, driver: Chrome) -> None:
    port = service.url.rsplit(":", 1)[1]
    driver.get(f"http://{EVIL}:{port}/page/icon.svg")
    assert "is no name of this service" in driver.page_source
    for method, path in (
        ("GET", "/static/"),
        ("GET", "/jobs/0011223344556677"),
        ("DELETE", "/jobs/0011223344556677"),
    ):
        assert driver.execute_async_script(ASKS, path, method) == 421, (method, path)


def test_a_page_of_another_site_sends_no_job(service: Served, driver: Chrome, site: str) -> None:
    driver.get(site)
    for path in ("/jobs", "/process"):
        assert driver.execute_async_script(SENDS_A_FORM, service.url + path) == "opaque"
    assert refused(service, 403)
    assert not refused(service, 422)  # which a form of this kind would get, were it looked at


def test_a_page_of_another_site_shows_a_signed_picture_and_no_other(
    service: Served, driver: Chrome, site: str
) -> None:
    driver.get(site)
    rest = "/fit:40x/plain/a.png@auto"
    url = f"{service.url}/image/{signature(KEY, rest.encode())}{rest}"
    assert driver.execute_async_script(SHOWS, url) == 40
    assert driver.execute_async_script(SHOWS, url.replace("40x", "50x")) == "refused"
    driver.get(url)  # as a page of its own it is a picture, under a policy that lets nothing run
    assert driver.execute_script("return document.contentType") == "image/webp"
    assert driver.execute_script("return document.images[0].naturalWidth") == 40


def test_the_service_s_own_page_may(service: Served, driver: Chrome) -> None:
    driver.get(service.url)
    assert driver.execute_async_script(SENDS_A_FORM, "/jobs") in ("basic", "opaque")
    assert refused(service, 422)
