"""What an earlier process left in the data folder: jobs to go on with, and halves that belong to nobody."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from coordinator.service.jobs import Job
from coordinator.service.registry import Registry
from coordinator.service.store import Store

_LOG = logging.getLogger("coordinator.service")


def taken_up(registry: Registry, store: Store) -> Iterator[Job]:
    """The jobs that have not ended, the oldest first, each with its images where its tasks look for them."""
    store.remove_all_but(registry.ids())
    anew = store.machine_has_restarted()
    for job in registry.unfinished():
        _LOG.info("job %s %s", job.id, "begins anew" if anew else "is resumed")
        store.take_back(job, registry.originals(job.id))
        if anew:
            store.begin_anew(job.id)
        yield job
    store.note_machine()
