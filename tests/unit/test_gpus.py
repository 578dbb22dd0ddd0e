"""Which GPUs there are: of NVML as a stand-in tells it, and of the kernel's folders of AMD's driver.

The real package asks a stub library in tests/integration/test_granted_gpus.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from coordinator.core.resources import Gpu
from coordinator.runners.gpus import amd_gpus, nvidia_gpus

GIB = 1024**3


class NvmlError(Exception):
    """What NVML refuses with."""


@dataclass(kw_only=True)
class Device:
    """One GPU: what it is cut into, None for one that cannot be cut."""

    uuid: str
    gib: int = 8
    parts: list[Device | None] | None = None
    is_cut: bool = False
    is_lost: bool = False


@dataclass
class Nvml:
    """As much of the module ``pynvml`` as an inventory asks, over devices that are none."""

    devices: list[Device]
    starts: bool = True
    open: int = field(default=0)
    NVMLError = NvmlError
    NVML_DEVICE_MIG_ENABLE = 1

    def nvmlInit(self) -> None:
        if not self.starts:
            raise NvmlError("driver not loaded")
        self.open += 1

    def nvmlShutdown(self) -> None:
        self.open -= 1

    def nvmlDeviceGetCount(self) -> int:
        return len(self.devices)

    def nvmlDeviceGetHandleByIndex(self, number: int) -> Device:
        return self.devices[number]

    def nvmlDeviceGetUUID(self, device: Device) -> str:
        return device.uuid

    def nvmlDeviceGetMemoryInfo(self, device: Device) -> Any:
        if device.is_lost:
            raise NvmlError("GPU is lost")
        return SimpleNamespace(total=device.gib * GIB)

    def nvmlDeviceGetMigMode(self, device: Device) -> list[int]:
        if device.parts is None:
            raise NvmlError("not supported")
        return [int(device.is_cut), 1]

    def nvmlDeviceGetMaxMigDeviceCount(self, device: Device) -> int:
        return len(device.parts or [])

    def nvmlDeviceGetMigDeviceHandleByIndex(self, device: Device, number: int) -> Device:
        part = (device.parts or [])[number]
        if part is None:
            raise NvmlError("not found")
        return part


def listed(*devices: Device) -> list[tuple[str, int]]:
    nvml = Nvml(list(devices))
    found = [(gpu.uuid, gpu.memory // GIB) for gpu in nvidia_gpus(nvml)]
    assert nvml.open == 0
    return found


def test_without_the_package_or_the_driver_there_are_none() -> None:
    assert nvidia_gpus(None) == ()
    assert nvidia_gpus(Nvml([Device(uuid="GPU-a")], starts=False)) == ()


def test_whole_devices() -> None:
    able = Device(uuid="GPU-b", gib=80, parts=[None] * 7)
    assert listed(Device(uuid="GPU-a"), able) == [("GPU-a", 8), ("GPU-b", 80)]


def test_a_device_that_is_cut_is_its_parts_each_with_its_own_memory() -> None:
    parts = [Device(uuid="MIG-x", gib=40), None, Device(uuid="MIG-y", gib=10), None]
    cut = Device(uuid="GPU-b", gib=80, is_cut=True, parts=parts)
    assert listed(Device(uuid="GPU-a"), cut) == [("GPU-a", 8), ("MIG-x", 40), ("MIG-y", 10)]


def test_one_that_is_cut_into_nothing_takes_no_work() -> None:
    assert listed(Device(uuid="GPU-b", is_cut=True, parts=[None] * 7)) == []


def test_one_that_is_lost_does_not_take_the_others_with_it() -> None:
    assert listed(Device(uuid="GPU-a", is_lost=True), Device(uuid="GPU-b")) == [("GPU-b", 8)]


@pytest.fixture
def driver(tmp_path: Path) -> Path:
    """Two devices as the kernel shows them, and what lies beside them."""
    folder = tmp_path / "amdgpu"
    for address, gib in (("0000:83:00.0", 16), ("0000:03:00.0", 24)):
        (folder / address).mkdir(parents=True)
        (folder / address / "mem_info_vram_total").write_text(f"{gib * GIB}\n")
    (folder / "bind").touch()
    return folder


def test_amds_are_numbered_by_their_places_as_their_cdi_file_numbers_them(
    tmp_path: Path, driver: Path
) -> None:
    (tmp_path / "amd.json").write_text('{"kind": "amd.com/gpu"}')
    first, second = amd_gpus(driver, (tmp_path / "nowhere", tmp_path))
    assert first == Gpu(uuid="amd.com/gpu=0", memory=24 * GIB)
    assert second == Gpu(uuid="amd.com/gpu=1", memory=16 * GIB)


def test_amds_that_no_engine_can_hand_out_are_none(tmp_path: Path, driver: Path) -> None:
    (tmp_path / "nvidia.yaml").write_text("kind: nvidia.com/gpu")
    (tmp_path / "gone.json").symlink_to("nowhere")
    assert amd_gpus(driver, (tmp_path,)) == ()
