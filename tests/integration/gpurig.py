"""Two GPUs that are not there: a library that lists them as NVML does, and what lets engines hand them out.

The library, the hook and the step that tells which GPUs it has are programs in the image of steps/devices. A container
that has the GPU whose name ends with N has a device /dev/gpuN, which is the kernel's null device: from the hook, which
a Docker runs in place of NVIDIA's, or from a file of CDI's.
"""

from __future__ import annotations

import ctypes
import io
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path

import docker
import pytest
from docker.models.containers import Container

from coordinator.runners.devices import AMD, NVIDIA
from tests.integration.conftest import image_of

VARIABLE = "GPURIG"
"""The variable that the library goes by: "whole" for two GPUs of 8 GiB, "cut" if the second one is two MIG devices."""
GIB = 1024**3
_LIBRARY, _HOOK = "libnvidia-ml.so.1", "hook"
_CALLED = "nvidia-container-runtime-hook"
"""What Docker, up to 28, knows NVIDIA's hook by."""


def name(number: int) -> str:
    """What the rig calls the GPU that is /dev/gpuN: two are whole, the others parts."""
    return f"{'GPU' if number < 2 else 'MIG'}-00000000-0000-0000-0000-00000000000{number}"


@dataclass(frozen=True)
class Rig:
    """Where its parts lie: ``library`` in a folder of its own, as ``LD_LIBRARY_PATH`` wants it, as do the others."""

    image_ref: str
    library: Path
    hooks: Path
    cdi: Path

    def plug_in(self, patch: pytest.MonkeyPatch, what: str = "whole") -> None:
        """Makes the package pynvml of this process see the GPUs."""
        pynvml = pytest.importorskip("pynvml")
        patch.setenv(VARIABLE, what)
        patch.setattr(pynvml, "nvmlLib", ctypes.CDLL(str(self.library)))
        patch.setattr(pynvml, "_nvmlGetFunctionPointer_cache", {})


def make_rig(folder: Path, client: docker.DockerClient) -> Rig:
    """Its parts in ``folder``, out of the image, which is made if need be."""
    image_ref = image_of(client, "devices")
    rig = Rig(image_ref, folder / "lib" / _LIBRARY, folder / "hooks", folder / "cdi")
    for path in (rig.library.parent, rig.hooks, rig.cdi):
        path.mkdir()
    container = client.containers.create(image_ref)
    try:
        _take(container, _LIBRARY, rig.library)
        _take(container, _HOOK, rig.hooks / _CALLED)
    finally:
        container.remove()
    (rig.cdi / "nvidia.json").write_text(_cdi(NVIDIA, {name(number): number for number in range(4)}))
    (rig.cdi / "amd.json").write_text(_cdi(AMD, {str(number): number for number in range(2)}))
    return rig


def _take(container: Container, file: str, to: Path) -> None:
    chunks, _ = container.get_archive(f"/{file}")
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
        found = archive.extractfile(file)
        assert found is not None
        to.write_bytes(found.read())
    to.chmod(0o755)


def _cdi(kind: str, devices: dict[str, int]) -> str:
    nodes = {name: {"path": f"/dev/gpu{number}", "hostPath": "/dev/null"} for name, number in devices.items()}
    listed = [{"name": name, "containerEdits": {"deviceNodes": [node]}} for name, node in nodes.items()]
    return json.dumps({"cdiVersion": "0.5.0", "kind": kind, "devices": listed})
