"""Measure the sign network: ``python -m steps.training.recognise.evaluate [--realdata DIR] [--gtsrb FOLDER] [--batch
DIR]``.

REALDATA: what :mod:`steps.training.recognise.train` has held out of it, as weights.json has it. GTSRB: any folder or
tar of crops, one view each, in their own boxes and in boxes moved by up to a tenth; of a sample with a train/ and a
test/ part the latter. A batch with poses and ``truth.geojson``: whole objects. Their views are what the detect step
finds where the true objects should be seen; the detections that are nowhere near one are what should be dropped.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from steps.detect.boxes import iou
from steps.recognise.params import Params
from steps.recognise.recognise import UNKNOWN, recognise
from steps.signs.classes import CLASSES, NOTHING
from steps.signs.judging import WEIGHTS
from steps.stepkit import Json, photograph
from steps.training.recognise.gtsrb import read_gtsrb
from steps.training.recognise.measure import Judged, figures, judged, nudged, told
from steps.training.recognise.scenes import Scene, read_batch

_SAME = 0.4
"""A detection whose box has a larger IoU with a true object's is a view of it."""


def main() -> None:
    """Print the figures."""
    arguments = _arguments()
    if arguments.realdata:
        for name, found in figures(arguments.realdata, arguments.weights).items():
            print(f"{name}: {json.dumps(found)}")
    if arguments.gtsrb:
        crops = read_gtsrb(arguments.gtsrb)
        tests = [crop for crop in crops if crop.is_test]
        signs = [crop.sample for crop in tests or crops]
        report("GTSRB", judged(signs, arguments.weights))
        report("GTSRB, boxes moved by up to a tenth", judged(nudged(signs), arguments.weights))
    if arguments.batch:
        report_batch(arguments.batch)


def report(title: str, found: Judged) -> None:
    """Print the figures of single views, and the commonest confusions."""
    print(f"{title}: {json.dumps(told(found))}")
    best = found.seen.argmax(axis=1)
    wrong = Counter(
        zip(found.truth[best != found.truth].tolist(), best[best != found.truth].tolist(), strict=True)
    )
    for (true, other), count in sorted(wrong.items(), key=lambda pair: (-pair[1], pair[0]))[:8]:
        print(f"  {count:3d} x {CLASSES[true]} taken for {CLASSES[other]}")


def report_batch(folder: Path) -> None:
    """Print the accuracy of whole objects, and how many of the detector's mistakes are dropped."""
    objects, mistakes = gather(read_batch(folder))
    answers = {name: _answer(one) for name, (_, one) in objects.items()}
    wrong = {name: answer for name, answer in answers.items() if answer != objects[name][0]}
    right = len(objects) - len(wrong)
    print(
        f"objects of {folder.name} seen: {right} of {len(objects)} right ({right / max(1, len(objects)):.3f})"
    )
    for name, answer in sorted(wrong.items()):
        print(f"  {name}: {objects[name][0]} taken for {answer}")
    dropped = Counter(_answer(mistake) for mistake in mistakes)
    print(
        f"the detector's mistakes: {len(mistakes)}, of which {dropped[NOTHING]} dropped, {dropped[UNKNOWN]} unknown"
    )


def gather(scenes: Sequence[Scene]) -> tuple[dict[str, tuple[str, Json]], list[Json]]:
    """Objects by name with their true category, and one object for every detection that is none."""
    from steps.detect import detector, settings

    objects: dict[str, tuple[str, Json]] = {}
    mistakes: list[Json] = []
    for scene in scenes:
        image = photograph.read(scene.path)
        for one in detector.detect(image, scene.camera, settings.parse({})):
            observation = {"image": str(scene.path), "camera": scene.camera, "bbox": list(one.bbox)}
            ious = [iou(one.bbox, seen.bbox) for seen in scene.signs]
            if ious and max(ious) > _SAME:
                seen = scene.signs[int(np.argmax(ious))]
                _, thing = objects.setdefault(
                    seen.name, (seen.category, {"id": seen.name, "observations": []})
                )
                thing["observations"].append(observation)
            elif not any(ious):
                mistakes.append({"id": f"mistake-{len(mistakes)}", "observations": [observation]})
    return objects, mistakes


def _answer(thing: Json) -> str:
    return str(recognise(thing, Params(keep_background=True))[0]["category"])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="steps.training.recognise.evaluate", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--realdata", type=Path, help="the folder of real data that was trained on")
    parser.add_argument("--gtsrb", type=Path, help="a folder or tar of GTSRB crops with a table")
    parser.add_argument("--batch", type=Path, help="a batch with truth.geojson that was not trained on")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="weights to measure (.onnx)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
