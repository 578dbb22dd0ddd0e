"""``batch.yaml``, which may lie beside a batch's photographs. A bad one is refused."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from coordinator.batch.accuracy import FINEST, FINEST_ANGLE, Accuracy, Origin
from coordinator.contract import first_reason
from coordinator.errors import BatchError
from coordinator.formats.camera import Camera
from coordinator.plainfile import open_file

MAX_CONFIG = 1024**2
"""Maximum number of bytes of batch.yaml."""
MAX_CONFIG_DEPTH = 20
"""Maximum number of lists and mappings in each other there."""
_MAX_STATED, _MAX_STATED_ANGLE = 100.0, 90.0
"""Metres and degrees of an accuracy that is said of all: beyond them nothing of a street is told."""
_ACCURACY_ADVICE = (
    "one standard deviation, position_m in metres and heading_deg in degrees, as  accuracy: {position_m: 3, "
    "heading_deg: 5}  for a telephone"
)
_NEAR = 0.5
"""Likeness of a key to one that is known."""
_MAX_CELLS = 20
"""Maximum number of the grid's cells in a halo: a recording belongs to the square of twice that many regions."""


class _Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class RegionSize(_Config):
    """The grid's cells and the halo around a region's core, in metres."""

    size: float = Field(default=200.0, gt=0)
    halo: float = Field(default=100.0, ge=0)

    @model_validator(mode="after")
    def _check_overlap(self) -> RegionSize:
        if self.halo > _MAX_CELLS * self.size:
            raise ValueError(
                f"halo is more than {_MAX_CELLS} times size: regions would overlap a thousandfold"
            )
        return self


class StatedAccuracy(_Config):
    """How well all poses are known that say nothing themselves: one standard deviation, in metres and in degrees."""

    position_m: Annotated[float, Field(strict=True, ge=FINEST, le=_MAX_STATED)] | None = None
    heading_deg: Annotated[float, Field(strict=True, ge=FINEST_ANGLE, le=_MAX_STATED_ANGLE)] | None = None

    @model_validator(mode="after")
    def _check_any(self) -> StatedAccuracy:
        if self.position_m is None and self.heading_deg is None:
            raise ValueError(f"write {_ACCURACY_ADVICE}")
        return self

    def stated(self) -> Accuracy:
        """The same as what a pose has."""
        return Accuracy(
            position_m=self.position_m,
            heading_deg=self.heading_deg,
            position_from=None if self.position_m is None else Origin.BATCH,
            heading_from=None if self.heading_deg is None else Origin.BATCH,
        )


class BatchFile(_Config):
    """``batch.yaml``."""

    name: str | None = None
    crs: str | int | None = None
    camera: Camera | None = None
    region: RegionSize = RegionSize()
    accuracy: StatedAccuracy | None = None


def read_config(path: Path) -> BatchFile:
    """``batch.yaml``, or the defaults if there is none. Raises BatchError that says what is wrong, and where."""
    if not os.path.lexists(path):
        return BatchFile()
    try:
        with open_file(path) as file:
            text = file.read(MAX_CONFIG + 1)
        if len(text) > MAX_CONFIG:
            raise BatchError(f"{path} is larger than {MAX_CONFIG:,} bytes; is it the right file?")
        _refuse_bomb(path, text)
        return BatchFile.model_validate(yaml.safe_load(text) or {})
    except ValidationError as error:
        raise BatchError(f"{path}: {first_reason(error)}{_advice(error)}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise BatchError(f"{path}: not valid YAML: {error}") from error
    except OSError as error:
        raise BatchError(f"{path} cannot be read: {error.strerror}") from error


def _advice(error: ValidationError) -> str:
    """What to write instead: the nearest key that is known, or what an accuracy is."""
    problem = error.errors(include_url=False)[0]
    where = [part for part in problem["loc"] if isinstance(part, str)]
    if problem["type"] == "extra_forbidden":
        known = _KEYS.get(tuple(where[:-1]), ())
        near = difflib.get_close_matches(where[-1], known, n=1, cutoff=_NEAR)
        if near:
            return f"; did you mean '{near[0]}'?"
    return (
        f"; write {_ACCURACY_ADVICE}"
        if where[:1] == ["accuracy"] and problem["type"] != "value_error"
        else ""
    )


_KEYS = {
    (): tuple(BatchFile.model_fields),
    ("accuracy",): tuple(StatedAccuracy.model_fields),
    ("region",): tuple(RegionSize.model_fields),
}
"""What may stand where in ``batch.yaml``."""


def _refuse_bomb(path: Path, text: bytes) -> None:
    """A few lines of YAML, aliases of aliases or deep nesting, can stand for more than memory and time hold."""
    depth = 0
    for event in yaml.parse(text):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent):
            raise BatchError(f"{path}: aliases (*name) are not allowed here; write the value out")
        if depth > MAX_CONFIG_DEPTH:
            raise BatchError(f"{path}: nested more than {MAX_CONFIG_DEPTH} levels deep")
