"""Matching found objects with a truth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.batch.crs import Projection
from coordinator.commands.score import Placed, match, read_placed
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

    @pytest.mark.parametrize("document", [[], {}, 5, {"features": [1]}, {"features": [{"geometry": None}]}])
    def test_a_file_that_is_no_such_thing(self, tmp_path: Path, document: Any) -> None:
        with pytest.raises(UsageError, match="not a GeoJSON FeatureCollection of points"):
            self.read(tmp_path, document)

    def test_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="No such file"):
            read_placed(tmp_path / "absent")
