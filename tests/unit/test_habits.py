"""Engines that map users or label files: what containers are asked for with, and what cannot be had of them."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from coordinator.errors import EngineError
from coordinator.runners import realuser
from coordinator.runners.engine import Engine
from coordinator.runners.habits import Habits
from coordinator.runners.realuser import check_user, real_user
from coordinator.runners.spec import ContainerSpec

SPEC = ContainerSpec(image_ref="i", name="n", user="1000:1000", cpus=1, memory=1)
PLAIN: dict[str, Any] = {"SecurityOptions": ["name=seccomp,profile=default", "name=cgroupns"]}


def told(*options: str) -> ContainerSpec:
    return Habits.told_by({"SecurityOptions": ["name=seccomp,profile=default", *options]}).applied(SPEC)


class TestHabits:
    @pytest.mark.parametrize("info", [PLAIN, {}, {"SecurityOptions": None}])
    def test_a_plain_engine_is_asked_as_ever(self, info: dict[str, Any]) -> None:
        habits = Habits.told_by(info)
        assert habits.applied(SPEC) == SPEC
        assert not habits.maps_users

    def test_rootless_steps_are_root_who_is_the_engines_user(self) -> None:
        assert told("name=rootless") == replace(SPEC, user="0:0")
        assert told("name=rootless", "name=userns") == replace(SPEC, user="0:0")

    def test_remapped_steps_get_this_machines_users(self) -> None:
        spec = told("name=userns")
        assert spec.user == "1000:1000"
        assert spec.to_api()["HostConfig"]["UsernsMode"] == "host"
        assert " --userns host " in " ".join(spec.to_command())

    def test_labels_are_not_looked_at(self) -> None:
        spec = told("name=selinux")
        assert spec.to_api()["HostConfig"]["SecurityOpt"] == ["no-new-privileges", "label=disable"]
        assert " --security-opt label=disable " in " ".join(spec.to_command())

    def test_it_is_asked_only_once(self) -> None:
        habits = Habits(is_rootless=True, labels_files=True)
        assert habits.applied(habits.applied(SPEC)) == habits.applied(SPEC)

    def test_a_plain_one_hears_nothing_of_it(self) -> None:
        body = SPEC.to_api()["HostConfig"]
        assert "UsernsMode" not in body
        assert body["SecurityOpt"] == ["no-new-privileges"]


@dataclass
class Mapping:
    """An engine whose started container is the process ``process`` of this machine."""

    process: int
    habits: Habits
    address: str = "unix:///s"
    asked: list[ContainerSpec] = field(default_factory=list)

    @contextmanager
    def created(self, spec: ContainerSpec) -> Iterator[str]:
        self.asked.append(spec)
        yield "c"

    def attach(self, container: str) -> tuple[socket.socket, bytes]:
        near, far = socket.socketpair()
        far.close()
        return near, b""

    def start(self, container: str) -> None: ...

    def pid(self, container: str) -> int:
        return self.process


def check(process: int, habits: Habits) -> list[ContainerSpec]:
    engine = Mapping(process, habits)
    check_user(cast(Engine, engine), "sha256:0", {})
    return engine.asked


class TestWhoTheyAre:
    def test_it_is_looked_at_where_users_are_mapped_alone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(realuser, "step_user", lambda: (1000, 1000))
        assert check(os.getpid(), Habits(labels_files=True)) == []
        assert len(check(os.getpid(), Habits(remaps_users=True))) == 1  # this process has the machine's users

    def test_another_user_than_the_run_folders_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(realuser, "step_user", lambda: (1000, 1000))
        with pytest.raises(
            EngineError, match=r"runs steps as user 0 .* write as user 1000: .*its own user alone"
        ):
            check(os.getpid(), Habits(is_rootless=True))

    def test_what_cannot_be_told_from_here_is_left_to_the_run(self) -> None:
        assert len(check(0, Habits(is_rootless=True))) == 1

    def test_a_map_of_users(self) -> None:
        rootless = [(0, 1000, 1), (1, 200000, 65536)]
        assert real_user(rootless, 0) == 1000
        assert real_user(rootless, 1000) == 200999
        assert real_user(rootless, 65537) is None
        assert real_user([(0, 0, 4294967295)], 65534) == 65534
