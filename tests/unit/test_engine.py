"""The engine's own list of containers, as an engine gives it: by a server that has answers and nothing else."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from coordinator.errors import EngineError
from coordinator.runners import engine as engine_module
from coordinator.runners import waiting
from coordinator.runners.engine import LABEL, Engine
from coordinator.runners.spec import NETWORK, ROLE

ANSWERS: dict[str, Any] = {"/version": {"Version": "5.4.2", "ApiVersion": "1.41"}}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.path.removeprefix("/v1.41").split("?")[0]
        answer = json.dumps(ANSWERS[path]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{server.server_port}")
        made = Engine()
        yield made
        made.close()
        server.shutdown()


def test_the_holder_of_the_network_comes_last(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Podman keeps it as long as one is there that is in its network."""
    roles = {"h1": NETWORK, "a": "task", "h2": NETWORK, "b": "lane", "old": None}
    listed = [
        {"Id": name, "Labels": {LABEL: "r"} | ({ROLE: role} if role else {})} for name, role in roles.items()
    ]
    monkeypatch.setitem(ANSWERS, "/containers/json", listed)
    assert list(engine.containers()) == ["a", "b", "old", "h1", "h2"]


def test_it_says_what_it_is(engine: Engine) -> None:
    assert engine.describe()["version"] == "5.4.2"
    assert engine.describe()["address"].endswith(" (DOCKER_HOST)")


def test_one_that_takes_connections_and_says_nothing_is_told_of_and_given_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Well before the minute that a call may take, and nobody sits before a screen that says nothing."""
    monkeypatch.setattr(engine_module, "_FIRST_ANSWER", 0.5)
    monkeypatch.setattr(waiting, "_LONG", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"tcp://127.0.0.1:{mute.getsockname()[1]}"
        monkeypatch.setenv("DOCKER_HOST", address)
        with pytest.raises(EngineError) as ended:
            Engine()
    assert caplog.messages == [f"waiting for an answer of the container engine at {address} (DOCKER_HOST)"]
    assert f"no container engine answers at {address} (DOCKER_HOST): " in str(ended.value)
    assert "takes connections and says nothing" in str(ended.value)


def test_one_that_answers_is_not_waited_for_aloud(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    assert not caplog.messages
