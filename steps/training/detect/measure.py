"""How good detections are: matched with true signs, precision over recall, by groups and sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from steps.detect import boxes
from steps.detect.detection import Detection
from steps.training.detect.benchmark import GROUP_OF_LABEL, GROUPS, Photograph, Sign

_MATCH = 0.5
SIZES = ((16, 20), (20, 24), (24, 32), (32, 48), (48, 96), (96, 10_000))
"""From, and up to but without, the larger side in pixels."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A detection, and the true sign that it is, if it is one."""

    found: Detection
    sign: Sign | None
    iou: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What was found in one photograph, and how long that took one CPU in seconds."""

    photograph: Photograph
    judged: tuple[Judged, ...]
    seconds: float


def judge(found: Sequence[Detection], signs: Sequence[Sign]) -> tuple[Judged, ...]:
    """Each detection, best first, with the sign that it overlaps most, by at least a half, if no better one has it."""
    left = list(signs)
    judged = []
    for one in sorted(found, key=lambda d: -d.score):
        ious = boxes.iou(one.bbox, [sign.box for sign in left]) if left else np.zeros(0)
        best = int(ious.argmax()) if len(ious) else -1
        if best >= 0 and ious[best] >= _MATCH:
            judged.append(Judged(found=one, sign=left.pop(best), iou=float(ious[best])))
        else:
            judged.append(Judged(found=one, sign=None))
    return tuple(judged)


def average_precision(judged: Iterable[Judged], signs: int) -> float:
    """The area under precision over recall at all points, precision made falling; NaN without signs."""
    if not signs:
        return float("nan")
    best_first = sorted(judged, key=lambda j: -j.found.score)
    right = np.cumsum([j.sign is not None for j in best_first])
    precision = np.maximum.accumulate((right / np.arange(1, len(right) + 1))[::-1])[::-1]
    gained = np.diff(right / signs, prepend=0.0)
    return float((precision * gained).sum())


def recall_at(judged: Iterable[Judged], signs: int, wrong: float) -> tuple[float, float]:
    """The largest recall with at most ``wrong`` false positives, and the least score that is then told."""
    right, left, score = 0, wrong, 1.0
    for one in sorted(judged, key=lambda j: -j.found.score):
        left -= one.sign is None
        if left < 0:
            break
        right += one.sign is not None
        score = one.found.score
    return right / signs if signs else float("nan"), score


@dataclass(frozen=True, kw_only=True)
class Measures:
    """Of one way to detect, over all photographs."""

    outcomes: tuple[Outcome, ...]
    threshold: float
    """What is told by default has this score."""

    def rows(self) -> list[tuple[str, str]]:
        """Names and values of all measures."""
        outcomes, judged, signs = self.outcomes, self._judged(), self._signs()
        told = [j for j in judged if j.found.score >= self.threshold]
        ious = [j.iou for j in told if j.sign]
        allowed, least = recall_at(judged, len(signs), 0.4 * len(outcomes))
        seconds = [outcome.seconds for outcome in outcomes]
        return [
            ("photographs, signs", f"{len(outcomes)}, {len(signs)}"),
            ("AP50", _share(average_precision(judged, len(signs)))),
            *(self._of_group(group) for group in GROUPS),
            *(self._of_size(low, high) for low, high in SIZES),
            (f"recall at the threshold, {self.threshold:g}", _share(len(ious) / max(len(signs), 1))),
            *(self._recall_of_size(low, high) for low, high in SIZES),
            ("false positives a photograph there", f"{(len(told) - len(ious)) / len(outcomes):.2f}"),
            ("recall at 0.4 false positives a photograph", f"{_share(allowed)} (at {least:.2f})"),
            ("mean IoU of what is found", _share(float(np.mean(ious)) if ious else float("nan"))),
            ("CPU seconds a photograph, mean and most", f"{np.mean(seconds):.3f}, {max(seconds):.3f}"),
        ]

    def _judged(self) -> list[Judged]:
        return [one for outcome in self.outcomes for one in outcome.judged]

    def _signs(self) -> list[Sign]:
        return [sign for outcome in self.outcomes for sign in outcome.photograph.signs]

    def _of_group(self, group: str) -> tuple[str, str]:
        return self._part(
            f"AP50 {group}",
            lambda sign: sign.group == group,
            lambda found: GROUP_OF_LABEL.get(found.label or "", "other") == group,
        )

    def _of_size(self, low: float, high: float) -> tuple[str, str]:
        return self._part(
            f"AP50 {_span(low, high)}",
            lambda sign: low <= sign.size < high,
            lambda found: low <= max(found.bbox[2:]) < high,
        )

    def _part(
        self, name: str, has: Callable[[Sign], bool], looks: Callable[[Detection], bool]
    ) -> tuple[str, str]:
        """AP50 of some signs: a detection counts if its sign is one of them or, being none, it looks like one."""
        judged = [j for j in self._judged() if (has(j.sign) if j.sign else looks(j.found))]
        signs = sum(map(has, self._signs()))
        return name, f"{_share(average_precision(judged, signs))} of {signs}"

    def _recall_of_size(self, low: float, high: float) -> tuple[str, str]:
        signs = [sign for sign in self._signs() if low <= sign.size < high]
        told = [j.sign for j in self._judged() if j.sign and j.found.score >= self.threshold]
        found = sum(low <= sign.size < high for sign in told)
        return f"recall {_span(low, high)}", f"{found} of {len(signs)}"


def _span(low: float, high: float) -> str:
    return f"{low:g} px and more" if high >= SIZES[-1][1] else f"{low:g} to {high:g} px"


def _share(value: float) -> str:
    return f"{value:.3f}"


def table(measured: dict[str, Measures]) -> str:
    """Markdown, a column for each."""
    columns = {name: measures.rows() for name, measures in measured.items()}
    titles = [
        title.partition(",")[0] if "threshold" in title else title
        for title, _ in next(iter(columns.values()))
    ]
    values = [
        [row[1] + (f" (at {measured[name].threshold:g})" if "threshold" in row[0] else "") for row in rows]
        for name, rows in columns.items()
    ]
    lines = ["| | " + " | ".join(columns) + " |", "|---|" + "---|" * len(columns)]
    lines += [
        f"| {title} | " + " | ".join(cells) + " |" for title, *cells in zip(titles, *values, strict=True)
    ]
    return "\n".join(lines)
