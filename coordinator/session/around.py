"""What a run's results tell of besides what its journal has: by what the run was started with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from coordinator.batch.recording import Recording
from coordinator.record.recorded import Recorded, recorded
from coordinator.record.surroundings import Surroundings, surroundings
from coordinator.session.launch import Launch
from coordinator.session.options import Prepared


def around(launch: Launch) -> Surroundings:
    """The regions of its census, its folders, and its batch."""
    prepared, census = launch.prepared, launch.census
    return surroundings(
        launch.folder, prepared.batch.folder, census.regions, census.by_region, partial(_recordings, prepared)
    )


def _recordings(prepared: Prepared) -> Iterator[Recorded]:
    """The batch's recordings, read again. Raises BatchError if that cannot be done any more."""
    for one in prepared.recordings():
        if isinstance(one, Recording):
            place = one.place
            told = recorded(one.item, place.taken if place else None)
            yield (
                told
                if place is None
                else replace(told, x=place.x, y=place.y, z=place.z, heading=place.heading)
            )
