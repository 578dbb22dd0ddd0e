"""The GeoPackage that a run writes, as SQLite sees it; GDAL's opinion is asked in tests/integration."""

from __future__ import annotations

import json
import sqlite3
import struct
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest

from coordinator.batch.crs import Projection
from coordinator.contract import ErrorKind, TaskError
from coordinator.errors import RunFolderError
from coordinator.pipeline import Per
from coordinator.record.gis.geometry import line, point, polygons
from coordinator.record.gis.geopackage import Kind, Layer, Shape, geopackage
from coordinator.record.gis.reading import read_recordings
from coordinator.record.gis.srs import srs_of
from coordinator.record.journal import Journal
from coordinator.record.recorded import recorded
from coordinator.record.results import write_results
from coordinator.record.surroundings import Area, Surroundings
from coordinator.strictjson import Json
from tests.unit.builders import item, square, step

RD = Projection("EPSG:28992")
STEPS = (step("detect"), step("position", Per.REGION), step("recognise"))
MOMENT = "2026-11-28T12:00:00.000Z"
PLACES = Layer(name="places", about="", shape=Shape.POINT, columns=(("id", Kind.TEXT), ("size", Kind.REAL)))


def photograph(name: str, x: float, **fields: Any) -> Json:
    pose = {"x": x, "y": 463_000.0, "z": 2.0, "heading": 90.0, "pitch": 0.0, "roll": 0.0}
    told = {
        "image": f"/batch/{name}",
        "width": 8,
        "height": 4,
        "camera": {"model": "equirectangular"},
        "pose": pose,
    }
    return item(
        name, **{**told, "time": "2024-05-14T10:00:00Z", "detections": [{"bbox": [1, 2, 3, 4]}], **fields}
    )


def seen(*recordings: str, **fields: Any) -> Json:
    views = [{"recording": name, "detection": 0, "bbox": [1, 2, 3, 4], "score": 0.5} for name in recordings]
    place = {"x": 155_000.0, "y": 463_010.0, "z": 4.0}
    return item("o1", **{"position": place, "category": "stop", "views": 2, "observations": views, **fields})


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / "journal.db") as opened:
        opened.begin_session()
        yield opened


@pytest.fixture
def town(journal: Journal) -> Journal:
    """One sign, seen from two recordings."""
    for name, x in (("a.jpg", 154_990.0), ("b.jpg", 155_010.0)):
        journal.succeeded(f"detect/{name}", "detect", name, "k", [photograph(name, x)])
    journal.succeeded("recognise/o1", "recognise", "o1", "k", [seen("a.jpg", "b.jpg")])
    return journal


def rows(path: Path, query: str) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(path)) as database:
        database.row_factory = sqlite3.Row
        return [dict(row) for row in database.execute(query)]


def written(journal: Journal, out: Path, **fields: Any) -> Path:
    write_results(journal, STEPS, RD, out, Surroundings(**fields))
    return out / "objects.gpkg"


def coordinates(blob: bytes) -> tuple[float, ...]:
    """Of a point's blob: those behind the header with its bounds and the type."""
    (kind,) = struct.unpack_from("<I", blob, 41)
    return struct.unpack_from("<3d" if kind > 1000 else "<2d", blob, 45)


class TestTheFile:
    def test_says_that_it_is_one_and_in_which_crs(self, tmp_path: Path) -> None:
        with geopackage(tmp_path / "a.gpkg", srs_of(RD), MOMENT) as package:
            package.put(PLACES, [(point((1.0, 2.0)), ("a", 1.0))])
        assert rows(tmp_path / "a.gpkg", "PRAGMA application_id") == [{"application_id": 0x47504B47}]
        (told,) = rows(tmp_path / "a.gpkg", "SELECT * FROM gpkg_contents WHERE table_name = 'places'")
        assert [told[name] for name in ("min_x", "min_y", "max_x", "max_y")] == [1.0, 2.0, 1.0, 2.0]
        assert told["srs_id"] == 28992
        known = rows(tmp_path / "a.gpkg", "SELECT * FROM gpkg_spatial_ref_sys ORDER BY srs_id")
        assert [row["srs_id"] for row in known] == [-1, 0, 4326, 28992]
        assert known[-1]["definition"].startswith('PROJCS["Amersfoort / RD New"')

    def test_a_crs_of_no_register_has_a_number_of_its_own(self) -> None:
        own = srs_of(Projection("+proj=tmerc +lat_0=52 +lon_0=5 +ellps=bessel +units=m +type=crs"))
        assert (own.code, own.number) == (None, 100_000)
        assert own.row()[2] == "NONE"

    def test_is_there_whole_or_not_at_all(self, tmp_path: Path) -> None:
        def broken() -> Iterator[Any]:
            yield point((1.0, 2.0)), ("a", 1.0)
            raise RuntimeError

        with pytest.raises(RuntimeError), geopackage(tmp_path / "a.gpkg", srs_of(RD), MOMENT) as package:
            package.put(PLACES, broken())
        assert list(tmp_path.iterdir()) == []

    def test_of_the_same_run_is_the_same_to_the_byte(self, town: Journal, tmp_path: Path) -> None:
        one = written(town, tmp_path).read_bytes()
        assert written(town, tmp_path).read_bytes() == one

    def test_a_layer_without_features_has_no_bounds(self, tmp_path: Path) -> None:
        with geopackage(tmp_path / "a.gpkg", srs_of(RD), MOMENT) as package:
            assert package.put(PLACES, []) == 0
        (told,) = rows(tmp_path / "a.gpkg", "SELECT min_x FROM gpkg_contents WHERE table_name = 'places'")
        assert told == {"min_x": None}


class TestGeometries:
    def test_begin_with_the_bounds_of_what_they_hold(self) -> None:
        blob = line([(1.0, 9.0, 3.0), (4.0, 5.0, 6.0)]).blob(28992)
        assert struct.unpack_from("<2sBBi4d", blob) == (b"GP", 0, 0b11, 28992, 1.0, 4.0, 5.0, 9.0)
        assert struct.unpack_from("<BII6d", blob, 40) == (1, 1002, 2, 1.0, 9.0, 3.0, 4.0, 5.0, 6.0)

    def test_polygons_are_flat(self) -> None:
        ring = [[0.0, 0.0, 7.0], [2.0, 0.0, 7.0], [0.0, 3.0, 7.0], [0.0, 0.0, 7.0]]
        shape = polygons([[ring]])
        assert shape.bounds == (0.0, 0.0, 2.0, 3.0)
        assert struct.unpack_from("<BIIBIII8d", shape.wkb) == (
            1, 6, 1, 1, 3, 1, 4, 0.0, 0.0, 2.0, 0.0, 0.0, 3.0, 0.0, 0.0,
        )  # fmt: skip


class TestTheLayers:
    def test_objects_stand_where_they_are_with_what_is_said_of_them(
        self, town: Journal, tmp_path: Path
    ) -> None:
        (one,) = rows(written(town, tmp_path), "SELECT * FROM objects")
        assert coordinates(one["geom"]) == (155_000.0, 463_010.0, 4.0)
        assert (one["id"], one["category"], one["views"]) == ("o1", "stop", 2)
        assert (one["first_seen"], one["more"]) == ("2024-05-14T10:00:00.000Z", None)

    def test_what_has_no_column_is_kept_as_json(self, journal: Journal, tmp_path: Path) -> None:
        journal.succeeded("recognise/o1", "recognise", "o1", "k", [seen(colour="red", views="many")])
        (one,) = rows(written(journal, tmp_path), "SELECT * FROM objects")
        assert json.loads(one["more"]) == {"colour": "red"}
        assert one["views"] is None

    @pytest.mark.parametrize(
        ("covariance", "expected"),
        [
            ([[4.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 9.0]], (4.8955, 2.4477, 90.0)),
            ([[1.0, 0.0], [0.0, 4.0]], (4.8955, 2.4477, 0.0)),
            ([[2.5, 1.5], [1.5, 2.5]], (4.8955, 2.4477, 45.0)),
            ([[1.0, 5.0], [5.0, 1.0]], (None, None, None)),
            ("large", (None, None, None)),
            ([[1.0], [2.0]], (None, None, None)),
        ],
    )
    def test_the_ellipse_is_that_of_95_percent(
        self, journal: Journal, tmp_path: Path, covariance: Any, expected: tuple[float | None, ...]
    ) -> None:
        journal.succeeded("recognise/o1", "recognise", "o1", "k", [seen(covariance=covariance)])
        (one,) = rows(written(journal, tmp_path), "SELECT * FROM objects")
        assert (one["ellipse_major"], one["ellipse_minor"], one["ellipse_azimuth"]) == expected

    def test_observations_are_rays_from_recordings(self, town: Journal, tmp_path: Path) -> None:
        path = written(town, tmp_path, link=lambda image: f"file://{image}")
        one, _ = rows(path, "SELECT * FROM observations")
        assert (one["object"], one["recording"], one["photo"]) == ("o1", "a.jpg", "file:///batch/a.jpg")
        assert (one["box_x"], one["box_height"]) == (1.0, 4.0)
        assert struct.unpack_from("<II6d", one["geom"], 41) == (
            1002, 2, 154_990.0, 463_000.0, 2.0, 155_000.0, 463_010.0, 4.0,
        )  # fmt: skip

    def test_a_view_of_a_recording_that_is_not_known_has_no_line(
        self, journal: Journal, tmp_path: Path
    ) -> None:
        journal.succeeded("recognise/o1", "recognise", "o1", "k", [seen("elsewhere.jpg")])
        (one,) = rows(written(journal, tmp_path), "SELECT * FROM observations")
        assert (one["geom"], one["recording"]) == (None, "elsewhere.jpg")

    def test_recordings_are_the_batchs_where_the_journal_has_none(
        self, journal: Journal, tmp_path: Path
    ) -> None:
        batch = [
            recorded(photograph("a.jpg", 154_990.0)),
            recorded(item("b.jpg", image="/batch/b.jpg", pose=None)),
        ]
        path = written(journal, tmp_path, recordings=lambda: iter(batch))
        one, other = rows(path, "SELECT * FROM recordings")
        assert (one["heading"], one["time"], one["detections"]) == (90.0, "2024-05-14T10:00:00.000Z", 1)
        assert coordinates(one["geom"]) == (154_990.0, 463_000.0, 2.0)
        assert (other["id"], other["geom"]) == ("b.jpg", None)

    def test_they_can_be_read_again(self, journal: Journal, tmp_path: Path) -> None:
        flat = photograph(
            "b.jpg", 0.0, pose={"x": 1.0, "y": 2.0}, camera_height=2.5, image="/work/fetch/b/b.jpg"
        )
        batch = [recorded(one) for one in (photograph("a.jpg", 154_990.0), flat, item("c.jpg", pose=None))]
        assert list(read_recordings(tmp_path / "objects.gpkg")) == []
        path = written(journal, tmp_path, recordings=lambda: iter(batch))
        assert list(read_recordings(path)) == batch
        path.write_bytes(path.read_bytes()[:5000])
        with pytest.raises(RunFolderError, match="cannot be read"):
            list(read_recordings(path))

    def test_poses_are_those_that_a_step_has_refined(self, tmp_path: Path, journal: Journal) -> None:
        steps = (step("detect"), step("align", Per.BATCH), step("position", Per.REGION))
        journal.succeeded("detect/a.jpg", "detect", "a.jpg", "k", [photograph("a.jpg", 154_990.0)])
        journal.succeeded("align/all", "align", "all", "k", [photograph("a.jpg", 154_991.5)])
        write_results(journal, steps, RD, tmp_path)
        (one,) = json.loads((tmp_path / "recordings.geojson").read_text())["features"]
        assert (one["properties"]["x"], one["properties"]["image"]) == (154_991.5, "a.jpg")
        assert one["geometry"]["coordinates"] == pytest.approx(RD.to_wgs84(154_991.5, 463_000.0), abs=1e-9)

    def test_a_region_is_its_core_and_its_halo(self, journal: Journal, tmp_path: Path) -> None:
        area = Area(id="0_0", core=square(0, 0, 10, 10), whole=square(-5, -5, 15, 15), halo=5.0)
        core, halo = rows(written(journal, tmp_path, areas=[area]), "SELECT * FROM regions")
        assert (core["part"], core["halo"]) == ("core", 5.0)
        assert struct.unpack_from("<4d", halo["geom"], 8) == (-5.0, 15.0, -5.0, 15.0)

    def test_failures_are_where_their_unit_is(self, journal: Journal, tmp_path: Path) -> None:
        broken = TaskError(kind=ErrorKind.CRASH, message="it broke")
        folder = tmp_path / "failures" / "detect%2Fa.jpg"
        folder.mkdir(parents=True)
        (folder / "request.json").write_text(json.dumps({"items": [photograph("a.jpg", 154_990.0)]}))
        for task, unit in (("detect/a.jpg", "a.jpg"), ("position/0_0", "0_0"), ("batch/b.jpg", "b.jpg")):
            journal.failed(task, task.split("/")[0], unit, broken)
        area = Area(id="0_0", core=square(0, 0, 10, 10), whole=square(-5, -5, 15, 15), halo=5.0)
        found = rows(
            written(journal, tmp_path, areas=[area], failures=tmp_path / "failures"),
            "SELECT * FROM failures ORDER BY task",
        )
        places = {row["task"]: row["geom"] and coordinates(row["geom"])[:2] for row in found}
        assert places == {
            "batch/b.jpg": None,
            "detect/a.jpg": (154_990.0, 463_000.0),
            "position/0_0": (5.0, 5.0),
        }
        assert (found[0]["kind"], found[0]["message"]) == ("crash", "it broke")


class TestStyles:
    def test_qgis_finds_one_for_each_layer_and_takes_it_by_default(
        self, town: Journal, tmp_path: Path
    ) -> None:
        styles = rows(written(town, tmp_path), "SELECT * FROM layer_styles")
        names = ["recordings", "objects", "observations", "regions", "failures"]
        assert [style["f_table_name"] for style in styles] == names
        assert {(style["f_geometry_column"], style["useAsDefault"]) for style in styles} == {("geom", 1)}

    def test_every_category_has_a_colour_of_its_own(self, journal: Journal, tmp_path: Path) -> None:
        for name, category in (("o1", "stop"), ("o2", "yield"), ("o3", None)):
            journal.succeeded(f"recognise/{name}", "recognise", name, "k", [seen(id=name, category=category)])
        query = "SELECT styleQML FROM layer_styles WHERE f_table_name = 'objects'"
        (style,) = rows(written(journal, tmp_path), query)
        renderer = Xml.fromstring(style["styleQML"].partition("\n")[2]).find("renderer-v2")
        assert renderer is not None
        assert renderer.attrib["attr"] == "category"
        symbols = {one.attrib["value"]: one.attrib["symbol"] for one in renderer.iter("category")}
        assert list(symbols) == ["stop", "yield", ""]
        colours = [one.attrib["v"] for one in renderer.iter("prop") if one.attrib["k"] == "color"]
        assert len(set(colours)) == 3
