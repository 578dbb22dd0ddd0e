"""One recording as a value: where and how it was taken, and what moves along the pipeline for it."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from coordinator.batch.regions import Point
from coordinator.formats.remarks import Remark
from coordinator.strictjson import Json


class Pose(BaseModel):
    """Where and how a recording was taken: metres in the batch's CRS, degrees."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    x: float
    y: float
    z: float = 0.0
    heading: float | None = None
    pitch: float = 0.0
    roll: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Recording:
    """One capture. ``item`` is what moves along the pipeline; ``url`` is set if the image must be fetched."""

    id: str
    item: Json
    position: Point | None = None
    url: str | None = None
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True, kw_only=True)
class BadRecording:
    """Something in the batch that is no usable recording, and why."""

    id: str
    reason: str
