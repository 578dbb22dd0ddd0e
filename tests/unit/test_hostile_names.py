"""Names that mean something to somebody: in every file of results they stay names, and every file can be read.

Each is the id of an object and of a recording, a category, a label, a key and a value of a tag.
"""

from __future__ import annotations

import csv
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from coordinator.batch.crs import Projection
from coordinator.contract import ErrorKind, TaskError
from coordinator.pipeline import Per
from coordinator.record.journal import Journal
from coordinator.record.results import write_results
from coordinator.record.surroundings import Surroundings
from coordinator.record.texts import out_of_table
from coordinator.strictjson import Json
from tests.unit.builders import item, step

RD = Projection("EPSG:28992")
STEPS = (step("detect"), step("position", Per.REGION), step("recognise"))
HOSTILE = (
    "'; DROP TABLE objects; --",
    'a "quoted" name',
    "`ticks` and \\back\\slashes",
    "<script>alert(1)</script>",
    "]]></value><!-- & &amp; &#0; %s {0} -->",
    "=cmd|'/C calc'!A0",
    "@SUM(1)",
    "-1+1",
    "\t=1",
    "'=already quoted",
    "two\nlines\r\nand one more",
    "../../etc/passwd",
    "/absolute",
    "🛑 стоп 停 \u202egnihtemos",
    "bell \x07 and escape \x1b and \x85",
    "x" * 5000,
    " ",
)
FORMULAS = ("=", "+", "-", "@", "\t", "\r")
UNWRITABLE = str.maketrans({"\x07": "\N{REPLACEMENT CHARACTER}", "\x1b": "\N{REPLACEMENT CHARACTER}"})


def thing(name: str, place: int) -> Json:
    view = {"recording": name, "detection": 0, "bbox": [1, 2, 3, 4], "label": name}
    where = {"x": 155_000.0 + place, "y": 463_000.0, "z": 2.5}
    tags = {name: name, "traffic_sign": "DE:206"}
    return item(name, position=where, category=name, observations=[view], osm=tags, score=-0.5, colour=name)


def photograph(name: str) -> Json:
    pose = {"x": 155_000.0, "y": 463_000.0, "z": 2.0}
    return item(
        name, image=f"/batch/{name}", pose=pose, detections=[{"bbox": [1, 2, 3, 4], "label": name}], time=name
    )


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    with Journal(folder / "journal.db") as journal:
        journal.begin_session()
        for place, name in enumerate(HOSTILE):
            journal.succeeded(f"detect/{name}", "detect", name, "k", [photograph(name)])
            journal.succeeded(f"recognise/{name}", "recognise", name, "k", [thing(name, place)])
            failed = TaskError(kind=ErrorKind.CRASH, message=name)
            journal.failed(f"position/{name}", "position", name, failed)
        around = Surroundings(link=lambda image: image, failures=folder / "failures")
        write_results(journal, STEPS, RD, folder, around)
    return folder


def test_geojson_has_them_as_they_are(results: Path) -> None:
    for name in ("objects.geojson", "recordings.geojson"):
        features = json.loads((results / name).read_text(encoding="utf-8"))["features"]
        assert {one["id"] for one in features} == set(HOSTILE)


def test_a_spreadsheet_computes_nothing_of_the_table(results: Path) -> None:
    with (results / "objects.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {out_of_table(row["id"]) for row in rows} == set(HOSTILE)
    for row in rows:
        assert not row["id"].startswith(FORMULAS)
        assert not row["category"].startswith(FORMULAS)
        assert row["score"] == "-0.5"


def test_the_geopackage_has_them_as_they_are(results: Path) -> None:
    with closing(sqlite3.connect(results / "objects.gpkg")) as database:
        for query in (
            "SELECT id FROM objects",
            "SELECT category FROM objects",
            "SELECT object FROM observations",
            "SELECT label FROM observations",
            "SELECT id FROM recordings",
            "SELECT unit FROM failures",
        ):
            assert {name for (name,) in database.execute(query)} == set(HOSTILE), query
        ((style,),) = database.execute("SELECT styleQML FROM layer_styles WHERE f_table_name = 'objects'")
    values = [one.attrib["value"] for one in Xml.fromstring(style.partition("\n")[2]).iter("category")]
    assert set(values) == {name.translate(UNWRITABLE) for name in HOSTILE} | {""}


def test_openstreetmaps_xml_has_those_that_may_be_tags(results: Path) -> None:
    root = Xml.parse(results / "objects.osm").getroot()
    keys = [{tag.attrib["k"]: tag.attrib["v"] for tag in node} for node in root]
    assert [tags["traffic_sign"] for tags in keys] == ["DE:206"] * len(HOSTILE)
    told = {key for tags in keys for key in tags} - {"traffic_sign"}
    short = (name.translate(UNWRITABLE).strip() for name in HOSTILE if len(name) <= 255)
    assert told == {name for name in short if name}


def test_coco_has_them_as_labels(results: Path) -> None:
    document = json.loads((results / "detections.json").read_text(encoding="utf-8"))
    assert {one["name"] for one in document["categories"]} == set(HOSTILE)


def test_nothing_is_written_beside_the_results(results: Path) -> None:
    names = {path.name for path in results.iterdir()} - {"journal.db", "journal.db-wal", "journal.db-shm"}
    assert names == {
        "objects.geojson",
        "objects.csv",
        "objects.osm",
        "objects.gpkg",
        "recordings.geojson",
        "detections.json",
    }
    assert not (results.parent / "etc").exists()
