"""Claims become object items: the step's answer.

All of an item, its score included, is computed from the object's own observations and not from the candidate that
claimed them, so that regions which agree on the observations agree on every byte.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from steps.position.params import Params
from steps.position.rays import Rays
from steps.position.refine import Fit, fit
from steps.position.support import Sights, agreement
from steps.stepkit import Json
from steps.stepkit.arrays import F64


def describe(rays: Rays, claimed: Sights, params: Params) -> list[Json]:
    """The claims, sorted by candidate and ray, as items; objects too uncertain to report are left out."""
    if not len(claimed):
        return []
    _, first, owner = np.unique(claimed.candidate, return_index=True, return_inverse=True)
    fitted = fit(rays, owner, claimed.ray, params)
    agreed = agreement(
        fitted.missed**2, fitted.distance, rays.height[claimed.ray], fitted.log_size[owner], params
    )
    evidence = np.maximum(agreed, 0.0) * [
        _detection(rays, ray).get("score", 1.0) for ray in claimed.ray.tolist()
    ]
    certain = np.linalg.eigvalsh(fitted.covariance)[:, -1] <= params.max_uncertainty_m**2
    bounds = np.append(first, len(claimed)).tolist()
    return [
        _object(rays, claimed, fitted, evidence, k, slice(bounds[k], bounds[k + 1]))
        for k in np.flatnonzero(certain).tolist()
    ]


def _object(rays: Rays, claimed: Sights, fitted: Fit, evidence: F64, k: int, mine: slice) -> Json:
    """Object k, whose observations are the slice ``mine``."""
    ray, distance, missed = claimed.ray[mine], fitted.distance[mine], fitted.missed[mine]
    observations = [_observation(rays, *one) for one in zip(ray.tolist(), distance.tolist(), strict=True)]
    x, y, z = _rounded(fitted.point[k], 6)
    return {
        "id": _identifier(observations),
        "position": {"x": x, "y": y, "z": z},
        "covariance": [_rounded(row, 9) for row in fitted.covariance[k]],
        "residual": round(float(np.sqrt(np.mean(missed * missed))), 6),
        "size": round(float(np.median(distance * rays.extent[ray])), 6),
        "views": len(observations),
        "score": _score(float(np.sum(evidence[mine]))),
        "observations": observations,
    }


def _identifier(observations: list[Json]) -> str:
    """An id that tells who was observed and nothing of the region: observations are sorted."""
    seen = "\n".join(f"{one['recording']}\t{one['detection']}" for one in observations)
    return "o-" + hashlib.sha256(seen.encode()).hexdigest()[:12]


def _score(evidence: float) -> float:
    """0..1 from the summed score times agreement of all views: one perfect view gives a half, three give 0.75."""
    return round(evidence / (evidence + 1), 6)


def _rounded(values: F64, digits: int) -> list[float]:
    return [round(value, digits) for value in values.tolist()]


def _detection(rays: Rays, ray: int) -> Json:
    recording = int(rays.recording[ray])
    detection: Json = rays.recordings[recording]["detections"][ray - int(rays.first[recording])]
    return detection


def _observation(rays: Rays, ray: int, distance: float) -> Json:
    recording, detection = int(rays.recording[ray]), _detection(rays, ray)
    item = rays.recordings[recording]
    observation: dict[str, Any] = {
        "recording": item["id"],
        "detection": ray - int(rays.first[recording]),
        "image": item.get("image"),
        "width": item["width"],
        "height": item["height"],
        "camera": item["camera"],
        "bbox": detection["bbox"],
        "score": detection.get("score", 1.0),
        "distance": round(distance, 6),
    }
    if detection.get("label") is not None:
        observation["label"] = detection["label"]
    return observation
