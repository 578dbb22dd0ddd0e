"""A municipality of so many recordings, made of the regions that were measured.

Recordings stand in a row, in the order in which they were driven, and a region is a stretch of that row: as long as a
measured region, which are dealt one after the other in a shuffled order. Stretches begin at equal distances, and
overlap by as much as the measured regions did, by their halos. So sizes, what they cost and the objects in them go
together as they were found; what is left out is that a car comes back to a region on another day.
"""

from __future__ import annotations

import itertools
import math
import random
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from coordinator.batch.recording import Place, Recording
from coordinator.batch.regions import Point
from coordinator.plan.measured import Sample

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Town:
    """Stretches of the row: region ``n`` has the recordings from ``starts[n]`` up to ``ends[n]``, and cost a sample.

    ``starts`` ascend, ``longest`` is the size of the largest. It divides the ground as
    :class:`coordinator.batch.regions.Regions` do: a recording's x is its number.
    """

    recordings: int
    starts: Sequence[int] = ()
    ends: Sequence[int] = ()
    samples: Sequence[Sample] = ()
    names: Sequence[str] = ()
    longest: int = 0

    def around(self, position: Point | None) -> tuple[str, ...]:
        """The regions of the recording with the number ``position[0]``."""
        if position is None or not self.starts:
            return ()
        at = int(position[0])
        near = range(bisect_right(self.starts, at - self.longest), bisect_right(self.starts, at))
        return tuple(self.names[number] for number in near if self.ends[number] > at)

    def message(self, region_id: str) -> None:
        """Nobody looks at a played region's ground."""

    def census(self) -> Mapping[str, int]:
        """How many recordings each region has."""
        return {
            name: end - start for name, start, end in zip(self.names, self.starts, self.ends, strict=True)
        }

    def sample(self, region_id: str) -> Sample:
        """The measured region that a region repeats."""
        return self.samples[int(region_id[1:])]

    def drive(self) -> Iterator[Recording]:
        """The recordings, in the order in which they were taken. They are where their number says."""
        for number in range(self.recordings):
            name = f"r{number}"
            yield Recording(
                id=name,
                item={"id": name, "position": {"x": number, "y": 0}},
                place=Place(x=float(number), y=0.0),
            )


def build(recordings: int, regions: Sequence[Sample], overlap: float, seed: int) -> Town:
    """A town of so many recordings with regions like the measured ones.

    ``overlap`` is in how many regions a recording is, on average. Without any region, the town is not divided.
    """
    if not regions:
        return Town(recordings=recordings)
    stride = sum(region.size for region in regions) / len(regions) / overlap
    starts = [round(number * stride) for number in range(math.ceil(recordings / stride))]
    starts = starts[: bisect_left(starts, recordings)]
    samples = list(itertools.islice(shuffled(regions, random.Random(seed)), len(starts)))
    return Town(
        recordings=recordings,
        starts=starts,
        ends=[min(recordings, start + one.size) for start, one in zip(starts, samples, strict=True)],
        samples=samples,
        names=[f"g{number}" for number in range(len(starts))],
        longest=max(region.size for region in regions),
    )


def shuffled(samples: Sequence[T], chance: random.Random) -> Iterator[T]:
    """The samples again and again, each time in another order: however many are taken, they are as those measured."""
    deck = list(samples)
    while True:
        chance.shuffle(deck)
        yield from deck
