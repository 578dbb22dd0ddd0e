"""One recording from all that tells of it: its row, its image file's header, a track, the batch's default camera."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from pydantic import ValidationError

from coordinator.batch.cameras import disagree, leaves_panorama
from coordinator.batch.crs import Projection
from coordinator.batch.facts import Sources
from coordinator.batch.imagefiles import MISSING, is_inside, refusal
from coordinator.batch.placing import place
from coordinator.batch.recording import BadRecording, Recording
from coordinator.contract import first_reason
from coordinator.core.paths import FETCH, IMAGE_SUFFIXES, WORK_MOUNT, is_url, mounted, unit_folder
from coordinator.formats.camera import CAMERA, Camera
from coordinator.formats.moments import iso, seconds_since_1970
from coordinator.formats.remarks import Remark
from coordinator.formats.row import Row
from coordinator.strictjson import Json, readable

if TYPE_CHECKING:
    from coordinator.batch.accuracy import Accuracy
    from coordinator.batch.tracks import Times
    from coordinator.formats.imageheader import Header

_CAMERA_FIELDS = ("fx", "fy", "cx", "cy", "k1", "k2", "p1", "p2", "k3")
_CROP_FIELDS = ("full_width", "full_height", "left", "top")
_OF_CAMERA = frozenset(
    {Remark.CAMERA_GUESSED, Remark.PANORAMA_GUESSED, Remark.BAD_CROP, Remark.UNKNOWN_PROJECTION}
)


_BARRED = frozenset({Remark.BAD_CROP, Remark.UNKNOWN_PROJECTION})
"""Of an image that says it is a panorama, but not which part of it, the batch's camera is not either."""


class _Unusable(Exception):
    """Why a row is no recording."""


@dataclass(frozen=True, kw_only=True)
class Merger:
    """Makes the recordings of a batch. ``camera`` is its default one, ``times`` its track.

    ``accuracy`` is that of all poses that say nothing themselves; ``is_receivers`` says that rows tell what a device
    told, as services pass it on.
    """

    folder: Path
    camera: Camera | None
    times: Times | None
    accuracy: Accuracy | None = None
    is_receivers: bool = False

    def sources(self, row: Row) -> Sources:
        """What tells of the place of ``row``. Raises OSError never: a file that cannot be read tells nothing."""
        header = None
        if _url(row) is None and _lacks_place(row) and is_inside(row.image):
            read = _load_imageheader().read(self.folder / row.image)
            header = None if isinstance(read, str) else read
        return self._sources(row, header)

    def recording(
        self, row: Row, name: str, label: str, projection: Projection | None
    ) -> Recording | BadRecording:
        """The recording that ``row`` tells of; ``label`` says where the row stands."""
        try:
            return self._recording(row, name, projection)
        except _Unusable as reason:
            told = str(reason) if label == name else f"{label}: {reason}"
            return BadRecording(id=name, reason=readable(told))

    def _recording(self, row: Row, name: str, projection: Projection | None) -> Recording:
        if (row.x is None) != (row.y is None) or (row.longitude is None) != (row.latitude is None):
            raise _Unusable("half a position: x without y, or longitude without latitude")
        url = _url(row)
        header, missing = (None, False) if url else self._look_at(row)
        extra = dict(row.model_extra or {})
        camera = self._camera(row, header, extra)
        where, remarks = place(self._sources(row, header), projection)
        if remarks and (row.camera or (header and camera != header.camera)):
            remarks = tuple(remark for remark in remarks if remark not in _OF_CAMERA)
        time = row.time if row.time is not None else _time(header)
        item: Json = {
            **extra,
            **({} if time is None else {"time": time}),
            "id": name,
            "image": _fetched_path(name, url) if url else mounted(row.image),
            "width": row.width or (header.width if header else None),
            "height": row.height or (header.height if header else None),
            "camera": camera,
            "pose": None if where is None else where.pose(),
        }
        if leaves_panorama(camera, item["width"], item["height"]):
            raise _Unusable(
                f"camera: the {item['width']}x{item['height']} image does not lie in the whole panorama that its crop "
                "tells (full_width, full_height, left, top)"
            )
        if header and Remark.CAMERA_GUESSED not in header.remarks and disagree(camera, header.camera):
            remarks = (*remarks, Remark.FOCAL_DISAGREES)
        if missing:
            remarks = (*remarks, Remark.IMAGE_MISSING)
        tag, size = _told_of_file(extra) if url else (None, None)
        return Recording(id=name, item=item, place=where, url=url, tag=tag, size=size, remarks=remarks)

    def _look_at(self, row: Row) -> tuple[Header | None, bool]:
        """The header of the row's image if anything is asked of it, and whether there is no such file.

        Raises _Unusable for an image that no step is to be given.
        """
        if not is_inside(row.image):
            raise _Unusable(f"image {row.image!r} leaves the batch; name a file below the batch folder")
        reason = refusal(row.image, self.folder)
        if reason is not None and reason != MISSING:
            raise _Unusable(f"image {row.image!r} {reason}")
        has_size = row.width is not None and row.height is not None
        is_asked = _lacks_place(row) or self._lacks_camera(row) or _may_be_part(row)
        if has_size and (reason == MISSING or not is_asked):
            return None, reason == MISSING
        read = _load_imageheader().read(self.folder / row.image)
        if not isinstance(read, str):
            return read, False
        if has_size:  # whoever reads the image will say so
            return None, False
        raise _Unusable(f"image {row.image!r} {read}")

    def _lacks_camera(self, row: Row) -> bool:
        return not row.camera and self.camera is None

    def _camera(self, row: Row, header: Header | None, extra: dict[str, object]) -> Json | None:
        """The first camera that is told. Takes its columns out of ``extra``. Raises _Unusable."""
        given: dict[str, object] = {}
        for name in _CAMERA_FIELDS if extra else ():
            if (value := extra.pop(name, None)) not in (None, ""):
                given[name] = value
        if row.camera is None and "camera" in row.model_fields_set:  # known, and of no kind that steps know
            return None
        try:
            if isinstance(row.camera, dict):
                return _checked(row.camera)
            if row.camera or "fx" in given:
                model = row.camera or "pinhole"
                columns = _of_model(model, given, extra)
                if (
                    header
                    and header.camera
                    and model == "equirectangular"
                    and not columns
                    and _says_panorama(header)
                ):
                    return header.camera  # which may be a part of one
                return _checked_alike(model, columns)
            if header and header.camera and _says_panorama(header):
                return header.camera
            if self.camera is not None and not (header and _BARRED & set(header.remarks)):
                return self.camera.model_dump(exclude_none=True)
        except ValidationError as error:
            raise _Unusable(f"camera: {first_reason(error)}") from error
        return header.camera if header else None

    def _sources(self, row: Row, header: Header | None) -> Sources:
        """What tells of the row's place; the track is asked only for what nothing else tells the position of."""
        taken = seconds_since_1970(row.time) if row.time is not None else header.taken if header else None
        fix, astray = None, None
        if self.times is not None and _lacks_position(row) and not (header and header.longitude is not None):
            fix = None if taken is None else self.times.fix(taken)
            astray = Remark.NO_TIME if taken is None else None if fix else Remark.NOT_ON_TRACK
        return Sources(row, header, fix, taken, astray, self.accuracy, self.is_receivers)


def _time(header: Header | None) -> str | None:
    """When the image was taken, by its file: ISO 8601, without a zone where only a clock of no known zone says it."""
    told = None if header is None or header.taken is None else iso(header.taken)
    return told.removesuffix("Z") if told and header and not header.taken_zone_known else told


def _says_panorama(header: Header) -> bool:
    """Whether the file itself says that it is one; that counts more than the batch's camera."""
    is_panorama = header.camera is not None and header.camera["model"] == "equirectangular"
    return is_panorama and Remark.PANORAMA_GUESSED not in header.remarks


def _of_model(model: str, given: Json, extra: Json) -> Json:
    """The columns that belong to a camera of this model."""
    if model != "equirectangular":
        return given
    if not extra:
        return {}
    crop = {name: extra.pop(name) for name in _CROP_FIELDS if extra.get(name) not in (None, "")}
    return {"crop": crop} if crop else {}


def _checked(camera: Mapping[str, object]) -> Json:
    return CAMERA.validate_python(camera).model_dump(exclude_none=True)


def _checked_alike(model: str, columns: Json) -> Json:
    try:
        return _checked_once(model, tuple(columns.items()))
    except TypeError:  # a list or an object of JSON, which is no number, and says so
        return _checked({"model": model, **columns})


@lru_cache(maxsize=1024)
def _checked_once(model: str, columns: tuple[tuple[str, object], ...]) -> Json:
    """The camera of rows whose columns say the same of it, which most rows of a table do; nobody changes it."""
    return _checked({"model": model, **dict(columns)})


def _lacks_position(row: Row) -> bool:
    return row.x is None and row.longitude is None


def _lacks_place(row: Row) -> bool:
    return _lacks_position(row) or row.heading is None or (row.z is None and row.altitude is None)


def _may_be_part(row: Row) -> bool:
    """Whether its image has not the shape of a whole panorama, though it is called one: its file knows more."""
    return row.camera == "equirectangular" and row.width is not None and row.width != 2 * (row.height or 0)


def _url(row: Row) -> str | None:
    return row.image if is_url(row.image) else None


def _told_of_file(extra: Mapping[str, object]) -> tuple[str | None, int | None]:
    """What a row says of the content of an image that is to be fetched: its tag and its size in bytes."""
    tag, size = extra.get("etag") or extra.get("checksum"), str(extra.get("file_size") or "")
    return None if tag is None else str(tag), int(size) if size.isascii() and size.isdecimal() else None


def _fetched_path(recording_id: str, url: str) -> str:
    suffix = PurePosixPath(unquote(urlsplit(url).path)).suffix.lower()
    name = "image" + (suffix if suffix in IMAGE_SUFFIXES else "")
    return str(WORK_MOUNT / FETCH / unit_folder(recording_id) / name)


def _load_imageheader() -> ModuleType:
    """Late, because a table with sizes, places and cameras needs none, and Pillow and the readers of EXIF are heavy."""
    from coordinator.formats import imageheader

    return imageheader
