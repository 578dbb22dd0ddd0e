"""How a command comes to a cluster: with the token that it asks for, and from a machine that is none of its nodes."""

from __future__ import annotations

import importlib.util
import secrets
import sys
from collections.abc import Iterator

import pytest

from tests.integration.conftest import Workshop
from tests.integration.losses import DRAWS, Command
from tests.integration.twonodes import TwoNodes, two_nodes
from tests.waiting import PATIENCE

PROGRAM = """
import json, sys
for line in sys.stdin:
    request = json.loads(line)
    print(json.dumps({"task": request["task"], "items": [{"id": request["items"][0]["id"]}]}), flush=True)
"""


@pytest.fixture(scope="module")
def closed() -> Iterator[TwoNodes]:
    """Two machines with Ray that asks for a token, without engines."""
    with two_nodes(token=secrets.token_hex(32)) as found:
        yield found


@pytest.fixture
def command(closed: TwoNodes, workshop: Workshop) -> Command:
    workshop.photographs(*(f"r{number}.jpg" for number in range(10)))
    program = workshop.folder / "program" / "program.py"
    program.parent.mkdir()
    program.write_text(PROGRAM)
    step = {"name": "step", "image_ref": "none", "rung": "process", "command": [sys.executable, str(program)]}
    return Command(closed, workshop.batch, workshop.out, workshop.pipeline(step))


def test_with_its_token(command: Command) -> None:
    command.finish(command.begin())
    assert len(command.succeeded()) == 10


@pytest.mark.skipif(importlib.util.find_spec("grpc") is None, reason="ray:// needs pip install 'ray[client]'")
def test_as_a_client(closed: TwoNodes, command: Command) -> None:
    command.finish(command.begin(address=closed.client_address))
    assert len(command.succeeded()) == 10


@pytest.mark.skipif(not DRAWS, reason="Ray tries for half a minute: COORDINATOR_LOSSES=1")
def test_without_its_token(command: Command) -> None:
    begun = command.begin(secret={})
    assert begun.wait(PATIENCE) == 2
    assert "RAY_AUTH_TOKEN" in command.log.read_text()
    assert not command.out.exists()
