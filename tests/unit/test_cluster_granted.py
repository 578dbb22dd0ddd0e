"""Which devices an instance has by what Ray grants it."""

from __future__ import annotations

import pytest

from coordinator.cluster.granted import Devices, granted
from coordinator.core.resources import Gpu
from coordinator.pipeline import Resources

_GIB = 1024**3
HERE = (Gpu(uuid="GPU-a", memory=16 * _GIB), Gpu(uuid="GPU-b", memory=8 * _GIB))


@pytest.mark.parametrize("local", [True, False])
def test_numbers_become_uuids_and_uuids_stay(local: bool) -> None:
    one = Resources(gpus=1)
    assert granted(["1"], one, HERE, local=local) == Devices(names=("GPU-b",))
    assert granted(["GPU-a"], one, HERE, local=local) == Devices(names=("GPU-a",))
    assert granted(["MIG-x"], one, HERE, local=local) == Devices(names=("MIG-x",))
    assert granted(["0", "1"], Resources(gpus=2), HERE, local=local).names == ("GPU-a", "GPU-b")
    assert granted([], Resources(), (), local=local) == Devices()


def test_a_device_that_the_node_does_not_list_is_told_of_containers_and_of_no_concern_to_processes() -> None:
    one = Resources(gpus=1)
    lack = granted(["2"], one, HERE, local=False).lack
    assert lack is not None
    assert "GPU 2 and lists 2 GPUs" in lack
    assert granted(["0"], one, (), local=True) == Devices(names=("0",))


@pytest.mark.parametrize(
    ("gpus", "memory", "number", "fits"),
    [
        (1, 8 * _GIB, "1", True),
        (1, 9 * _GIB, "1", False),
        (0.5, 8 * _GIB, "0", True),
        (0.5, 9 * _GIB, "0", False),
    ],
)
def test_a_fraction_of_a_device_is_that_fraction_of_its_memory(
    gpus: float, memory: int, number: str, fits: bool
) -> None:
    found = granted([number], Resources(gpus=gpus, gpu_memory=memory), HERE, local=False)
    assert (found.lack is None) is fits
    if not fits:
        assert found.lack is not None
        assert "8.0 GiB of memory, and the step asks for 9.0 GiB (gpu_memory)" in found.lack
