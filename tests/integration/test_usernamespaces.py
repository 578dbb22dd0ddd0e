"""An engine that gives its containers other users than this machine has: steps are this machine's all the same."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from coordinator.runners.engine import Engine
from tests.integration.conftest import Workshop
from tests.integration.ownengine import OwnEngine, can_run, has_all

SUBORDINATES = "nobody:165536:65536\nnogroup:165536:65536\n"


@pytest.fixture(scope="module")
def remapping(client: docker.DockerClient, echo_image: str) -> Iterator[OwnEngine]:
    """An engine with ``userns-remap``, which has the users of a file that is there for it alone."""
    if not can_run():
        pytest.skip("starting an engine takes root and dockerd")
    with tempfile.TemporaryDirectory(prefix="engine-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o711)  # the mapped root has to come by
        files = {Path("/etc/subuid"): SUBORDINATES, Path("/etc/subgid"): SUBORDINATES}
        made = OwnEngine(Path(name), "--userns-remap=nobody:nogroup", files=files)
        try:
            made.load(echo_image, client)
            yield made
        finally:
            made.stop()


def test_a_run_is_made_as_who_it_is_everywhere(
    workshop: Workshop, remapping: OwnEngine, echo_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That its steps are this machine's users is read from the kernel before it, or it would be refused."""
    monkeypatch.setenv("DOCKER_HOST", remapping.address)
    workshop.photographs("a.jpg", "b.jpg")
    summary = workshop.run({"name": "echo", "image_ref": echo_image})
    assert (summary.failed, summary.complete) == (0, True)
    assert remapping.client.api.containers(all=True) == []


def test_without_being_asked_it_would_not_be(
    remapping: OwnEngine, echo_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", remapping.address)
    engine = Engine()
    plain = remapping.client.containers.run(
        echo_image, user="65534", stdin_open=True, detach=True, network_mode="none"
    )
    try:
        assert engine.habits.remaps_users
        assert "165536" in Path(f"/proc/{engine.pid(str(plain.id))}/uid_map").read_text()
    finally:
        plain.remove(force=True)
        engine.close()


@pytest.mark.skipif(not has_all(), reason="COORDINATOR_OWN_ENGINES=all runs it")
def test_a_step_writes(
    workshop: Workshop,
    remapping: OwnEngine,
    client: docker.DockerClient,
    survey_image: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    remapping.load(survey_image, client)
    monkeypatch.setenv("DOCKER_HOST", remapping.address)
    workshop.photographs("a.jpg", "b.jpg")
    summary = workshop.run({"name": "detect", "image_ref": survey_image})
    assert (summary.failed, summary.complete) == (0, True)
    assert len([*(workshop.out / "work").rglob("seen.txt")]) == 2
