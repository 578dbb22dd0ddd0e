"""Steps behind sockets, as in a pod: unchanged images as containers that share two folders with this process."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import docker
import pytest

from coordinator.checkstep.command import CheckOptions, check_step
from coordinator.checkstep.findings import Verdict
from coordinator.checkstep.subject import CheckLimits
from coordinator.cluster.node import Wanted, look
from coordinator.contract import ErrorKind, Request, Success, TaskError
from coordinator.core.resources import Grant
from coordinator.core.seating import Seat
from coordinator.core.tasks import Outcome, StepTask
from coordinator.errors import EngineError
from coordinator.pipeline import Resources, Rung, Step
from coordinator.record.runfolder import RunFolder
from coordinator.runners.rungs import Rungs
from coordinator.runners.sidecar import KNOWN, LANES, find_image, sidecar
from steps.build.images import ensure_base, ensure_part
from tests.integration.sidecars import Pod
from tests.waiting import PATIENCE, eventually

RUNGS = [Rung.FRESH, Rung.RESIDENT]
"""exec is what fresh is here: the containers are there already."""


@pytest.fixture
def pod(client: docker.DockerClient, tmp_path: Path) -> Iterator[Pod]:
    ensure_base(client, print)
    ensure_part(client, "lane")
    made = Pod(client, tmp_path)
    yield made
    made.close()


class Bench:
    """A runner over the sidecars of a pod, and the outcomes that it has given."""

    def __init__(self, pod: Pod, rung: Rung, image_ref: str) -> None:
        self.batch = pod.shared / "batch"
        self.batch.mkdir()
        run = RunFolder(pod.shared / "run")
        run.create()
        self.files = run.files(self.batch)
        self._image_ref = image_ref
        self._outcomes: queue.SimpleQueue[Sequence[Outcome]] = queue.SimpleQueue()
        rungs = Rungs(None, self.files, run.path, "id", jobs=4, starts=1, sidecars=pod.lanes)
        self.runner = rungs.runner(rung, self._outcomes.put)

    def submit(self, *names: str, timeout: float = PATIENCE, **params: Any) -> None:
        step = Step(name="step", image_ref=self._image_ref, timeout=timeout)
        for name in names:
            items = [{"id": name, "image": f"/batch/{name}"}]
            work_dir = self.files.task_folder("step", name)
            request = Request(
                task=name, step="step", params=params, items=items, region=None, work_dir=work_dir
            )
            seat = Seat(lane=1, step=step, grant=Grant(resources=Resources()))
            self.runner.submit(StepTask(request=request, step=step, image_id="id"), seat)

    def outcomes(self, count: int) -> dict[str, Outcome]:
        found: dict[str, Outcome] = {}
        while len(found) < count:
            found.update((outcome.task, outcome) for outcome in self._outcomes.get(timeout=PATIENCE))
        return found

    def error(self) -> tuple[TaskError, Outcome]:
        (outcome,) = self.outcomes(1).values()
        assert isinstance(outcome.result, TaskError)
        return outcome.result, outcome


# -- steps behind a socket ---------------------------------------------------------------------------------


def test_a_good_step_conforms_behind_a_socket(pod: Pod, echo_image: str) -> None:
    report = check_step(CheckOptions(socket=pod.sidecar("echo", echo_image)))
    assert {
        result.name: result.finding.verdict for result in report.results if not result.finding.is_good
    } == {"SIGTERM": Verdict.SKIPPED}
    assert report.exit_code == 0, report.as_json()


def test_what_a_step_does_wrong_is_found_behind_a_socket_too(pod: Pod, chaos_image: str) -> None:
    """It ends with an error instead of an answer; and that isolation may be why cannot be found out from here."""
    path = pod.sidecar("chaos", chaos_image)
    report = check_step(CheckOptions(socket=path, params='{"fault": "crash"}', limits=CheckLimits(answer=20)))
    assert report.named("contract").reason == (
        f"the step ended with exit code 3: stderr is in the log: kubectl logs {socket.gethostname()} -c chaos"
    )
    assert "cannot be varied" in report.named("isolation").reason
    assert b"about to crash" in pod.log()


def test_a_step_that_is_no_looper_is_checked_for_what_it_is(pod: Pod, chaos_image: str) -> None:
    path = pod.sidecar("chaos", chaos_image)
    report = check_step(CheckOptions(socket=path, params='{"fault": null}'))
    assert report.named("contract").verdict is Verdict.PASSED
    assert report.named("three at once").verdict is Verdict.SKIPPED


@pytest.mark.parametrize("rung", RUNGS)
def test_tasks_are_answered_on_every_rung_with_the_paths_of_a_run(
    pod: Pod, echo_image: str, rung: Rung
) -> None:
    pod.sidecar("echo", echo_image)
    bench = Bench(pod, rung, echo_image)
    names = [f"{number}.jpg" for number in range(20)]
    bench.submit(*names)
    for name, outcome in bench.outcomes(20).items():
        assert outcome.result == Success(task=name, items=[{"id": name, "image": f"/batch/{name}"}])
    bench.runner.close()


@pytest.mark.parametrize("rung", RUNGS)
def test_what_a_step_writes_is_handed_over(pod: Pod, chaos_loop_image: str, rung: Rung) -> None:
    pod.sidecar("chaos", chaos_loop_image)
    bench = Bench(pod, rung, chaos_loop_image)
    bench.submit("a", fault="write", loop=rung is Rung.RESIDENT)
    (outcome,) = bench.outcomes(1).values()
    assert isinstance(outcome.result, Success), outcome
    assert outcome.result.items[0]["image"] == "/work/step/a/note.txt"
    assert (bench.files.work / "step" / "a" / "note.txt").read_text() == "written for a"
    bench.runner.close()


@pytest.mark.parametrize("rung", RUNGS)
@pytest.mark.parametrize(
    ("fault", "kind"),
    [("crash", ErrorKind.CRASH), ("junk", ErrorKind.PROTOCOL), ("hang", ErrorKind.TIMEOUT)],
)
def test_a_failure_is_told_with_the_place_of_its_log(
    pod: Pod, chaos_loop_image: str, rung: Rung, fault: str, kind: ErrorKind
) -> None:
    pod.sidecar("chaos", chaos_loop_image)
    bench = Bench(pod, rung, chaos_loop_image)
    bench.submit("a", fault=fault, loop=True, timeout=2 if fault == "hang" else PATIENCE)
    error, outcome = bench.error()
    assert error.kind is kind
    assert b"-c chaos" in outcome.evidence.stderr
    bench.submit("b", fault=None, loop=True)
    assert isinstance(bench.outcomes(1)["b"].result, Success)
    bench.runner.close()


@pytest.mark.parametrize("rung", RUNGS)
def test_all_that_runs_is_ended_by_a_cancel(pod: Pod, chaos_loop_image: str, rung: Rung) -> None:
    pod.sidecar("chaos", chaos_loop_image)
    bench = Bench(pod, rung, chaos_loop_image)
    bench.submit("a", fault="mutter")
    eventually(lambda: b"still at it" in pod.log())
    bench.runner.cancel()
    assert bench.error()[0].kind is ErrorKind.CANCELLED
    bench.runner.close()


# -- what may be wrong -------------------------------------------------------------------------------------


@pytest.mark.parametrize("rung", RUNGS)
def test_a_sidecar_that_dies_is_its_tasks_failure_and_one_that_is_back_goes_on(
    pod: Pod, chaos_loop_image: str, rung: Rung
) -> None:
    path = pod.sidecar("chaos", chaos_loop_image)
    bench = Bench(pod, rung, chaos_loop_image)
    bench.submit("a", fault="mutter")
    eventually(lambda: b"still at it" in pod.log())
    pod.kill()
    error, _ = bench.error()
    assert error.kind is ErrorKind.CRASH
    assert error.message.startswith("the step ended, and its container with it")
    assert path.is_socket()  # a stale one, as a container leaves that is killed
    bench.submit("b")
    error, _ = bench.error()
    assert error.kind is ErrorKind.ENGINE  # which costs no attempt
    assert "nobody listens there; its container has ended, or starts again" in error.message
    threading.Timer(1.0, pod.sidecar, ("chaos", chaos_loop_image)).start()
    bench.submit("c", fault=None, loop=True)
    assert isinstance(bench.outcomes(1)["c"].result, Success)
    bench.runner.close()


def test_what_cannot_serve_is_refused_with_what_to_do(
    pod: Pod, echo_image: str, chaos_image: str, tmp_path: Path
) -> None:
    def refused(path: Path) -> str:
        with pytest.raises(EngineError) as raised:
            check_step(CheckOptions(socket=path))
        return str(raised.value)

    assert "there is no sidecar" in refused(pod.lanes / "nobody.sock")
    (tmp_path / "other").mkdir()
    assert "mount the same volume in both" in refused(
        pod.sidecar("apart", echo_image, shared=tmp_path / "other")
    )
    assert "set runAsUser for the whole pod" in refused(pod.sidecar("user", echo_image, user=4711))
    pod.sidecar("chaos", chaos_image)
    pod.kill()
    assert "nobody listens there" in refused(pod.lanes / "chaos.sock")
    (pod.lanes / "mute.json").write_text('{"step": null, "user": 0}')
    assert "set COORDINATOR_STEP" in refused(pod.lanes / "mute.sock")


def test_a_node_tells_of_its_sidecars_what_it_would_of_an_engine(
    pod: Pod, client: docker.DockerClient, echo_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LANES, str(pod.lanes))
    assert "none" in look(Wanted(images=(echo_image,)))["images"][echo_image]
    path = pod.sidecar("echo", echo_image)
    told = look(Wanted(images=(echo_image, "absent")))
    assert told["engine"] is None
    assert told["images"][echo_image]["id"] == client.images.get(echo_image).id
    assert told["images"][echo_image]["labels"]["coordinator.loop"] == "true"
    assert f"those there: {echo_image}" in told["images"]["absent"]
    pod.kill()
    assert "nobody listens there" in look(Wanted(images=(echo_image,)))["images"][echo_image]
    assert sidecar(path).image.image_ref == echo_image


def test_what_other_nodes_have_is_known_from_what_was_said_of_all(
    pod: Pod, echo_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KNOWN, '[{"image_ref": "elsewhere", "id": "sha256:1", "labels": {}}]')
    assert find_image(pod.lanes, "elsewhere").id == "sha256:1"
    with pytest.raises(EngineError, match="no sidecar"):
        find_image(pod.lanes, echo_image)
    pod.sidecar("echo", echo_image)
    monkeypatch.setenv(KNOWN, f'[{{"image_ref": "{echo_image}", "id": "sha256:1", "labels": {{}}}}]')
    with pytest.raises(EngineError, match="write the same in both"):
        find_image(pod.lanes, echo_image)
    monkeypatch.setenv(KNOWN, "nonsense")
    with pytest.raises(EngineError, match="no list of images"):
        find_image(pod.lanes, echo_image)
