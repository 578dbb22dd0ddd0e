"""A folder of photographs to recordings, streamed; a bad file or row is a value, never an exception.

Where the facts of a recording come from, the first that has them: its row in ``recordings.csv`` or
``recordings.jsonl``; the image file's own header (size, EXIF, XMP-GPano); ``batch.yaml``'s default camera.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from pydantic import ValidationError

from coordinator.batch.crs import Projection
from coordinator.batch.imagefiles import IMAGE_SUFFIXES, image_files, is_inside, mounted, refusal
from coordinator.batch.recording import BadRecording, Pose, Recording
from coordinator.batch.regions import Grid, Point, Polygons, Regions, Undivided
from coordinator.batch.sidecars import BatchFile, read_coco, read_config, read_regions
from coordinator.contract import first_reason
from coordinator.core.paths import FETCH, MOUNT, WORK_MOUNT, unit_folder
from coordinator.errors import BatchError
from coordinator.formats import imageheader
from coordinator.formats.camera import CAMERA
from coordinator.formats.row import Row
from coordinator.formats.table import TABLES, read_rows
from coordinator.strictjson import Json, readable

_CAMERA_FIELDS = ("fx", "fy", "cx", "cy", "k1", "k2", "p1", "p2", "k3")


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
        for path in image_files(self.folder):
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
        for path in image_files(self.folder):
            if isinstance(path, BadRecording):
                yield path
                continue
            name = path.relative_to(self.folder).as_posix()
            yield self._recording(Row(image=name), name, name)

    # -- a table --------------------------------------------------------------------------------------

    def _from_table(self, table: Path) -> Iterator[Recording | BadRecording]:
        for number, fields in read_rows(table):
            label = f"{table.name}, row {number}"
            if isinstance(fields, str):
                yield BadRecording(id=label, reason=readable(fields))
                continue
            try:
                row = Row.model_validate(fields)
            except ValidationError as error:
                yield BadRecording(
                    id=str(fields.get("id") or label), reason=f"{label}: {first_reason(error)}"
                )
                continue
            yield self._recording(row, row.id or row.image, label)

    def _recording(self, row: Row, recording_id: str, label: str) -> Recording | BadRecording:
        def bad(reason: str) -> BadRecording:
            told = reason if label == recording_id else f"{label}: {reason}"
            return BadRecording(id=recording_id, reason=readable(told))

        url = row.image if row.image.startswith(("http://", "https://")) else None
        if url is None and not is_inside(row.image):
            return bad(f"image {row.image!r} leaves the batch; name a file below the batch folder")
        if url is None and (reason := refusal(row.image, self.folder)):
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
            **({} if row.time is None else {"time": row.time}),
            "id": recording_id,
            "image": _fetched_path(recording_id, url) if url else mounted(row.image),
            "width": row.width or (header.width if header else None),
            "height": row.height or (header.height if header else None),
            "camera": camera,
            "pose": pose,
        }
        return Recording(id=recording_id, item=item, position=position, url=url)

    def _camera(self, row: Row, header: imageheader.Header | None) -> Json | None:
        extra = row.model_extra or {}
        given = {name: extra.pop(name) for name in _CAMERA_FIELDS if name in extra}
        given = {name: value for name, value in given.items() if value not in (None, "")}
        if isinstance(row.camera, dict):
            return CAMERA.validate_python(row.camera).model_dump(exclude_none=True)
        if row.camera:
            given = given if row.camera == "pinhole" else {}
            return CAMERA.validate_python({"model": row.camera, **given}).model_dump(exclude_none=True)
        if header and header.equirectangular:
            return {"model": "equirectangular"}
        if self.config.camera:
            return self.config.camera.model_dump(exclude_none=True)
        return header.pinhole() if header else None

    def _pose(self, row: Row, header: imageheader.Header | None) -> tuple[Json | None, Point | None]:
        if row.x is not None and row.y is not None:
            pose = Pose(
                x=row.x,
                y=row.y,
                z=row.z or 0.0,
                heading=row.heading,
                pitch=row.pitch or 0.0,
                roll=row.roll or 0.0,
            )
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


def _fetched_path(recording_id: str, url: str) -> str:
    suffix = PurePosixPath(unquote(urlsplit(url).path)).suffix.lower()
    name = "image" + (suffix if suffix in IMAGE_SUFFIXES else "")
    return str(WORK_MOUNT / FETCH / unit_folder(recording_id) / name)
