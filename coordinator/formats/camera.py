"""The cameras that steps know, as the contract has them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

MOST = 1e8
"""Pixels, degrees and parts of a distortion: positioning refuses a whole region for larger ones, so reading refuses the
row."""
_LEAST_FOCAL = 1e-3
"""Pixels, likewise."""

Within = Annotated[float, Field(ge=-MOST, le=MOST)]
"""A number that positioning can reckon with."""
_Focal = Annotated[float, Field(ge=_LEAST_FOCAL, le=MOST)]


class _Camera(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Crop(_Camera):
    """The part of a whole panorama that an image is, in pixels of the image's own scale.

    The whole one is ``full_width`` x ``full_height``; the image's left and top edges lie at ``left`` and ``top`` in it.
    """

    full_width: float = Field(gt=0)
    full_height: float = Field(gt=0)
    left: float = Field(ge=0)
    top: float = Field(ge=0)


class Equirectangular(_Camera):
    """A panorama that spans 360 x 180 degrees, or the part of one that ``crop`` says."""

    model: Literal["equirectangular"]
    crop: Crop | None = None


class Pinhole(_Camera):
    """A perspective camera in pixels, with OpenCV's distortion."""

    model: Literal["pinhole"]
    fx: _Focal
    fy: _Focal
    cx: Within
    cy: Within
    k1: Within = 0.0
    k2: Within = 0.0
    p1: Within = 0.0
    p2: Within = 0.0
    k3: Within = 0.0


Camera = Annotated[Equirectangular | Pinhole, Field(discriminator="model")]
CAMERA: TypeAdapter[Equirectangular | Pinhole] = TypeAdapter(Camera)
