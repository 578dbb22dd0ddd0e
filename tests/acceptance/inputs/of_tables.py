"""Inputs: tables in all the ways in which people have them."""

from __future__ import annotations

from dataclasses import replace

from tests.acceptance.inputs import tables
from tests.acceptance.inputs.expected import Either, Expected, Input, Refused, Right
from tests.acceptance.inputs.parts import (
    called,
    coco,
    given,
    images,
    lines,
    settings,
    table,
)
from tests.acceptance.inputs.photographs import panorama
from tests.acceptance.inputs.scene import AMSTERDAM, FIJI, FORWARD, SYDNEY, View, town
from tests.acceptance.inputs.tables import but, canonical, geographic, rename


def in_metres(
    name: str, what: str, row: tables.Row = canonical, expect: Expected | None = None, **how: object
) -> Input:
    """A table of x and y that has to be read."""
    return given(name, what, expect or Right(), images(), table(row, **how), settings(), coco())


def in_degrees(name: str, what: str, row: tables.Row = geographic, crs: str | None = None) -> Input:
    """A table of longitude and latitude; the CRS is chosen from them where ``crs`` is None."""
    return given(name, what, Right(), images(), table(row), settings(crs), coco())


def windows(view: View) -> str:
    return view.image.replace("/", "\\")


INPUTS = (
    in_metres(
        "csv-heading-any-turn",
        "headings below 0 and above 360",
        but(canonical, heading=lambda view: view.heading + (360 if view.image < "r004" else -360)),
    ),
    in_metres(
        "csv-north-true",
        "x and y, and headings from true north, which a column north says",
        but(canonical, heading=lambda view: view.true_heading, north=lambda view: "true"),
    ),
    in_metres("csv-canonical", "recordings.csv as the documentation has it"),
    given(
        "csv-forward",
        "the same of a forward camera",
        Right(),
        images(),
        table(),
        settings(),
        coco(),
        scene=lambda: town(camera=FORWARD),
    ),
    given(
        "csv-tilted",
        "cameras that are pitched and rolled",
        Right(),
        images(),
        table(),
        settings(),
        coco(),
        scene=lambda: town(pitch=3.0, roll=-2.0),
    ),
    given("jsonl-canonical", "recordings.jsonl", Right(), images(), lines(), settings(), coco()),
    given("jsonl-lat-lon", "recordings.jsonl of lat, lon", Right(), images(), lines(geographic), coco()),
    given(
        "jsonl-bom",
        "recordings.jsonl with a byte order mark",
        Right(),
        images(),
        lines(bom=True),
        settings(),
        coco(),
    ),
    in_degrees("csv-lat-lon", "lat, lon, altitude of WGS84, no crs named"),
    in_degrees("csv-lat-lon-crs", "lat, lon with a crs named", crs=AMSTERDAM.crs),
    in_degrees(
        "csv-latitude-longitude",
        "latitude, longitude, elevation, yaw",
        rename(geographic, lat="Latitude", lon="Longitude", altitude="Elevation", heading="Yaw"),
    ),
    in_degrees(
        "csv-lng-compass",
        "filename, lat, lng, alt, compass_angle as Mapillary's tools write",
        rename(geographic, image="filename", lon="lng", altitude="alt", heading="compass_angle"),
    ),
    in_degrees(
        "csv-gps-azimuth",
        "gps_lat, gps_lon, gps_alt, azimuth",
        rename(geographic, lat="gps_lat", lon="gps_lon", altitude="gps_alt", heading="azimuth"),
    ),
    given(
        "csv-lat-lon-sydney",
        "lat, lon south of the equator",
        Right(),
        images(),
        table(geographic),
        coco(),
        scene=lambda: town(SYDNEY),
    ),
    given(
        "csv-lat-lon-antimeridian",
        "a street across the antimeridian: longitudes 179.9999 and -179.9999",
        Right(),
        images(),
        table(geographic),
        coco(),
        scene=lambda: town(FIJI, bearing=80.0),
    ),
    in_metres(
        "csv-easting-northing",
        "easting, northing, elevation, bearing",
        rename(canonical, x="easting", y="northing", z="elevation", heading="bearing"),
    ),
    in_metres(
        "csv-upper-case",
        "columns in upper case",
        lambda view: {name.upper(): value for name, value in canonical(view).items()},
    ),
    in_metres(
        "csv-title-case",
        "columns X, Y, Z, Heading",
        rename(canonical, x="X", y="Y", z="Z", heading="Heading"),
    ),
    in_metres(
        "csv-blanks",
        "blanks around names and values",
        lambda view: {f" {name} ": f" {value} " for name, value in canonical(view).items()},
    ),
    in_metres("csv-semicolon", "semicolons between the fields", delimiter=";"),
    in_metres(
        "csv-decimal-comma",
        "semicolons, and commas in the numbers, as Excel writes in most of Europe",
        lambda view: {
            name: str(value).replace(".", ",") if name != "image" else value
            for name, value in canonical(view).items()
        },
        delimiter=";",
    ),
    in_metres("csv-tab", "tabs between the fields", delimiter="\t"),
    in_metres("csv-bom", "a byte order mark, as Excel writes", encoding="utf-8-sig"),
    in_metres(
        "csv-crlf-quoted",
        "quotes around everything, lines that end as on Windows",
        ends="\r\n",
        quoted=True,
    ),
    given(
        "csv-cp1252",
        "names with umlauts in the code page of western Windows",
        Right(),
        images(),
        table(encoding="cp1252"),
        settings(),
        coco(),
        scene=called("straße_{}.jpg"),
    ),
    in_metres(
        "csv-utf-16",
        "UTF-16, as Excel's Unicode text",
        expect=Either(of=(Right(), Refused("UTF-16|UTF-8"))),
        encoding="utf-16",
        delimiter="\t",
    ),
    given(
        "csv-windows-paths",
        "backslashes in the images' paths",
        Right(),
        images(),
        table(but(canonical, image=windows)),
        settings(),
        coco(),
        scene=called("front/r{:03d}.jpg"),
    ),
    given(
        "csv-absolute-paths",
        "absolute paths of the machine on which the table was made",
        Either(of=(Right(), Refused("D:|leaves|not there|does not exist"))),
        images(),
        table(but(canonical, image=lambda view: f"D:\\survey\\{view.image}")),
        settings(),
        coco(),
    ),
    given(
        "csv-more-columns",
        "columns that are none of ours are carried along",
        Right(),
        images(),
        table(but(canonical, crew=lambda view: "A", weather=lambda view: "dry")),
        settings(),
        coco(),
    ),
    given(
        "table-heading-only",
        "a table of headings; positions stand in the photographs",
        Right(),
        images(panorama),
        table(rename(canonical, x=None, y=None, z=None, pitch=None, roll=None)),
        settings(),
        coco(),
    ),
    given(
        "table-heading-over-exif",
        "the same, and the photographs' own headings are wrong",
        Right(),
        images(lambda view: panorama(view).but(direction=(0, 1))),
        table(rename(canonical, x=None, y=None, z=None, pitch=None, roll=None)),
        settings(),
        coco(),
    ),
    given(
        "table-pitch-roll-only",
        "a table of pitch and roll; the rest stands in the photographs",
        Right(),
        images(panorama),
        table(rename(canonical, x=None, y=None, z=None, heading=None)),
        settings(),
        coco(),
        scene=lambda: town(pitch=4.0, roll=3.0),
    ),
    given(
        "table-height-only",
        "a table of heights; the photographs have none",
        Right(),
        images(lambda view: panorama(view).but(alt=None, alt_ref=None)),
        table(rename(canonical, x=None, y=None, heading=None, pitch=None, roll=None)),
        settings(),
        coco(),
    ),
    given(
        "table-backwards",
        "rows from the last to the first, with times and without headings",
        Right(saying="direction of travel"),
        images(),
        table(but(rename(canonical, heading=None), time=lambda view: view.time.isoformat())),
        settings(),
        coco(),
        told=lambda scene: replace(scene, views=scene.views[::-1]),
    ),
    given(
        "table-image-only",
        "a table that only lists images; all else stands in the photographs",
        Right(),
        images(panorama),
        table(lambda view: {"image": view.image}),
        settings(),
        coco(),
    ),
)
