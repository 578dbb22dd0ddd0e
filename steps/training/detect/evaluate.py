"""Measure detect on a benchmark of photographs, GTSDB: ``python -m steps.training.detect.evaluate gtsdb FOLDER``.

``FOLDER`` holds photographs; :mod:`steps.training.detect.benchmark` says where their true signs are looked for, and how
they are split. Everything with a score of at least 0.01 is told and counts in the average precision; seconds are
those of one CPU, without reading and decoding the photograph.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2

from steps.detect import detector, settings
from steps.detect.settings import METHODS, Settings
from steps.stepkit import photograph
from steps.training.detect import measure
from steps.training.detect.benchmark import SPLITS, Photograph, photographs
from steps.training.detect.measure import Measures, Outcome

_LEAST = 0.01


def detect(photos: Sequence[Photograph], wanted: Settings) -> Measures:
    """What is found in the photographs. Raises BadInput for one that cannot be read."""
    low = replace(wanted, threshold=min(_LEAST, wanted.threshold))
    outcomes = []
    for one in photos:
        image = photograph.read(one.path)
        started = time.process_time()
        found = detector.detect(image, None, low)
        seconds = time.process_time() - started
        outcomes.append(Outcome(photograph=one, judged=measure.judge(found, one.signs), seconds=seconds))
    return Measures(outcomes=tuple(outcomes), threshold=wanted.threshold)


def _listed(measures: Measures) -> list[str]:
    """Every miss and every false positive at the threshold."""
    lines = []
    for outcome in measures.outcomes:
        told = [j for j in outcome.judged if j.found.score >= measures.threshold]
        found = [j.sign for j in told if j.sign]
        name = outcome.photograph.path.name
        lines += [
            f"missed {name} {sign.box} {sign.category}"
            for sign in outcome.photograph.signs
            if sign not in found
        ]
        lines += [f"false {name} {json.dumps(j.found.as_json())}" for j in told if not j.sign]
    return lines


def main() -> None:
    """Read the command line and print the table."""
    parser = argparse.ArgumentParser(prog="python -m steps.training.detect.evaluate", description=__doc__)
    parser.add_argument("dataset", choices=["gtsdb"])
    parser.add_argument("folder", type=Path, help="photographs")
    parser.add_argument(
        "--truth", type=Path, help="file;x1;y1;x2;y2;class, if it is neither there nor beside"
    )
    parser.add_argument("--split", choices=SPLITS, default="all", help="heldout was never trained on")
    parser.add_argument("--methods", default="network", help=f"of {','.join(METHODS)}: a column for each")
    parser.add_argument("--params", type=json.loads, default={}, help="more of the step's parameters as JSON")
    parser.add_argument("--list", action="store_true", help="also print every miss and false positive")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    try:
        photos = photographs(arguments.folder, arguments.split, arguments.truth)
    except OSError as error:
        parser.error(str(error))
    measured = {}
    for method in arguments.methods.split(","):
        measured[method] = detect(photos, settings.parse({"method": method, **arguments.params}))
        if arguments.list:
            print(f"{method}:", *_listed(measured[method]), sep="\n")
    print(measure.table(measured))


if __name__ == "__main__":
    main()
