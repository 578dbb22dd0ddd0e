"""Train the sign network: ``python -m steps.training.recognise.train REALDATA [--town BATCH ...]``.

REALDATA is laid out as docs/accuracy.md says: GTSRB's training crops, GTSDB's training photographs, drawn signs. In
two stages: what the network takes for a sign after the first, and is none, is a large part of the second. AdamW
(Loshchilov and Hutter, ICLR 2019) with a cosine, a moving average of the weights, cross-entropy with a little label
smoothing. By steps, on one thread, from one seed: the same data gives the same weights on the same machine. The
temperature is fitted on tracks that were not learnt from, everything is measured on others, and all of it is written
beside the weights, in weights.json.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from steps.signs.classes import CLASSES
from steps.signs.judging import WEIGHTS
from steps.signs.patches import patch
from steps.stepkit.arrays import F64, U8
from steps.training.recognise.measure import figures, fitted_temperature
from steps.training.recognise.network import SignNetwork, export
from steps.training.recognise.pool import Amounts, Pool, make_pool, proposed
from steps.training.recognise.sample import Sample


@dataclass(frozen=True, kw_only=True)
class Stage:
    """So many steps of fitting, the first of ``of`` over which the rate would fall to nothing."""

    steps: int
    of: int
    rate: float


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How the network is fitted: on all, then twice again with more of the no-signs that it still took for signs."""

    first: Stage = Stage(steps=3000, of=4800, rate=2.5e-3)
    later: tuple[Stage, Stage] = (
        Stage(steps=2200, of=2200, rate=1.5e-3),
        Stage(steps=2000, of=2000, rate=1.5e-3),
    )
    batch: int = 64
    warm_up: int = 200
    decay: float = 0.02
    smoothing: float = 0.02
    averaged: float = 0.998
    mistaken_from: float = 0.25
    """Least probability of a sign for which a no-sign counts as mistaken."""
    mistaken_share: int = 14


def main() -> None:
    """Make the samples, fit, calibrate, measure, write the weights and how they came about."""
    arguments = _arguments()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    amounts, settings, started = Amounts(), Settings(), time.process_time()
    pool = make_pool(np.random.default_rng(arguments.seed), arguments.realdata, arguments.town, amounts)
    torch.manual_seed(arguments.seed)
    network = fit(SignNetwork(len(CLASSES)), pool, settings.first, settings, arguments.seed)
    fitted = []
    for number, stage in enumerate(settings.later, 1):
        pool = harder(pool, network, arguments.realdata, settings)
        torch.manual_seed(arguments.seed + number)
        network = fit(network, pool, stage, settings, arguments.seed + number)
        fitted.append(network)
    network = halfway(*fitted)
    export(network, arguments.out)
    temperature = fitted_temperature(arguments.realdata, arguments.out)
    export(network, arguments.out, temperature)
    report: dict[str, Any] = {
        "seed": arguments.seed,
        "settings": asdict(settings),
        "amounts": asdict(amounts),
        "samples": pool.counts(),
        "towns": len(arguments.town),
        "temperature": round(temperature, 4),
        "held_out": figures(arguments.realdata, arguments.out),
        "cpu_minutes": round((time.process_time() - started) / 60, 1),
        "made_with": {"numpy": np.__version__, "opencv": cv2.__version__, "torch": torch.__version__},
    }
    arguments.out.with_suffix(".json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(report["held_out"], indent=2))


def harder(pool: Pool, network: SignNetwork, realdata: Path, settings: Settings) -> Pool:
    """The pool with the second round of windows, and with more of what the network takes for signs and is none."""
    pool = pool.hardened(proposed(realdata / "gtsdb_train", rounds=2), [], 0)
    nothing = pool.no_signs()
    sign = np.concatenate(
        [_sureness_of_sign(network, nothing[at : at + 256]) for at in range(0, len(nothing), 256)]
    )
    mistaken = [one for one, sure in zip(nothing, sign, strict=True) if sure > settings.mistaken_from]
    pool = pool.hardened([], mistaken, settings.mistaken_share)
    print(pool.counts(), flush=True)
    return pool


def fit(network: SignNetwork, pool: Pool, stage: Stage, settings: Settings, seed: int) -> SignNetwork:
    """The moving average of the network while it is fitted to batches of the pool."""
    rng = np.random.default_rng(seed)
    network = network.to(memory_format=torch.channels_last).train()  # type: ignore[call-overload, unused-ignore]
    averaged = copy.deepcopy(network)
    optimiser = torch.optim.AdamW(network.parameters(), lr=stage.rate, weight_decay=settings.decay)
    loss_of = nn.CrossEntropyLoss(label_smoothing=settings.smoothing)
    sums, started = np.zeros(2), time.process_time()
    for step in range(stage.steps):
        for group in optimiser.param_groups:
            group["lr"] = stage.rate * _cosine(step, stage, settings)
        patches, classes = pool.batch(rng, settings.batch)
        wanted = torch.from_numpy(classes)
        logits = network(as_inputs(patches))
        loss = loss_of(logits, wanted)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        _average(averaged, network, min(settings.averaged, (step + 1) / (step + 20)))
        sums += [loss.item(), (logits.argmax(1) == wanted).float().mean().item()]
        if step % 250 == 249:
            _tell(step + 1, time.process_time() - started, sums / 250)
            sums[:] = 0
    averaged.eval()
    return averaged


def halfway(one: SignNetwork, other: SignNetwork) -> SignNetwork:
    """The mean of two networks' weights, of which one was fitted from the other.

    It is better than either: Izmailov et al., "Averaging weights leads to wider optima", UAI 2018.
    """
    mean, values = copy.deepcopy(other), one.state_dict()
    with torch.no_grad():
        for name, value in mean.state_dict().items():
            if value.dtype.is_floating_point:
                value.copy_(values[name] * 0.5 + value * 0.5)
    return mean


def _sureness_of_sign(network: SignNetwork, samples: Sequence[Sample]) -> F64:
    """1 - P(no sign) of samples in their own boxes, shape (n,)."""
    patches = np.stack([patch(one.image, None, one.bbox) for one in samples])
    with torch.no_grad():
        shares = torch.softmax(network(as_inputs(patches)), 1).numpy()
    return np.asarray(1 - shares[:, -1], np.float64)


def as_inputs(patches: U8) -> Tensor:
    """Patches, shape (n, SIDE, SIDE, 3), as the network takes them, shape (n, 3, SIDE, SIDE)."""
    return torch.from_numpy(patches).permute(0, 3, 1, 2).float().contiguous(memory_format=torch.channels_last)


def _tell(steps: int, seconds: float, means: F64) -> None:
    print(f"step {steps}, {seconds:.0f} s: loss {means[0]:.3f}, right {means[1]:.4f}", flush=True)


def _cosine(step: int, stage: Stage, settings: Settings) -> float:
    return min(1.0, (step + 1) / settings.warm_up) * (0.501 + 0.499 * math.cos(math.pi * step / stage.of))


def _average(averaged: nn.Module, network: nn.Module, kept: float) -> None:
    with torch.no_grad():
        for mean, value in zip(averaged.state_dict().values(), network.state_dict().values(), strict=True):
            if mean.dtype.is_floating_point:
                mean.lerp_(value, 1 - kept)
            else:
                mean.copy_(value)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="steps.training.recognise.train", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("realdata", type=Path, help="the folder of real data")
    parser.add_argument(
        "--town", type=Path, action="append", default=[], help="a rendered batch with truth.geojson"
    )
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="where the weights go (.onnx)")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
