"""A folder of photographs to recordings, streamed; a bad file or row is a value, never an exception.

Where the facts of a recording come from, the first that has them: its row in ``recordings.csv`` or
``recordings.jsonl``; the image file's own header (size, EXIF, XMP-GPano); ``batch.yaml``'s default camera.
"""

from __future__ import annotations

import errno
import hashlib
import math
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path, PurePosixPath
from typing import Annotated, Any
from urllib.parse import quote, unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from coordinator.batch import imageheader
from coordinator.batch.crs import Projection
from coordinator.batch.regions import Grid, Point, Polygons, Regions, Undivided
from coordinator.batch.sidecars import CAMERA, BatchFile, read_coco, read_config, read_regions
from coordinator.batch.table import TABLES, read_rows
from coordinator.contract import MAX_METRES, Json, first_reason, readable
from coordinator.errors import BatchError

MOUNT = PurePosixPath("/batch")
"""Where every step finds the batch, read-only."""
WORK_MOUNT = PurePosixPath("/work")
"""Where every step finds the files that steps wrote."""
FETCH = "fetch"
"""The name under which images given as URLs are fetched, as if by a step before the first."""

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp"})
_CAMERA_FIELDS = ("fx", "fy", "cx", "cy", "k1", "k2", "p1", "p2", "k3")


Metres = Annotated[float, Field(ge=-MAX_METRES, le=MAX_METRES)]


class Pose(BaseModel):
    """Where and how a recording was taken: metres in the batch's CRS, degrees."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    x: float
    y: float
    z: float = 0.0
    heading: float | None = None
    pitch: float = 0.0
    roll: float = 0.0


class _Row(BaseModel):
    """One row of the table: only what has to be right; further columns are carried on as they are."""

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False)

    id: str | None = None
    image: str
    x: Metres | None = None
    y: Metres | None = None
    z: Metres = 0.0
    heading: float | None = None
    pitch: float = 0.0
    roll: float = 0.0
    camera: str | dict[str, Any] | None = None
    width: int | None = Field(default=None, gt=0)
    height: int | None = Field(default=None, gt=0)


@dataclass(frozen=True, kw_only=True)
class Recording:
    """One capture. ``item`` is what moves along the pipeline; ``url`` is set if the image must be fetched."""

    id: str
    item: Json
    position: Point | None = None
    url: str | None = None


@dataclass(frozen=True, kw_only=True)
class BadRecording:
    """Something in the batch that is no usable recording, and why."""

    id: str
    reason: str


def unit_folder(unit_id: str) -> str:
    """A folder name for any id: unique, at most 120 characters, safe in a path and on a command line."""
    name = quote(unit_id, safe="")
    if set(name) == {"."}:
        name = name.replace(".", "%2E")
    if len(name) > 120:
        name = f"{name[:100]}~{hashlib.sha256(unit_id.encode()).hexdigest()[:16]}"
    return name


@dataclass(frozen=True, kw_only=True)
class Batch:
    """A municipality's folder; nothing in it is ever changed."""

    folder: Path
    config: BatchFile

    @property
    def name(self) -> str:
        return self.config.name or self.folder.name

    @cached_property
    def table(self) -> Path | None:
        """The table of recordings, if the batch has one."""
        return next((path for name in TABLES if (path := self.folder / name).is_file()), None)

    @cached_property
    def projection(self) -> Projection | None:
        """The batch's projected CRS: named in batch.yaml, or the UTM zone of the first photograph with GPS."""
        if self.config.crs:
            return Projection.named(self.config.crs)
        if self.table:
            return None
        for path in self._image_files():
            if isinstance(path, Path):
                header = imageheader.read(path)
                if isinstance(header, imageheader.Header) and header.longitude is not None:
                    assert header.latitude is not None
                    return Projection.utm(header.longitude, header.latitude)
        return None

    @cached_property
    def detections(self) -> dict[str, list[Json]] | None:
        """Detections made elsewhere (COCO, ``detections.json``) by image path; None if there are none."""
        path = self.folder / "detections.json"
        return read_coco(path) if path.is_file() else None

    def recordings(self, *, with_detections: bool = False) -> Iterator[Recording | BadRecording]:
        """Every recording in a fixed order, one at a time."""
        found = self._from_table(self.table) if self.table else self._from_files()
        detections = self.detections if with_detections else None
        for recording in found:
            if detections is not None and isinstance(recording, Recording):
                image = recording.item["image"].removeprefix(f"{MOUNT}/")
                recording.item["detections"] = detections.get(image, [])
            yield recording

    def check(self) -> None:
        """Raises BatchError if there is no recording at all, good or bad: most likely the wrong folder was named."""
        if next(self.recordings(), None) is None:
            kinds = ", ".join(sorted(IMAGE_SUFFIXES))
            what = f"{self.table.name} has no row" if self.table else f"no image ({kinds}), no recordings.csv"
            raise BatchError(f"batch {str(self.folder)!r} holds no recording: {what}")

    def regions(self, *, positioned: bool) -> Regions:
        """How the batch is divided; ``positioned`` says whether any of its recordings has a position."""
        if not positioned:
            return Undivided()
        path = self.folder / "regions.geojson"
        if path.is_file():
            return Polygons(cores=read_regions(path, self.projection), halo=self.config.region.halo)
        return Grid(size=self.config.region.size, halo=self.config.region.halo)

    # -- a folder without a table ---------------------------------------------------------------------

    def _from_files(self) -> Iterator[Recording | BadRecording]:
        for path in self._image_files():
            if isinstance(path, BadRecording):
                yield path
                continue
            name = path.relative_to(self.folder).as_posix()
            yield self._recording(_Row(image=name), name, name)

    def _image_files(self) -> Iterator[Path | BadRecording]:
        """All image files below the folder, by name; hidden ones are passed over, links are not followed."""
        pending = [self.folder]
        while pending:
            folder = pending.pop()
            try:
                files, folders = _names(folder)
            except OSError as error:
                if folder == self.folder:
                    raise BatchError(f"batch {str(folder)!r} cannot be read: {error.strerror}") from error
                name = _readable_name(folder.relative_to(self.folder).as_posix())
                yield BadRecording(id=name, reason=f"the folder cannot be read: {error.strerror}")
                continue
            for name in files:
                yield self._checked_file(folder / name)
            pending.extend(folder / name for name in reversed(folders))

    def _checked_file(self, path: Path) -> Path | BadRecording:
        name = path.relative_to(self.folder).as_posix()
        try:
            name.encode()
        except UnicodeEncodeError:
            reason = "the file name is not UTF-8; rename the file"
            return BadRecording(id=_readable_name(name), reason=reason)
        if path.is_symlink() and not _stays_within(path, self.folder):
            return BadRecording(
                id=name, reason="a link that leaves the batch (or leads nowhere); copy the file instead"
            )
        return path

    # -- a table --------------------------------------------------------------------------------------

    def _from_table(self, table: Path) -> Iterator[Recording | BadRecording]:
        for number, fields in read_rows(table):
            label = f"{table.name}, row {number}"
            if isinstance(fields, str):
                yield BadRecording(id=label, reason=readable(fields))
                continue
            try:
                row = _Row.model_validate(fields)
            except ValidationError as error:
                yield BadRecording(
                    id=str(fields.get("id") or label), reason=f"{label}: {first_reason(error)}"
                )
                continue
            yield self._recording(row, row.id or row.image, label)

    def _recording(self, row: _Row, recording_id: str, label: str) -> Recording | BadRecording:
        def bad(reason: str) -> BadRecording:
            told = reason if label == recording_id else f"{label}: {reason}"
            return BadRecording(id=recording_id, reason=readable(told))

        url = row.image if row.image.startswith(("http://", "https://")) else None
        if url is None and not _is_inside(row.image):
            return bad(f"image {row.image!r} leaves the batch; name a file below the batch folder")
        if url is None and (reason := self._refusal(row.image)):
            return bad(f"image {row.image!r} {reason}")
        header: imageheader.Header | None = None
        if url is None and (self.table is None or row.width is None or row.height is None):
            read = imageheader.read(self.folder / row.image)
            if isinstance(read, str):
                return bad(f"image {row.image!r} {read}")
            header = read
        try:
            camera = self._camera(row, header)
        except ValidationError as error:
            return bad(f"camera: {first_reason(error)}")
        pose, position = self._pose(row, header)
        item: Json = {
            **(row.model_extra or {}),
            "id": recording_id,
            "image": _fetched_path(recording_id, url) if url else str(MOUNT / row.image),
            "width": row.width or (header.width if header else None),
            "height": row.height or (header.height if header else None),
            "camera": camera,
            "pose": pose,
        }
        return Recording(id=recording_id, item=item, position=position, url=url)

    def _refusal(self, image: str) -> str | None:
        """Why a file that a table names is not to be given to steps. One that is absent the step will miss."""
        try:
            mode = os.lstat(f"{self.folder}/{image}").st_mode  # a path object would cost as much as the look
        except OSError as error:
            return (
                None if error.errno in (errno.ENOENT, errno.ENOTDIR) else f"cannot be read: {error.strerror}"
            )
        if not _folder_stays_within(str(PurePosixPath(image).parent), self.folder) or (
            stat.S_ISLNK(mode) and not _stays_within(self.folder / image, self.folder)
        ):
            return "is a link that leaves the batch (or leads nowhere); copy the file instead"
        if stat.S_ISLNK(mode) or stat.S_ISREG(mode):
            return None
        return imageheader.NO_FILE

    def _camera(self, row: _Row, header: imageheader.Header | None) -> Json | None:
        extra = row.model_extra or {}
        given = {name: extra.pop(name) for name in _CAMERA_FIELDS if name in extra}
        given = {name: value for name, value in given.items() if value not in (None, "")}
        if isinstance(row.camera, dict):
            return CAMERA.validate_python(row.camera).model_dump(exclude_defaults=False)
        if row.camera:
            given = given if row.camera == "pinhole" else {}
            return CAMERA.validate_python({"model": row.camera, **given}).model_dump()
        if header and header.equirectangular:
            return {"model": "equirectangular"}
        if self.config.camera:
            return self.config.camera.model_dump()
        return header.pinhole() if header else None

    def _pose(self, row: _Row, header: imageheader.Header | None) -> tuple[Json | None, Point | None]:
        if row.x is not None and row.y is not None:
            pose = Pose(x=row.x, y=row.y, z=row.z, heading=row.heading, pitch=row.pitch, roll=row.roll)
        elif header is not None and header.longitude is not None and self.projection is not None:
            assert header.latitude is not None
            x, y = self.projection.to_projected(header.longitude, header.latitude)
            if not math.isfinite(x + y):  # a place where this projection ends
                return None, None
            pose = self._georeferenced(header, header.longitude, header.latitude, self.projection)
        else:
            return None, None
        oriented = pose.model_dump() if pose.heading is not None else None
        return oriented, (pose.x, pose.y)

    @staticmethod
    def _georeferenced(
        header: imageheader.Header, longitude: float, latitude: float, projection: Projection
    ) -> Pose:
        """GPS to the batch's CRS; a heading from true north is turned by the meridian convergence."""
        x, y = projection.to_projected(longitude, latitude)
        heading = header.heading
        if heading is not None:
            heading = (heading - projection.convergence(longitude, latitude)) % 360.0
        return Pose(x=x, y=y, z=header.altitude or 0.0, heading=heading, pitch=header.pitch, roll=header.roll)


def open_batch(folder: Path) -> Batch:
    """The batch in ``folder``. Raises BatchError if it is no readable folder or its batch.yaml is wrong."""
    if not folder.is_dir():
        raise BatchError(f"batch {str(folder)!r}: no such folder; give the folder that holds the images")
    return Batch(folder=folder.resolve(), config=read_config(folder / "batch.yaml"))


def _names(folder: Path) -> tuple[list[str], list[str]]:
    """The names of a folder's image files and of its sub-folders, each in order. Raises OSError."""
    files: list[str] = []
    folders: list[str] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
            elif PurePosixPath(entry.name).suffix.lower() in IMAGE_SUFFIXES:
                files.append(entry.name)
    return sorted(files, key=os.fsencode), sorted(folders, key=os.fsencode)


def _readable_name(name: str) -> str:
    """A file's name as text, whatever bytes it is made of."""
    return os.fsencode(name).decode(errors="backslashreplace")


def _fetched_path(recording_id: str, url: str) -> str:
    suffix = PurePosixPath(unquote(urlsplit(url).path)).suffix.lower()
    name = "image" + (suffix if suffix in IMAGE_SUFFIXES else "")
    return str(WORK_MOUNT / FETCH / unit_folder(recording_id) / name)


def _is_inside(image: str) -> bool:
    path = PurePosixPath(image)
    return not path.is_absolute() and ".." not in path.parts and "\0" not in image


def _stays_within(path: Path, folder: Path) -> bool:
    try:
        return path.resolve(strict=True).is_relative_to(folder)
    except (OSError, RuntimeError):
        return False


@lru_cache(maxsize=1024)
def _folder_stays_within(inner: str, folder: Path) -> bool:
    """The same for the folder ``inner`` below ``folder``, which many rows of a table share."""
    return _stays_within(folder / inner, folder)
