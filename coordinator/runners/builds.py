"""Docker's SDK on an engine, for what the coordinator leaves to it: builds."""

from __future__ import annotations

from docker import DockerClient

from coordinator.runners.engine import Engine
from coordinator.runners.sdk import NOWHERE


def docker_client(engine: Engine) -> DockerClient:
    """The SDK's client of the very engine that runs use, however that is reached; :meth:`DockerClient.close` it."""
    client = DockerClient(base_url=NOWHERE, version=engine.describe()["api"])
    client.api.close()
    client.api = engine.sdk()
    return client
