"""Claims become object items: the step's answer.

All of an item, its score included, is computed from the object's own observations and not from the candidate that
claimed them, so that regions which agree on the observations agree on every byte.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import numpy as np

from steps.position.params import Params
from steps.position.rays import Rays
from steps.position.refine import Fit
from steps.position.support import Sights, agreement
from steps.position.towards import towards
from steps.stepkit import Json
from steps.stepkit.arrays import F64, I64

_POSES = 2.0
"""Standard deviations of its poses by which an object may be more uncertain than with exact ones."""


def describe(rays: Rays, claimed: Sights, fitted: Fit, params: Params) -> list[Json]:
    """The claims, sorted by candidate and ray, as items; objects too uncertain to report are left out.

    ``fitted`` is where they stand, in the order of candidates.
    """
    if not len(claimed):
        return []
    _, first, owner = np.unique(claimed.candidate, return_index=True, return_inverse=True)
    agreed = agreement(rays, claimed.ray, fitted.missed**2, fitted.distance, fitted.log_size[owner], params)
    evidence = np.maximum(agreed, 0.0) * [
        _detection(rays, ray).get("score", 1.0) for ray in claimed.ray.tolist()
    ]
    certain = np.linalg.eigvalsh(fitted.covariance)[:, -1] <= _tolerated(rays, claimed, fitted, owner, params)
    bounds = np.append(first, len(claimed)).tolist()
    if rays.accuracy is not None:
        common = rays.accuracy.common(rays.recording[claimed.ray], owner)
        fitted = replace(fitted, reported=fitted.reported + common[:, None, None] * np.eye(3))
    return [
        _object(rays, claimed, fitted, evidence, k, slice(bounds[k], bounds[k + 1]), params)
        for k in np.flatnonzero(certain).tolist()
    ]


def _tolerated(rays: Rays, claimed: Sights, fitted: Fit, owner: I64, params: Params) -> F64:
    """(K,) variance in m^2 that an object may have along its worst axis.

    Poses that say how poor they are may add twice their own standard deviation, seen from where they are: no
    object is better than its poses, and who states them wants the map that can be had from them.
    """
    allowed = np.full(len(fitted.point), params.max_uncertainty_m**2)
    if rays.accuracy is not None:
        stated = rays.accuracy.stated(rays.recording[claimed.ray], fitted.distance)
        allowed += _POSES**2 * np.bincount(owner, stated) / np.bincount(owner)
    return allowed


def _object(
    rays: Rays, claimed: Sights, fitted: Fit, evidence: F64, k: int, mine: slice, params: Params
) -> Json:
    """Object k, whose observations are the slice ``mine``."""
    ray, distance, missed = claimed.ray[mine], fitted.distance[mine], fitted.missed[mine]
    observations = [_observation(rays, *one) for one in zip(ray.tolist(), distance.tolist(), strict=True)]
    x, y, z = _rounded(fitted.point[k], 6)
    extent = np.maximum(rays.height[ray], rays.across[ray])
    return {
        "id": _identifier(observations),
        "position": {"x": x, "y": y, "z": z},
        "covariance": [_rounded(row, 9) for row in fitted.reported[k]],
        "residual": round(float(np.sqrt(np.mean(missed * missed))), 6),
        "size": round(float(np.median(distance * extent)), 6),
        "views": len(observations),
        "score": _score(float(np.sum(evidence[mine]))),
        **_facing(rays, ray, fitted.point[k], params),
        "observations": observations,
    }


def _facing(rays: Rays, ray: I64, point: F64, params: Params) -> Json:
    """Where an object at ``point`` (3,) looks to that shows a face in most of the views ``ray`` (N,)."""
    shows = rays.face[ray] | (not params.two_sided)
    if 2 * int(shows.sum()) <= len(ray):
        return {}
    faces = ray[shows]
    away = rays.origin[faces] - point
    pixels = np.array([_detection(rays, one)["bbox"][3] for one in faces.tolist()], dtype=np.float64)
    azimuth = np.arctan2(away[:, 0], away[:, 1])
    facing, spread = towards(azimuth, rays.height[faces], rays.across[faces], pixels)
    return {"facing": round(facing, 1) % 360, "facing_sd": round(spread, 1)}


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
