"""Small made-up values for tests: steps, items, recordings, tasks. Only what a test says of them matters."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hypothesis import settings

from coordinator.batch.recording import Place, Recording
from coordinator.batch.regions import Point
from coordinator.contract import ErrorKind, Request, Success, TaskError
from coordinator.core.tasks import StepTask
from coordinator.pipeline import Per, Resources, Step
from coordinator.strictjson import Json

PROPERTY = settings(max_examples=25, deadline=None, derandomize=True, database=None)
"""Property tests run the same examples every time, so that a failure is never a matter of luck."""


def step(name: str, per: Per = Per.ITEM, **fields: Any) -> Step:
    return Step(name=name, image_ref=f"example/{name}", per=per, **fields)


def resources(**fields: Any) -> Resources:
    return Resources(**{"memory": 1, **fields})


def item(item_id: str, **fields: Any) -> Json:
    return {"id": item_id, **fields}


def recording(recording_id: str, position: Point | None = None, **fields: Any) -> Recording:
    found = {"id": recording_id, "image": f"/batch/{recording_id}", **fields}
    place = None if position is None else Place(x=position[0], y=position[1])
    return Recording(id=recording_id, item=found, place=place)


def request(task: str = "detect/r1", items: Iterable[Json] = (), **fields: Any) -> Request:
    given = {"step": task.split("/")[0], "params": {}, "region": None, "work_dir": f"/work/{task}", **fields}
    return Request(task=task, items=list(items), **given)


def task(wanted: Request | None = None, attempt: int = 1, **fields: Any) -> StepTask:
    asked = wanted or request(items=[item("r1")])
    return StepTask(request=asked, step=step(asked.step, **fields), image_id="sha256:1", attempt=attempt)


def success(task_id: str = "detect/r1", items: Iterable[Json] = ()) -> Success:
    return Success(task=task_id, items=list(items))


def error(kind: ErrorKind = ErrorKind.CRASH, message: str = "it broke") -> TaskError:
    return TaskError(kind=kind, message=message)


def square(x0: float, y0: float, x1: float, y1: float) -> Json:
    return {"type": "Polygon", "coordinates": [[[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]]]}


def collection(features: Iterable[Json], **fields: Any) -> Json:
    return {"type": "FeatureCollection", "features": list(features), **fields}


def feature(geometry: Json | None, properties: Mapping[str, Any] | None = None, **fields: Any) -> Json:
    return {"type": "Feature", "geometry": geometry, "properties": dict(properties or {}), **fields}


def write_png(path: Path, width: int = 8, height: int = 4, pixels: bytes | None = None) -> Path:
    """A black 1-bit PNG; ``pixels`` replaces its compressed pixels, to write a header that lies."""
    rows = bytes(1 + (width + 7) // 8) * height if pixels is None else b""
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows) if pixels is None else pixels), (b"IEND", b""))
    body = b"".join(_chunk(kind, data) for kind, data in chunks)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return path


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
