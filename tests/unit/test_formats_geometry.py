"""Rotations, places, turned cameras and similarities of the readers, against OpenCV, PROJ and the steps."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.formats.attitude import (
    Matrix,
    angles,
    from_angle_axis,
    from_quaternion,
    nearest_rotation,
    vector,
)
from coordinator.formats.geodesy import Place, place, posed
from coordinator.formats.similarity import fit, root_mean_square, spreads
from coordinator.formats.upright import known, upright_pinhole, upright_size, upright_turn
from steps.stepkit.arrays import F64
from steps.stepkit.camera import pixels_to_rays, rotation
from tests.unit.builders import PROPERTY
from tests.unit.posed_world import TOWN, axes, ecef, stood_upright

_ANGLE = st.floats(-180, 180)


def _rows(matrix: F64) -> Matrix:
    return vector(matrix[0]), vector(matrix[1]), vector(matrix[2])


@PROPERTY
@given(heading=st.floats(0, 359.9), pitch=st.floats(-89, 89), roll=st.floats(-179, 179))
def test_angles_are_the_inverse_of_the_steps_rotation(heading: float, pitch: float, roll: float) -> None:
    found = angles(_rows(rotation(heading, pitch, roll)))
    assert found[1:] == pytest.approx((pitch, roll), abs=1e-7)
    assert (found[0] - heading + 180) % 360 - 180 == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize("pitch", [90.0, -90.0])
def test_a_view_along_the_plumb_line_keeps_its_rotation(pitch: float) -> None:
    turn = rotation(40.0, pitch, 25.0)
    assert rotation(*angles(_rows(turn))) == pytest.approx(turn, abs=1e-9)


@PROPERTY
@given(x=_ANGLE, y=_ANGLE, z=_ANGLE)
def test_angle_and_axis_are_opencvs(x: float, y: float, z: float) -> None:
    axis = np.radians([x, y, z])
    found: F64 = np.array(from_angle_axis(vector(axis)), dtype=np.float64)
    assert found == pytest.approx(cv2.Rodrigues(axis)[0], abs=1e-9)


def test_a_quaternion_turns_as_hamilton_has_it() -> None:
    half = math.radians(30) / 2
    about_z = np.array(from_quaternion(2 * math.cos(half), 0, 0, 2 * math.sin(half)))
    assert about_z @ [1, 0, 0] == pytest.approx([math.cos(2 * half), math.sin(2 * half), 0])
    with pytest.raises(ValueError, match="length 0"):
        from_quaternion(0, 0, 0, 0)


def test_the_nearest_rotation_of_a_rounded_one() -> None:
    turn = rotation(123.4, 5.6, -7.8)
    near = np.array(nearest_rotation(_rows(np.round(turn, 6))))
    assert near @ near.T == pytest.approx(np.eye(3), abs=1e-14)
    assert near == pytest.approx(turn, abs=2e-6)


@pytest.mark.parametrize("matrix", [2 * np.eye(3), np.diag([1.0, 1.0, -1.0]), np.zeros((3, 3))])
def test_what_is_no_rotation_is_refused(matrix: F64) -> None:
    with pytest.raises(ValueError, match="no rotation"):
        nearest_rotation(_rows(matrix))


@PROPERTY
@given(longitude=st.floats(-180, 180), latitude=st.floats(-90, 90), altitude=st.floats(-400, 9000))
def test_places_are_projs_there_and_back(longitude: float, latitude: float, altitude: float) -> None:
    there = Place(longitude, latitude, altitude).ecef()
    assert there == pytest.approx(ecef(longitude, latitude, altitude), abs=1e-6)
    back = place(there)
    assert back.ecef() == pytest.approx(there, abs=1e-6)
    assert back.latitude == pytest.approx(latitude, abs=1e-10)
    assert back.altitude == pytest.approx(altitude, abs=1e-6)


def test_a_camera_far_from_the_reference_is_seen_from_its_own_north() -> None:
    camera = TOWN[1]
    fields = posed(vector(camera.ecef), _rows(camera.to_ecef))
    names = ("longitude", "latitude", "altitude", "heading", "pitch", "roll")
    assert [fields[name] for name in names] == pytest.approx(
        [getattr(camera, name) for name in names], abs=1e-7
    )


def test_axes_are_those_of_projs_places() -> None:
    found = np.array(Place(-70.5, -33.4, 500.0).axes()).T
    assert found == pytest.approx(axes(-70.5, -33.4), abs=1e-9)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_an_upright_camera_sees_what_the_stored_one_sees(orientation: int) -> None:
    stored = {"model": "pinhole", "fx": 90.0, "fy": 95.0, "cx": 55.0, "cy": 30.0}
    stored |= {"k1": -0.1, "k2": 0.02, "p1": 0.004, "p2": -0.003, "k3": 0.001}
    turn, pixels = rotation(20, 5, 3), np.array([[10.0, 20.0], [99.0, 59.0], [60.0, 3.0]])
    width, height = upright_size(120, 80, orientation)
    upright = upright_pinhole(stored, 120, 80, orientation)
    rays = pixels_to_rays(upright, width, height, stood_upright(pixels, 120, 80, orientation))
    turned = np.array(upright_turn(_rows(turn), orientation))
    assert rays @ turned.T == pytest.approx(pixels_to_rays(stored, 120, 80, pixels) @ turn.T, abs=1e-12)


@pytest.mark.parametrize("orientation", [None, 0, 2, 5, 9, "6"])
def test_an_orientation_that_mirrors_or_is_none_turns_nothing(orientation: object) -> None:
    assert known(orientation) == 1


def test_a_similarity_is_found_again() -> None:
    points = np.random.default_rng(4).normal(size=(6, 3)) * [40, 25, 3]
    turn = rotation(77, 8, -20)
    target = 3.5 * points @ turn.T + [4.0e6, 3.0e5, 5.0e6]
    found = fit([vector(point) for point in points], [vector(point) for point in target])
    assert found.scale == pytest.approx(3.5, rel=1e-9)
    assert np.array(found.turn) == pytest.approx(turn, abs=1e-9)
    moved = [found.applied(vector(point)) for point in points]
    assert root_mean_square(moved, [vector(point) for point in target]) < 1e-6


def test_a_similarity_is_no_reflection() -> None:
    points = np.random.default_rng(4).normal(size=(6, 3))
    found = fit([vector(point) for point in points], [vector(point * [1, 1, -1]) for point in points])
    assert np.linalg.det(np.array(found.turn)) == pytest.approx(1)


def test_spreads_are_numpys_singular_values() -> None:
    points = np.random.default_rng(7).normal(size=(50, 3)) @ rotation(30, 40, 50) * [9, 2, 0.1]
    expected = np.linalg.svd(points - points.mean(axis=0), compute_uv=False) / math.sqrt(50)
    assert spreads([vector(point) for point in points]) == pytest.approx(tuple(expected), rel=1e-6)


def test_points_that_are_one_have_no_similarity() -> None:
    with pytest.raises(ValueError, match="all points are one"):
        fit([(1.0, 2.0, 3.0)] * 3, [(0.0, 0.0, 0.0)] * 3)
