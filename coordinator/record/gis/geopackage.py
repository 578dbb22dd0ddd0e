"""A GeoPackage written by SQLite alone: the tables that the standard asks for, layers, and QGIS's table of styles.

Source: OGC 12-128r18 (GeoPackage 1.3); the table ``layer_styles`` is as QGIS 3 makes it (QgsOgrProvider::saveStyle).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from coordinator.record.disk import made_aside
from coordinator.record.gis.geometry import Bounds, Geometry
from coordinator.record.gis.spatialindex import EXTENSIONS, add_index, know_bounds, quoted

_APPLICATION = 0x47504B47
"""``GPKG``."""
_VERSION = 10300
_OWN_SRS = 100_000
"""The number of a CRS that no register has; those below are EPSG's."""
_KEY, _GEOMETRY = "fid", "geom"

_SCHEMA = """
CREATE TABLE gpkg_spatial_ref_sys (
    srs_name TEXT NOT NULL,
    srs_id INTEGER NOT NULL PRIMARY KEY,
    organization TEXT NOT NULL,
    organization_coordsys_id INTEGER NOT NULL,
    definition TEXT NOT NULL,
    description TEXT
);
CREATE TABLE gpkg_contents (
    table_name TEXT NOT NULL PRIMARY KEY,
    data_type TEXT NOT NULL,
    identifier TEXT UNIQUE,
    description TEXT DEFAULT '',
    last_change DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')),
    min_x DOUBLE, min_y DOUBLE, max_x DOUBLE, max_y DOUBLE,
    srs_id INTEGER,
    CONSTRAINT fk_gc_r_srs_id FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys(srs_id)
);
CREATE TABLE gpkg_geometry_columns (
    table_name TEXT NOT NULL,
    column_name TEXT NOT NULL,
    geometry_type_name TEXT NOT NULL,
    srs_id INTEGER NOT NULL,
    z TINYINT NOT NULL,
    m TINYINT NOT NULL,
    CONSTRAINT pk_geom_cols PRIMARY KEY (table_name, column_name),
    CONSTRAINT uk_gc_table_name UNIQUE (table_name),
    CONSTRAINT fk_gc_tn FOREIGN KEY (table_name) REFERENCES gpkg_contents(table_name),
    CONSTRAINT fk_gc_srs FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys (srs_id)
);
CREATE TABLE layer_styles (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    "f_table_catalog" TEXT(256),
    "f_table_schema" TEXT(256),
    "f_table_name" TEXT(256),
    "f_geometry_column" TEXT(256),
    "styleName" TEXT(30),
    "styleQML" TEXT,
    "styleSLD" TEXT,
    "useAsDefault" BOOLEAN,
    "description" TEXT,
    "owner" TEXT(30),
    "ui" TEXT(30),
    "update_time" DATETIME DEFAULT CURRENT_TIMESTAMP
);
INSERT INTO gpkg_contents (table_name, data_type, identifier, last_change)
    VALUES ('layer_styles', 'attributes', 'layer_styles', '{moment}');
"""
_WGS84 = (
    'GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563,AUTHORITY["EPSG","7030"]],'
    'AUTHORITY["EPSG","6326"]],PRIMEM["Greenwich",0,AUTHORITY["EPSG","8901"]],'
    'UNIT["degree",0.0174532925199433,AUTHORITY["EPSG","9122"]],AUTHORITY["EPSG","4326"]]'
)
_ALWAYS = (
    ("Undefined Cartesian SRS", -1, "NONE", -1, "undefined", None),
    ("Undefined geographic SRS", 0, "NONE", 0, "undefined", None),
    ("WGS 84 geodetic", 4326, "EPSG", 4326, _WGS84, None),
)
"""The rows that every file has."""


class Kind(StrEnum):
    """The types of columns."""

    TEXT = "TEXT"
    REAL = "REAL"
    WHOLE = "INTEGER"
    MOMENT = "DATETIME"


class Shape(StrEnum):
    """What a layer's geometries are."""

    POINT = "POINT"
    LINE = "LINESTRING"
    POLYGONS = "MULTIPOLYGON"


@dataclass(frozen=True, kw_only=True)
class Srs:
    """A CRS; ``code`` is its number in EPSG's register, None for one that has none. ``wkt`` defines it."""

    name: str
    code: int | None
    wkt: str

    @property
    def number(self) -> int:
        """By which the file's tables call it."""
        return _OWN_SRS if self.code is None else self.code

    def row(self) -> tuple[str, int, str, int, str, None]:
        return (self.name, self.number, "NONE" if self.code is None else "EPSG", self.number, self.wkt, None)


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A layer's table: its name, what it holds in a line, and its columns beside the geometry, by name."""

    name: str
    about: str
    shape: Shape
    columns: tuple[tuple[str, Kind], ...]


Row = tuple[Geometry | None, tuple[object, ...]]
"""A feature: where it is, if that is known, and the values of the layer's columns."""


class GeoPackage:
    """A GeoPackage that is being written: layers are put in one after the other."""

    def __init__(self, database: sqlite3.Connection, srs: Srs, moment: str) -> None:
        """Makes the tables of an empty file. ``moment`` is when it is written: ISO 8601, UTC."""
        self._db = database
        self._srs = srs
        self._moment = moment
        database.execute(f"PRAGMA application_id = {_APPLICATION}")
        database.execute(f"PRAGMA user_version = {_VERSION}")
        database.executescript(_SCHEMA.format(moment=moment) + EXTENSIONS)
        know_bounds(database)
        rows = {row[1]: row for row in (*_ALWAYS, srs.row())}
        database.executemany("INSERT INTO gpkg_spatial_ref_sys VALUES (?, ?, ?, ?, ?, ?)", rows.values())

    def put(self, layer: Layer, rows: Iterable[Row], style: str | None = None) -> int:
        """Writes a layer with its features, their index and its style (QML); returns how many features it has."""
        columns = "".join(f", {quoted(name)} {kind}" for name, kind in layer.columns)
        table = quoted(layer.name)
        self._db.execute(
            f"CREATE TABLE {table} ({_KEY} INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, "
            f"{_GEOMETRY} {layer.shape}{columns})"
        )
        marks = ", ".join("?" * (len(layer.columns) + 1))
        names = ", ".join(quoted(name) for name, _ in ((_GEOMETRY, None), *layer.columns))
        extent = _Extent()
        written = (self._values(row, extent) for row in rows)
        count = self._db.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", written).rowcount
        self._register(layer, extent.bounds)
        add_index(self._db, layer.name, _KEY, _GEOMETRY)
        if style is not None:
            self._keep_style(layer, style)
        return max(count, 0)

    def _values(self, row: Row, extent: _Extent) -> tuple[object, ...]:
        geometry, values = row
        if geometry is None:
            return (None, *values)
        extent.add(geometry.bounds)
        return (geometry.blob(self._srs.number), *values)

    def _register(self, layer: Layer, bounds: Bounds | None) -> None:
        self._db.execute(
            "INSERT INTO gpkg_contents VALUES (?, 'features', ?, ?, ?, ?, ?, ?, ?, ?)",
            (layer.name, layer.name, layer.about, self._moment, *(bounds or (None,) * 4), self._srs.number),
        )
        may_have_z = 0 if layer.shape is Shape.POLYGONS else 2
        self._db.execute(
            "INSERT INTO gpkg_geometry_columns VALUES (?, ?, ?, ?, ?, 0)",
            (layer.name, _GEOMETRY, layer.shape, self._srs.number, may_have_z),
        )

    def _keep_style(self, layer: Layer, style: str) -> None:
        self._db.execute(
            "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, styleName, "
            "styleQML, styleSLD, useAsDefault, description, owner, update_time) "
            "VALUES ('', '', ?, ?, ?, ?, '', 1, ?, '', ?)",
            (layer.name, _GEOMETRY, layer.name, style, layer.about, self._moment),
        )


class _Extent:
    """The bounds of what was added."""

    def __init__(self) -> None:
        self.bounds: Bounds | None = None

    def add(self, bounds: Bounds) -> None:
        if self.bounds is None:
            self.bounds = bounds
            return
        (x0, y0, x1, y1), (a0, b0, a1, b1) = self.bounds, bounds
        self.bounds = (min(x0, a0), min(y0, b0), max(x1, a1), max(y1, b1))


@contextmanager
def geopackage(path: Path, srs: Srs, moment: str) -> Iterator[GeoPackage]:
    """A GeoPackage to put layers into, in ``path`` when the block ends well: it is there whole or not at all.

    Raises sqlite3.Error and OSError.
    """
    with made_aside(path) as aside:
        database = sqlite3.connect(aside)
        try:
            # What is half written is thrown away altogether, so SQLite need not be able to go back.
            database.execute("PRAGMA journal_mode = OFF")
            database.execute("PRAGMA synchronous = OFF")
            yield GeoPackage(database, srs, moment)
            database.commit()
        finally:
            database.close()
