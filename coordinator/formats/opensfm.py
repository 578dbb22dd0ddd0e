"""OpenSfM's ``reconstruction.json`` (also OpenDroneMap's): cameras, and shots in a straight frame at a reference.

Format and models: https://opensfm.org/docs/dataset.html and geometry.html. The frame is x east, y north, z up at the
reference; a shot's rotation and translation lead from there to the camera, of the image as it is stored.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from coordinator.errors import BatchError
from coordinator.findings import Finding, Level, Tell
from coordinator.formats import jsonrecords, upright
from coordinator.formats.attitude import added, applied, from_angle_axis, product, transposed, vector
from coordinator.formats.geodesy import Place, posed
from coordinator.formats.jsonrecords import number, numbers
from coordinator.formats.lens import Lens, same_shape
from coordinator.formats.photographs import Photographs
from coordinator.formats.row import Entry
from coordinator.formats.tally import Tally
from coordinator.strictjson import Json

NAME = "opensfm"
_PLACES = ("reconstruction.json", "opensfm/reconstruction.json")
_REFERENCE = "reference_lla.json"
_CAMERAS = "camera_models.json"
_SPHERES = ("spherical", "equirectangular")
_DISTORTION = {
    "perspective": ("k1", "k2"),
    "simple_radial": ("k1",),
    "radial": ("k1", "k2"),
    "brown": ("k1", "k2", "p1", "p2", "k3"),
}
"""The camera models that are pinholes, with the parameters of their distortion."""
_FAR = 100_000.0
"""Metres from its reference beyond which a reconstruction is no town, but in other coordinates."""


def find(folder: Path) -> Path | None:
    """The reconstruction in ``folder``, or in ``opensfm`` below it, where OpenDroneMap has it."""
    return next((path for name in _PLACES if (path := folder / name).is_file()), None)


def read(path: Path, tell: Tell, folder: Path | None = None) -> Iterator[Entry]:
    """Its shots as rows, in the file's order; images are named from ``folder``, the batch's.

    Raises BatchError for a file that is no reconstruction.
    """
    document = jsonrecords.load(path)
    parts = document if isinstance(document, list) else [document]
    if not parts or not all(isinstance(part, dict) and isinstance(part.get("shots"), dict) for part in parts):
        raise BatchError(f"{path}: no reconstruction of OpenSfM: a list of objects with cameras and shots")
    holder = path.parent
    reader = _Reader(path.name, Photographs(folder or holder), _beside(holder / _CAMERAS))
    shared = _beside(holder / _REFERENCE)
    for count, part in enumerate(parts, start=1):
        reference = _reference(part.get("reference_lla")) or _reference(shared)
        if reference is None:
            reader.tally.add("no-georeference", f"{count} of {len(parts)} ({len(part['shots'])} shots)")
        else:
            yield from reader.shots(part, reference)
    reader.tell(tell, len(parts))


@dataclass
class _Reader:
    name: str
    photographs: Photographs
    models: Json
    tally: Tally = field(default_factory=Tally)
    seen: set[str] = field(default_factory=set)

    def shots(self, part: Json, reference: Place) -> Iterator[Entry]:
        """The shots of one reconstruction that stands in the straight frame at ``reference``."""
        cameras = part.get("cameras")
        models = {**self.models, **(cameras if isinstance(cameras, dict) else {})}
        panoramas = part.get("pano_shots")
        for name, shot in {**(panoramas if isinstance(panoramas, dict) else {}), **part["shots"]}.items():
            label = f"{self.name}, shot {name!r}"
            if name in self.seen:
                self.tally.add("opensfm-shot-twice", name)
                continue
            self.seen.add(name)
            try:
                yield label, self._fields(name, shot, models, reference)
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                yield label, f"has no rotation and translation, three numbers each, or no camera: {error}"

    def _fields(self, name: str, shot: Json, models: Json, reference: Place) -> Json | str:
        image = self.photographs.named(name)
        orientation = upright.known(shot.get("orientation"))
        if image and "orientation" not in shot:
            orientation = self.photographs.orientation(image)
        turn = transposed(from_angle_axis(vector(shot["rotation"])))
        centre = applied(turn, vector([-value for value in shot.get("translation", (0, 0, 0))]))
        if math.hypot(*centre) > _FAR:
            return f"lies {math.hypot(*centre):,.0f} m from its reference_lla: it is not in OpenSfM's own coordinates"
        axes = transposed(reference.axes())
        stands = added(reference.ecef(), applied(axes, centre))
        fields = {
            "image": image or name,
            **posed(stands, product(axes, upright.upright_turn(turn, orientation))),
            **self._camera(name, image, models.get(shot["camera"]), orientation),
        }
        captured = number(shot.get("capture_time"))
        return {**fields, "time": captured} if captured else fields

    def _camera(self, name: str, image: str | None, model: Any, orientation: int) -> Json:
        """``camera`` as a value, as None if it is one that no step knows, or nothing if the file says nothing of it."""
        if not isinstance(model, dict):
            self.tally.add("camera-absent", name)
            return {}
        kind = model.get("projection_type", "perspective")
        if kind in _SPHERES:
            return {"camera": {"model": "equirectangular"}}
        lens = _lens(kind, model)
        if lens is None:
            self.tally.add("camera-unknown", f"{name} ({kind})")
            return {"camera": None}
        width, height = number(model.get("width")), number(model.get("height"))
        recorded = upright.upright_size(int(width), int(height), orientation) if width and height else None
        size = (self.photographs.size(image) if image else None) or recorded
        if size is None:
            return {}
        if recorded and not same_shape(size, recorded):
            self.tally.add("camera-other-shape", name)
            return {"camera": None}
        return {"camera": lens.pinhole(*size, orientation=orientation)}

    def tell(self, tell: Tell, parts: int) -> None:
        without = self.tally.count("no-georeference")
        if without == parts:
            told = (
                f"{self.name} has no georeference: no reference_lla (or one of 0, 0), nor a {_REFERENCE} beside it; "
                "run OpenSfM with photographs that have GPS, and keep the files together"
            )
            tell(Finding(kind="no-georeference", level=Level.ERROR, text=told))
            return
        for kind, text in _TOLD.items():
            self.tally.tell(tell, kind, Level.WARNING, f"{self.name}: {text}")


_TOLD = {
    "no-georeference": "{count} reconstructions have no reference_lla and are not read: {names}",
    "opensfm-shot-twice": "{count} shots are in several reconstructions: {names}; the first counts",
    "camera-absent": "{count} shots name a camera that the file does not have: {names}",
    "camera-unknown": "{count} shots have a camera that no step can place with: {names}; undistort them "
    "(opensfm undistort) and use the undistorted reconstruction",
    "camera-other-shape": "{count} image files have another aspect ratio than their cameras, "
    "which are not used: {names}",
}


def _beside(path: Path) -> Json:
    """The object in a file that may lie beside the reconstruction; empty without it."""
    document = jsonrecords.load(path) if path.is_file() else {}
    return document if isinstance(document, dict) else {}


def _reference(value: Any) -> Place | None:
    """The place of the frame; None if there is none: 0, 0 is what OpenSfM writes for want of any GPS."""
    if not isinstance(value, dict):
        return None
    found = numbers([value.get(name) for name in ("longitude", "latitude")], 2)
    if found is None or found == [0.0, 0.0]:
        return None
    return Place(found[0], found[1], number(value.get("altitude")) or 0.0)


def _lens(kind: Any, model: Json) -> Lens | None:
    """The lens of a camera model that is a pinhole. Raises ValueError for one without a focal length."""
    names = _DISTORTION.get(kind) if isinstance(kind, str) else None
    if names is None:
        return None
    fx = number(model.get("focal_x")) or number(model.get("focal"))
    fy = number(model.get("focal_y")) or fx
    if not fx or not fy or min(fx, fy) <= 0:
        raise ValueError(f"its camera of model {kind} has no focal length")
    given = {name: number(model.get(name)) or 0.0 for name in names}
    return Lens(fx=fx, fy=fy, cx=number(model.get("c_x")) or 0.0, cy=number(model.get("c_y")) or 0.0, **given)
