"""What may lie beside a batch's photographs: batch.yaml, regions.geojson, detections.json. A bad one is refused."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from coordinator.batch.crs import Projection
from coordinator.contract import first_reason
from coordinator.errors import BatchError
from coordinator.formats.camera import Camera
from coordinator.strictjson import Json, decode

MAX_CONFIG = 1024**2
"""Maximum number of bytes of batch.yaml."""
MAX_CONFIG_DEPTH = 20
"""Maximum number of lists and mappings in each other there."""
_MAX_CELLS = 20
"""Maximum number of the grid's cells in a halo: a recording belongs to the square of twice that many regions."""
_WGS84_NAMES = (":CRS84", ":4326")
"""How GIS programs end the ``crs`` they write into a GeoJSON file that is in WGS84 anyway."""


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
    crs: str | None = None
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


def read_coco(path: Path) -> dict[str, list[Json]]:
    """Detections by image path. Raises BatchError if the file is no COCO."""
    try:
        document = decode(path.read_bytes())
        labels = {category["id"]: category["name"] for category in document.get("categories", [])}
        names = {image["id"]: image["file_name"] for image in document["images"]}
        found: dict[str, list[Json]] = {name: [] for name in names.values()}
        for annotation in document["annotations"]:
            detection = {"bbox": annotation["bbox"], "score": annotation.get("score", 1.0)}
            if label := labels.get(annotation.get("category_id")):
                detection["label"] = label
            found[names[annotation["image_id"]]].append(detection)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BatchError(f"{path}: not a COCO detections file: {type(error).__name__}: {error}") from error
    return found


def read_regions(path: Path, projection: Projection | None) -> dict[str, Json]:
    """The polygons of regions.geojson in the batch's CRS; they come in WGS84 unless a ``crs`` says otherwise."""
    if projection is None:
        raise BatchError(f"{path}: batch.yaml must name the crs in which the regions are cut")
    try:
        document = decode(path.read_bytes())
        named = ((document.get("crs") or {}).get("properties") or {}).get("name")
        source = None if not named or named.endswith(_WGS84_NAMES) else Projection.named(named)
        cores = {}
        for number, feature in enumerate(document["features"]):
            geometry = feature["geometry"]
            if geometry["type"] not in ("Polygon", "MultiPolygon"):
                raise BatchError(f"{path}: feature {number} is a {geometry['type']}, not a polygon")
            properties = feature.get("properties") or {}
            name = str(feature.get("id") or properties.get("id") or properties.get("name") or number)
            if name in cores:
                raise BatchError(f"{path}: two regions have the id {name!r}")
            cores[name] = projection.geometry_from(geometry, source)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise BatchError(f"{path}: not a GeoJSON FeatureCollection of polygons: {error}") from error
    return cores
