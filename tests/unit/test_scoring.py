"""Matching found objects with a truth."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.batch.crs import Projection
from coordinator.commands.placed import Placed, far_apart, read_placed
from coordinator.commands.score import main, match
from coordinator.errors import UsageError
from tests.unit.builders import PROPERTY, collection, feature

RD = Projection("EPSG:28992")
SPOTS = st.lists(st.tuples(st.floats(0, 5), st.floats(0, 5), st.none() | st.floats(0, 3)), max_size=6)


def placed(*spots: tuple[float, float, float | None], category: str | None = None) -> list[Placed]:
    return [Placed(id=str(n), position=spot, category=category) for n, spot in enumerate(spots)]


class TestMatching:
    @PROPERTY
    @given(SPOTS, SPOTS, st.floats(0.1, 3))
    def test_pairs_are_one_to_one_within_the_radius_and_leave_no_pair_free(
        self, found: list[Any], true: list[Any], radius: float
    ) -> None:
        score = match(placed(*found), placed(*true), radius)
        used = [{one.found.id for one in score.matches}, {one.true.id for one in score.matches}]
        assert len(used[0]) == len(used[1]) == len(score.matches)
        assert all(one.error <= radius for one in score.matches)
        free_found, free_true = (
            [one for one in placed(*side) if one.id not in ids]
            for side, ids in zip((found, true), used, strict=True)
        )
        assert not match(free_found, free_true, radius).matches

    def test_the_closest_pair_goes_first(self) -> None:
        score = match(placed((0, 0, None), (0.6, 0, None)), placed((0.5, 0, None)), 1.0)
        assert [(one.found.id, round(one.error, 9)) for one in score.matches] == [("1", 0.1)]

    def test_heights_tell_signs_on_one_pole_apart(self) -> None:
        score = match(placed((0, 0, 3.0), (0, 0, 2.2)), placed((0, 0, 2.2), (0, 0, 3.0)), 0.5)
        assert {(one.found.id, one.true.id) for one in score.matches} == {("0", "1"), ("1", "0")}

    def test_the_radius_is_included(self) -> None:
        assert len(match(placed((0, 0, None)), placed((1, 0, None)), 1.0).matches) == 1

    def test_facings_are_compared_where_both_sides_know_them(self) -> None:
        found, true = (
            placed((0, 0, None), (10, 0, None), (20, 0, None)),
            placed((0, 0, None), (10, 0, None), (20, 0, None)),
        )
        found[:2] = [replace(one, facing=facing) for one, facing in zip(found, (358.0, 90.0), strict=False)]
        true[0], true[2] = replace(true[0], facing=3.0), replace(true[2], facing=0.0)
        assert match(found, true, 1.0).as_json()["median_facing_error"] == pytest.approx(5.0)
        assert "median_facing_error" not in match(found, true[1:2], 1.0).as_json()

    def test_figures(self) -> None:
        found = placed((0, 0, None), (10, 0, None), (20, 0, None), category="stop")
        true = [*placed((0.3, 0, None), category="stop"), *placed((10.1, 0, None), category="yield")]
        figures = match(found, true, 1.0).as_json()
        assert figures == pytest.approx(
            {
                "radius": 1.0, "true": 2, "found": 3, "matched": 2, "precision": 2 / 3, "recall": 1.0, "f1": 0.8,
                "mean_error": 0.2, "median_error": 0.2, "category_accuracy": 0.5,
            }
        )  # fmt: skip

    def test_ratios_without_a_denominator_are_none(self) -> None:
        score = match([], [], 1.0)
        names = ("precision", "recall", "f1", "mean_error", "median_error", "category_accuracy")
        assert [getattr(score, name) for name in names] == [None] * 6

    def test_unknown_true_categories_do_not_count(self) -> None:
        assert match(placed((0, 0, None), category="stop"), placed((0, 0, None)), 1).category_accuracy is None

    def test_objects_that_nobody_categorised_have_no_accuracy(self) -> None:
        true = placed((0, 0, None), (9, 0, None), category="stop")
        assert match(placed((0, 0, None)), true, 1).category_accuracy is None
        mixed = [*placed((0, 0, None)), *placed((9, 0, None), category="stop")]
        assert match(mixed, true, 1).category_accuracy == 0.5


def point(longitude: float, latitude: float, **properties: Any) -> dict[str, Any]:
    return feature({"type": "Point", "coordinates": [longitude, latitude]}, properties)


class TestReading:
    def read(
        self, path: Path, document: Any, projection: Projection | None = None
    ) -> tuple[list[Placed], Projection | None]:
        (path / "a.geojson").write_text(json.dumps(document))
        return read_placed(path / "a.geojson", projection)

    def test_projected_coordinates_are_taken_as_they_are(self, tmp_path: Path) -> None:
        document = collection([point(5, 52, id="s", x=1.0, y=2.0, z=3.0, crs=RD.name, category="stop")])
        expected = [Placed(id="s", position=(1.0, 2.0, 3.0), category="stop")]
        assert self.read(tmp_path, document) == (expected, RD)

    def test_points_of_another_crs_are_turned_from_wgs84(self, tmp_path: Path) -> None:
        document = collection([point(5.0, 52.0, x=1.0, y=2.0, crs="EPSG:25831")])
        (one,), _ = self.read(tmp_path, document, RD)
        assert one.position[:2] == pytest.approx(RD.to_projected(5.0, 52.0))

    def test_without_any_crs_the_utm_zone_serves(self, tmp_path: Path) -> None:
        assert self.read(tmp_path, collection([point(5.0, 52.0)]))[1] == Projection("EPSG:32631")

    @pytest.mark.parametrize(
        "crs", ["EPSG:28992", {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::28992"}}]
    )
    @pytest.mark.parametrize("projection", [None, RD, Projection("EPSG:32631")])
    def test_projected_coordinates_by_the_files_crs(
        self, tmp_path: Path, crs: Any, projection: Projection | None
    ) -> None:
        document = collection([point(121_000, 487_000)], crs=crs)
        (one,), used = self.read(tmp_path, document, projection)
        assert used == (projection or RD)
        expected = used.to_projected(*RD.to_wgs84(121_000, 487_000))
        assert one.position[:2] == pytest.approx(expected, abs=1e-3)

    @pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:4258", "urn:ogc:def:crs:OGC:1.3:CRS84"])
    def test_degrees_by_the_files_crs(self, tmp_path: Path, crs: str) -> None:
        (one,), _ = self.read(tmp_path, collection([point(5.0, 52.0)], crs=crs), RD)
        assert one.position[:2] == pytest.approx(RD.to_projected(5.0, 52.0), abs=1)

    def test_a_third_coordinate_is_no_height_of_an_object(self, tmp_path: Path) -> None:
        spatial = feature({"type": "Point", "coordinates": [5.0, 52.0, 43.0]}, {"z": 2.5})
        plain = feature({"type": "Point", "coordinates": [5.0, 52.0, 43.0]})
        found, _ = self.read(tmp_path, collection([spatial, plain]), RD)
        assert [one.position[2] for one in found] == [2.5, None]

    @pytest.mark.parametrize(
        ("bad", "told"),
        [
            (feature(None, {"id": "gone"}), r"feature 1 \('gone'\) has no geometry"),
            (
                feature({"type": "MultiPoint", "coordinates": [[5, 52]]}),
                "is a MultiPoint, not a Point; write each",
            ),
            (feature({"type": "Polygon", "coordinates": []}), "is a Polygon, not a Point"),
            (feature({"type": "Point", "coordinates": []}), "not two finite numbers"),
            (feature({"type": "Point", "coordinates": ["5", "52"]}), "not two finite numbers"),
            (point(121_000, 487_000), "beyond 180/90 degrees need a crs member"),
            (point(35.0, 139.0), "exchange them"),
            (point(5, 52, z="high"), "its z is no number"),
            (point(5, 52, crs=RD.name, x="1", y=2), "its x and y are no numbers"),
            (5, "feature 1 is not a GeoJSON Feature, but a number"),
        ],
    )
    def test_a_feature_that_is_no_such_point_is_named(self, tmp_path: Path, bad: Any, told: str) -> None:
        for projection in (None, RD):
            with pytest.raises(UsageError, match=told) as refused:
                self.read(tmp_path, collection([point(5.0, 52.0, crs=RD.name), bad]), projection)
            assert "a.geojson" in str(refused.value)

    def test_the_first_one_as_well(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"feature 0 \('0'\) has no geometry"):
            self.read(tmp_path, collection([feature(None)]))
        with pytest.raises(UsageError, match="need a crs member"):
            self.read(tmp_path, collection([point(121_000, 487_000)]))

    def test_a_place_that_the_objects_crs_does_not_have(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"where EPSG:32631, .* has no coordinates"):
            self.read(tmp_path, collection([point(93.0, 0.0)]), Projection("EPSG:32631"))

    @pytest.mark.parametrize("crs", ["EPSG:999999", {"type": "link"}])
    def test_a_crs_that_nobody_knows(self, tmp_path: Path, crs: Any) -> None:
        with pytest.raises(UsageError, match=r"a\.geojson.* crs"):
            self.read(tmp_path, collection([point(5.0, 52.0)], crs=crs))

    def test_no_point_at_all(self, tmp_path: Path) -> None:
        assert self.read(tmp_path, collection([])) == ([], None)

    @pytest.mark.parametrize("document", [[], {}, 5, {"features": [1]}])
    def test_a_file_that_is_no_such_thing(self, tmp_path: Path, document: Any) -> None:
        with pytest.raises(UsageError, match="not a GeoJSON FeatureCollection"):
            self.read(tmp_path, document)

    def test_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="No such file"):
            read_placed(tmp_path / "absent")


class TestFarApart:
    @staticmethod
    def at(*degrees: tuple[float, float]) -> list[Placed]:
        return [Placed(id="a", position=(0, 0, None), category=None, degrees=one) for one in degrees]

    def test_near_by_there_is_nothing_to_say(self) -> None:
        assert far_apart(self.at((5.0, 52.0)), self.at((5.0, 52.005)), 1.0) is None
        assert far_apart(self.at((5.0, 52.0), (5.0, 53.0)), self.at((5.0, 52.5)), 1.0) is None
        assert far_apart([], self.at((5.0, 52.0)), 1.0) is None

    def test_latitude_first(self) -> None:
        told = far_apart(self.at((5.0, 52.0)), self.at((52.0, 5.0), (52.1, 5.1)), 1.0)
        assert told is not None
        assert told.startswith("the truth lies 6,")
        assert "latitude and longitude are exchanged" in told

    def test_another_town(self) -> None:
        told = far_apart(self.at((5.0, 52.0)), self.at((5.0, 53.0)), 1.0)
        assert told is not None
        assert told.startswith("the truth lies 111 km from the objects; is it another place's")

    def test_the_command_says_it_beside_its_figures(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "objects.geojson").write_text(json.dumps(collection([point(5.0, 52.0)])))
        (tmp_path / "truth.geojson").write_text(json.dumps(collection([point(52.0, 5.0)])))
        options = argparse.Namespace(run=tmp_path, truth=tmp_path / "truth.geojson", radius=1.0, json=True)
        main(options)
        printed = capsys.readouterr()
        assert json.loads(printed.out)["matched"] == 0
        assert "coordinator: warning:" in printed.err
        assert "exchanged" in printed.err
