"""What it brings to take several images through a network at once: ``python -m steps.training.batching MODEL.onnx``.

Singly and together in turns, in one process, so that the ratio holds whatever else the machine does. On one CPU it is
about 1; what a GPU brings is seen with ``--device cuda`` in an image that has onnxruntime-gpu.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from steps.stepkit import cpus, network


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m steps.training.batching", description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--size", type=_size, default=(640, 640), help="of the images, WIDTHxHEIGHT")
    parser.add_argument("--device", choices=network.DEVICES, default="cpu")
    parser.add_argument("--together", type=int, default=8, help="images in one call")
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args(arguments)
    loaded = network.load(given.model, given.device)
    width, height = given.size
    images = np.random.default_rng(1).random((given.together, 3, height, width), dtype=np.float32)
    singly, together = [], []
    for number in range(given.rounds + 1):
        one_by_one = _seconds(lambda: [loaded.run(images[i : i + 1]) for i in range(len(images))])
        at_once = _seconds(lambda: loaded.run(images))
        if number:  # the first round warms up
            singly.append(one_by_one / len(images))
            together.append(at_once / len(images))
    ratios = [one / other for one, other in zip(singly, together, strict=True)]
    print(f"{given.model.name}, {width}x{height}, {given.device}, {cpus.threads()} threads")
    print(f"one by one     {1000 * statistics.median(singly):8.2f} ms an image")
    print(f"{given.together:2} at once     {1000 * statistics.median(together):8.2f} ms an image")
    print(f"times as many  {statistics.median(ratios):8.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    return int(width), int(height)


if __name__ == "__main__":
    main()
