"""What the tests on a real engine share: the engine, the step images, and a guard against leftovers."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import docker
import numpy as np
import pytest
import yaml

from coordinator.errors import EngineError
from coordinator.runners.engine import FOLDER_LABEL, Engine
from coordinator.session.options import RunOptions
from coordinator.session.run import Summary, run
from steps.build.builder import build_image, has_inputs
from steps.build.context import read_context
from steps.build.images import ensure_base, ensure_step
from tests.integration.invariants import violations
from tests.integration.raycluster import cluster
from tests.integration.twonodes import TwoNodes, two_nodes

STEPS = Path(__file__).parent / "steps"


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """A real engine; without one these tests skip, or fail where one is required."""
    try:
        found = Engine()
    except EngineError as error:
        if os.environ.get("COORDINATOR_REQUIRE_ENGINE"):
            pytest.fail(f"these tests need a container engine: {error}")
        pytest.skip("no container engine answers")
    yield found
    found.close()


@pytest.fixture(scope="session")
def ray_address() -> Iterator[str]:
    """A Ray cluster of one node, this machine; without Ray these tests skip."""
    with cluster() as address:
        yield address


@pytest.fixture(scope="session")
def nodes(engine: Engine, client: docker.DockerClient) -> Iterator[TwoNodes]:
    """A Ray cluster of two machines, which have the images of the demo and of two steps for tests."""
    ensure_base(client, print)
    for name in ("detect", "position", "recognise"):
        ensure_step(client, name)
    of_tests = (image_of(client, "diary"), image_of(client, "chaos"))
    with two_nodes("coordinator/detect", "coordinator/position", "coordinator/recognise", *of_tests) as found:
        yield found


@pytest.fixture(scope="session")
def client(engine: Engine) -> Iterator[docker.DockerClient]:
    """The SDK's own view of the engine, to check ours against."""
    found = docker.from_env(environment=engine.address.environment())
    yield found
    found.close()


@pytest.fixture(scope="session")
def echo_image(client: docker.DockerClient) -> str:
    """The static C step in an empty image."""
    ensure_base(client, print)
    ensure_step(client, "echo")
    return "coordinator/echo"


@pytest.fixture(scope="session")
def empty_image(client: docker.DockerClient, echo_image: str) -> str:
    """The echo step's image, told to run what is not in it."""
    reference = "coordinator-test/empty"
    made = client.containers.create(echo_image)
    made.commit(reference, conf={"Entrypoint": ["/step/no-such-program"]})
    made.remove()
    return reference


@pytest.fixture(scope="session")
def shell_image(client: docker.DockerClient) -> str:
    """The step that is a shell script with jq."""
    return image_of(client, "shell")


@pytest.fixture(scope="session")
def chaos_image(client: docker.DockerClient) -> str:
    """The step that misbehaves on demand."""
    return image_of(client, "chaos")


@pytest.fixture(scope="session")
def chaos_loop_image(client: docker.DockerClient) -> str:
    """The same with the label that says that it can answer line after line."""
    return image_of(client, "chaos", "loop.Dockerfile")


@pytest.fixture(scope="session")
def survey_image(client: docker.DockerClient) -> str:
    """Three quick steps that write files; it loops."""
    return image_of(client, "survey")


@pytest.fixture(scope="session")
def aligner_image(client: docker.DockerClient) -> str:
    """The step per batch that moves poses as it is told; it loops."""
    return image_of(client, "aligner")


@pytest.fixture(scope="session")
def stub_image(client: docker.DockerClient) -> str:
    """The static C step that floods, waits or forks on demand."""
    return image_of(client, "stub")


@pytest.fixture(scope="session")
def deaf_image(client: docker.DockerClient, stub_image: str) -> str:
    """The same, never reading its input."""
    return image_of(client, "stub", "deaf.Dockerfile")


def image_of(client: docker.DockerClient, name: str, dockerfile: str = "Dockerfile") -> str:
    """The image of a step that is there for tests alone, built if need be."""
    ensure_base(client, print)
    image_ref = f"coordinator-test/{name}-{dockerfile.removesuffix('Dockerfile')}".rstrip("-.")
    context = read_context(STEPS / name, STEPS / name / dockerfile)
    inputs = context.digest(str(client.images.get("coordinator/base").id))
    if not has_inputs(client, image_ref, inputs):
        build_image(client, image_ref, context, inputs=inputs, arguments={"BASE": "coordinator/base"})
    return image_ref


def left_behind(engine: Engine, folder: Path) -> list[str]:
    """The containers of runs below ``folder``; they are removed. Other runs on the machine are not touched."""
    left = [
        container
        for container, labels in engine.containers().items()
        if Path(labels.get(FOLDER_LABEL, "/")).is_relative_to(folder)
    ]
    for container in left:
        engine.remove(container)
    return left


@pytest.fixture(autouse=True)
def nothing_lost(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[None]:
    """After every test its run folders are sound (invariants.py), and the engine has no container of theirs.

    A test that kills a run on purpose cleans up or resumes it itself.
    """
    yield
    if "engine" in request.fixturenames:
        left = left_behind(request.getfixturevalue("engine"), tmp_path)
        assert not left, f"{len(left)} containers were left behind"
    found = [violation for path in tmp_path.rglob("journal.db") for violation in violations(path.parent)]
    assert not found, "\n".join(found)


class Workshop:
    """Makes batches and pipelines in a temporary folder, and runs them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.batch = folder / "batch"
        self.out = folder / "run"
        self.batch.mkdir()

    def photographs(self, *names: str) -> None:
        """Small photographs in the batch."""
        for number, name in enumerate(names):
            image = np.full((12, 16, 3), 7 * number % 256, np.uint8)
            path = self.batch / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(cv2.imencode(".jpg", image)[1].tobytes())

    def pipeline(self, *steps: dict[str, Any]) -> Path:
        """A pipeline file; steps get small limits unless they say otherwise."""
        small = {"resources": {"cpus": 0.5, "memory": "64m"}, "timeout": 60, "retries": 0}
        path = self.folder / "pipeline.yaml"
        path.write_text(yaml.safe_dump({"name": "test", "steps": [{**small, **step} for step in steps]}))
        return path

    def go(self) -> None:
        """Lets the steps answer that hold their answers back until this moment."""
        (self.batch / "go").touch()

    def run(self, *steps: dict[str, Any], **options: Any) -> Summary:
        """Runs a pipeline of these steps over the batch."""
        wanted = RunOptions(batch=self.batch, out=self.out, pipeline=str(self.pipeline(*steps)), **options)
        return run(wanted, "a test")

    def items(self, step: str) -> list[dict[str, Any]]:
        """Every item a step's tasks gave."""
        from coordinator.record.journal import Journal

        with Journal(self.out / "journal.db") as journal:
            return list(journal.items(step))

    def failure(self, folder: str) -> dict[str, Any]:
        """The error of a failed task, as it lies in failures/."""
        report: dict[str, Any] = json.loads((self.out / "failures" / folder / "error.json").read_text())
        return report


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)
