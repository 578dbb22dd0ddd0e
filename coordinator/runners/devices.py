"""How an engine is asked for GPUs: there are two ways, and one that it does not know it may pass over in silence.

NVIDIA's own way is answered by Docker with the NVIDIA container toolkit. Podman takes that request, says that all is
well, and hands out nothing; it knows the Container Device Interface (CDI, https://github.com/cncf-tags/container-device-interface),
by which Docker hands out devices, too, from 25 on, if it is told what there is. AMD's GPUs are known by CDI alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from coordinator.strictjson import Json

NVIDIA, AMD = "nvidia.com/gpu", "amd.com/gpu"
"""What CDI calls GPUs; a device's name follows behind a `=`."""


class DeviceForm(StrEnum):
    """The way in which GPUs are asked for."""

    NVIDIA = "nvidia"
    CDI = "cdi"


def device_form(version: Mapping[str, Any], info: Mapping[str, Any]) -> DeviceForm:
    """The way that an engine knows NVIDIA's GPUs, by what it says of itself (``/version`` and ``/info``).

    Docker tells what devices it has found from API 1.50 on. Before, it looked for any only if it was told to.
    """
    components = [str(part.get("Name")) for part in version.get("Components") or ()]
    is_podman = any("podman" in name.lower() for name in components)
    if "DiscoveredDevices" in info:
        found = [str(device.get("ID")) for device in info["DiscoveredDevices"] or ()]
        has_cdi = any(name.startswith(f"{NVIDIA}=") for name in found)
    else:
        has_cdi = bool(info.get("CDISpecDirs"))
    return DeviceForm.CDI if is_podman or has_cdi else DeviceForm.NVIDIA


def device_requests(form: DeviceForm, gpus: Sequence[str]) -> list[Json]:
    """What ``HostConfig.DeviceRequests`` says for GPUs by their names; AMD's are asked for by CDI in any case."""
    amd, nvidia = _parted(gpus)
    if form is DeviceForm.CDI:
        amd, nvidia = [*amd, *(f"{NVIDIA}={gpu}" for gpu in nvidia)], []
    requests: list[Json] = [{"Driver": "cdi", "DeviceIDs": amd}] if amd else []
    if nvidia:
        requests.append({"Driver": "nvidia", "DeviceIDs": nvidia, "Capabilities": [["gpu"]]})
    return requests


def device_options(gpus: Sequence[str]) -> list[str]:
    """The same as options of ``docker run``, in the form of NVIDIA's own driver."""
    amd, nvidia = _parted(gpus)
    words = [word for gpu in amd for word in ("--device", gpu)]
    return [*words, "--gpus", '"device=' + ",".join(nvidia) + '"'] if nvidia else words


def _parted(gpus: Sequence[str]) -> tuple[list[str], list[str]]:
    """AMD's, whose names are CDI's own, and the others."""
    amd = [gpu for gpu in gpus if gpu.startswith(f"{AMD}=")]
    return amd, [gpu for gpu in gpus if gpu not in amd]
