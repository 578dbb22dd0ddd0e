"""``score``: how well a run's objects agree with a truth: one-to-one matching within a radius, closest pairs first."""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from coordinator.commands.arguments import metres
from coordinator.commands.placed import Placed, Position, far_apart, read_placed
from coordinator.errors import ExitCode
from coordinator.record.results import OBJECTS_GEOJSON
from coordinator.strictjson import Json


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, metavar="RUN_DIR")
    parser.add_argument("truth", type=Path, metavar="TRUTH.geojson")
    parser.add_argument(
        "--radius", type=metres, default=1.0, metavar="METRES", help="matching radius (default: 1)"
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")


def main(options: argparse.Namespace) -> ExitCode:
    found, projection = read_placed(options.run / OBJECTS_GEOJSON)
    true, _ = read_placed(options.truth, projection)
    score = match(found, true, options.radius)
    if not score.matches and (told := far_apart(found, true, options.radius)):
        print(f"coordinator: warning: {options.truth}: {told}", file=sys.stderr)
    print(json.dumps(score.as_json(), indent=2) if options.json else "\n".join(_lines(score)))
    return ExitCode.DONE


@dataclass(frozen=True, kw_only=True)
class Match:
    """A found object and the true one it is taken for; ``error`` is metres in the horizontal plane."""

    found: Placed
    true: Placed
    error: float


@dataclass(frozen=True, kw_only=True)
class Score:
    """The figures; ratios without a denominator are None."""

    radius: float
    true: int
    found: int
    matches: tuple[Match, ...]
    categorised: bool = True
    """Whether any object found has a category: without the step that gives one, there is no accuracy."""

    @property
    def precision(self) -> float | None:
        return len(self.matches) / self.found if self.found else None

    @property
    def recall(self) -> float | None:
        return len(self.matches) / self.true if self.true else None

    @property
    def f1(self) -> float | None:
        total = self.found + self.true
        return 2 * len(self.matches) / total if total else None

    @property
    def mean_error(self) -> float | None:
        return statistics.fmean(match.error for match in self.matches) if self.matches else None

    @property
    def median_error(self) -> float | None:
        return statistics.median(match.error for match in self.matches) if self.matches else None

    @property
    def median_facing_error(self) -> float | None:
        """Degrees, over the matched objects of which both sides know where the face looks to; None if there is none."""
        pairs = [(match.found.facing, match.true.facing) for match in self.matches]
        known = ((one, other) for one, other in pairs if one is not None and other is not None)
        apart = [abs((one - other + 180) % 360 - 180) for one, other in known]
        return statistics.median(apart) if apart else None

    @property
    def category_accuracy(self) -> float | None:
        """Over the matched objects whose true category is known; None if no object was given any."""
        known = [match for match in self.matches if self.categorised and match.true.category is not None]
        right = sum(match.found.category == match.true.category for match in known)
        return right / len(known) if known else None

    def as_json(self) -> Json:
        names = ("precision", "recall", "f1", "mean_error", "median_error", "category_accuracy")
        figures = {name: getattr(self, name) for name in names}
        if self.median_facing_error is not None:
            figures["median_facing_error"] = self.median_facing_error
        return {
            "radius": self.radius,
            "true": self.true,
            "found": self.found,
            "matched": len(self.matches),
            **figures,
        }


def match(found: Sequence[Placed], true: Sequence[Placed], radius: float) -> Score:
    """Pairs found and true objects one to one, the closest first, at most ``radius`` metres apart.

    The distance is three-dimensional where both heights are known, so that signs on one pole are told apart.
    """
    pairs = sorted(
        (distance, a, b)
        for a, one in enumerate(found)
        for b, other in enumerate(true)
        if abs(one.position[0] - other.position[0]) <= radius
        and (distance := _distance(one.position, other.position)) <= radius
    )
    free_found, free_true = set(range(len(found))), set(range(len(true)))
    matches = []
    for _, a, b in pairs:
        if a in free_found and b in free_true:
            free_found.discard(a)
            free_true.discard(b)
            error = math.dist(found[a].position[:2], true[b].position[:2])
            matches.append(Match(found=found[a], true=true[b], error=error))
    return Score(
        radius=radius,
        true=len(true),
        found=len(found),
        matches=tuple(matches),
        categorised=any(one.category is not None for one in found),
    )


def _distance(a: Position, b: Position) -> float:
    if a[2] is None or b[2] is None:
        return math.dist(a[:2], b[:2])
    return math.dist((a[0], a[1], a[2]), (b[0], b[1], b[2]))


def _lines(score: Score) -> list[str]:
    lines = [
        f"objects             {score.found} found, {score.true} true",
        f"matched             {len(score.matches)} within {score.radius:g} m",
        f"precision           {_ratio_text(score.precision)}",
        f"recall              {_ratio_text(score.recall)}",
        f"F1                  {_ratio_text(score.f1)}",
        f"position error      mean {_metres_text(score.mean_error)}, median {_metres_text(score.median_error)}",
        f"category accuracy   {_ratio_text(score.category_accuracy)}",
    ]
    if score.median_facing_error is not None:
        lines.append(f"facing error        median {score.median_facing_error:.1f} degrees")
    return lines


def _ratio_text(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _metres_text(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f} m"
