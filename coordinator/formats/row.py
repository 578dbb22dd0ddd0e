"""What every reader of recordings gives, whatever its format: rows with the same names, in the same units.

A reader gives :data:`Entry` values: a label that says where in the file the row stands, and its fields by the names
of :class:`Row`, or the reason why there are none. Fields that no reader knows are carried along as they are.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from coordinator.contract import MAX_METRES
from coordinator.formats.camera import MOST, Within
from coordinator.strictjson import Json

Entry = tuple[str, Json | str]

Metres = Annotated[float, Field(ge=-MAX_METRES, le=MAX_METRES)]
_Side = Annotated[int, Field(gt=0, le=int(MOST))]


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
    that of what its position has wrong together with its neighbours', beyond the former, ``shared_heading_accuracy`` in
    degrees the same of its heading, ``dop`` is a horizontal (or, worse, a spatial) dilution of precision; what of them
    is no number is told, and the row counts without it.
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
    heading: Within | None = None
    north: North | None = None
    pitch: Within | None = None
    roll: Within | None = None
    camera: str | dict[str, Any] | None = None
    width: _Side | None = None
    height: _Side | None = None
    time: str | float | None = None
    position_accuracy: float | str | None = None
    heading_accuracy: float | str | None = None
    shared_accuracy: float | str | None = None
    shared_heading_accuracy: float | str | None = None
    dop: float | str | None = None
