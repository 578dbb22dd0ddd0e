"""An engine that gives its containers other users than this machine has: steps write all the same."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from coordinator.runners.engine import Engine
from coordinator.runners.workfolder import step_user
from tests.integration.conftest import Workshop
from tests.integration.ownengine import OwnEngine, can_run

SUBORDINATES = "nobody:165536:65536\nnogroup:165536:65536\n"


@pytest.fixture(scope="module")
def remapping(client: docker.DockerClient, survey_image: str) -> Iterator[OwnEngine]:
    """An engine with ``userns-remap``, which has the users of a file that is there for it alone."""
    if not can_run():
        pytest.skip("starting an engine takes root and dockerd")
    with tempfile.TemporaryDirectory(prefix="engine-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o711)  # the mapped root has to come by
        files = {Path("/etc/subuid"): SUBORDINATES, Path("/etc/subgid"): SUBORDINATES}
        made = OwnEngine(Path(name), "--userns-remap=nobody:nogroup", files=files)
        try:
            made.load(survey_image, client)
            yield made
        finally:
            made.stop()


def test_a_step_writes_as_who_it_is_everywhere(
    workshop: Workshop, remapping: OwnEngine, survey_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", remapping.address)
    assert "name=userns" in remapping.client.info()["SecurityOptions"]
    workshop.photographs("a.jpg", "b.jpg")
    summary = workshop.run({"name": "detect", "image_ref": survey_image})
    assert (summary.failed, summary.complete) == (0, True)
    written = [path.read_text() for path in (workshop.out / "work").rglob("seen.txt")]
    assert len(written) == 2
    assert remapping.client.api.containers(all=True) == []


def test_its_containers_are_this_machines_users(
    remapping: OwnEngine, survey_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without being asked, it would make them others'."""
    monkeypatch.setenv("DOCKER_HOST", remapping.address)
    engine = Engine()
    plain = remapping.client.containers.run(
        survey_image, user="65534", stdin_open=True, detach=True, network="none"
    )
    try:
        assert engine.habits.remaps_users
        assert "165536" in Path(f"/proc/{engine.pid(str(plain.id))}/uid_map").read_text()
    finally:
        plain.remove(force=True)
        engine.close()
    assert step_user()[0] == 65534
