"""The views of an object: which observations to look at, and their patches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from steps.signs.patches import patch, shown
from steps.stepkit import BadInput, Json, photograph
from steps.stepkit.arrays import Image
from steps.stepkit.camera import read_model
from steps.stepkit.numbers import is_finite


@dataclass(frozen=True, kw_only=True)
class View:
    """One observation, checked: a COCO box in the photograph ``path``; ``promised`` is its (width, height)."""

    path: str
    promised: tuple[int, int] | None
    camera: dict[str, Any] | None
    bbox: tuple[float, float, float, float]

    @property
    def size(self) -> float:
        """The larger side of the box in pixels."""
        return max(self.bbox[2:])


@dataclass(frozen=True, kw_only=True)
class Glimpse:
    """A view's patch, and the larger side of its box as far as the photograph shows it, in pixels."""

    patch: Image
    size: float


def read_views(item: Json) -> list[View]:
    """An object's views, the largest first. Raises BadInput for an object without usable observations."""
    observations = item.get("observations")
    if not isinstance(observations, list) or not observations:
        raise BadInput(f"object {item.get('id')!r} has no observations")
    views = [_view(item, number, observation) for number, observation in enumerate(observations)]
    return sorted(views, key=lambda view: (-view.size, view.path, view.bbox))


def glimpses(views: list[View], most: int) -> tuple[list[Glimpse], list[str]]:
    """Patches of the ``most`` largest views that can be read, and why others could not.

    Every photograph is decoded once at most, and only one is in memory at a time; an unreadable one gives way
    to the next largest.
    """
    found: list[Glimpse] = []
    faults: list[str] = []
    for path in dict.fromkeys(view.path for view in views):
        if len(found) >= most:
            break
        sharing = [view for view in views if view.path == path]
        try:
            image = photograph.read(path, sharing[0].promised)
        except BadInput as error:
            faults.append(str(error))
            continue
        for view in sharing:
            try:
                found.append(_glimpse(image, view))
            except ValueError as error:
                faults.append(f"image {path!r}: {error}")
    return found[:most], faults


def _glimpse(image: Image, view: View) -> Glimpse:
    """Raises ValueError for a box that the image does not show."""
    height, width = image.shape[:2]
    box = shown(view.camera, width, height, view.bbox)
    return Glimpse(patch=patch(image, view.camera, box), size=max(box[2:]))


def _view(item: Json, number: int, observation: Any) -> View:
    where = f"observation {number} of object {item.get('id')!r}"
    if not isinstance(observation, dict) or not isinstance(observation.get("image"), str):
        raise BadInput(f"{where} has no image")
    box = observation.get("bbox")
    if not isinstance(box, list) or len(box) != 4 or not all(map(is_finite, box)):
        raise BadInput(f"{where}: bbox must be four finite numbers, not {box!r}")
    if box[2] <= 0 or box[3] <= 0:
        raise BadInput(f"{where}: bbox {box} has no area")
    score = observation.get("score")
    if score is not None and not is_finite(score):
        raise BadInput(f"{where}: score must be a finite number, or left out, not {score!r}")
    x, y, w, h = (float(value) for value in box)
    return View(
        path=observation["image"],
        promised=photograph.promised(observation, where),
        camera=read_model(observation.get("camera"), where),
        bbox=(x, y, w, h),
    )
