"""What an engine refuses to start is told before the run, by the real engine's own words."""

from __future__ import annotations

import pytest

from coordinator.core.resources import Gpu, Inventory
from coordinator.runners import site
from coordinator.runners.engine import Engine
from coordinator.session.preflight import PreflightError
from tests.integration.conftest import Workshop, left_behind

DEVICES = Inventory(cpus=2, memory=8 * 1024**3, gpus=(Gpu(uuid="GPU-nowhere", memory=1024**3),))


def test_a_program_that_is_not_in_the_image(workshop: Workshop, engine: Engine, empty_image: str) -> None:
    workshop.photographs("a.jpg")
    steps = [{"name": name, "image_ref": empty_image} for name in ("one", "two")]
    with pytest.raises(PreflightError, match=r"container of step 'one': .*no such file(.|\n)*ENTRYPOINT"):
        workshop.run(*steps)
    assert not workshop.out.exists()
    assert left_behind(engine, workshop.folder) == []


def test_a_gpu_that_the_engine_cannot_hand_out(
    workshop: Workshop, engine: Engine, echo_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine whose engine knows GPUs, too: this one is not there."""
    monkeypatch.setattr(site, "host_inventory", lambda: DEVICES)
    workshop.photographs("a.jpg")
    wanted = {"cpus": 0.5, "memory": "64m", "gpus": 1}
    with pytest.raises(PreflightError, match=r"does not start a container of step 'one'"):
        workshop.run({"name": "one", "image_ref": echo_image, "resources": wanted})
    assert not workshop.out.exists()
    assert left_behind(engine, workshop.folder) == []
