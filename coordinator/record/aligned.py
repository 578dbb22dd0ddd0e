"""What a step per batch says of the recordings whose poses it was to refine: which of them keep their prior."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from coordinator.findings import Finding, Level, named
from coordinator.pipeline import Per, Step
from coordinator.record.journal import Journal
from coordinator.strictjson import Json, readable

ALIGNED, REASON = "aligned", "alignment"
"""A recording's ``aligned`` is whether its pose was refined; ``alignment`` says why it was not."""
_REASONS = 3


def aligned(journal: Journal, steps: Sequence[Step]) -> Iterator[Finding]:
    """What there is to say of each step that refines poses."""
    for step in steps:
        if step.per is Per.BATCH:
            found = [item for item in journal.items(step.name) if isinstance(item.get(ALIGNED), bool)]
            yield from unaligned(found)


def unaligned(items: Sequence[Json]) -> Iterator[Finding]:
    """How many of the recordings could not be aligned, and why, if there are any."""
    kept = [item for item in items if not item[ALIGNED]]
    if kept:
        names = named((str(item["id"]) for item in kept[:_REASONS]), len(kept))
        verb = "keeps its prior" if len(kept) == 1 else "keep their prior"
        text = (
            f"{len(kept):,} of {len(items):,} recordings could not be aligned and {verb}: {names}"
            f"{''.join(f'; {reason}' for reason in reasons(kept))}"
        )
        yield Finding(kind="not-aligned", level=Level.WARNING, text=text)


def reasons(items: Iterable[Json]) -> Iterator[str]:
    """Why items keep their prior, the most frequent reasons first."""
    counted = Counter(readable(str(item[REASON])) for item in items if item.get(REASON))
    for reason, count in counted.most_common(_REASONS):
        yield f"{count:,}: {reason}"
