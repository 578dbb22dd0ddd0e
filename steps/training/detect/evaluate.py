"""Measure detect on a traffic-sign benchmark, GTSDB: ``python -m steps.training.detect.evaluate gtsdb DIR``.

``DIR`` holds photographs and ``gt_all900.txt`` (``file;x1;y1;x2;y2;class``, corner pixels included), as
published by Houben et al., "Detection of traffic signs in real-world images" (IJCNN 2013). The benchmark's
boxes cover 43 kinds of sign; other real signs count as false positives here.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2

from steps.detect import boxes, detector, settings
from steps.detect.boxes import Box
from steps.detect.detection import Detection
from steps.stepkit import photograph

_MATCH = 0.5
_LARGE = 20


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What was found in one photograph: the best IoU of every true box, and the rest."""

    true: list[tuple[Box, float]]
    false_positives: list[Detection]
    offsets: list[float]
    seconds: float


def truth(folder: Path) -> dict[str, list[Box]]:
    """The published boxes by file stem, as COCO edges."""
    found: dict[str, list[Box]] = defaultdict(list)
    for line in (folder / "gt_all900.txt").read_text().splitlines():
        name, *corners = line.split(";")
        x1, y1, x2, y2 = (int(corner) for corner in corners[:4])
        found[Path(name).stem].append((x1, y1, x2 - x1 + 1, y2 - y1 + 1))
    return found


def compare(found: Sequence[Detection], true: Sequence[Box], seconds: float) -> Outcome:
    """Match each true box to the detection of the largest IoU, of at least a half."""
    matched: set[int] = set()
    ious, offsets = [], []
    for box in true:
        best, index = max(
            ((float(boxes.iou(box, d.bbox)), i) for i, d in enumerate(found)), default=(0.0, -1)
        )
        ious.append((box, best))
        if best >= _MATCH:
            matched.add(index)
            offsets.append(_offset(box, found[index].bbox))
    rest = [d for i, d in enumerate(found) if i not in matched]
    return Outcome(true=ious, false_positives=rest, offsets=offsets, seconds=seconds)


def _offset(a: Box, b: Box) -> float:
    """The distance of two boxes' centres, in sizes of the first."""
    dx, dy = (a[i] + a[i + 2] / 2 - b[i] - b[i + 2] / 2 for i in (0, 1))
    return float((dx**2 + dy**2) ** 0.5 / max(a[2:]))


def gtsdb(folder: Path, wanted: settings.Settings) -> dict[str, Outcome]:
    """Detect in every photograph of the folder that holds ``gt_all900.txt``, by file name."""
    true = truth(folder)
    outcomes = {}
    for path in sorted(p for p in folder.iterdir() if p.suffix.lower() in {".jpg", ".png", ".ppm"}):
        image = photograph.read(path)
        started = time.perf_counter()
        found = detector.detect(image, None, wanted)
        outcomes[path.name] = compare(found, true.get(path.stem, []), time.perf_counter() - started)
    return outcomes


def table(outcomes: dict[str, Outcome]) -> str:
    """Recall, false positives and time as a Markdown table."""
    every = [pair for outcome in outcomes.values() for pair in outcome.true]
    large = [pair for pair in every if max(pair[0][2:]) >= _LARGE]
    offsets = sorted(offset for outcome in outcomes.values() for offset in outcome.offsets)
    wrong = sum(len(outcome.false_positives) for outcome in outcomes.values())
    seconds = [outcome.seconds for outcome in outcomes.values()]
    rows = [
        ("photographs", f"{len(outcomes)}"),
        ("recall (IoU >= 0.5)", _share(every)),
        (f"recall, signs of at least {_LARGE} px", _share(large)),
        ("false positives per photograph", f"{wrong / len(outcomes):.2f}"),
        (
            "median distance of centres, in sign sizes",
            f"{offsets[len(offsets) // 2]:.3f}" if offsets else "-",
        ),
        ("seconds per photograph, mean and most", f"{sum(seconds) / len(seconds):.2f}, {max(seconds):.2f}"),
    ]
    return "\n".join(["| measure | value |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)])


def _share(pairs: Sequence[tuple[Box, float]]) -> str:
    found = sum(iou >= _MATCH for _, iou in pairs)
    return f"{found} of {len(pairs)}" + (f" ({found / len(pairs):.2f})" if pairs else "")


def main() -> None:
    """Read the command line and print the table."""
    parser = argparse.ArgumentParser(prog="python -m steps.training.detect.evaluate", description=__doc__)
    parser.add_argument("dataset", choices=["gtsdb"])
    parser.add_argument("folder", type=Path, help="photographs and gt_all900.txt")
    parser.add_argument("--params", type=json.loads, default={}, help="the step's parameters as JSON")
    parser.add_argument("--list", action="store_true", help="also print every miss and false positive")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    outcomes = gtsdb(arguments.folder, settings.parse(arguments.params))
    if not outcomes:
        parser.error(f"no photographs in {arguments.folder}")
    if arguments.list:
        for name, outcome in outcomes.items():
            for box, iou in outcome.true:
                if iou < _MATCH:
                    print(f"missed {name} {box}")
            for wrong in outcome.false_positives:
                print(f"false {name} {json.dumps(wrong.as_json())}")
    print(table(outcomes))


if __name__ == "__main__":
    main()
