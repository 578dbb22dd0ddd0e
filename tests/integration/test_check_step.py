"""check-step on real containers: it passes what keeps the contract, and finds each planted fault by its reason."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import docker
import pytest

from coordinator.checkstep.command import CheckOptions, check_step
from coordinator.checkstep.findings import Report, Verdict
from coordinator.checkstep.subject import CheckLimits
from coordinator.cli import main
from coordinator.core.resources import Gpu, Inventory
from coordinator.errors import EngineError, ExitCode, UsageError
from coordinator.runners.engine import Engine
from steps.build.builder import build_image, has_inputs
from steps.build.context import read_context
from steps.build.images import ensure_base, ensure_step
from tests.integration.conftest import STEPS, left_behind

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "images" / "demo"
LIMITS = CheckLimits(answer=30, end=6, sigterm=3)
"""Shorter than the command's own, so that what hangs on purpose costs less time."""
AT_ONCE = 4
"""Checks of planted faults: most of their time they wait for a container, or for what does not come."""


def check(image_ref: str, scratch: Path, **options: object) -> Report:
    return check_step(CheckOptions(image_ref=image_ref, scratch=scratch, limits=LIMITS, **options))  # type: ignore[arg-type]


def failing(report: Report) -> dict[str, str]:
    return {
        result.name: result.finding.reason
        for result in report.results
        if result.finding.verdict is Verdict.FAILED
    }


def verdicts(report: Report) -> dict[str, Verdict]:
    return {result.name: result.finding.verdict for result in report.results}


def nonconforming(client: docker.DockerClient, fault: str) -> str:
    """The image of the step with this fault."""
    ensure_base(client, print)
    context = read_context(STEPS / "nonconforming", STEPS / "nonconforming" / "Dockerfile")
    image_ref = f"coordinator-test/nonconforming-{fault.replace('_', '-')}"
    inputs = context.digest(str(client.images.get("coordinator/base").id), fault)
    if not has_inputs(client, image_ref, inputs):
        arguments = {"BASE": "coordinator/base", "FAULT": fault}
        build_image(client, image_ref, context, inputs=inputs, arguments=arguments)
    return image_ref


# -- what conforms ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["align", "detect", "imaging", "position", "recognise"])
def test_the_shipped_steps_conform(name: str, client: docker.DockerClient, tmp_path: Path) -> None:
    ensure_base(client, print)
    ensure_step(client, name)
    sample = str(ROOT / "steps" / name / "sample.json")
    report = check(f"coordinator/{name}", tmp_path, batch=DEMO, request=sample)
    assert report.exit_code is ExitCode.DONE, report.as_json()
    assert set(verdicts(report).values()) == {Verdict.PASSED}, report.as_json()


def test_detect_conforms_on_the_photograph_that_is_made_for_it(
    client: docker.DockerClient, tmp_path: Path
) -> None:
    ensure_base(client, print)
    ensure_step(client, "detect")
    report = check("coordinator/detect", tmp_path)
    assert set(verdicts(report).values()) == {Verdict.PASSED}, report.as_json()


def test_the_c_step_conforms(echo_image: str, tmp_path: Path) -> None:
    report = check(echo_image, tmp_path)
    assert report.exit_code is ExitCode.DONE
    assert set(verdicts(report).values()) == {Verdict.PASSED}, report.as_json()


def test_the_shell_step_conforms_and_is_told_what_could_be_better(shell_image: str, tmp_path: Path) -> None:
    report = check(shell_image, tmp_path)
    assert report.exit_code is ExitCode.DONE, report.as_json()
    found = verdicts(report)
    assert found.pop("image") is Verdict.WARNING  # it does not say which protocol it speaks
    assert found.pop("SIGTERM") is Verdict.WARNING  # jq as a container's first process gets none
    loops = [found.pop(name) for name in ("three at once", "one by one", "waiting")]
    assert set(loops) == {Verdict.SKIPPED}
    assert set(found.values()) == {Verdict.PASSED}


def test_the_faulty_step_conforms_without_a_fault(client: docker.DockerClient, tmp_path: Path) -> None:
    report = check(nonconforming(client, "none"), tmp_path)
    assert set(verdicts(report).values()) == {Verdict.PASSED}, report.as_json()


# -- planted faults --------------------------------------------------------------------------------------

FAULTS = {
    "wrong_task": ("contract", "the response is for task 'another/task'"),
    "bad_exit_code": ("contract", "answered well, and then ended with exit code 5"),
    "banner": ("stdout", "1 lines on stdout are no response"),
    "stray_print": ("stdout", "1 lines on stdout are no response"),
    "two_documents": ("stdout", "2 documents came where one is due"),
    "not_a_number": ("numbers", "metrics.mean_s is nan"),
    "writes_elsewhere": ("isolation", "works only with a root file system it can write to"),
    "needs_a_network": ("isolation", "works only with a network"),
    "needs_root": ("isolation", "works only with root's rights"),
    "timestamp": ("repeatable", "asked again in another container, got other items"),
    "counter": ("repeatable", "asked again in the same process, got other items"),
    "answers_once": ("three at once", "3 requests got 1 answers"),
    "wrong_order": ("three at once", "answer 1 is for task"),
    "fails_together": ("waiting", "a good request failed with the bad ones that waited beside it"),
    "never_flushes": ("one by one", "answer 1 came only after the input had ended"),
    "dies_on_junk": ("junk", "a line that is no JSON and a good request behind it got 0 answers"),
    "junk_for_junk": ("junk", "was answered with junk"),
    "items_are_optional": ("fields", "a request without items was answered as if it were a request"),
    "hangs_at_the_end": ("end of input", "did not end when its input ended"),
    "ignores_sigterm": ("SIGTERM", "ignores SIGTERM"),
}
ALSO = {
    # What these faults break besides, because it is the same thing seen from another side.
    "bad_exit_code": {"end of input"},
    "banner": {"end of input"},
    "not_a_number": {"contract"},
    "writes_elsewhere": {"contract"},
    "needs_a_network": {"contract"},
    "needs_root": {"contract"},
    "timestamp": {"waiting"},
    "counter": {"waiting"},
    "answers_once": {"one by one", "waiting", "junk", "fields", "no image"},
    "wrong_order": {"one by one", "waiting", "junk", "fields", "no image"},
    "dies_on_junk": {"waiting", "fields"},
    "junk_for_junk": {"waiting", "fields"},
    "hangs_at_the_end": {"contract"},
    "items_are_optional": {"waiting"},
}


@pytest.fixture(scope="module")
def reports(
    request: pytest.FixtureRequest,
    engine: Engine,
    client: docker.DockerClient,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, Future[Report]]]:
    """By fault, what is found in the step that has it: those that are asked for, checked side by side."""
    wanted = {item.name.partition("[")[2].rstrip("]") for item in request.session.items}
    images = {fault: nonconforming(client, fault) for fault in FAULTS if fault in wanted}
    scratch = tmp_path_factory.mktemp("faults")
    with ThreadPoolExecutor(AT_ONCE) as checks:
        yield {fault: checks.submit(check, image_ref, scratch) for fault, image_ref in images.items()}
    assert not left_behind(engine, scratch)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault: str, reports: dict[str, Future[Report]]) -> None:
    report = reports[fault].result()
    name, reason = FAULTS[fault]
    found = failing(report)
    assert report.exit_code is ExitCode.SOME_FAILED
    assert name in found, report.as_json()
    assert reason in found[name]
    assert report.named(name).mend
    assert set(found) <= {name} | ALSO.get(fault, set()), report.as_json()


# -- what cannot be checked, and the command ---------------------------------------------------------------


def test_a_step_that_refuses_the_request_cannot_be_checked(
    client: docker.DockerClient, tmp_path: Path
) -> None:
    ensure_base(client, print)
    ensure_step(client, "detect")
    report = check("coordinator/detect", tmp_path, params='{"no_such_parameter": 1}')
    assert report.exit_code is ExitCode.REFUSED, report.as_json()
    assert "no_such_parameter" in report.named("contract").reason
    assert "--request" in report.named("contract").mend


def test_an_image_that_is_not_there_cannot_be_checked(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="is not on this engine"):
        check("coordinator-test/no-such-image", tmp_path)


def test_a_request_must_name_images_of_the_batch(echo_image: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not in the batch"):
        check(echo_image, tmp_path, item='{"id": "a", "image": "absent.jpg"}')


def test_the_gpu_that_is_asked_for_is_asked_of_the_engine(
    echo_image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def seen(*gpus: Gpu) -> None:
        machine = Inventory(cpus=2, memory=8 * 1024**3, gpus=gpus)
        monkeypatch.setattr("coordinator.checkstep.command.host_inventory", lambda: machine)

    seen()
    with pytest.raises(UsageError, match="no GPU is seen"):
        check(echo_image, tmp_path, gpu=True)
    seen(Gpu(uuid="GPU-no-such", memory=8 * 1024**3))
    found = check(echo_image, tmp_path, gpu=True).named("contract")  # no engine has this one to give
    assert "the container does not start: " in found.reason
    assert "gpu" in found.reason.lower()
    assert "nvidia" in found.mend.lower()


def test_a_program_that_is_not_in_the_image_does_not_start(empty_image: str, tmp_path: Path) -> None:
    report = check(empty_image, tmp_path)
    assert report.exit_code is ExitCode.SOME_FAILED
    found = report.named("contract")
    assert "the container does not start: " in found.reason
    assert "no such file or directory" in found.reason
    assert "see the image's ENTRYPOINT" in found.mend


def test_the_command_prints_a_table_or_json(
    echo_image: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert main(["check-step", echo_image, "--item", '{"id": "a"}']) == ExitCode.DONE
    table = capsys.readouterr().out
    assert f"{echo_image} conforms to the step contract: 13 passed, 1 skipped" in table
    assert "the request names no image" in table
    assert main(["check-step", echo_image, "--json"]) == ExitCode.DONE
    assert json.loads(capsys.readouterr().out)["conforms"] is True


def test_doctor_finds_the_engine(echo_image: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    pipeline = tmp_path / "p.yaml"
    pipeline.write_text(
        f"name: p\nsteps: [{{name: a, image_ref: {echo_image}}}, {{name: b, image_ref: example/absent}}]\n"
    )
    assert main(["doctor", "--pipeline", str(pipeline), "--out", str(tmp_path)]) == ExitCode.SOME_FAILED
    told = capsys.readouterr().out
    assert "OK       engine" in told
    assert f"step 'a': {echo_image}, protocol 1, loops over lines" in told
    assert "problem  image      step 'b': image 'example/absent' is not on this engine" in told
