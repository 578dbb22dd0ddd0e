"""Pictures by URL, put together from what the operator chose."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager

from coordinator.errors import UsageError
from coordinator.service.budget import Budget
from coordinator.service.execution import WorkerSpec
from coordinator.service.keys import named_keys
from coordinator.service.manager import Manager
from coordinator.service.metrics import Metrics
from coordinator.service.pool import Pool
from coordinator.service.rendered.fetching import Fetcher
from coordinator.service.rendered.prefixes import Allowed
from coordinator.service.rendered.rendering import Renderer
from coordinator.service.rendered.route import ImageRoute
from coordinator.service.rendered.shelf import Shelf
from coordinator.service.rendered.signing import Signing
from coordinator.service.rendered.sources import Sources
from coordinator.service.settings import Settings
from coordinator.service.store import Store

_LOG = logging.getLogger("coordinator.service")


def read_signing(settings: Settings) -> Signing:
    """Who may sign, with the operator's doubts logged. Raises UsageError for a file of keys that is none."""
    path = settings.sign_keys
    named = named_keys("--sign-keys", path) if path else {}
    if path and not named:
        raise UsageError(f"--sign-keys {str(path)!r} has no key: nobody could sign")
    keys = (*([settings.sign_key] if settings.sign_key else []), *named.values())
    signing = Signing(keys, allows_unsigned=settings.unsigned)
    for doubt in signing.doubts:
        _LOG.warning(doubt)
    return signing


@contextmanager
def pictures(
    settings: Settings,
    signing: Signing,
    manager: Manager,
    pool: Pool,
    program: WorkerSpec,
    store: Store,
    metrics: Metrics,
    budget: Budget,
) -> Iterator[ImageRoute]:
    """The handler of pictures by URL, until the service ends. Raises RunFolderError if its folder cannot be written."""
    shelf = Shelf(store.rendered, settings.keep_rendered)
    with store.starting():
        shelf.start()
    metrics.gauge("rendered_bytes", "Bytes of kept pictures and fetched sources", lambda: shelf.size)
    fetcher = Fetcher(
        Allowed((*settings.sources, *settings.private_sources)),
        most_bytes=settings.max_file_bytes,
        seconds=settings.source_time,
    )
    sources = Sources(
        settings.images,
        fetcher,
        shelf,
        most_bytes=settings.max_file_bytes,
        most_pixels=settings.max_pixels,
    )
    with closing(fetcher), closing(Renderer(manager, pool, program, store, shelf, budget)) as renderer:
        route = ImageRoute(
            signing,
            sources,
            shelf,
            renderer,
            metrics,
            age=settings.image_age,
            source_time=settings.source_time,
        )
        with closing(route):
            yield route
