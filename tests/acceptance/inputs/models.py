"""The town as structure-from-motion programs and receivers tell of it: OpenSfM, COLMAP, GPX.

OpenSfM: its documentation, "Reconstruction file format" and "Geometric models" (rotation and translation take the
topocentric east-north-up world into the camera; focal lengths are relative to the larger side). COLMAP: "Output format"
(the same direction, quaternions w first; the centre of the top-left pixel is 0.5, 0.5). GPX: version 1.1 of the schema.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyproj

from steps.stepkit.camera import rotation
from tests.acceptance.inputs.boxes import write_json
from tests.acceptance.inputs.scene import Json, Scene, View


def reference(scene: Scene) -> dict[str, float]:
    """Where the model's world has its origin: beside the street, not on it."""
    first = scene.views[0]
    return {"latitude": first.latitude + 0.0004, "longitude": first.longitude - 0.0003, "altitude": 1.0}


def topocentric(scene: Scene) -> list[Any]:
    """The recordings' places, shape (3,) each, in metres east, north and up of the reference."""
    turn = local_frame(reference(scene))
    return [np.array(turn.transform(view.longitude, view.latitude, view.z)) for view in scene.views]


def local_frame(origin: dict[str, float]) -> pyproj.Transformer:
    """From longitude, latitude and altitude to metres east, north and up of the origin."""
    return pyproj.Transformer.from_pipeline(
        "+proj=pipeline +step +proj=unitconvert +xy_in=deg +xy_out=rad +step +proj=cart +ellps=WGS84 +step "
        f"+proj=topocentric +ellps=WGS84 +lon_0={origin['longitude']} +lat_0={origin['latitude']} "
        f"+h_0={origin['altitude']}"
    )


def write_opensfm(folder: Path, scene: Scene, *, georeferenced: bool = True, beside: bool = False) -> None:
    """reconstruction.json; its reference stands in it, or beside it as older versions write it, or nowhere."""
    cameras, shots = {}, {}
    for view, place in zip(scene.views, topocentric(scene), strict=True):
        name, camera = _opensfm_camera(view)
        cameras[name] = camera
        turn = rotation(view.true_heading, view.pitch, view.roll).T
        shots[view.image] = {
            "camera": name,
            "rotation": cv2.Rodrigues(turn)[0].ravel().tolist(),
            "translation": (-turn @ place).tolist(),
            "orientation": 1,
            "capture_time": view.time.timestamp(),
            "gps_dop": 5.0,
            "gps_position": place.tolist(),
        }
    model: Json = {"cameras": cameras, "shots": shots, "points": {}}
    if georeferenced and beside:
        write_json(folder / "reference_lla.json", reference(scene))
    elif georeferenced:
        model["reference_lla"] = reference(scene)
    write_json(folder / "reconstruction.json", [model])


def _opensfm_camera(view: View) -> tuple[str, Json]:
    size = {"width": view.width, "height": view.height}
    if view.camera["model"] == "equirectangular":
        return "v2 maker pano", {"projection_type": "equirectangular", **size}
    focal = view.camera["fx"] / max(view.width, view.height)
    return "v2 maker phone", {"projection_type": "perspective", **size, "focal": focal, "k1": 0.0, "k2": 0.0}


def write_colmap(folder: Path, scene: Scene, *, inner: str = "sparse/0") -> None:
    """cameras.txt, images.txt and points3D.txt of pinhole cameras, aligned to the metres of the town's CRS."""
    model = folder / inner
    model.mkdir(parents=True, exist_ok=True)
    first = scene.views[0]
    lens = first.camera
    numbers = f"{lens['fx']} {lens['fy']} {lens['cx'] + 0.5} {lens['cy'] + 0.5}"
    (model / "cameras.txt").write_text(
        "# Camera list with one line of data per camera:\n#   CAMERA_ID, MODEL, WIDTH, HEIGHT, PARAMS[]\n"
        f"1 PINHOLE {first.width} {first.height} {numbers}\n"
    )
    lines = ["# Image list with two lines of data per image:"]
    lines.append("#   IMAGE_ID, QW, QX, QY, QZ, TX, TY, TZ, CAMERA_ID, NAME")
    lines.append("#   POINTS2D[] as (X, Y, POINT3D_ID)")
    for number, view in enumerate(scene.views, start=1):
        turn = rotation(view.heading, view.pitch, view.roll).T
        shift = -turn @ np.array([view.x, view.y, view.z])
        pose = " ".join(f"{value:.12f}" for value in (*quaternion(turn), *shift))
        lines += [f"{number} {pose} 1 {view.image}", "10.5 20.5 -1"]
    (model / "images.txt").write_text("\n".join(lines) + "\n")
    (model / "points3D.txt").write_text("# 3D point list\n")


def quaternion(turn: Any) -> tuple[float, float, float, float]:
    """A rotation, shape (3, 3), as w, x, y, z."""
    vector = cv2.Rodrigues(np.asarray(turn))[0].ravel()
    angle = float(np.linalg.norm(vector))
    axis = vector / angle if angle else vector
    w, s = math.cos(angle / 2), math.sin(angle / 2)
    return w, float(s * axis[0]), float(s * axis[1]), float(s * axis[2])


def write_gpx(folder: Path, scene: Scene, *, late: timedelta = timedelta(0), every: float = 1.7) -> None:
    """A track along a straight street, its points at other times than the photographs', begun before them.

    ``late`` is how far the track's clock is ahead of the cameras'.
    """
    first, last = scene.views[0], scene.views[-1]
    length = (last.time - first.time).total_seconds()
    points = []
    seconds = -every
    while seconds <= length + every:
        share = seconds / length
        points.append(
            first.on(
                latitude=first.latitude + share * (last.latitude - first.latitude),
                longitude=first.longitude + share * (last.longitude - first.longitude),
                time=first.time + timedelta(seconds=seconds) + late,
            )
        )
        seconds += every
    _write_track(folder, points)


def write_gpx_through(folder: Path, scene: Scene) -> None:
    """A track with a point wherever a photograph was taken."""
    _write_track(folder, scene.views)


def _write_track(folder: Path, points: Sequence[View]) -> None:
    track = []
    for point in points:
        time = point.time.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        inner = f"<ele>{point.z:.3f}</ele><time>{time}</time>"
        track.append(f'<trkpt lat="{point.latitude:.9f}" lon="{point.longitude:.9f}">{inner}</trkpt>')
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "track.gpx").write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<gpx version="1.1" creator="receiver" xmlns="http://www.topografix.com/GPX/1/1"><trk><name>drive</name>'
        f"<trkseg>{''.join(track)}</trkseg></trk></gpx>\n",
        encoding="utf-8",
    )
