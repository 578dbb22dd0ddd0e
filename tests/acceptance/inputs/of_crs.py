"""Inputs: coordinate reference systems, right and wrong."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.inputs import tables
from tests.acceptance.inputs.expected import Either, Expected, Input, Refused, Right, Told
from tests.acceptance.inputs.of_wrong_poses import by_crs
from tests.acceptance.inputs.parts import coco, given, images, settings
from tests.acceptance.inputs.photographs import panorama
from tests.acceptance.inputs.scene import (
    AMSTERDAM,
    CAPE_TOWN,
    CORNWALL,
    FIJI,
    KARLSRUHE,
    PARIS,
    SEATTLE,
    SYDNEY,
    Place,
    Scene,
    convergence,
    town,
)


def by_exif(name: str, what: str, crs: object, expect: Expected, place: Place = AMSTERDAM) -> Input:
    """Photographs that know where they are, and a CRS for the map."""
    return given(name, what, expect, images(panorama), settings(crs), coco(), scene=lambda: town(place))  # type: ignore[arg-type]


def by_table(name: str, what: str, crs: str, expect: Expected, place: Place) -> Input:
    """A table whose x, y and headings are of this CRS."""

    def write(folder: Path, scene: Scene) -> None:
        row = by_crs(scene, crs)
        headings = tables.but(
            row, heading=lambda view: view.true_heading - convergence(crs, view.longitude, view.latitude)
        )
        tables.write_csv(folder, scene, headings)

    return given(name, what, expect, images(), write, settings(crs), coco(), scene=lambda: town(place))


SOUTH = Refused("south|west|axis|axes|orientat")

SCALE = Either(of=(Refused("scale|metre on the ground"), Told("scale|metre on the ground")))

GRID = Right(saying="grid|accura")


INPUTS = (
    by_exif(
        "crs-south-orientated",
        "South Africa's Lo19: x grows westwards, y southwards",
        "EPSG:2048",
        SOUTH,
        CAPE_TOWN,
    ),
    by_exif("crs-south-orientated-22", "Cape / Lo19, the same", "EPSG:22279", SOUTH, CAPE_TOWN),
    by_exif(
        "crs-south-orientated-29",
        "Schwarzeck / Lo22/17 of Namibia, the same, in German legal metres",
        "EPSG:29377",
        Refused("south|west|axis|axes|orientat|metre"),
        Place(name="Windhoek", longitude=17.08, latitude=-22.56, crs="EPSG:32733"),
    ),
    by_exif("crs-web-mercator", "the web's map", "EPSG:3857", SCALE, SEATTLE),
    by_exif("crs-world-mercator", "World Mercator", "EPSG:3395", SCALE, SEATTLE),
    by_exif(
        "crs-far-zone",
        "the UTM zone of another continent",
        "EPSG:32636",
        Either(of=(Refused("scale|area of use|outside"), Told("scale|area of use|outside"))),
    ),
    by_exif("crs-laea-far", "an equal-area map of the whole north", "EPSG:3408", SCALE),
    by_exif(
        "crs-other-country",
        "the grid of another country",
        "EPSG:2154",
        Either(
            of=(
                Right(saying="area of use|outside|scale"),
                Told("area of use|outside|scale"),
                Refused("area of use|outside|scale"),
            )
        ),
        SEATTLE,
    ),
    by_exif(
        "crs-paris",
        "Lambert II: degrees count from Paris, true headings 1.7 degrees off",
        "EPSG:27572",
        Either(of=(Right(), Refused("meridian|Paris"), Told("meridian|Paris"))),
        PARIS,
    ),
    by_exif(
        "crs-ferro",
        "Krovak of the old kind, from Ferro",
        "EPSG:2065",
        Refused("south|west|axis|axes|orientat|meridian"),
        Place(name="Prague", longitude=14.42, latitude=50.09, crs="EPSG:32633"),
    ),
    by_exif(
        "crs-krovak",
        "Krovak, axes to the south and west",
        "EPSG:5513",
        SOUTH,
        Place(name="Prague", longitude=14.42, latitude=50.09, crs="EPSG:32633"),
    ),
    by_exif(
        "crs-krovak-east-north",
        "Krovak East North",
        "EPSG:5514",
        Right(),
        Place(name="Prague", longitude=14.42, latitude=50.09, crs="EPSG:32633"),
    ),
    by_exif("crs-british-grid", "the British grid without OSTN15: metres off", "EPSG:27700", GRID, CORNWALL),
    by_exif("crs-gauss-krueger", "Gauss-Krüger zone 3 without BETA2007", "EPSG:31467", GRID, KARLSRUHE),
    by_exif("crs-nad27", "NAD27 without its grid", "EPSG:26710", GRID, SEATTLE),
    by_table(
        "crs-british-grid-table",
        "x, y of the British grid: they stay where they are, the way to WGS84 is metres off",
        "EPSG:27700",
        Told("grid|accura"),
        CORNWALL,
    ),
    by_exif("crs-ed50", "ED50: no grid, a shift that is metres uncertain", "EPSG:23031", Right(), AMSTERDAM),
    by_exif("crs-feet", "a CRS in feet", "EPSG:2285", Refused("metre|feet"), SEATTLE),
    by_exif("crs-degrees", "degrees", "EPSG:4326", Refused("projected|degrees")),
    by_exif("crs-unknown", "a CRS that nobody knows", "EPSG:99999", Refused("EPSG:99999")),
    by_exif("crs-number", "crs: 28992, without EPSG", 28992, Either(of=(Right(), Refused("crs")))),
    by_exif(
        "crs-compound",
        "RD New with heights of NAP",
        "EPSG:7415",
        Either(of=(Right(), Refused("compound|projected|height"))),
    ),
    by_exif("crs-fiji", "the grid of Fiji across the antimeridian", "EPSG:3460", Right(), FIJI),
    by_exif("crs-sydney", "MGA zone 56", "EPSG:7856", Right(), SYDNEY),
    by_exif("crs-etrs", "UTM zone 31 on ETRS89", "EPSG:25831", Right()),
)
