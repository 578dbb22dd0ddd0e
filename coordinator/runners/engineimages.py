"""Images that an engine is to have, by Docker's SDK: brought from a registry, or built."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from docker import DockerClient

from coordinator.runners.engine import Engine
from coordinator.runners.sdk import NOWHERE, pulled


def pull_image(engine: Engine, image_ref: str) -> Iterator[str]:
    """Brings an image from its registry, and says how far it is. Raises EngineError with the registry's reason."""
    with closing(engine.sdk()) as sdk:
        yield from pulled(sdk, image_ref)


def docker_client(engine: Engine) -> DockerClient:
    """The SDK's client of the very engine that runs use, however that is reached; :meth:`DockerClient.close` it."""
    client = DockerClient(base_url=NOWHERE, version=engine.describe()["api"])
    client.api.close()
    client.api = engine.sdk()
    return client
