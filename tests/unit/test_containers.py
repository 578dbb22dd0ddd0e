"""The containers of a run when the engine fails: what is owed, whose a name is, how cancelling ends them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from coordinator.contract import ErrorKind
from coordinator.errors import EngineError
from coordinator.runners.api import ApiError
from coordinator.runners.containers import Containers
from coordinator.runners.engine import Engine, NameTaken
from coordinator.runners.habits import Habits
from coordinator.runners.patience import EngineGone
from coordinator.runners.spec import ContainerSpec
from coordinator.runners.verdict import engine_failed

SPEC = ContainerSpec(image_ref="i", name="name", user="1:1", cpus=1, memory=1)
NO_ANSWER = EngineError("no answer")


@dataclass
class FakeEngine:
    """Remembers its containers by name; each kind of call fails as often as ``failures`` says."""

    failures: dict[str, list[EngineError]] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    running: set[str] = field(default_factory=set)
    ends: list[socket.socket] = field(default_factory=list)
    is_over: bool = False
    habits: Habits = field(default_factory=Habits)

    def _call(self, kind: str) -> None:
        if waiting := self.failures.get(kind):
            raise waiting.pop(0)

    @property
    def patience(self) -> FakeEngine:
        return self

    def wait(self, cancelled: Any) -> None:
        self._call("wait")

    def create(self, spec: ContainerSpec) -> str:
        if spec.name in self.names:
            raise NameTaken(409, spec.name)
        self._call("create")
        self.names.add(spec.name)
        return spec.name

    def attach(self, container: str) -> tuple[socket.socket, bytes]:
        self._call("attach")
        ours, theirs = socket.socketpair()
        self.ends.append(theirs)
        return ours, b""

    def start(self, container: str) -> None:
        self.running.add(container)  # it has taken effect, whatever the answer
        self._call("start")

    def remove(self, container: str) -> None:
        self._call("remove")
        self.names.discard(container)
        self.running.discard(container)

    def kill(self, container: str) -> None:
        self._call("kill")
        self.running.discard(container)

    def is_running(self, container: str) -> bool:
        return container in self.running

    def containers(self, run_id: str) -> dict[str, dict[str, str]]:
        self._call("list")
        return {name: {} for name in self.names}


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def containers(engine: FakeEngine) -> Iterator[Containers]:
    made = Containers(cast(Engine, engine), "run", starts=2)
    yield made
    made.close()


def test_what_fails_to_start_is_removed(engine: FakeEngine, containers: Containers) -> None:
    engine.failures = {"start": [NO_ANSWER]}
    with pytest.raises(EngineError, match="no answer"):
        containers.start(SPEC)
    assert engine.names == set()
    containers.await_engine()


def test_a_name_of_somebody_else_is_left_to_it(engine: FakeEngine, containers: Containers) -> None:
    engine.names = {"name"}
    started = containers.start(SPEC)
    assert started.id.startswith("name-")
    containers.remove_now(started.id)
    assert engine.names == {"name"}
    engine.names.clear()  # it carries no label of the run


def test_nothing_starts_before_what_may_be_running_is_gone(
    engine: FakeEngine, containers: Containers
) -> None:
    started = containers.start(SPEC)
    engine.failures = {"remove": [NO_ANSWER, NO_ANSWER]}
    containers.remove_now(started.id)
    with pytest.raises(EngineError, match="no answer"):
        containers.await_engine()
    containers.await_engine()
    assert engine.running == set()


def test_one_that_has_ended_and_cannot_be_removed_stops_nothing(
    engine: FakeEngine, containers: Containers
) -> None:
    started = containers.start(SPEC)
    engine.running.clear()
    engine.failures = {"remove": [ApiError(500, "device or resource busy")] * 2}
    containers.remove_now(started.id)
    containers.await_engine()
    assert engine.names == {"name"}
    containers.close()
    assert engine.names == set()


def test_at_the_end_all_that_carries_the_runs_label_goes(engine: FakeEngine, containers: Containers) -> None:
    engine.names = {"made by a call without an answer"}
    engine.failures = {"list": [NO_ANSWER]}
    containers.close()
    assert engine.names == set()


def test_cancelling_ends_what_runs_and_lets_nothing_start(engine: FakeEngine, containers: Containers) -> None:
    first = containers.start(SPEC)
    containers.cancel()
    assert first.connection.recv(1) == b""  # nobody waits for the engine to end it
    with pytest.raises(EngineError, match="interrupted"):
        containers.start(SPEC)
    containers.close()
    assert engine.running == set()


def test_only_what_the_engine_refuses_outright_costs_an_attempt() -> None:
    assert engine_failed(ApiError(404, "no such image")).kind is ErrorKind.INTERNAL
    assert engine_failed(ApiError(500, "busy")).kind is ErrorKind.ENGINE
    assert engine_failed(EngineError("no answer")).kind is ErrorKind.ENGINE
    assert engine_failed(EngineGone("away")).kind is ErrorKind.CANCELLED
