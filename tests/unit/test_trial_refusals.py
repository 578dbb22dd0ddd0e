"""Starts that are refused before a run: what is refused for good is told at once, all else is asked for again."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import cast

import pytest

from coordinator.errors import EngineError
from coordinator.pipeline import Resources
from coordinator.runners import trial
from coordinator.runners.api import ApiError
from coordinator.runners.engine import EndedFromOutside, Engine
from coordinator.runners.spec import ContainerSpec
from coordinator.runners.trial import Kind, refused

KIND = Kind(step="detect", image_id="sha256:0", resources=Resources(), gpu_uuids=())
NO_PROGRAM = 'preparing container for attach: runc: exec: "/x": stat /x: no such file or directory'
BUSY = "device or resource busy"


def said(status: int, message: str) -> str:
    return f"POST /containers/{'0' * 64}/attach: the engine said {status}: {message}"


@dataclass
class Refusing:
    """An engine that refuses to attach as often as it has an error."""

    errors: list[EngineError]
    tried: int = 0
    ends: list[socket.socket] = field(default_factory=list)

    @contextmanager
    def created(self, spec: ContainerSpec) -> Iterator[str]:
        self.tried += 1
        yield "c"

    def attach(self, container: str) -> tuple[socket.socket, bytes]:
        if self.errors:
            raise self.errors.pop(0)
        near, far = socket.socketpair()
        self.ends.append(far)
        return near, b""

    def start(self, container: str) -> None: ...


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "_PAUSES", (0.0, 0.0))


def told(*errors: EngineError) -> tuple[int, list[str]]:
    engine = Refusing(list(errors))
    found = refused(cast(Engine, engine), [KIND], {})
    for end in engine.ends:
        end.close()
    return engine.tried, found


@pytest.mark.parametrize(
    "error",
    [
        ApiError(400, said(400, "anything that Docker calls a bad request")),
        ApiError(500, said(500, NO_PROGRAM)),
        EndedFromOutside(f"c was ended from outside: {said(409, NO_PROGRAM)}"),
        ApiError(500, said(500, "setting up CDI devices: unresolvable CDI devices nvidia.com/gpu=GPU-x")),
        ApiError(500, said(500, 'could not select device driver "nvidia" with capabilities: [[gpu]]')),
    ],
)
def test_what_is_refused_for_good_is_asked_once(error: EngineError) -> None:
    tried, (text,) = told(error)
    assert tried == 1
    assert text.startswith("the engine does not start a container of step 'detect': ")
    assert "0" * 64 not in text


def test_what_may_be_over_in_a_moment_is_asked_again() -> None:
    busy = ApiError(500, said(500, BUSY))
    assert told(busy, busy) == (3, [])
    tried, (text,) = told(busy, busy, busy)
    assert tried == 3
    assert BUSY in text


def test_an_engine_that_does_not_answer_refuses_nothing() -> None:
    assert told(EngineError("no answer")) == (1, [])
