"""COLMAP's models as text: ``cameras.txt`` and ``images.txt``.

Format: https://colmap.github.io/format.html and cameras.html. An image's quaternion and translation lead from the model
to the camera, of the image as it is stored. COLMAP's pixels begin at the corner of the first one, OpenCV's in its
middle.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from coordinator.errors import BatchError
from coordinator.findings import Finding, Level, Tell, named
from coordinator.formats import upright
from coordinator.formats.attitude import Matrix, Vector, applied, from_quaternion, transposed
from coordinator.formats.georeference import Model
from coordinator.formats.lens import same_shape
from coordinator.formats.photographs import Photographs
from coordinator.formats.row import Entry
from coordinator.formats.tally import Tally
from coordinator.strictjson import Json

NAME = "colmap"
_FOLDERS = (".", "sparse/0", "sparse", "colmap", "colmap/sparse/0", "colmap/sparse")
_PARAMETERS = {
    "SIMPLE_PINHOLE": "f cx cy",
    "PINHOLE": "fx fy cx cy",
    "SIMPLE_RADIAL": "f cx cy k1",
    "RADIAL": "f cx cy k1 k2",
    "OPENCV": "fx fy cx cy k1 k2 p1 p2",
    "FULL_OPENCV": "fx fy cx cy k1 k2 p1 p2 k3 k4 k5 k6",
}
_SPHERE = "EQUIRECTANGULAR"
_UNKNOWN = ("k4", "k5", "k6")
"""Parameters that no camera of the contract has."""
_IMAGE = 10
"""Fields of an image's line."""


@dataclass(frozen=True)
class _Lens:
    """A line of cameras.txt: the camera, or the name of a model that no step knows; the stored image's size."""

    width: int
    height: int
    camera: Json | str


@dataclass(frozen=True)
class _Image:
    """A line of images.txt: the camera's centre and its rotation, from the stored image's axes to the model's."""

    name: str
    lens: str
    centre: Vector
    turn: Matrix


def find(folder: Path) -> Path | None:
    """The images.txt of a model in one of the usual places; images.bin, which is not read, if there is no text."""
    for suffix in ("txt", "bin"):
        for name in _FOLDERS:
            images, cameras = folder / name / f"images.{suffix}", folder / name / f"cameras.{suffix}"
            if images.is_file() and cameras.is_file():
                return images
    return None


def read(path: Path, tell: Tell, folder: Path | None = None, projected: bool = False) -> Iterator[Entry]:
    """Its images as rows; ``projected`` says that the batch names a CRS, in which the model may stand.

    Images are named from ``folder``, the batch's. There is no row, and an error told, if nothing tells where the model
    stands. Raises BatchError for a file that is no model.
    """
    if path.suffix == ".bin":
        raise BatchError(
            f"{path}: a binary model of COLMAP is not read; write it as text: colmap model_converter "
            f"--input_path {path.parent} --output_path {path.parent} --output_type TXT"
        )
    folder = folder or path.parent
    reader = _Reader(Photographs(folder), _lenses(path.with_name("cameras.txt")))
    images: dict[str, _Image] = {}
    for label, found in _images(path):
        if isinstance(found, str):
            yield label, found
        else:
            images[reader.photographs.named(found.name) or found.name] = found
    name = path.relative_to(folder).parent.as_posix()
    model = Model(
        f"COLMAP's model in {'the folder' if name == '.' else name!r}",
        {image: found.centre for image, found in images.items()},
        folder,
        projected,
    )
    _tell_of_others(path, tell)
    placing = model.placing(tell, path.parent)
    if placing is None:
        return
    for image, found in images.items():
        orientation, camera = reader.camera(image, found)
        pose = placing(found.centre, upright.upright_turn(found.turn, orientation))
        yield f"{path.name}, image {found.name!r}", {"image": image, **pose, **camera}
    for kind, text in _TOLD.items():
        reader.tally.tell(tell, kind, Level.WARNING, text)


_TOLD = {
    "camera-unknown": "{count} images have a camera that no step can place with: {names}; undistort them "
    "(colmap image_undistorter) and use the undistorted model",
    "camera-absent": "{count} images name a camera that cameras.txt does not have: {names}",
    "camera-other-shape": "{count} image files have another aspect ratio than their cameras, "
    "which are not used: {names}",
}


@dataclass
class _Reader:
    photographs: Photographs
    lenses: dict[str, _Lens]
    tally: Tally = field(default_factory=Tally)

    def camera(self, image: str, found: _Image) -> tuple[int, Json]:
        """The orientation of the stored image, and the upright image's ``camera``, None if no step knows it."""
        lens = self.lenses.get(found.lens)
        if lens is None:
            self.tally.add("camera-absent", found.name)
            return self.photographs.orientation(image), {}
        size = self.photographs.size(image)
        orientation = self._orientation(image, lens, size)
        if isinstance(lens.camera, str):
            self.tally.add("camera-unknown", f"{found.name} ({lens.camera})")
            return orientation, {"camera": None}
        if lens.camera["model"] != "pinhole":
            return orientation, {"camera": lens.camera}
        given = upright.upright_size(lens.width, lens.height, orientation)
        if size and not same_shape(size, given):
            self.tally.add("camera-other-shape", found.name)
            return orientation, {"camera": None}
        camera = upright.upright_pinhole(lens.camera, lens.width, lens.height, orientation)
        return orientation, {"camera": _resized(camera, given, size or given)}

    def _orientation(self, image: str, lens: _Lens, size: tuple[int, int] | None) -> int:
        """As EXIF says, unless COLMAP has seen the image upright: its camera has the upright image's shape then."""
        orientation = self.photographs.orientation(image) if size else 1
        turned = upright.upright_size(lens.width, lens.height, orientation)
        seen_upright = size and not same_shape(size, turned) and same_shape(size, (lens.width, lens.height))
        return 1 if seen_upright else orientation


def _resized(camera: Json, given: tuple[int, int], size: tuple[int, int]) -> Json:
    """The camera of an image of another size; the corner of the first pixel stays where it is."""
    if given == size:
        return camera
    across, down = size[0] / given[0], size[1] / given[1]
    return {
        **camera,
        "fx": camera["fx"] * across,
        "fy": camera["fy"] * down,
        "cx": (camera["cx"] + 0.5) * across - 0.5,
        "cy": (camera["cy"] + 0.5) * down - 0.5,
    }


def _tell_of_others(path: Path, tell: Tell) -> None:
    """COLMAP numbers the parts that it could not join; only one of them is read."""
    others = [other for other in path.parent.parent.glob("[0-9]*/images.*") if other.parent != path.parent]
    if path.parent.name == "0" and others:
        names = named(sorted({other.parent.name for other in others}))
        text = f"COLMAP has further models beside {path.parent.name!r}, which are not read: {names}; join them first"
        tell(Finding(kind="colmap-further-models", level=Level.WARNING, text=text))


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines that are no comments, with their numbers; empty ones, too."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            for number, line in enumerate(file, start=1):
                if not line.startswith("#"):
                    yield number, line
    except OSError as error:
        raise BatchError(f"{path} cannot be read: {error.strerror}") from error


def _lenses(path: Path) -> dict[str, _Lens]:
    lenses = {}
    for number, line in _lines(path):
        parts = line.split()
        if not parts:
            continue
        try:
            lenses[parts[0]] = _lens(
                parts[1], int(parts[2]), int(parts[3]), [float(part) for part in parts[4:]]
            )
        except (IndexError, ValueError) as error:
            raise BatchError(f"{path}, line {number}: no camera of COLMAP: {error}") from error
    return lenses


def _lens(model: str, width: int, height: int, values: Sequence[float]) -> _Lens:
    """Raises ValueError for another number of parameters, or sizes and focal lengths that are none."""
    if model == _SPHERE:
        return _Lens(width, height, {"model": "equirectangular"})
    if model not in _PARAMETERS:
        return _Lens(width, height, model)
    given = dict(zip(_PARAMETERS[model].split(), values, strict=True))
    focal = given.pop("f", 0.0)
    camera: Json = {"model": "pinhole", "fx": focal, "fy": focal, **given}
    if min(width, height, camera["fx"], camera["fy"]) <= 0:
        raise ValueError("a size or a focal length is not above 0")
    camera["cx"], camera["cy"] = camera["cx"] - 0.5, camera["cy"] - 0.5
    if any(camera.pop(name, 0.0) for name in _UNKNOWN):
        return _Lens(width, height, f"{model} with k4, k5 or k6")
    return _Lens(width, height, camera)


def _images(path: Path) -> Iterator[tuple[str, _Image | str]]:
    """Every second line is an image, the others are its points, or empty; a writer may have left these out."""
    points = False
    for number, line in _lines(path):
        parts = line.split(maxsplit=_IMAGE - 1)
        if not parts and not points:
            continue
        if points and not _is_image(line, parts):
            points = False
            continue
        points = True
        yield f"{path.name}, line {number}", _image(parts)


def _is_image(line: str, parts: Sequence[str]) -> bool:
    """Whether a line where points are due is an image: these have three numbers a point, never ten fields."""
    if len(parts) != _IMAGE or len(line.split(maxsplit=_IMAGE)) != _IMAGE:
        return False
    try:
        float(parts[-1])
    except ValueError:
        return True
    return False


def _image(parts: Sequence[str]) -> _Image | str:
    try:
        w, x, y, z, *shift = (float(part) for part in parts[1:8])
        turn = transposed(from_quaternion(w, x, y, z))
        centre = applied(turn, (-shift[0], -shift[1], -shift[2]))
        return _Image(parts[9].strip(), parts[8], centre, turn)
    except (IndexError, ValueError):
        return "no image of COLMAP: ten fields, IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME"
