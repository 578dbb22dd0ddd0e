"""Train the detection network, in two stages::

    python -m steps.training.detect.train REALDATA --town CITY1 --town CITY2 --out RUN1
    python -m steps.training.detect.train REALDATA --town CITY1 --town CITY2 --after RUN1/averaged.pt --out RUN2

The second sees again, and more often, what a network after the first takes for signs.

By steps, on one thread of a CPU and from a fixed seed, so that the same material and versions give the same weights. A
checkpoint is written every 500 steps and continued from if it is there: then with the pictures of another seed, and
so not to the same weights as in one go. ``RUN/last.pt`` holds everything that is needed to go on, ``RUN/averaged.pt``
the moving average of the weights (Polyak and Juditsky, 1992), which steps.training.detect.export takes. The figures are
written to ``RUN/log.csv``.

What came out, from which data, is in ``steps/detect/weights.json``.
"""

from __future__ import annotations

import argparse
import csv
import math
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from steps.training.detect import data, loss, towns
from steps.training.detect.network import SignNet
from steps.training.detect.samples import Samples
from steps.training.detect.targets import targets

_BATCH = 16
_DECAY, _WARMING = 0.02, 200
_LARGEST_GRADIENT = 20.0
_LOGGED, _KEPT = 100, 500


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What differs between the two stages."""

    seed: int
    rate: float
    steps: int
    hard: str
    """Which list of the corrections says what looks like a sign."""


FIRST = Stage(seed=7, rate=2.5e-3, steps=7600, hard="hard")
SECOND = Stage(seed=8, rate=1.2e-3, steps=3600, hard="hard_again")


@dataclass
class State:
    """What changes while training."""

    network: SignNet
    averaged: SignNet
    optimiser: Any
    step: int = 0


def begin(folder: Path, stage: Stage = FIRST, after: Path | None = None) -> State:
    """A new network, or the one in ``after``, or the one whose training was interrupted in this folder."""
    torch.manual_seed(stage.seed)
    network, averaged = SignNet(), SignNet()
    if after is not None:
        network.load_state_dict(torch.load(after, weights_only=True)["averaged"])
    averaged.load_state_dict(network.state_dict())
    weights = [one for one in network.parameters() if one.ndim > 1]
    others = [one for one in network.parameters() if one.ndim <= 1]
    groups = [{"params": weights, "weight_decay": _DECAY}, {"params": others, "weight_decay": 0.0}]
    # Loshchilov and Hutter, "Decoupled weight decay regularization" (ICLR 2019).
    state = State(network=network, averaged=averaged, optimiser=torch.optim.AdamW(groups, lr=stage.rate))
    if (folder / "last.pt").exists():
        kept = torch.load(folder / "last.pt", weights_only=True)
        network.load_state_dict(kept["network"])
        averaged.load_state_dict(kept["averaged"])
        state.optimiser.load_state_dict(kept["optimiser"])
        state.step = kept["step"]
    return state


def rate(stage: Stage, step: int) -> float:
    """The learning rate: rising for 200 steps, then falling along a cosine to next to nothing."""
    falling = 0.5 * (1 + math.cos(math.pi * step / stage.steps)) + 0.002
    return stage.rate * min(1.0, (step + 1) / _WARMING) * falling


def batch(samples: Samples) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor, Tensor], int]:
    """Pictures (n, 3, SIDE, SIDE) in 0..1, what the network should tell of them, and how many signs are in them."""
    streets = [samples.next() for _ in range(_BATCH)]
    wanted = [targets(street) for street in streets]
    pictures = torch.from_numpy(np.stack([street.image for street in streets])).permute(0, 3, 1, 2)
    stacked = [
        torch.from_numpy(np.stack([getattr(one, name) for one in wanted]))
        for name in ("heat", "counts", "edges", "weights")
    ]
    return (
        pictures.float() / 255,
        (stacked[0], stacked[1], stacked[2], stacked[3]),
        sum(one.signs for one in wanted),
    )


def advance(state: State, samples: Samples, stage: Stage) -> tuple[float, ...]:
    """One step; the parts of its loss."""
    for group in state.optimiser.param_groups:
        group["lr"] = rate(stage, state.step)
    pictures, wanted, signs = batch(samples)
    total, parts = loss.total(state.network(pictures), wanted, signs)
    state.optimiser.zero_grad()
    total.backward()
    torch.nn.utils.clip_grad_norm_(state.network.parameters(), _LARGEST_GRADIENT)
    state.optimiser.step()
    _average(state)
    state.step += 1
    return parts


def _average(state: State) -> None:
    """The moving average of the weights, over 1,000 steps, at first over fewer."""
    share = min(0.999, (state.step + 1) / (state.step + 20))
    with torch.no_grad():
        pairs = zip(state.averaged.state_dict().values(), state.network.state_dict().values(), strict=True)
        for mean, now in pairs:
            if mean.dtype.is_floating_point:
                mean.lerp_(now, 1 - share)
            else:
                mean.copy_(now)


def keep(state: State, folder: Path) -> None:
    """Write both checkpoints, each whole or not at all."""
    last = {
        "network": state.network.state_dict(),
        "averaged": state.averaged.state_dict(),
        "optimiser": state.optimiser.state_dict(),
        "step": state.step,
    }
    for name, kept in (("last.pt", last), ("averaged.pt", {"averaged": state.averaged.state_dict()})):
        aside = folder / f"{name}.part"
        torch.save(kept, aside)
        aside.replace(folder / name)


def train(material: data.Material, stage: Stage, folder: Path, after: Path | None = None) -> SignNet:
    """Train a stage to its end, telling the mean losses of every 100 steps; the averaged network."""
    state = begin(folder, stage, after)
    samples = Samples(material, stage.seed + state.step)
    started, seen = time.monotonic(), []
    with (folder / "log.csv").open("a", newline="") as log:
        rows = csv.writer(log)
        if not state.step:
            rows.writerow(["step", "seconds", "heat", "giou", "edges", "rate"])
        while state.step < stage.steps:
            seen.append(advance(state, samples, stage))
            if state.step % _LOGGED == 0:
                means = [f"{mean:.4f}" for mean in np.mean(seen, axis=0)]
                seen.clear()
                row = [
                    state.step,
                    round(time.monotonic() - started),
                    *means,
                    f"{rate(stage, state.step):.5f}",
                ]
                rows.writerow(row)
                log.flush()
                print(*row, flush=True)
            if state.step % _KEPT == 0 or state.step == stage.steps:
                keep(state, folder)
    return state.averaged


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(prog="python -m steps.training.detect.train", description=__doc__)
    parser.add_argument(
        "realdata", type=Path, help="folder with gtsdb/, gtsdb_train/, gtsrb_train.tar and amsterdam/"
    )
    parser.add_argument(
        "--town", type=Path, action="append", default=[], help="a rendered batch; may be repeated"
    )
    parser.add_argument("--after", type=Path, help="the first stage's averaged.pt: the second stage, from it")
    parser.add_argument("--steps", type=int, help="fewer or more than the stage's")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of the checkpoints, continued if there"
    )
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    arguments.out.mkdir(parents=True, exist_ok=True)
    drawn = tuple(street for folder in arguments.town for street in towns.streets(folder))
    stage = SECOND if arguments.after else FIRST
    stage = replace(stage, steps=arguments.steps or stage.steps)
    train(data.load(arguments.realdata, drawn, stage.hard), stage, arguments.out, arguments.after)


if __name__ == "__main__":
    main()
