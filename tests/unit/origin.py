"""A real web server on this machine, for sources by URL."""

from __future__ import annotations

import http.server
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress

Script = Callable[[http.server.BaseHTTPRequestHandler], None]


class Origin:
    """A server on this machine that does at each path what the test says."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        """With ``tls`` it is asked by https."""
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.scripts: dict[str, Script] = {}
        self.done = threading.Event()
        origin = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                origin.asked.append((self.path, dict(self.headers)))
                with suppress(OSError):
                    origin.scripts[self.path.partition("?")[0]](self)

            def log_message(self, *arguments: object) -> None:
                """Nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def answers(self, path: str, status: int = 200, body: bytes = b"", **headers: str) -> str:
        """Has it answer so, and gives the URL."""

        def script(handler: http.server.BaseHTTPRequestHandler) -> None:
            handler.send_response(status)
            for name, value in {"Content_Length": str(len(body)), **headers}.items():
                handler.send_header(name.replace("_", "-"), value)
            handler.end_headers()
            handler.wfile.write(body)

        return self.does(path, script)

    def does(self, path: str, script: Script) -> str:
        self.scripts[path] = script
        return self.url + path

    def close(self) -> None:
        self.done.set()
        self._server.shutdown()
        self._server.server_close()
