"""What every reader of recordings gives, whatever its format: rows with the same names, in the same units.

A reader gives :data:`Entry` values: a label that says where in the file the row stands, and its fields by the names
of :class:`Row`, or the reason why there are none. Fields that no reader knows are carried along as they are.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from coordinator.contract import MAX_METRES
from coordinator.strictjson import Json

Entry = tuple[str, Json | str]

Metres = Annotated[float, Field(ge=-MAX_METRES, le=MAX_METRES)]


class North(StrEnum):
    """What a heading is counted from."""

    GRID = "grid"
    """The direction of y in the batch's CRS."""
    TRUE = "true"
    MAGNETIC = "magnetic"


class Row(BaseModel):
    """One recording as a file tells of it: only what has to be right; further fields are carried on as they are.

    ``x, y, z`` are metres in the batch's CRS; ``longitude, latitude`` are degrees of WGS84, and ``altitude`` metres:
    the z of a recording whose position they give. ``heading`` is in degrees clockwise from ``north``, which is the
    grid's beside x and y, and the true one beside longitude and latitude, unless it is said. ``time`` is when the
    recording was taken: ISO 8601, of UTC unless it says otherwise, or seconds since 1970. ``position_accuracy`` in
    metres and ``heading_accuracy`` in degrees are standard deviations of the pose, ``shared_accuracy`` in metres is
    that of what its position has wrong together with its neighbours', beyond the former, ``dop`` is a horizontal (or,
    worse, a spatial) dilution of precision; what of them is no number is told, and the row counts without it.
    """

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False)

    id: str | None = None
    image: str
    x: Metres | None = None
    y: Metres | None = None
    z: Metres | None = None
    longitude: float | None = Field(default=None, ge=-180, le=180)
    latitude: float | None = Field(default=None, ge=-90, le=90)
    altitude: Metres | None = None
    heading: float | None = None
    north: North | None = None
    pitch: float | None = None
    roll: float | None = None
    camera: str | dict[str, Any] | None = None
    width: int | None = Field(default=None, gt=0)
    height: int | None = Field(default=None, gt=0)
    time: str | float | None = None
    position_accuracy: float | str | None = None
    heading_accuracy: float | str | None = None
    shared_accuracy: float | str | None = None
    dop: float | str | None = None
