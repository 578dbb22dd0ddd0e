"""What the figures of ``score-detections`` cannot be taken for: no box, no object, no order among the scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from coordinator.commands.boxscore import Judged
from coordinator.findings import Finding, Level, named


def doubts(images: Sequence[Judged], *, unscored: Sequence[str], threshold: float) -> Iterator[Finding]:
    """Warnings about the images that are judged, with the boxes of at least ``threshold`` that were found in them.

    ``unscored``: the images of a run's journal in which boxes have no score.
    """
    if not any(len(image.true.boxes) for image in images):
        yield _warning(
            "no-objects", "the truth has no object in these images: only false positives can be told"
        )
    if unscored:
        text = "boxes of the run have no score that is a number, and count as 1, the surest, in "
        yield _warning("boxes-without-score", text + named(unscored))
    scores = np.concatenate([image.found.scores for image in images])
    if not len(scores):
        least = f" with a score of {threshold:g} or more" if threshold > 0 else ""
        yield _warning("no-boxes", f"the run has not a single box{least} in these images")
    elif len(scores) > 1 and scores.min() == scores.max():
        text = (
            f"all {len(scores):,} boxes of the run have one score, {scores[0]:g} (boxes without any have 1): nothing "
            "ranks them, so that average precision and the best F1 are of one point, and not to be compared with those "
            "of a run with scores"
        )
        yield _warning("no-ranking", text)


def _warning(kind: str, text: str) -> Finding:
    return Finding(kind=kind, level=Level.WARNING, text=text)
