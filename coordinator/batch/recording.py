"""One recording as a value: where and how it was taken, and what moves along the pipeline for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from coordinator.batch.regions import Point
from coordinator.contract import MAX_METRES
from coordinator.strictjson import Json

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


class Row(BaseModel):
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
