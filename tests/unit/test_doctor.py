"""What doctor makes of what it finds; the engine itself is asked in tests/integration."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

import pytest

from coordinator.commands import doctor
from coordinator.commands.gpunotes import gpu_notes, link_notes
from coordinator.commands.notes import Note, Severity, exit_code, ok, problem, warning
from coordinator.core.resources import Gpu, Inventory
from coordinator.errors import ExitCode
from coordinator.pipeline import Pipeline, Step
from coordinator.runners.engine import FOLDER_LABEL, ImageFacts
from coordinator.runners.spec import HOST_LABEL

GIB = 1024**3
FACTS = {"platform": "Docker", "version": "28.2", "api": "1.50", "address": "tcp://box:2375 (DOCKER_HOST)"}
INFO: dict[str, Any] = {
    "OSType": "linux",
    "NCPU": 2,
    "MemTotal": 8 * GIB,
    "CgroupVersion": "2",
    "CgroupDriver": "systemd",
    "MemoryLimit": True,
    "SwapLimit": True,
    "CpuCfsQuota": True,
    "PidsLimit": True,
    "Runtimes": {"runc": {}},
    "Warnings": None,
}
MACHINE = Inventory(cpus=2, memory=8 * GIB)


def severities(notes: list[Note]) -> list[Severity]:
    return [note.severity for note in notes]


def engine(**changed: Any) -> list[Note]:
    return list(doctor.engine_notes(FACTS, {**INFO, **changed}))


class TestEngine:
    def test_a_good_one(self) -> None:
        notes = engine()
        assert severities(notes) == [Severity.OK, Severity.OK, Severity.OK]
        assert notes[0].said == "Docker 28.2, API 1.50, 2 CPUs, 8.0 GiB of memory"
        assert notes[1].said == "at tcp://box:2375 (DOCKER_HOST)"
        assert notes[2].said == (
            "cgroup v2, driver systemd; memory, swap, CPU and process limits, by what the engine says"
        )

    def test_limits_that_it_has_not(self) -> None:
        notes = engine(SwapLimit=False, Warnings=["WARNING: No swap limit support"])
        assert severities(notes) == [Severity.OK, Severity.OK, Severity.WARNING]
        assert "no swap limits" in notes[2].said
        assert "swapaccount=1" in notes[2].todo

    def test_its_other_warnings_are_passed_on(self) -> None:
        notes = engine(Warnings=["WARNING: API is accessible on http://0.0.0.0:2375"])
        assert "API is accessible" in notes[-1].said

    def test_no_limits_at_all_and_other_containers_are_problems(self) -> None:
        assert Severity.PROBLEM in severities(engine(CgroupDriver="none"))
        assert Severity.PROBLEM in severities(engine(OSType="windows"))


class TestGpus:
    NVIDIA = Inventory(cpus=2, memory=GIB, gpus=(Gpu(uuid="GPU-1", memory=16 * GIB),))
    AMD = Inventory(cpus=2, memory=GIB, gpus=(Gpu(uuid="amd.com/gpu=0", memory=24 * GIB),))

    def test_none(self) -> None:
        (note,) = gpu_notes(MACHINE, has_driver=False, amd=0)
        assert (note.severity, note.said) == (Severity.OK, "none; steps with gpu_optional run without one")

    def test_a_driver_that_nobody_asks(self) -> None:
        (note,) = gpu_notes(MACHINE, has_driver=True, amd=0)
        assert (note.severity, ".[gpu]" in note.todo) == (Severity.WARNING, True)

    def test_each_by_what_it_is_asked_for_by(self) -> None:
        (note,) = gpu_notes(self.NVIDIA, has_driver=True, amd=0)
        assert (note.severity, note.said) == (Severity.OK, "GPU-1 (16.0 GiB)")
        (note,) = gpu_notes(self.AMD, has_driver=False, amd=1)
        assert (note.severity, note.said) == (Severity.OK, "amd.com/gpu=0 (24.0 GiB)")

    @pytest.mark.parametrize(("machine", "others"), [(MACHINE, 0), (NVIDIA, 1)])
    def test_one_of_amds_that_is_not_offered_is_told_and_no_trouble(
        self, machine: Inventory, others: int
    ) -> None:
        notes = list(gpu_notes(machine, has_driver=False, amd=1))
        assert severities(notes) == [Severity.OK] * (others + 1)
        assert notes[-1].said.startswith("1 of AMD's that no CDI file offers")

    def test_containers_that_would_lose_them(self) -> None:
        (note,) = link_notes(self.NVIDIA, INFO, has_links=False)
        assert (note.severity, "create-dev-char-symlinks" in note.todo) == (Severity.WARNING, True)

    @pytest.mark.parametrize(
        ("machine", "driver", "has_links"),
        [
            (NVIDIA, "systemd", True),
            (NVIDIA, "cgroupfs", False),
            (AMD, "systemd", False),
            (MACHINE, "systemd", False),
        ],
    )
    def test_containers_that_keep_them(self, machine: Inventory, driver: str, has_links: bool) -> None:
        assert not list(link_notes(machine, {**INFO, "CgroupDriver": driver}, has_links=has_links))


@pytest.mark.parametrize(
    ("free", "inodes", "severity"),
    [
        (50 * GIB, 10**6, Severity.OK),
        (50 * GIB, None, Severity.OK),
        (50 * GIB, 10, Severity.WARNING),
        (5 * GIB, 10**6, Severity.WARNING),
        (GIB // 2, 10**6, Severity.PROBLEM),
    ],
)
def test_disk(free: int, inodes: int | None, severity: Severity) -> None:
    assert doctor.disk_note("here", free, inodes).severity is severity


@pytest.mark.parametrize(
    ("value", "severity"),
    [(256, Severity.WARNING), (1024, Severity.OK), (resource.RLIM_INFINITY, Severity.OK)],
)
def test_limits(value: int, severity: Severity) -> None:
    assert doctor.limit_note("open files", value, 1024, "ulimit -n 4096").severity is severity


@pytest.mark.parametrize(
    ("labels", "must_loop", "severity"),
    [
        ({"coordinator.protocol": "1"}, False, Severity.OK),
        ({"coordinator.protocol": "1", "coordinator.loop": "true"}, True, Severity.OK),
        ({}, False, Severity.WARNING),
        ({"coordinator.protocol": "2"}, False, Severity.PROBLEM),
        ({"coordinator.protocol": "1"}, True, Severity.PROBLEM),
    ],
)
def test_images(labels: dict[str, str], must_loop: bool, severity: Severity) -> None:
    image = ImageFacts(image_ref="example", id="sha256:1", labels=labels, command=("/step",))
    assert doctor.image_note("detect", image, must_loop=must_loop).severity is severity


class TestLeftovers:
    def containers(self, **folders: str) -> dict[str, dict[str, str]]:
        return {name: {FOLDER_LABEL: folder, HOST_LABEL: "here"} for name, folder in folders.items()}

    def note(self, containers: dict[str, dict[str, str]], *live: str) -> Note:
        return doctor.leftover_note(containers, set(live), host="here")

    def test_none_and_those_of_runs_at_work(self) -> None:
        assert self.note({}).severity is Severity.OK
        assert self.note(self.containers(a="/run"), "/run").severity is Severity.OK

    def test_those_of_a_dead_run_are_named(self) -> None:
        note = self.note(self.containers(a="/live", b="/dead"), "/live")
        assert note.severity is Severity.WARNING
        assert note.said == "1 containers of runs that nobody is at work on: /dead"

    def test_another_hosts_are_its_own_affair(self) -> None:
        containers = {"a": {FOLDER_LABEL: "/dead", HOST_LABEL: "there"}, "b": {FOLDER_LABEL: "/dead"}}
        assert self.note(containers).severity is Severity.OK


def test_the_exit_code_tells_of_problems_only() -> None:
    fine = [ok("engine", "x"), warning("disk", "x", "y")]
    assert exit_code(fine) is ExitCode.DONE
    assert exit_code([*fine, problem("image", "x", "y")]) is ExitCode.SOME_FAILED


def test_without_an_engine_the_machine_is_examined_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    pipeline = Pipeline(name="p", steps=(Step(name="a", image_ref="example"),))
    notes = list(doctor.examine(pipeline, tmp_path / "not" / "yet"))
    assert (notes[0].severity, notes[0].topic) == (Severity.PROBLEM, "engine")
    assert "make engine" in notes[0].todo
    assert {"GPU", "disk", "limits", "machine"} <= {note.topic for note in notes}


def test_lines() -> None:
    assert list(problem("image", "it is not here", "build it").lines()) == [
        "problem  image      it is not here",
        "                    -> build it",
    ]
