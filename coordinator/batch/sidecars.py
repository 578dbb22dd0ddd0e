"""``batch.yaml``, which may lie beside a batch's photographs. A bad one is refused."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from coordinator.contract import first_reason
from coordinator.errors import BatchError
from coordinator.formats.camera import Camera

MAX_CONFIG = 1024**2
"""Maximum number of bytes of batch.yaml."""
MAX_CONFIG_DEPTH = 20
"""Maximum number of lists and mappings in each other there."""
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


class BatchFile(_Config):
    """``batch.yaml``."""

    name: str | None = None
    crs: str | int | None = None
    camera: Camera | None = None
    region: RegionSize = RegionSize()


def read_config(path: Path) -> BatchFile:
    """``batch.yaml``, or the defaults if there is none. Raises BatchError that says what is wrong, and where."""
    if not path.is_file():
        return BatchFile()
    try:
        with path.open("rb") as file:
            text = file.read(MAX_CONFIG + 1)
        if len(text) > MAX_CONFIG:
            raise BatchError(f"{path} is larger than {MAX_CONFIG:,} bytes; is it the right file?")
        _refuse_bomb(path, text)
        return BatchFile.model_validate(yaml.safe_load(text) or {})
    except ValidationError as error:
        raise BatchError(f"{path}: {first_reason(error)}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise BatchError(f"{path}: not valid YAML: {error}") from error
    except OSError as error:
        raise BatchError(f"{path} cannot be read: {error.strerror}") from error


def _refuse_bomb(path: Path, text: bytes) -> None:
    """A few lines of YAML, aliases of aliases or deep nesting, can stand for more than memory and time hold."""
    depth = 0
    for event in yaml.parse(text):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent):
            raise BatchError(f"{path}: aliases (*name) are not allowed here; write the value out")
        if depth > MAX_CONFIG_DEPTH:
            raise BatchError(f"{path}: nested more than {MAX_CONFIG_DEPTH} levels deep")
