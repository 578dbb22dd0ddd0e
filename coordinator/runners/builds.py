"""Docker's SDK on an engine, for what the coordinator leaves to it: builds."""

from __future__ import annotations

import docker
from docker import DockerClient

from coordinator.runners.engine import Engine


def docker_client(engine: Engine) -> DockerClient:
    """The SDK's client of the very engine that runs use; :meth:`DockerClient.close` it."""
    return docker.from_env(environment=engine.address.environment())
