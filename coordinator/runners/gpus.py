"""The GPUs of this machine, each by the name that an engine hands it out by.

NVIDIA's are told by NVML: https://docs.nvidia.com/deploy/nvml-api. One that is cut into MIG devices is
those, for as a whole it takes no work. AMD's are told by the kernel: https://docs.kernel.org/gpu/amdgpu/driver-misc.html.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from coordinator.core.resources import Gpu
from coordinator.runners.devices import AMD

try:
    import pynvml
except ImportError:  # the optional extra "gpu"
    pynvml = None

_AMD_DRIVER = Path("/sys/bus/pci/drivers/amdgpu")
_CDI = (Path("/etc/cdi"), Path("/var/run/cdi"))
"""Where CDI's files lie, https://github.com/cncf-tags/container-device-interface."""


def gpus() -> tuple[Gpu, ...]:
    """All there are, NVIDIA's first."""
    return (*nvidia_gpus(pynvml), *amd_gpus())


def nvidia_gpus(nvml: Any) -> tuple[Gpu, ...]:
    """The devices that NVML lists; none where its Python package or its driver is missing.

    ``nvml`` is the module ``pynvml``, or None. A device that has been lost is left out.
    """
    if nvml is None:
        return ()
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:
        return ()
    try:
        return tuple(
            Gpu(uuid=nvml.nvmlDeviceGetUUID(part), memory=nvml.nvmlDeviceGetMemoryInfo(part).total)
            for device in _there(nvml, nvml.nvmlDeviceGetHandleByIndex, nvml.nvmlDeviceGetCount())
            for part in _parts(nvml, device)
        )
    finally:
        nvml.nvmlShutdown()


def _parts(nvml: Any, device: Any) -> list[Any]:
    """The device itself, or what it is cut into."""
    try:
        is_cut = nvml.nvmlDeviceGetMigMode(device)[0] == nvml.NVML_DEVICE_MIG_ENABLE
    except nvml.NVMLError:  # one that cannot be cut says so
        is_cut = False
    if not is_cut:
        return [device]
    count = nvml.nvmlDeviceGetMaxMigDeviceCount(device)
    return list(_there(nvml, lambda number: nvml.nvmlDeviceGetMigDeviceHandleByIndex(device, number), count))


def _there(nvml: Any, get: Callable[[int], Any], count: int) -> Iterator[Any]:
    """The handles of those of ``count`` places that are taken by a device at work."""
    for number in range(count):
        try:
            handle = get(number)
            nvml.nvmlDeviceGetMemoryInfo(handle)
        except nvml.NVMLError:
            continue
        yield handle


def amd_gpus(driver: Path = _AMD_DRIVER, cdi: tuple[Path, ...] = _CDI) -> tuple[Gpu, ...]:
    """The devices of the kernel's driver, if a CDI file offers AMD's; their number is their place by PCI address.

    That is how ``amd-ctk cdi generate`` counts them. Without such a file no engine could hand them out, and many a
    processor has a small one within that nobody means.
    """
    if not offers_amd(cdi):
        return ()
    sizes = (path / "mem_info_vram_total" for path in amd_devices(driver))
    return tuple(
        Gpu(uuid=f"{AMD}={number}", memory=int(size.read_text())) for number, size in enumerate(sizes)
    )


def amd_devices(driver: Path = _AMD_DRIVER) -> list[Path]:
    """The folders of AMD's devices, by PCI address."""
    return sorted(path.parent for path in driver.glob("*:*/mem_info_vram_total"))


def offers_amd(cdi: tuple[Path, ...] = _CDI) -> bool:
    """Whether any CDI file is about AMD's GPUs."""
    files = (path for folder in cdi for path in folder.glob("*") if path.suffix in (".json", ".yaml"))
    return any(AMD.encode() in _content(path) for path in files)


def _content(path: Path) -> bytes:
    """What is in a file, nothing if that is not for this user."""
    try:
        return path.read_bytes()
    except OSError:
        return b""
