"""GPUs from the inventory to the task, on real engines and in real containers; only the GPUs are none (gpurig.py).

Where engines are named (engines.py), there are more of the same.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from coordinator.commands import doctor
from coordinator.commands.notes import Severity
from coordinator.core.resources import Gpu, Inventory
from coordinator.core.seating import Seat
from coordinator.core.tasks import StepTask
from coordinator.errors import ExitCode
from coordinator.pipeline import Rung, load_pipeline
from coordinator.record.journal import Status
from coordinator.runners import site, spec
from coordinator.runners.engine import FOLDER_LABEL
from coordinator.runners.isolation import LANE, TASK
from coordinator.runners.local import LocalExecutor
from coordinator.runners.spec import ROLE
from coordinator.session.preflight import PreflightError
from tests.integration import engines
from tests.integration.conftest import Workshop
from tests.integration.engines import Gpus, Setting, settings, started
from tests.integration.gpurig import GIB, VARIABLE, Rig, make_rig, name
from tests.integration.ownengine import OwnEngine
from tests.integration.ran import ROOT, attempts
from tests.waiting import eventually

IS_THOROUGH = engines.VARIABLE in os.environ
RUNGS = [Rung.FRESH, Rung.EXEC, *([Rung.RESIDENT] if IS_THOROUGH else [])]
KEPT = [Rung.RESIDENT, *([Rung.EXEC] if IS_THOROUGH else [])]
SHARED = {"share": {"gpus": 0.5, "gpu_memory": "1g"}, "memory": {"gpus": 0.25, "gpu_memory": "3g"}}
"""What two tasks on a GPU ask for, by what keeps a third one away."""
ABLE, UNABLE = settings(Gpus.HOOK, Gpus.CDI), settings(Gpus.NONE)
HOLD = {"hold": True}


@pytest.fixture(scope="module")
def rig(client: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Rig:
    return make_rig(tmp_path_factory.mktemp("rig"), client)


@pytest.fixture(scope="module", params=ABLE, ids=str)
def able(request: pytest.FixtureRequest, rig: Rig, client: docker.DockerClient) -> Iterator[OwnEngine]:
    """An engine that hands out the rig's GPUs."""
    with started(request.param, rig) as engine:
        engine.load(rig.image_ref, client)
        yield engine


@pytest.fixture
def gpu_engine(able: OwnEngine, rig: Rig, monkeypatch: pytest.MonkeyPatch) -> OwnEngine:
    """The engine that runs are made on, on a machine with the rig's GPUs."""
    rig.plug_in(monkeypatch)
    monkeypatch.setenv("DOCKER_HOST", able.address)
    return able


@pytest.fixture
def granted(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[str, ...]]:
    """The GPUs that every task of a run was granted, by the task, as the executor hears it."""
    found: dict[str, tuple[str, ...]] = {}
    submit = LocalExecutor.submit

    def noted(executor: LocalExecutor, task: StepTask, seat: Seat) -> None:
        found[task.id] = seat.grant.gpu_uuids
        submit(executor, task, seat)

    monkeypatch.setattr(LocalExecutor, "submit", noted)
    return found


def step(rig: Rig, wanted: dict[str, Any], name: str = "one", **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "image_ref": rig.image_ref,
        "resources": {"cpus": 0.1, "memory": "64m", **wanted},
        **more,
    }


def at_work(engine: OwnEngine, workshop: Workshop) -> list[str]:
    """The containers of the run in which tasks are."""
    found = engine.client.api.containers(filters={"label": [f"{FOLDER_LABEL}={workshop.out}"]})
    return [one["Id"] for one in found if one["Labels"].get(ROLE) in (TASK, LANE)]


def go_when_held(
    engine: OwnEngine, workshop: Workshop, containers: int, first: Callable[[], None] = lambda: None
) -> threading.Thread:
    """Lets the held tasks answer as soon as so many containers of the run are at work; before, ``first`` is done."""

    def wait() -> None:
        eventually(lambda: len(at_work(engine, workshop)) >= containers)
        first()
        workshop.go()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def seen(workshop: Workshop, step: str) -> dict[str, tuple[str, ...]]:
    """The GPUs that every task of a step found in its container, by the task."""
    return {f"{step}/{item['id']}": tuple(map(name, item[step]["gpus"])) for item in workshop.items(step)}


@pytest.mark.parametrize("rung", RUNGS)
def test_a_task_has_the_gpus_that_it_was_granted_and_no_others(
    workshop: Workshop, rig: Rig, gpu_engine: OwnEngine, granted: dict[str, tuple[str, ...]], rung: Rung
) -> None:
    workshop.photographs("a.jpg", "b.jpg")
    held = go_when_held(gpu_engine, workshop, 2)
    none, one, two = (step(rig, {"gpus": number}, f"of-{number}", params=HOLD) for number in (0, 1, 2))
    workshop.run(one, two, none, rung=rung, jobs=4)
    held.join()
    found = seen(workshop, "of-1") | seen(workshop, "of-2") | seen(workshop, "of-0")
    assert found == {task: tuple(sorted(gpus)) for task, gpus in granted.items()}
    assert {found["of-1/a.jpg"], found["of-1/b.jpg"]} == {(name(0),), (name(1),)}
    assert found["of-2/a.jpg"] == (name(0), name(1))
    assert found["of-0/a.jpg"] == ()


@pytest.mark.parametrize("limit", ["memory", *(["share"] if IS_THOROUGH else [])])
def test_neither_shares_nor_memory_are_ever_over_admitted(
    workshop: Workshop, rig: Rig, gpu_engine: OwnEngine, granted: dict[str, tuple[str, ...]], limit: str
) -> None:
    workshop.photographs(*(f"{number}.jpg" for number in range(8)))
    at_once: Counter[tuple[str, ...]] = Counter()
    held = go_when_held(gpu_engine, workshop, 4, lambda: at_once.update(granted.values()))
    workshop.run(step(rig, SHARED[limit], params=HOLD), rung=Rung.FRESH, jobs=8)
    held.join()
    assert at_once == {(name(0),): 2, (name(1),): 2}  # nothing had ended until then
    items = [item["one"] for item in workshop.items("one")]
    assert len(items) == 8
    for item in items:
        beside = (other["gpus"][0] for other in items if other["began"] <= item["began"] < other["ended"])
        assert max(Counter(beside).values()) <= 2


def test_a_gpu_that_is_cut_is_given_out_in_its_parts(
    workshop: Workshop, rig: Rig, gpu_engine: OwnEngine, granted: dict[str, tuple[str, ...]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    rig.plug_in(monkeypatch, "cut")
    workshop.photographs("a.jpg", "b.jpg", "c.jpg")
    held = go_when_held(gpu_engine, workshop, 3)
    workshop.run(step(rig, {"gpus": 1, "gpu_memory": "3g"}, params=HOLD), jobs=3)
    held.join()
    assert seen(workshop, "one") == granted
    assert set(granted.values()) == {(name(0),), (name(2),), (name(3),)}


@pytest.mark.parametrize("rung", KEPT)
def test_a_gpu_that_a_container_loses_while_it_runs(
    workshop: Workshop, rig: Rig, gpu_engine: OwnEngine, rung: Rung
) -> None:
    """As at a ``systemctl daemon-reload``: the tasks are tried again in a container that has it."""

    def lose() -> None:
        for one in at_work(gpu_engine, workshop):
            process = gpu_engine.client.api.inspect_container(one)["State"]["Pid"]
            for device in Path(f"/proc/{process}/root/dev").glob("gpu*"):
                device.unlink()

    workshop.photographs("a.jpg", "b.jpg", "c.jpg")
    held = go_when_held(gpu_engine, workshop, 1, lose)
    wanted = step(rig, {"gpus": 1}, params={**HOLD, "needs": True}, retries=1)
    assert workshop.run(wanted, rung=rung, jobs=1).counts == {("one", Status.SUCCEEDED): 3}
    held.join()
    assert attempts(workshop)["one/a.jpg"] == 2
    assert {len(gpus) for gpus in seen(workshop, "one").values()} == {1}


def test_doctor_and_the_command_see_them_through_the_library(
    workshop: Workshop, rig: Rig, gpu_engine: OwnEngine
) -> None:
    workshop.photographs("a.jpg")
    pipeline = workshop.pipeline(step(rig, {"gpus": 2}))
    told = coordinator(rig, "doctor", "--pipeline", pipeline)
    assert f"OK       GPU        {name(0)} (8.0 GiB), {name(1)} (8.0 GiB)\n" in told.stdout
    assert (
        "OK       start      containers of 'one' start, with all GPUs where they ask for any\n" in told.stdout
    )
    ended = coordinator(rig, "run", workshop.batch, "--pipeline", pipeline, "--out", workshop.out)
    assert ended.returncode == ExitCode.DONE, ended.stderr
    assert seen(workshop, "one") == {"one/a.jpg": (name(0), name(1))}


@pytest.mark.parametrize("setting", UNABLE, ids=str)
def test_an_engine_that_hands_out_none_is_told_of_before_the_run(
    workshop: Workshop,
    rig: Rig,
    client: docker.DockerClient,
    monkeypatch: pytest.MonkeyPatch,
    setting: Setting,
) -> None:
    remedy = "nvidia-ctk cdi generate" if "podman" in setting.program else "NVIDIA container toolkit"
    rig.plug_in(monkeypatch)
    workshop.photographs("a.jpg")
    pipeline = workshop.pipeline(step(rig, {"gpus": 1}))
    with started(setting) as engine:
        engine.load(rig.image_ref, client)
        monkeypatch.setenv("DOCKER_HOST", engine.address)
        ended = coordinator(rig, "run", workshop.batch, "--pipeline", pipeline, "--out", workshop.out)
        notes = list(doctor.examine(load_pipeline(str(pipeline)), workshop.out))
    assert ended.returncode == ExitCode.REFUSED
    assert "the engine does not start a container of step 'one'" in ended.stderr
    assert remedy in ended.stderr
    assert not workshop.out.exists()
    (start,) = (note for note in notes if note.topic == "start")
    assert (start.severity, remedy in start.todo) == (Severity.PROBLEM, True)


def test_an_engine_that_passes_the_request_over_is_told_of_before_the_run(
    workshop: Workshop, rig: Rig, gpu_engine: OwnEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Podman 4 does; here it is the request that is left out, and the rest is the real engine's."""
    monkeypatch.setattr(spec, "device_requests", lambda form, gpus: [])
    workshop.photographs("a.jpg")
    with pytest.raises(PreflightError, match=r"gives the container none\n.*Podman 5\.4"):
        workshop.run(step(rig, {"gpus": 1}))
    assert not workshop.out.exists()


def test_amds_are_handed_out_by_cdi_or_the_run_is_refused(
    workshop: Workshop, rig: Rig, gpu_engine: OwnEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The inventory alone is made up here: the kernel's folders are in tests/unit/test_gpus.py."""
    gpus = tuple(Gpu(uuid=f"amd.com/gpu={number}", memory=8 * GIB) for number in range(2))
    monkeypatch.setattr(site, "host_inventory", lambda: Inventory(cpus=2, memory=8 * GIB, gpus=gpus))
    workshop.photographs("a.jpg")
    wanted = step(rig, {"gpus": 2})
    if not gpu_engine.has_cdi:
        with pytest.raises(PreflightError, match="Docker does from 25 on"):
            workshop.run(wanted)
        return
    assert workshop.run(wanted).counts == {("one", Status.SUCCEEDED): 1}
    assert workshop.items("one")[0]["one"]["gpus"] == [0, 1]


def coordinator(rig: Rig, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """The command line, as typed on a machine with the rig's library."""
    return subprocess.run(
        [sys.executable, "-m", "coordinator", *map(str, words)],
        cwd=ROOT,
        env={**os.environ, VARIABLE: "whole", "LD_LIBRARY_PATH": str(rig.library.parent)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
