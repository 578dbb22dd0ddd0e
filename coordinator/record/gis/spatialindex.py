"""A layer's spatial index, so that a GIS draws a part of a large map without reading all of it.

Source: OGC 12-128r18 (GeoPackage 1.3.1), Annex F.3 "RTree Spatial Indexes": its table and its triggers.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Callable

EXTENSIONS = """
CREATE TABLE gpkg_extensions (
    table_name TEXT,
    column_name TEXT,
    extension_name TEXT NOT NULL,
    definition TEXT NOT NULL,
    scope TEXT NOT NULL,
    CONSTRAINT ge_tce UNIQUE (table_name, column_name, extension_name)
);
"""
_DEFINITION = "http://www.geopackage.org/spec131/#extension_rtree"
_SIDES = ("ST_MinX", "ST_MaxX", "ST_MinY", "ST_MaxY")
"""Functions that triggers ask for bounds, in the order in which a geometry's header has them."""
_BOUNDS = 8
"""Bytes of the header before its bounds."""

_NEW = ", ".join(f"{side}(NEW.{{geom}})" for side in _SIDES)
_PUT = f"INSERT OR REPLACE INTO {{index}} VALUES (NEW.{{key}}, {_NEW});"
_DROP = "DELETE FROM {index} WHERE id = OLD.{key};"
_DROP_BOTH = "DELETE FROM {index} WHERE id IN (OLD.{key}, NEW.{key});"
_IS_THERE = "(NEW.{geom} NOTNULL AND NOT ST_IsEmpty(NEW.{geom}))"
_IS_NONE = "(NEW.{geom} ISNULL OR ST_IsEmpty(NEW.{geom}))"
_TRIGGERS = {
    "insert": ("INSERT", _IS_THERE, _PUT),
    "update1": ("UPDATE OF {geom}", "OLD.{key} = NEW.{key} AND " + _IS_THERE, _PUT),
    "update2": ("UPDATE OF {geom}", "OLD.{key} = NEW.{key} AND " + _IS_NONE, _DROP),
    "update3": ("UPDATE", "OLD.{key} != NEW.{key} AND " + _IS_THERE, f"{_DROP} {_PUT}"),
    "update4": ("UPDATE", "OLD.{key} != NEW.{key} AND " + _IS_NONE, _DROP_BOTH),
    "delete": ("DELETE", "OLD.{geom} NOTNULL", _DROP),
}
"""By the ends of their names: after what, on which condition, and what they do."""


def know_bounds(database: sqlite3.Connection) -> None:
    """Gives a file's connection the functions that indexing needs; they read the headers of geometries."""
    for place, side in enumerate(_SIDES):
        database.create_function(side, 1, _reader(place), deterministic=True)


def add_index(database: sqlite3.Connection, layer: str, key: str, geometry: str) -> None:
    """Indexes a layer's table that is filled already, and registers that; :func:`know_bounds` comes before.

    Nothing where this Python's SQLite has no R-trees: a layer without an index is a GeoPackage's layer, too.
    """
    if not _has_rtrees(database):
        return
    index = f"rtree_{layer}_{geometry}"
    names = {"index": quoted(index), "key": quoted(key), "geom": quoted(geometry), "table": quoted(layer)}
    database.execute("CREATE VIRTUAL TABLE {index} USING rtree(id, minx, maxx, miny, maxy)".format(**names))
    bounds = ", ".join(f"{side}({{geom}})" for side in _SIDES)
    fill = f"INSERT INTO {{index}} SELECT {{key}}, {bounds} FROM {{table}} WHERE {{geom}} NOTNULL"
    database.execute(fill.format(**names))
    for end, (after, when, does) in _TRIGGERS.items():
        trigger = f"CREATE TRIGGER {quoted(f'{index}_{end}')} AFTER {after} ON {{table}} WHEN {when} BEGIN {does} END"
        database.execute(trigger.format(**names))
    row = (layer, geometry, "gpkg_rtree_index", _DEFINITION, "write-only")
    database.execute("INSERT INTO gpkg_extensions VALUES (?, ?, ?, ?, ?)", row)


def _has_rtrees(database: sqlite3.Connection) -> bool:
    return bool(database.execute("SELECT 1 FROM pragma_module_list WHERE name = 'rtree'").fetchall())


def _reader(place: int) -> Callable[[bytes], float]:
    """What reads one of the bounds in the header of a geometry."""
    at = struct.Struct(f"<{_BOUNDS + 8 * place}xd")
    return lambda blob: float(at.unpack_from(blob)[0])


def quoted(name: str) -> str:
    """A table's or column's name in a statement."""
    escaped = name.replace('"', '""')
    return f'"{escaped}"'
