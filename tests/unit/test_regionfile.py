"""regions.geojson as people draw it: read, mended where nothing is lost, or refused by name."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from coordinator.batch.crs import Projection
from coordinator.batch.regionfile import RegionFile, read_regions
from coordinator.batch.regionplaces import Placement
from coordinator.batch.regions import Polygons, holds
from coordinator.errors import BatchError
from coordinator.findings import Finding, Level
from coordinator.strictjson import Json
from tests.unit.builders import square

RD = Projection("EPSG:28992")
NAMED = {"type": "name", "properties": {"name": "EPSG:28992"}}


def feature(geometry: Any, name: str | None = None, **more: Any) -> Json:
    return {"type": "Feature", "properties": {"name": name} if name else {}, "geometry": geometry, **more}


def parts(*polygons: Json) -> Json:
    return {"type": "MultiPolygon", "coordinates": [polygon["coordinates"] for polygon in polygons]}


def read(folder: Path, *features: Json, crs: Any = NAMED) -> RegionFile:
    return read_document(folder, {"type": "FeatureCollection", "features": features, "crs": crs})


def read_document(folder: Path, document: Any) -> RegionFile:
    (folder / "regions.geojson").write_text(json.dumps(document))
    return read_regions(folder / "regions.geojson", RD)


def levels(findings: Any) -> dict[str, Level]:
    return {finding.kind: finding.level for finding in findings}


def holders(file: RegionFile, x: float, y: float) -> list[str]:
    return [name for name, core in file.cores.items() if holds(core, (x, y))]


class TestForms:
    def test_a_collection_a_feature_and_a_geometry(self, tmp_path: Path) -> None:
        core = square(0, 0, 10, 10)
        for document in (
            {"type": "FeatureCollection", "features": [feature(core)]},
            feature(core),
            core,
        ):
            file = read_document(tmp_path, {**document, "crs": NAMED})
            assert file.cores == {"0": core}
            assert not file.findings

    def test_a_multipolygon_of_parts_that_are_apart_stays_as_it_is(self, tmp_path: Path) -> None:
        both = parts(square(0, 0, 10, 10), square(20, 0, 30, 10))
        assert read(tmp_path, feature(both)).cores == {"0": both}

    def test_heights_are_left_out(self, tmp_path: Path) -> None:
        ring = [[*point, 7.5] for point in square(0, 0, 10, 10)["coordinates"][0]]
        file = read(tmp_path, feature({"type": "Polygon", "coordinates": [ring]}))
        assert file.cores == {"0": square(0, 0, 10, 10)}

    def test_a_region_of_the_id_nought(self, tmp_path: Path) -> None:
        file = read(tmp_path, feature(square(0, 0, 1, 1), "n", id=0), feature(square(5, 0, 6, 1), ""))
        assert list(file.cores) == ["0", "1"]

    def test_open_rings_are_closed_and_noted(self, tmp_path: Path) -> None:
        ring = square(0, 0, 10, 10)["coordinates"][0][:-1]
        file = read(tmp_path, feature({"type": "Polygon", "coordinates": [ring]}, "west"))
        assert file.cores == {"west": square(0, 0, 10, 10)}
        assert levels(file.findings) == {"regions-open": Level.NOTE}
        assert file.findings[0].text.endswith("'west'")

    def test_null_geometries_are_told(self, tmp_path: Path) -> None:
        file = read(tmp_path, feature(None, "gone"), feature(square(0, 0, 10, 10)))
        assert list(file.cores) == ["1"]
        assert levels(file.findings) == {"regions-nowhere": Level.WARNING}

    def test_of_a_collection_of_geometries_the_polygons_count(self, tmp_path: Path) -> None:
        mixed = {
            "type": "GeometryCollection",
            "geometries": [square(0, 0, 1, 1), {"type": "Point", "coordinates": [1, 2]}],
        }
        file = read(tmp_path, feature(mixed))
        assert file.cores == {"0": square(0, 0, 1, 1)}
        assert levels(file.findings) == {"regions-partly": Level.WARNING}

    @pytest.mark.parametrize(
        ("geometry", "told"),
        [
            ({"type": "LineString", "coordinates": [[0, 0], [1, 1]]}, "feature 0 is a LineString, not a polygon"),
            ({"type": "GeometryCollection", "geometries": []}, "feature 0 is a GeometryCollection, not a polygon"),
            ({"type": "Polygon"}, "the coordinates of feature 0 are null, not a list"),
            ({"type": "Polygon", "coordinates": []}, "polygon without a ring"),
            ({"type": "MultiPolygon", "coordinates": []}, "'west'. has no polygon"),
            ({"type": "Polygon", "coordinates": [[]]}, "a ring that is not three positions"),
            ({"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [0, 0]]]}, "a ring that is not three positions"),
            ({"type": "Polygon", "coordinates": [[[0, 0], [1, 1], ["a", 0], [0, 0]]]}, "two finite numbers"),
            ({"type": "Polygon", "coordinates": [[[0, 0], [1, float("nan")], [2, 0]]]}, "two finite numbers"),
            ({"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [2, 2], [0, 0]]]}, "without an area: 'west'"),
            ("here", "the geometry of feature 0 is text"),
        ],
    )  # fmt: skip
    def test_what_is_no_polygon(self, tmp_path: Path, geometry: Any, told: str) -> None:
        with pytest.raises(BatchError, match=told) as refused:
            read(tmp_path, feature(geometry, "west"))
        assert "regions.geojson" in str(refused.value)

    @pytest.mark.parametrize("features", [[], [feature(None)]])
    def test_without_a_region(self, tmp_path: Path, features: list[Json]) -> None:
        with pytest.raises(BatchError, match="there is no region in it"):
            read(tmp_path, *features)

    @pytest.mark.parametrize(
        ("document", "told"),
        [
            ({"type": "Topology"}, "not a GeoJSON .* an object with the keys 'type'"),
            (
                {"type": "FeatureCollection", "features": [5]},
                "feature 0 is not a GeoJSON Feature, but a number",
            ),
            ([], "an empty list"),
        ],
    )
    def test_files_that_are_none(self, tmp_path: Path, document: Any, told: str) -> None:
        with pytest.raises(BatchError, match=told):
            read_document(tmp_path, document)


class TestCrs:
    DAM = (4.8936, 52.3731)
    """Amsterdam's Dam: x = 121,400, y = 487,400 in the Dutch grid, roughly."""

    def around(self, name: str) -> Json:
        x, y = Projection.of_geometry(name).to_projected(*self.DAM)
        return square(x - 100, y - 100, x + 100, y + 100)

    @pytest.mark.parametrize(
        "crs",
        [
            "EPSG:28992",
            {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::28992"}},
            {"type": "name", "properties": {"name": "http://www.opengis.net/def/crs/EPSG/0/28992"}},
            {"type": "EPSG", "properties": {"code": 28992}},
            {"type": "name", "properties": {"name": "epsg:28992"}},
        ],
    )
    def test_the_batchs_own_however_it_is_named(self, tmp_path: Path, crs: Any) -> None:
        core = square(121_000, 487_000, 121_200, 487_200)
        assert read(tmp_path, feature(core), crs=crs).cores["0"]["coordinates"][0][0] == pytest.approx(
            [121_000, 487_000], abs=1e-6
        )

    @pytest.mark.parametrize("name", ["EPSG:25831", "EPSG:3857", "EPSG:32631"])
    def test_any_other_projected_one(self, tmp_path: Path, name: str) -> None:
        file = read(tmp_path, feature(self.around(name)), crs=name)
        assert holders(file, *RD.to_projected(*self.DAM)) == ["0"]

    @pytest.mark.parametrize(
        "crs",
        [
            None,
            "OGC:CRS84",
            "EPSG:4326",
            "urn:ogc:def:crs:EPSG::4326",
            "urn:ogc:def:crs:OGC:1.3:CRS84",
            "urn:ogc:def:crs:OGC::CRS84",
            "EPSG:4258",
            "urn:ogc:def:crs:EPSG::4258",
        ],
    )
    def test_degrees_with_the_longitude_first(self, tmp_path: Path, crs: Any) -> None:
        file = read(tmp_path, feature(square(4.89, 52.37, 4.90, 52.38)), crs=crs)
        assert holders(file, *RD.to_projected(*self.DAM)) == ["0"]

    @pytest.mark.parametrize("crs", ["EPSG:999999", "the Dutch one", {}, {"type": "link"}, 5, "EPSG:4978"])
    def test_one_that_nobody_knows_is_refused_with_the_file(self, tmp_path: Path, crs: Any) -> None:
        with pytest.raises(BatchError, match=r"regions\.geojson.* crs"):
            read(tmp_path, feature(square(4.89, 52.37, 4.90, 52.38)), crs=crs)

    def test_metres_without_a_crs(self, tmp_path: Path) -> None:
        with pytest.raises(BatchError, match="beyond 180/90 degrees need a crs member"):
            read(tmp_path, feature(square(121_000, 487_000, 121_200, 487_200)), crs=None)

    def test_metres_that_are_called_degrees(self, tmp_path: Path) -> None:
        with pytest.raises(BatchError, match="its crs member says longitude and latitude"):
            read(tmp_path, feature(square(121_000, 487_000, 121_200, 487_200)), crs="OGC:CRS84")

    def test_a_latitude_first_that_cannot_be_a_longitude(self, tmp_path: Path) -> None:
        with pytest.raises(BatchError, match="exchange them"):
            read(tmp_path, feature(square(35.6, 139.6, 35.7, 139.7)), crs=None)

    def test_it_needs_the_batchs_crs(self, tmp_path: Path) -> None:
        with pytest.raises(BatchError, match="must name the crs"):
            read_regions(tmp_path / "regions.geojson", None)


class TestDivision:
    def test_regions_that_touch_stay_as_they_are(self, tmp_path: Path) -> None:
        west, east = square(0, 0, 10, 10), square(10, 0, 20, 10)
        file = read(tmp_path, feature(west, "w"), feature(east, "e"))
        assert file.cores == {"w": west, "e": east}
        assert not file.findings

    @pytest.mark.parametrize("other", [square(7, 2, 20, 8), square(0, 0, 10, 10), square(3, 3, 7, 7)])
    def test_regions_over_each_other_are_refused_with_both_names(self, tmp_path: Path, other: Json) -> None:
        with pytest.raises(BatchError, match=r"'west and east by [0-9]+ m2'"):
            read(tmp_path, feature(square(0, 0, 10, 10), "west"), feature(other, "east"))

    def test_an_inner_region_may_lie_in_the_hole_of_another(self, tmp_path: Path) -> None:
        rings = [*square(0, 0, 10, 10)["coordinates"], *square(3, 3, 7, 7)["coordinates"]]
        ring = feature({"type": "Polygon", "coordinates": rings}, "ring")
        assert not read(tmp_path, ring, feature(square(3, 3, 7, 7), "inner")).findings

    def test_a_boundary_digitised_twice_is_one(self, tmp_path: Path) -> None:
        west = {
            "type": "Polygon",
            "coordinates": [[[0, 0], [100, 0], [100.4, 50], [100, 100], [0, 100], [0, 0]]],
        }
        file = read(tmp_path, feature(west, "west"), feature(square(100, 0, 200, 100), "east"))
        assert levels(file.findings) == {"regions-strips": Level.NOTE}
        assert file.cores["west"] == west
        assert [holders(file, x, 50) for x in (50, 100.2, 100.5, 150)] == [
            ["west"],
            ["west"],
            ["east"],
            ["east"],
        ]

    def test_a_crack_between_them_is_closed(self, tmp_path: Path) -> None:
        west = {
            "type": "Polygon",
            "coordinates": [[[0, 0], [100, 0], [99.6, 50], [100, 100], [0, 100], [0, 0]]],
        }
        file = read(tmp_path, feature(west, "west"), feature(square(100, 0, 200, 100), "east"))
        assert levels(file.findings) == {"regions-cracks": Level.NOTE}
        assert [holders(file, x, 50) for x in (50, 99.8, 100.2)] == [["west"], ["west"], ["east"]]

    def test_a_town_that_was_digitised_district_by_district_is_divided_all_the_same(
        self, tmp_path: Path
    ) -> None:
        dice = random.Random(5)

        def drawn(x: float, y: float) -> Json:
            corners = [(x, y), (x + 100, y), (x + 100, y + 100), (x, y + 100)]
            sides = zip(corners, corners[1:] + corners[:1], strict=True)
            ring = [
                [
                    a + (c - a) * i / 10 + dice.uniform(-0.15, 0.15),
                    b + (d - b) * i / 10 + dice.uniform(-0.15, 0.15),
                ]
                for (a, b), (c, d) in sides
                for i in range(10)
            ]
            return {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}

        file = read(tmp_path, *(feature(drawn(100 * i, 100 * j)) for i in range(3) for j in range(3)))
        assert levels(file.findings) == {"regions-strips": Level.NOTE, "regions-cracks": Level.NOTE}
        for _ in range(300):  # beyond the last crossing, a crack is open to the outside
            along, across = dice.uniform(80, 220), dice.choice((100, 200)) + dice.uniform(-0.3, 0.3)
            assert len(holders(file, along, across)) == len(holders(file, across, along)) == 1

    def test_a_court_between_regions_is_no_crack(self, tmp_path: Path) -> None:
        rings = [*square(0, 0, 10, 10)["coordinates"], *square(3, 3, 7, 7)["coordinates"]]
        file = read(tmp_path, feature({"type": "Polygon", "coordinates": rings}))
        assert holders(file, 5, 5) == []

    def test_parts_over_each_other_are_united(self, tmp_path: Path) -> None:
        file = read(tmp_path, feature(parts(square(0, 0, 10, 10), square(5, 5, 15, 15)), "a"))
        assert levels(file.findings) == {"regions-parts": Level.WARNING}
        assert [holders(file, *point) for point in ((2, 2), (7, 7), (12, 12), (2, 12))] == [
            ["a"],
            ["a"],
            ["a"],
            [],
        ]

    def test_parts_that_touch_are_no_fault(self, tmp_path: Path) -> None:
        both = parts(square(0, 0, 10, 10), square(10, 0, 20, 10))
        file = read(tmp_path, feature(both))
        assert (file.cores, file.findings) == ({"0": both}, ())

    def test_a_ring_that_crosses_itself_is_told(self, tmp_path: Path) -> None:
        bow = {"type": "Polygon", "coordinates": [[[0, 0], [10, 10], [10, 0], [0, 10], [0, 0]]]}
        file = read(tmp_path, feature(bow, "bow"))
        assert levels(file.findings) == {"regions-crossed": Level.WARNING}
        assert [holders(file, *point) for point in ((1, 5), (9, 5), (5, 1))] == [["bow"], ["bow"], []]


class TestPlacement:
    HERE = RD.to_projected(4.8936, 52.3731)

    def placed(
        self, folder: Path, geometry: Json, *positions: tuple[float, float], crs: Any = None
    ) -> list[Finding]:
        file = read(folder, feature(geometry), crs=crs)
        regions = Polygons(cores=file.cores, halo=10)
        placement = Placement(file=file, projection=RD)
        placement.add("nowhere", None, ())
        for number, position in enumerate(positions):
            placement.add(f"r{number}", position, regions.around(position))
        return placement.findings()

    def test_inside(self, tmp_path: Path) -> None:
        assert not self.placed(tmp_path, square(4.89, 52.37, 4.90, 52.38), self.HERE)
        assert not self.placed(tmp_path, square(4.89, 52.37, 4.90, 52.38))

    def test_some_outside(self, tmp_path: Path) -> None:
        (finding,) = self.placed(tmp_path, square(4.89, 52.37, 4.90, 52.38), self.HERE, (0, 0), (1, 1))
        assert (finding.kind, finding.level) == ("recordings-outside", Level.WARNING)
        assert "2 of 3 recordings lie outside" in finding.text
        assert "0 of them lie in a halo" in finding.text
        assert "'r1', 'r2'" in finding.text

    def test_in_a_halo_alone(self, tmp_path: Path) -> None:
        x, y = self.HERE
        core = square(x + 5, y - 100, x + 100, y + 100)
        (finding,) = self.placed(tmp_path, core, self.HERE, crs="EPSG:28992")
        assert finding.level is Level.WARNING
        assert "1 of 1 recordings lie outside" in finding.text
        assert "1 of them lie in a halo" in finding.text

    def test_another_town(self, tmp_path: Path) -> None:
        (finding,) = self.placed(tmp_path, square(4.3, 50.8, 4.4, 50.9), self.HERE)
        assert finding.level is Level.ERROR
        assert (
            "holds none of the 1 recordings: they lie at longitude 4.8936 to 4.8936, latitude 52.3731"
            in finding.text
        )
        assert "the regions at longitude 4.3" in finding.text
        assert "another town's" in finding.text

    def test_latitude_first(self, tmp_path: Path) -> None:
        (finding,) = self.placed(tmp_path, square(52.37, 4.89, 52.38, 4.90), self.HERE)
        assert finding.level is Level.ERROR
        assert "exchanged" in finding.text

    def test_y_first(self, tmp_path: Path) -> None:
        x, y = self.HERE
        (finding,) = self.placed(
            tmp_path, square(y - 100, x - 100, y + 100, x + 100), self.HERE, crs="EPSG:28992"
        )
        assert finding.level is Level.ERROR
        assert "exchanged" in finding.text

    def test_the_other_side_of_the_earth(self, tmp_path: Path) -> None:
        (finding,) = self.placed(tmp_path, square(-175, -52, -174, -51), self.HERE)
        assert "the regions at longitude -175.0000 to -174.0000, latitude -52.0000" in finding.text

    def test_a_place_that_the_batchs_crs_does_not_have(self, tmp_path: Path) -> None:
        core = square(3, -90, 4, -89)
        (tmp_path / "regions.geojson").write_text(json.dumps(feature(core)))
        with pytest.raises(
            BatchError, match=r"region '0': the point .* has no place in EPSG:2154.* exchanged"
        ):
            read_regions(tmp_path / "regions.geojson", Projection("EPSG:2154"))
