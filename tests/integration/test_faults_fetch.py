"""Images named by URL, from a server that misbehaves. docs/faults.md lists these tests."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from coordinator.errors import ExitCode
from coordinator.runners import fetch
from coordinator.session.run import Summary
from tests.integration.conftest import Workshop
from tests.integration.ran import attempts

BODY = b"an image, for all that the echo step knows"
PATHS = (
    "whole.jpg",
    "missing.jpg",
    "busy.jpg",
    "part.jpg",
    "endless.jpg",
    "trickle.jpg",
    "junk.jpg",
    "file.jpg",
)


class _Server(BaseHTTPRequestHandler):
    """Answers each path in its own way."""

    def do_GET(self) -> None:
        answers: dict[str, Callable[[], object]] = {
            "/whole.jpg": lambda: self._send(BODY, len(BODY)),
            "/missing.jpg": lambda: self.send_error(404),
            "/busy.jpg": lambda: self.send_error(429),
            "/part.jpg": lambda: self._send(BODY[:10], len(BODY)),
            "/endless.jpg": lambda: self._send(bytes(4_000_000), None),
            "/trickle.jpg": self._trickle,
            "/junk.jpg": lambda: self._raw(b"what?\r\n\r\n"),
            "/file.jpg": lambda: self._raw(b"HTTP/1.0 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n"),
        }
        answers[self.path]()

    def _send(self, body: bytes, length: int | None) -> None:
        self.send_response(200)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        self._raw(body)

    def _trickle(self) -> None:
        self._send(b"", None)
        while self._raw(b"."):
            time.sleep(0.1)

    def _raw(self, data: bytes) -> bool:
        """Whether it could be sent: who asked may have had enough."""
        try:
            self.wfile.write(data)
            self.wfile.flush()
        except OSError:
            self.close_connection = True
            return False
        return True

    def log_message(self, *_: object) -> None:
        """It keeps no log."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The URL of a server on this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Server) as found:
        found.daemon_threads = True
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{found.server_port}"
        found.shutdown()


@pytest.fixture(scope="module")
def fetched(
    server: str, echo_image: str, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Workshop, Summary]:
    """A run over a table of URLs, under limits that are small enough to be met in seconds."""
    workshop = Workshop(tmp_path_factory.mktemp("fetched"))
    rows = (json.dumps({"id": path, "image": f"{server}/{path}"}) for path in PATHS)
    (workshop.batch / "recordings.jsonl").write_text("\n".join(rows))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fetch, "MAX_BYTES", 1_000_000)
        patch.setattr(fetch, "_FETCH_TIMEOUT", 2.0)
        return workshop, workshop.run({"name": "echo", "image_ref": echo_image})


def fails(fetched: tuple[Workshop, Summary], path: str, kind: str, says: str, tries: int) -> None:
    workshop, summary = fetched
    assert summary.exit_code is ExitCode.SOME_FAILED
    error = workshop.failure(f"fetch%2F{path}")["error"]
    assert error["kind"] == kind
    assert says in error["message"]
    assert f"/{path}: " in error["message"]
    assert attempts(workshop)[f"fetch/{path}"] == tries
    assert not list((workshop.out / "work" / "fetch" / path).iterdir())


def test_what_is_whole_is_fetched_and_worked_on(fetched: tuple[Workshop, Summary]) -> None:
    workshop, _ = fetched
    (item,) = workshop.items("echo")
    assert item["image"] == "/work/fetch/whole.jpg/image.jpg"
    assert (workshop.out / "work" / "fetch" / "whole.jpg" / "image.jpg").read_bytes() == BODY


def test_an_image_that_is_not_there(fetched: tuple[Workshop, Summary]) -> None:
    fails(fetched, "missing.jpg", "bad_input", "the server said 404 Not Found", tries=1)


def test_a_server_that_is_busy(fetched: tuple[Workshop, Summary]) -> None:
    fails(fetched, "busy.jpg", "internal", "the server said 429 Too Many Requests", tries=3)


def test_an_image_that_breaks_off(fetched: tuple[Workshop, Summary]) -> None:
    fails(fetched, "part.jpg", "internal", "10 of 42 bytes arrived", tries=3)


def test_an_image_without_end(fetched: tuple[Workshop, Summary]) -> None:
    fails(fetched, "endless.jpg", "bad_input", "more than 1,000,000 bytes", tries=1)


def test_an_image_that_trickles(fetched: tuple[Workshop, Summary]) -> None:
    fails(fetched, "trickle.jpg", "timeout", "bytes within 2 s", tries=3)


def test_a_server_that_speaks_no_http(fetched: tuple[Workshop, Summary]) -> None:
    fails(fetched, "junk.jpg", "internal", "BadStatusLine", tries=3)


def test_a_server_that_sends_to_a_file_of_this_machine(fetched: tuple[Workshop, Summary]) -> None:
    fails(fetched, "file.jpg", "internal", "the server said 302", tries=3)
