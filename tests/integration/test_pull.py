"""``--pull``: images that are missing come from a registry, here a small one on this machine, before the run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import docker
import pytest
from docker.errors import ImageNotFound

from coordinator.record.journal import Status
from coordinator.session.preflight import PreflightError
from tests.integration.conftest import Workshop
from tests.integration.registry import Registry, registry


@pytest.fixture
def served() -> Iterator[Registry]:
    with registry() as found:
        yield found


@pytest.fixture
def offered(served: Registry, client: docker.DockerClient, echo_image: str) -> Iterator[str]:
    """The reference of an image that only the registry has, with a content of its own."""
    made = client.containers.create(echo_image)
    own = made.commit(
        repository="coordinator-test/offered", changes=f'LABEL test.registry="{served.address}"'
    )
    made.remove()
    image_ref = served.offer(client, str(own.id))
    client.images.remove("coordinator-test/offered")
    yield image_ref
    with suppress(ImageNotFound):
        client.images.remove(image_ref)


def _echo(image_ref: str) -> dict[str, object]:
    return {"name": "echo", "image_ref": image_ref}


def test_a_missing_image_is_pulled_and_the_run_goes_on(
    workshop: Workshop, offered: str, capsys: pytest.CaptureFixture[str]
) -> None:
    workshop.photographs("a.jpg", "b.jpg")
    with pytest.raises(PreflightError, match=r"is not on this engine.*run with --pull"):
        workshop.run(_echo(offered))
    assert workshop.run(_echo(offered), pull=True).counts == {("echo", Status.SUCCEEDED): 2}
    assert f"pulling {offered}: 1 of 1 layers" in capsys.readouterr().err
    workshop.run(_echo(offered), pull=True)
    assert "pulling" not in capsys.readouterr().err


def test_what_the_registry_has_not_is_told_with_its_reason(workshop: Workshop, offered: str) -> None:
    workshop.photographs("a.jpg")
    absent = offered.replace("offered", "absent")
    with pytest.raises(PreflightError, match=rf"image '{absent}' cannot be pulled: .*manifest unknown"):
        workshop.run(_echo(absent), pull=True)
    assert not workshop.out.exists()


def test_a_pull_that_breaks_off_is_told_too(workshop: Workshop, served: Registry, offered: str) -> None:
    workshop.photographs("a.jpg")
    served.withheld = set(served.blobs)
    with pytest.raises(PreflightError, match="cannot be pulled"):
        workshop.run(_echo(offered), pull=True)


def test_all_that_cannot_be_pulled_is_told_at_once(workshop: Workshop, served: Registry) -> None:
    workshop.photographs("a.jpg")
    steps = [{"name": name, "image_ref": f"{served.address}/{name}"} for name in ("one", "two")]
    with pytest.raises(PreflightError) as told:
        workshop.run(*steps, pull=True)
    assert all(
        f"step '{name}': image '{served.address}/{name}' cannot be pulled" in str(told.value)
        for name in ("one", "two")
    )


@pytest.mark.usefixtures("engine")
def test_no_registry_at_all(workshop: Workshop) -> None:
    workshop.photographs("a.jpg")
    with pytest.raises(PreflightError, match=r"cannot be pulled: .*refused"):
        workshop.run(_echo("127.0.0.1:1/nowhere"), pull=True)
