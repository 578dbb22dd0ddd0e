"""How an engine is asked for GPUs: there are two ways, and one that it does not know it may pass over in silence.

NVIDIA's own way is answered by Docker with the NVIDIA container toolkit. Podman takes that request, says that all is
well, and hands out nothing; it knows the Container Device Interface (CDI, https://github.com/cncf-tags/container-device-interface),
by which Docker hands out devices, too, from 25 on, if it is told what there is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from coordinator.strictjson import Json

_KIND = "nvidia.com/gpu"
"""What CDI calls a GPU of NVIDIA's; a device's name follows behind a `=`."""


class DeviceForm(StrEnum):
    """The way in which GPUs are asked for."""

    NVIDIA = "nvidia"
    CDI = "cdi"


def device_form(version: Mapping[str, Any], info: Mapping[str, Any]) -> DeviceForm:
    """The way that an engine knows, by what it says of itself (``/version`` and ``/info``)."""
    components = [str(part.get("Name")) for part in version.get("Components") or ()]
    discovered = [str(device.get("ID")) for device in info.get("DiscoveredDevices") or ()]
    is_podman = any("podman" in name.lower() for name in components)
    has_cdi = any(name.startswith(f"{_KIND}=") for name in discovered)
    return DeviceForm.CDI if is_podman or has_cdi else DeviceForm.NVIDIA


def device_requests(form: DeviceForm, uuids: Sequence[str]) -> list[Json]:
    """What ``HostConfig.DeviceRequests`` says for devices that are named by UUID."""
    if form is DeviceForm.CDI:
        return [{"Driver": "cdi", "DeviceIDs": [f"{_KIND}={uuid}" for uuid in uuids]}]
    return [{"Driver": "nvidia", "DeviceIDs": list(uuids), "Capabilities": [["gpu"]]}]
