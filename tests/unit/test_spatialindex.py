"""The spatial index of a GeoPackage's layers, and its triggers; GDAL's validator is asked in tests/integration."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from coordinator.batch.crs import Projection
from coordinator.record.gis import spatialindex
from coordinator.record.gis.geometry import Geometry, line, point
from coordinator.record.gis.geopackage import Kind, Layer, Shape, geopackage
from coordinator.record.gis.srs import srs_of

WAYS = Layer(name='odd "way', about="", shape=Shape.LINE, columns=(("id", Kind.TEXT),))
INDEX = '"rtree_odd ""way_geom"'
EAST = line([(1.0, 9.0, 3.0), (4.0, 5.0, 6.0)])
WEST = line([(-8.0, 1.0), (-7.0, 2.0)])


def write(path: Path, *ways: Geometry | None) -> None:
    srs = srs_of(Projection("EPSG:28992"))
    with geopackage(path, srs, "2026-11-28T12:00:00.000Z") as package:
        package.put(WAYS, [(way, (str(number),)) for number, way in enumerate(ways)])


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A file with two ways and one that nobody knows the place of, as a GIS opens it: with the functions on bounds."""
    write(tmp_path / "a.gpkg", EAST, None, WEST)
    with closing(sqlite3.connect(tmp_path / "a.gpkg")) as opened:
        for place, name in enumerate(("ST_MinX", "ST_MaxX", "ST_MinY", "ST_MaxY")):
            opened.create_function(
                name, 1, lambda blob, at=8 + 8 * place: struct.unpack_from("<d", blob, at)[0]
            )
        opened.create_function("ST_IsEmpty", 1, lambda _: False)
        yield opened


def indexed(database: sqlite3.Connection) -> list[tuple[float, ...]]:
    return database.execute(f"SELECT id, minx, maxx, miny, maxy FROM {INDEX} ORDER BY id").fetchall()


def test_it_has_the_bounds_of_all_that_have_a_place(database: sqlite3.Connection) -> None:
    assert indexed(database) == [(1, 1.0, 4.0, 5.0, 9.0), (3, -8.0, -7.0, 1.0, 2.0)]
    (told,) = database.execute("SELECT * FROM gpkg_extensions").fetchall()
    assert told == (
        WAYS.name, "geom", "gpkg_rtree_index", "http://www.geopackage.org/spec131/#extension_rtree", "write-only",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "left"),
    [
        ("INSERT INTO {table} (geom) VALUES (:new)", {1: 1.0, 3: -8.0, 4: 6.0}),
        ("UPDATE {table} SET geom = :new WHERE fid = 1", {1: 6.0, 3: -8.0}),
        ("UPDATE {table} SET geom = :new WHERE fid = 2", {1: 1.0, 2: 6.0, 3: -8.0}),
        ("UPDATE {table} SET geom = NULL WHERE fid = 1", {3: -8.0}),
        ("UPDATE {table} SET fid = 7 WHERE fid = 1", {3: -8.0, 7: 1.0}),
        ("UPDATE {table} SET fid = 7, geom = :new WHERE fid = 3", {1: 1.0, 7: 6.0}),
        ("UPDATE {table} SET fid = 7, geom = NULL WHERE fid = 3", {1: 1.0}),
        ("UPDATE {table} SET id = 'x'", {1: 1.0, 3: -8.0}),
        ("DELETE FROM {table} WHERE fid < 3", {3: -8.0}),
    ],
)
def test_it_follows_whatever_a_gis_changes(
    database: sqlite3.Connection, change: str, left: dict[int, float]
) -> None:
    table = '"odd ""way"'
    database.execute(
        change.format(table=table), {"new": point((6.0, 7.0)).blob(28992)} if ":new" in change else {}
    )
    assert {number: least for number, least, *_ in indexed(database)} == left


def test_a_file_is_written_without_one_where_sqlite_has_no_trees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spatialindex, "_has_rtrees", lambda _: False)
    write(tmp_path / "a.gpkg", EAST)
    with closing(sqlite3.connect(tmp_path / "a.gpkg")) as database:
        assert database.execute("SELECT count(*) FROM gpkg_extensions").fetchone() == (0,)
        assert database.execute('SELECT count(*) FROM "odd ""way"').fetchone() == (1,)
