"""Measure the weights: ``python -m steps.training.recognise.evaluate --gtsrb DIR [--batch DIR]``.

GTSRB: the held-out ``test/`` crops, one view each, with their own boxes and with boxes moved by up to a tenth.
A batch with poses and ``truth.geojson``: whole objects. Their views are what the detect step finds where the
true objects should be seen; the detections that are nowhere near one are what should be dropped.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from steps.recognise import classifier
from steps.recognise.classifier import BACKGROUND, Classifier, combined
from steps.recognise.crop import patch
from steps.recognise.features import features
from steps.recognise.params import Params
from steps.recognise.recognise import UNKNOWN, decided, recognise
from steps.stepkit import Json, photograph
from steps.training.recognise.augment import jittered
from steps.training.recognise.gtsrb import read_gtsrb
from steps.training.recognise.sample import Sample
from steps.training.recognise.scenes import Scene, iou, read_batch

_SAME = 0.4
"""A detection whose box has a larger IoU with a true object's is a view of it."""


def main() -> None:
    """Print the figures."""
    arguments = _arguments()
    weights = classifier.load(arguments.weights)
    crops = read_gtsrb(arguments.gtsrb, "test")
    report_crops("GTSRB test crops", crops, weights)
    rng = np.random.default_rng(1)
    moved = [
        Sample(image=c.image, bbox=jittered(rng, c.bbox), category=c.category)
        for c in crops
        for _ in range(3)
    ]
    report_crops("GTSRB test crops, boxes moved by up to a tenth", moved, weights)
    if arguments.batch:
        report_batch(arguments.batch, weights)


def report_crops(title: str, crops: Sequence[Sample], weights: Classifier) -> None:
    """Accuracy of single views, what the thresholds leave of them, and the commonest confusions."""
    best, accepted, right_accepted = [], 0, 0
    for crop in crops:
        one = weights.log_posteriors(features(patch(crop.image, None, crop.bbox))[None])
        best.append(int(one[0, :-1].argmax()))
        posterior = combined(one, np.array([max(crop.bbox[2:])]))
        category, _ = decided(posterior.tolist(), weights.categories, Params())
        accepted += category not in (UNKNOWN, BACKGROUND)
        right_accepted += category == weights.categories[crop.category]
    wrong = Counter((crop.category, b) for crop, b in zip(crops, best, strict=True) if crop.category != b)
    right = len(crops) - wrong.total()
    print(f"{title}: {right} of {len(crops)} right ({right / len(crops):.3f});", end=" ")
    print(f"with the thresholds {accepted} named, {right_accepted} of them rightly")
    for (true, other), count in sorted(wrong.items(), key=lambda pair: (-pair[1], pair[0]))[:6]:
        print(f"  {count:3d} x {weights.categories[true]} taken for {weights.categories[other]}")


def report_batch(folder: Path, weights: Classifier) -> None:
    """Accuracy of whole objects, and how many of the detector's mistakes are dropped."""
    objects, mistakes = gather(read_batch(folder))
    answers = {name: _answer(one, weights) for name, (_, one) in objects.items()}
    wrong = {name: answer for name, answer in answers.items() if answer != objects[name][0]}
    right = len(objects) - len(wrong)
    print(
        f"objects of {folder.name} seen: {right} of {len(objects)} right ({right / max(1, len(objects)):.3f})"
    )
    for name, answer in sorted(wrong.items()):
        print(f"  {name}: {objects[name][0]} taken for {answer}")
    dropped = Counter(_answer(mistake, weights) for mistake in mistakes)
    print(
        f"the detector's mistakes: {len(mistakes)}, of which {dropped[BACKGROUND]} dropped, {dropped[UNKNOWN]} unknown"
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


def _answer(thing: Json, weights: Classifier) -> str:
    return str(recognise(thing, Params(keep_background=True), weights)[0]["category"])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="steps.training.recognise.evaluate", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument(
        "--gtsrb", type=Path, required=True, help="folder of a GTSRB sample (labels.csv and a zip)"
    )
    parser.add_argument("--batch", type=Path, help="a batch with truth.geojson that was not trained on")
    parser.add_argument("--weights", type=Path, default=classifier.WEIGHTS, help="weights to measure (.npz)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
