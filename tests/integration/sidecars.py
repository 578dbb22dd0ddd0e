"""A pod without Kubernetes: step images as containers beside this process, behind the sockets of the program ``lane``.

As in a pod, the program comes into the folder of the sockets by its own image, the step images are as they are, and
their containers have no network, no capabilities, no rights and a root that is read-only.
"""

from __future__ import annotations

import json
from pathlib import Path

import docker
from docker.models.containers import Container

from coordinator.runners.workfolder import step_user
from tests.waiting import eventually

LANE = "coordinator/lane"


class Pod:
    """The two folders that containers of a pod share, and its containers."""

    def __init__(self, client: docker.DockerClient, folder: Path) -> None:
        self._client = client
        self._containers: list[Container] = []
        self.lanes, self.shared = folder / "lanes", folder / "shared"
        for made in (self.lanes, self.shared):
            made.mkdir()
            made.chmod(0o777)
        self._run(LANE, command=None, volumes={self.lanes: self.lanes}, entrypoint=None).wait()

    def sidecar(
        self,
        name: str,
        image_ref: str,
        *,
        shared: Path | None = None,
        user: int | None = None,
    ) -> Path:
        """Starts a step's image behind the socket that is returned; by default as it should be.

        ``shared`` is mounted instead of what the pod shares.
        """
        image = self._client.images.get(image_ref)
        step = {"image_ref": image_ref, "id": image.id, "labels": image.labels}
        socket = self.lanes / f"{name}.sock"
        self._run(
            image_ref,
            entrypoint=[str(self.lanes / "lane"), str(socket), "--"],
            command=image.attrs["Config"]["Entrypoint"],
            volumes={self.lanes: self.lanes, shared or self.shared: self.shared},
            environment={
                "COORDINATOR_STEP": json.dumps(step),
                "COORDINATOR_SHARED": str(self.shared),
            },
            user=user,
        )
        eventually(socket.with_suffix(".json").exists)
        return socket

    def kill(self) -> None:
        """Kills the container that was started last, as a node that runs out of memory does."""
        self._containers[-1].kill()

    def log(self) -> bytes:
        """What the container that was started last has said on stderr."""
        said: bytes = self._containers[-1].logs()
        return said

    def close(self) -> None:
        for container in self._containers:
            container.remove(force=True)

    def _run(
        self,
        image_ref: str,
        *,
        command: list[str] | None,
        entrypoint: list[str] | None,
        volumes: dict[Path, Path],
        environment: dict[str, str] | None = None,
        user: int | None = None,
    ) -> Container:
        container = self._client.containers.run(
            image_ref,
            command=command or (["--install", str(self.lanes / "lane")] if entrypoint is None else []),
            entrypoint=entrypoint,
            environment=environment,
            user=f"{step_user()[0] if user is None else user}:{step_user()[1]}",
            volumes=[f"{source}:{target}" for source, target in volumes.items()],
            network_mode="none",
            read_only=True,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            tmpfs={"/tmp": ""},
            detach=True,
        )
        self._containers.append(container)
        return container
