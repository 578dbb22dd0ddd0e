"""The engine's own faults, provoked by a proxy on its socket, by hand on its containers, or on an engine of our own."""

from __future__ import annotations

import io
import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from coordinator.errors import EngineError, ExitCode
from coordinator.pipeline import Rung
from coordinator.record.journal import Status
from coordinator.runners.address import engine_address
from coordinator.runners.containers import Started
from coordinator.runners.engine import FOLDER_LABEL, PATIENCE, TIMEOUT, Engine
from coordinator.runners.isolation import LANE, TASK
from coordinator.runners.spec import NETWORK, ROLE
from coordinator.session.preflight import PreflightError
from tests.integration import faultproxy
from tests.integration.conftest import Workshop
from tests.integration.faultproxy import Fault, FaultProxy
from tests.integration.ownengine import OwnEngine, can_run
from tests.integration.ran import attempts
from tests.waiting import eventually

CONTAINERS = (Rung.FRESH, Rung.EXEC, Rung.RESIDENT)
CREATE, SIGHT, TRIAL = (
    "POST /containers/create.*name=coordinator-(?!sight|trial)",
    "POST /containers/create.*name=coordinator-sight",
    "POST /containers/create.*name=coordinator-trial",
)
ATTACH, START = "POST /containers/.*/attach", "POST /containers/.*/start"
WAIT, REMOVE, EXEC = "POST /containers/.*/wait", "DELETE /containers/", "POST /exec/.*/start"
LOOKED = 2
"""The first containers that are removed told which folders the engine sees, and that it starts the step's at all."""
HOLDER = 2
"""The first container that starts is the trial's, the second holds the network namespace; then come tasks and lanes."""


@pytest.fixture
def proxy(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    """A proxy that the coordinator takes for its engine; a call may take a second."""
    address = engine_address().socket
    if address is None:
        pytest.skip("the engine has no socket on this machine")
    with tempfile.TemporaryDirectory(prefix="engine-") as folder:
        made = FaultProxy(Path(folder) / "s", address)
        monkeypatch.setenv("DOCKER_HOST", f"unix://{made.path}")
        monkeypatch.setenv(TIMEOUT, "1")
        monkeypatch.setenv(PATIENCE, "20")
        yield made
        made.down()


def succeeds(workshop: Workshop, image_ref: str, rung: Rung = Rung.FRESH, **params: Any) -> None:
    """Two tasks without any retry: what the engine does costs no attempt, and each result is there once."""
    workshop.photographs("a.jpg", "b.jpg")
    summary = workshop.run({"name": "step", "image_ref": image_ref, "params": params}, rung=rung, jobs=1)
    assert summary.counts == {("step", Status.SUCCEEDED): 2}
    assert [item["id"] for item in workshop.items("step")] == ["a.jpg", "b.jpg"]


def beside(work: Callable[[], None]) -> threading.Thread:
    """Does what is to happen during a run, which needs the main thread for its signals."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def running(client: docker.DockerClient, workshop: Workshop, role: str) -> Any:
    """A container of the workshop's run, as soon as one runs."""
    labels = [f"{FOLDER_LABEL}={workshop.out}", f"{ROLE}={role}"]
    eventually(lambda: client.containers.list(filters={"label": labels}))
    return client.containers.list(filters={"label": labels})[0]


# -- calls ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rung", "call"),
    [
        *((Rung.FRESH, call) for call in (CREATE, ATTACH, START, WAIT)),
        (Rung.RESIDENT, START),
        (Rung.RESIDENT, WAIT),
    ],
)
def test_a_call_that_times_out_after_it_took_effect(
    workshop: Workshop, stub_image: str, proxy: FaultProxy, rung: Rung, call: str
) -> None:
    proxy.fail(call, faultproxy.lose_answer, first=1 if call == WAIT else HOLDER + 1)
    succeeds(workshop, stub_image, rung)


def test_a_removal_that_times_out_after_it_took_effect(
    workshop: Workshop, stub_image: str, proxy: FaultProxy
) -> None:
    proxy.fail(REMOVE, faultproxy.lose_answer, first=LOOKED + 1)
    succeeds(workshop, stub_image)


def test_a_kill_without_an_answer(workshop: Workshop, stub_image: str, proxy: FaultProxy) -> None:
    """The step hangs and cannot be ended at first; when it can, it has had its one attempt."""
    proxy.fail("POST /containers/.*/kill", faultproxy.hang)
    workshop.photographs("a.jpg")
    step = {"name": "step", "image_ref": stub_image, "params": {"milliseconds": 50_000}, "timeout": 1}
    workshop.run(step)
    assert workshop.failure("step%2Fa.jpg")["error"]["kind"] == "timeout"
    kills = [number for number, call in enumerate(proxy.calls) if call.endswith("/kill")]
    starts = [number for number, call in enumerate(proxy.calls) if call.endswith("/start")]
    removals = [number for number, call in enumerate(proxy.calls) if call.startswith("DELETE")]
    assert len(starts) == HOLDER + 2
    assert kills[0] < removals[LOOKED] < starts[-1] < kills[1]


def test_a_process_start_that_times_out_after_it_took_effect(
    workshop: Workshop, stub_image: str, proxy: FaultProxy
) -> None:
    proxy.fail(EXEC, faultproxy.lose_answer)
    succeeds(workshop, stub_image, Rung.EXEC)


def test_no_container_starts_while_one_may_run_that_could_not_be_removed(
    workshop: Workshop, stub_image: str, proxy: FaultProxy
) -> None:
    proxy.fail(START, faultproxy.lose_answer, first=HOLDER + 1)
    proxy.fail(REMOVE, faultproxy.refuse, first=LOOKED + 1)
    succeeds(workshop, stub_image)
    starts = [number for number, call in enumerate(proxy.calls) if call.endswith("/start")]
    given_up = proxy.calls[starts[HOLDER]].split("/")[2]
    removals = [number for number, call in enumerate(proxy.calls) if f"DELETE /containers/{given_up}" in call]
    assert len(removals) == 2
    assert removals[1] < starts[HOLDER + 1]


@pytest.mark.parametrize("call", [CREATE, START, WAIT, REMOVE])
def test_an_answer_of_500(workshop: Workshop, stub_image: str, proxy: FaultProxy, call: str) -> None:
    proxy.fail(call, faultproxy.refuse, first=LOOKED + 1 if call == REMOVE else 1)
    succeeds(workshop, stub_image)


@pytest.mark.parametrize("call", [SIGHT, "HEAD /containers/.*/archive", TRIAL, START, REMOVE])
@pytest.mark.parametrize("fault", [faultproxy.refuse, faultproxy.lose_answer], ids=["refused", "lost"])
def test_what_is_looked_at_before_the_run_fails(
    workshop: Workshop, stub_image: str, proxy: FaultProxy, call: str, fault: Fault
) -> None:
    proxy.fail(call, fault)
    succeeds(workshop, stub_image)


@pytest.mark.parametrize(
    "fault",
    [faultproxy.hang, faultproxy.drop, faultproxy.garble, faultproxy.drip],
    ids=lambda fault: fault.__name__,
)
def test_a_call_without_a_proper_answer(
    workshop: Workshop, stub_image: str, proxy: FaultProxy, fault: Fault
) -> None:
    proxy.fail(START, fault, first=HOLDER + 1)
    proxy.fail(ATTACH, fault, first=HOLDER + 3)
    succeeds(workshop, stub_image)


def test_connections_refused_for_a_while(workshop: Workshop, stub_image: str, proxy: FaultProxy) -> None:
    def outage(call: faultproxy.Call) -> None:
        proxy.down()
        threading.Timer(1, proxy.up).start()

    proxy.fail(WAIT, outage)
    succeeds(workshop, stub_image)


@pytest.mark.parametrize("rung", CONTAINERS)
def test_an_engine_that_stays_away_ends_the_run_which_can_be_continued(
    workshop: Workshop,
    stub_image: str,
    client: docker.DockerClient,
    proxy: FaultProxy,
    monkeypatch: pytest.MonkeyPatch,
    rung: Rung,
) -> None:
    monkeypatch.setenv(PATIENCE, "1")

    def outage() -> None:
        running(client, workshop, TASK if rung is Rung.FRESH else LANE)
        proxy.down()

    workshop.photographs(*(f"{number}.jpg" for number in range(4)))
    step = {"name": "step", "image_ref": stub_image, "params": {"hold": 1}}
    thread = beside(outage)
    started = time.monotonic()
    with pytest.raises(EngineError, match=r"away for 1 s.*\n.*the same command continues this run"):
        workshop.run(step, rung=rung, jobs=2)
    assert time.monotonic() - started < 60
    thread.join()
    proxy.up()
    workshop.go()
    assert workshop.run(step, rung=rung).counts == {("step", Status.SUCCEEDED): 4}


# -- streams --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rung", CONTAINERS)
def test_a_stream_cut_in_mid_frame(
    workshop: Workshop, stub_image: str, proxy: FaultProxy, rung: Rung
) -> None:
    stream = EXEC if rung is Rung.EXEC else ATTACH
    proxy.fail(stream, faultproxy.cut_stream_after(20), first=1 if rung is Rung.EXEC else HOLDER + 1)
    succeeds(workshop, stub_image, rung)


@pytest.mark.parametrize("rung", CONTAINERS)
def test_frames_split_bytewise(workshop: Workshop, stub_image: str, proxy: FaultProxy, rung: Rung) -> None:
    proxy.fail(f"{ATTACH}|{EXEC}", faultproxy.split_frames, times=9)
    succeeds(workshop, stub_image, rung)


@pytest.mark.parametrize("rung", CONTAINERS)
def test_a_first_frame_joined_to_the_reply(
    workshop: Workshop, stub_image: str, proxy: FaultProxy, rung: Rung
) -> None:
    workshop.photographs("a.jpg")
    proxy.fail(f"{ATTACH}|{EXEC}", faultproxy.join_frame(b"the first words"), times=9)
    step = {"name": "step", "image_ref": stub_image, "params": {"do": "junk", "megabytes": 1}}
    assert workshop.run(step, rung=rung).exit_code is ExitCode.SOME_FAILED
    assert (workshop.out / "failures" / "step%2Fa.jpg" / "stderr").read_bytes() == b"the first words"


# -- images and names -------------------------------------------------------------------------------------------


def test_an_image_missing_at_the_start(workshop: Workshop, engine: Engine) -> None:
    workshop.photographs("a.jpg")
    with pytest.raises(PreflightError, match=r"image 'nowhere/none' is not on this engine; make it"):
        workshop.run({"name": "step", "image_ref": "nowhere/none"})


def test_an_image_removed_in_mid_run(
    workshop: Workshop, stub_image: str, client: docker.DockerClient
) -> None:
    workshop.photographs("a.jpg")
    recipe = io.BytesIO(f"FROM {stub_image}\nLABEL coordinator-test.doomed=yes\n".encode())
    doomed, _ = client.images.build(fileobj=recipe, tag="coordinator-test/doomed", rm=True)

    def remove() -> None:
        running(client, workshop, TASK)
        client.images.remove(str(doomed.id), force=True)
        workshop.go()

    thread = beside(remove)
    summary = workshop.run(
        {"name": "first", "image_ref": stub_image, "params": {"hold": 1}},
        {"name": "second", "image_ref": "coordinator-test/doomed"},
    )
    thread.join()
    assert summary.counts == {("first", Status.SUCCEEDED): 1, ("second", Status.FAILED): 1}
    error = workshop.failure("second%2Fa.jpg")["error"]
    assert error["kind"] == "internal"
    assert "its image is no longer on the engine" in error["message"]


def test_a_tag_moved_in_mid_run(
    workshop: Workshop, stub_image: str, echo_image: str, client: docker.DockerClient, proxy: FaultProxy
) -> None:
    image, other = client.images.get(stub_image), client.images.get(echo_image)
    moving = "coordinator-test/moving"
    image.tag(moving)

    def move() -> None:
        running(client, workshop, TASK)
        other.tag(moving)
        workshop.go()

    thread = beside(move)
    try:
        succeeds(workshop, moving, hold=1)
        thread.join()
        used = {call for call in proxy.calls if call.startswith("GET /images/")}
        assert client.images.get(moving).id == other.id
        assert used == {"GET /images/coordinator-test/moving/json"}
    finally:
        client.images.remove(moving)


@pytest.mark.parametrize("rung", CONTAINERS)
def test_a_name_that_somebody_elses_container_has(
    workshop: Workshop, stub_image: str, client: docker.DockerClient, proxy: FaultProxy, rung: Rung
) -> None:
    strangers: list[Any] = []

    def squat(call: faultproxy.Call) -> None:
        name = call.line.split("name=")[1]
        strangers.append(client.containers.create(stub_image, name=name))
        faultproxy.pass_on(call)

    proxy.fail(CREATE, squat, times=2)
    try:
        succeeds(workshop, stub_image, rung)
        assert len(strangers) == 2
        assert all(client.containers.get(stranger.id) for stranger in strangers)
    finally:
        for stranger in strangers:
            stranger.remove(force=True)


# -- containers that others end ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rung", "chunk", "role", "end"),
    [
        (Rung.FRESH, None, TASK, "kill"),
        (Rung.FRESH, 8, LANE, "kill"),
        (Rung.FRESH, 8, LANE, "remove"),
        (Rung.EXEC, None, LANE, "remove"),
        (Rung.RESIDENT, None, LANE, "kill"),
    ],
)
def test_a_container_ended_from_outside_in_mid_task(
    workshop: Workshop,
    stub_image: str,
    client: docker.DockerClient,
    rung: Rung,
    chunk: int | None,
    role: str,
    end: str,
) -> None:
    """That cannot be told from a program that was killed for its memory, so it costs its task an attempt.

    What waited behind it in the same container is done in another one, at its first attempt.
    """

    def interfere() -> None:
        container = running(client, workshop, role)
        container.kill() if end == "kill" else container.remove(force=True)
        workshop.go()

    workshop.photographs("a.jpg", "b.jpg")
    thread = beside(interfere)
    step = {"name": "step", "image_ref": stub_image, "params": {"hold": 1}, "retries": 1}
    summary = workshop.run(step, rung=rung, chunk=chunk, jobs=1)
    thread.join()
    assert summary.counts == {("step", Status.SUCCEEDED): 2}
    assert attempts(workshop) == {"step/a.jpg": 2, "step/b.jpg": 1}


@pytest.mark.parametrize("told", [True, False], ids=["told", "not told yet"])
@pytest.mark.parametrize("end", ["kill", "remove"])
def test_the_holder_of_the_network_ended_from_outside(
    workshop: Workshop,
    stub_image: str,
    client: docker.DockerClient,
    monkeypatch: pytest.MonkeyPatch,
    end: str,
    told: bool,
) -> None:
    """Also if its connection does not tell so by the time when the next container is to start."""

    def interfere() -> None:
        holder = running(client, workshop, NETWORK)
        holder.kill() if end == "kill" else holder.remove(force=True)
        workshop.go()

    if not told:
        monkeypatch.setattr(Started, "has_ended", lambda started: False)
    thread = beside(interfere)
    succeeds(workshop, stub_image, hold=1)
    thread.join()


# -- an engine of our own ---------------------------------------------------------------------------------------


@pytest.fixture
def own_engine(
    stub_image: str, client: docker.DockerClient, monkeypatch: pytest.MonkeyPatch
) -> Iterator[OwnEngine]:
    """An engine that runs are made on, with the stub step's image."""
    if not can_run():
        pytest.skip("starting an engine takes root and dockerd")
    bridge = Path("/sys/class/net/docker0")
    had_bridge = bridge.exists()
    with tempfile.TemporaryDirectory(prefix="engine-", ignore_cleanup_errors=True) as folder:
        made = OwnEngine(Path(folder))
        try:
            made.load(stub_image, client)
            monkeypatch.setenv("DOCKER_HOST", made.address)
            monkeypatch.setenv(TIMEOUT, "5")
            monkeypatch.setenv(PATIENCE, "60")
            yield made
        finally:
            made.stop()
            assert bridge.exists() == had_bridge  # it is another engine's


@pytest.mark.parametrize("rung", CONTAINERS)
def test_an_engine_killed_and_started_again_in_mid_run(
    workshop: Workshop, stub_image: str, own_engine: OwnEngine, rung: Rung
) -> None:
    """No task pays for it, though none may be tried again."""

    def restart() -> None:
        running(own_engine.client, workshop, TASK if rung is Rung.FRESH else LANE)
        time.sleep(0.5)
        own_engine.kill()
        own_engine.start()
        workshop.go()

    names = [f"{number}.jpg" for number in range(6)]
    workshop.photographs(*names)
    thread = beside(restart)
    summary = workshop.run(
        {"name": "step", "image_ref": stub_image, "params": {"hold": 1}}, rung=rung, jobs=2
    )
    thread.join()
    assert summary.counts == {("step", Status.SUCCEEDED): 6}
    assert [item["id"] for item in workshop.items("step")] == names
    assert own_engine.client.containers.list(all=True) == []


# -- streams of steps -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rung", CONTAINERS)
def test_a_daemon_that_keeps_stdout_open(workshop: Workshop, stub_image: str, rung: Rung) -> None:
    workshop.photographs("a.jpg")
    step = {"name": "step", "image_ref": stub_image, "params": {"do": "daemon"}}
    started = time.monotonic()
    summary = workshop.run(step, rung=rung)
    assert time.monotonic() - started < 60  # the daemon stays for 600 s
    assert summary.counts == {("step", Status.SUCCEEDED): 1}


def ten_megabytes(workshop: Workshop) -> None:
    """A batch of one recording, which is large."""
    workshop.photographs("a.jpg")
    recording = {"id": "a.jpg", "image": "a.jpg", "ballast": "x" * 10_000_000}
    (workshop.batch / "recordings.jsonl").write_text(json.dumps(recording) + "\n")


def test_ten_megabytes_that_are_never_read(workshop: Workshop, deaf_image: str) -> None:
    ten_megabytes(workshop)
    workshop.run({"name": "step", "image_ref": deaf_image})
    assert workshop.items("step") == [{"id": "deaf"}]


@pytest.mark.parametrize("rung", CONTAINERS)
def test_ten_megabytes_both_ways(workshop: Workshop, stub_image: str, rung: Rung) -> None:
    ten_megabytes(workshop)
    workshop.run({"name": "step", "image_ref": stub_image}, rung=rung)
    (item,) = workshop.items("step")
    assert len(item["ballast"]) == 10_000_000
