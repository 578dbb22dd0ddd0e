"""What ``doctor`` says of the GPUs that are there; whether the engine hands them out is told by starting containers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from coordinator.commands.notes import Note, ok, warning
from coordinator.core.resources import Gpu, Inventory
from coordinator.runners.devices import AMD
from coordinator.runners.gpus import amd_devices

_DRIVER = Path("/proc/driver/nvidia/version")
_LINKS = Path("/dev/char")
_MAJOR = 195
"""The number of NVIDIA's character devices."""


def gpus_here(inventory: Inventory, info: Mapping[str, Any]) -> Iterator[Note]:
    """What there is to say of this machine's; ``info`` is what the engine says of itself, empty without one."""
    yield from gpu_notes(inventory, has_driver=_DRIVER.exists(), amd=len(amd_devices()))
    yield from link_notes(inventory, info, has_links=any(_LINKS.glob(f"{_MAJOR}:*")))


def gpu_notes(inventory: Inventory, *, has_driver: bool, amd: int) -> Iterator[Note]:
    """The GPUs in the inventory, and what is there beside them; ``amd`` is how many of AMD's the kernel lists."""
    if inventory.gpus:
        yield ok("GPU", ", ".join(f"{gpu.uuid} ({gpu.memory / 1024**3:.1f} GiB)" for gpu in inventory.gpus))
    elif has_driver:
        yield warning(
            "GPU",
            "there is an NVIDIA driver, but NVML lists no device",
            "pip install '.[gpu]'; see nvidia-smi",
        )
    elif not amd:
        yield ok("GPU", "none; steps with gpu_optional run without one")
    if amd and not any(map(_is_amd, inventory.gpus)):
        told = f"{amd} of AMD's that no CDI file offers to containers, and that are therefore not used"
        yield ok("GPU", f"{told} (amd-ctk cdi generate --output=/etc/cdi/amd.json)")


def link_notes(inventory: Inventory, info: Mapping[str, Any], *, has_links: bool) -> Iterator[Note]:
    """Whether containers keep NVIDIA's GPUs when systemd looks at its units anew.

    It then sets the devices that a container may use by what it finds in ``/dev/char``:
    https://github.com/NVIDIA/nvidia-container-toolkit/issues/48.
    """
    has_nvidia = not all(map(_is_amd, inventory.gpus))
    if has_nvidia and info.get("CgroupDriver") == "systemd" and not has_links:
        yield warning(
            "GPU",
            f"cgroups by systemd, and no links {_LINKS}/{_MAJOR}:*: running containers lose their GPUs at the next "
            "`systemctl daemon-reload`",
            "sudo nvidia-ctk system create-dev-char-symlinks --create-all",
        )


def _is_amd(gpu: Gpu) -> bool:
    return gpu.uuid.startswith(AMD)
