"""A server of images for the tests, on this machine: each is what the test says, and every request is noted."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Served:
    """What a server answers: bodies by path. ``cut`` ones break off, ``held`` ones wait for ``go``."""

    address: str = ""
    bodies: dict[str, bytes] = field(default_factory=dict)
    tagged: bool = True
    cut: set[str] = field(default_factory=set)
    held: set[str] = field(default_factory=set)
    go: threading.Event = field(default_factory=threading.Event)
    asked: list[tuple[str, int]] = field(default_factory=list)
    """Paths and the codes of their answers."""

    def url(self, name: str) -> str:
        return f"{self.address}/{name}"

    def codes(self, name: str) -> list[int]:
        return [code for path, code in self.asked if path == f"/{name}"]


def _handler(served: Served) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = served.bodies.get(self.path)
            tag = None if body is None or not served.tagged else f'"{hashlib.md5(body).hexdigest()}"'
            if body is None:
                code = 404
            elif tag is not None and self.headers.get("If-None-Match") == tag:
                code = 304
            else:
                code = 200
            served.asked.append((self.path, code))
            if self.path in served.held:
                served.go.wait(60)
            self.send_response(code)
            if tag is not None:
                self.send_header("ETag", tag)
            if code == 200 and body is not None:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if code == 200 and body is not None:
                self.wfile.write(body[: len(body) // 2] if self.path in served.cut else body)

        def log_message(self, *_: object) -> None:
            """It keeps no log."""

    return Handler


@contextmanager
def serving() -> Iterator[Served]:
    served = Served()
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(served)) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        served.address = f"http://127.0.0.1:{server.server_port}"
        yield served
        served.go.set()
        server.shutdown()
