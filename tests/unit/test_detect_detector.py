"""Signs drawn into pictures are found where they are, on flat images and all around a panorama."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest

from images.render.signs import faces
from steps.detect import boxes, detector
from steps.detect.detection import Detection
from steps.detect.settings import METHODS, Settings
from steps.detect.tiles import tiles
from steps.stepkit import BadInput, camera
from steps.stepkit.arrays import Image

EQUIRECTANGULAR = {"model": "equirectangular"}
WHOLE = camera.sphere(EQUIRECTANGULAR, 1024, 512)
EXAMPLES = {
    "red-circle": 1,
    "red-triangle": 18,
    "red-triangle-down": 13,
    "red-octagon": 14,
    "blue-circle": 35,
    "yellow-diamond": 12,
    "grey-circle": 32,
}


def street(width: int, height: int, seed: int = 3) -> Image:
    """A dull, slightly uneven grey-green background."""
    rough = np.random.default_rng(seed).normal(0, 6, (height // 8, width // 8, 1))
    smooth = cv2.resize(rough, (width, height), interpolation=cv2.INTER_CUBIC)[..., None]
    shade = np.array([95, 110, 105])
    return np.asarray(np.clip(smooth + shade, 0, 255), np.uint8)


def lay(image: Image, category: int, x: int, y: int, size: int, squeeze: float = 1.0) -> boxes.Box:
    """Draw a sign whose square has its top left corner at (x, y), columns counted around; its true box."""
    face = cv2.resize(
        faces.draw(category, 4 * size), (round(size * squeeze), size), interpolation=cv2.INTER_AREA
    )
    rows, columns = np.arange(y, y + size), np.arange(x, x + face.shape[1]) % image.shape[1]
    alpha = face[..., 3:] / 255
    under = image[np.ix_(rows, columns)]
    image[np.ix_(rows, columns)] = (face[..., :3] * alpha + under * (1 - alpha)).astype(np.uint8)
    inside = np.argwhere(alpha[..., 0] > 0.5)
    (top, left), (bottom, right) = inside.min(axis=0), inside.max(axis=0) + 1
    return float(x + left), float(y + top), float(right - left), float(bottom - top)


def centre_distance(a: boxes.Box, b: boxes.Box) -> float:
    return float(np.linalg.norm(camera.box_centre(a) - camera.box_centre(b)))


@pytest.fixture(scope="module", params=METHODS)
def wanted(request: pytest.FixtureRequest) -> Settings:
    """The defaults of each method."""
    return Settings(method=request.param)


@pytest.mark.parametrize("size", [24, 60, 180])
@pytest.mark.parametrize("label", EXAMPLES)
def test_every_shape_and_colour_is_found_in_its_place(wanted: Settings, label: str, size: int) -> None:
    image = street(480, 360)
    true = lay(image, EXAMPLES[label], 150, 90, size)
    found = detector.detect(image, None, wanted)
    assert [d.label for d in found] == [label]
    assert boxes.iou(found[0].bbox, true) > 0.7
    assert centre_distance(found[0].bbox, true) < 0.05 * size + 0.5


def test_an_oblique_sign_is_found(wanted: Settings) -> None:
    image = street(480, 360)
    true = lay(image, EXAMPLES["red-circle"], 150, 90, 60, squeeze=0.5)
    found = detector.detect(image, None, wanted)
    assert len(found) == 1
    assert boxes.iou(found[0].bbox, true) > 0.7


def test_signs_that_touch_on_one_pole_are_told_apart(wanted: Settings) -> None:
    image = street(480, 360)
    true = [lay(image, category, 150, 40 + 60 * i, 60) for i, category in enumerate((18, 1, 9))]
    found = sorted(detector.detect(image, None, wanted), key=lambda d: d.bbox[1])
    assert len(found) == 3
    assert all(boxes.iou(d.bbox, box) > 0.7 for d, box in zip(found, true, strict=True))


def test_a_street_without_signs_has_none(wanted: Settings) -> None:
    image = street(480, 360)
    cv2.rectangle(image, (40, 40), (160, 200), (40, 40, 170), -1)
    cv2.rectangle(image, (240, 60), (300, 160), (200, 120, 40), -1)
    cv2.line(image, (0, 300), (480, 250), (240, 240, 240), 8)
    assert detector.detect(image, None, wanted) == []


@pytest.mark.parametrize("shape", [(1, 1), (8, 300), (31, 31), (64, 64)])
def test_images_of_any_size_are_answered(wanted: Settings, shape: tuple[int, int]) -> None:
    assert detector.detect(np.full((*shape, 3), 128, np.uint8), None, wanted) == []


def test_labels_and_size_limit_what_is_told(wanted: Settings) -> None:
    image = street(480, 360)
    lay(image, EXAMPLES["red-circle"], 40, 90, 60)
    lay(image, EXAMPLES["blue-circle"], 200, 90, 60)
    lay(image, EXAMPLES["blue-circle"], 340, 90, 120)
    blue = detector.detect(image, None, replace(wanted, labels=("blue-circle",)))
    assert {d.label for d in blue} == {"blue-circle"}
    assert len(blue) == 2
    small = detector.detect(image, None, replace(wanted, labels=("blue-circle",), max_size=90))
    assert len(small) == 1
    best = detector.detect(image, None, replace(wanted, max_detections=1))
    assert len(best) == 1


@pytest.fixture(scope="module")
def panorama(wanted: Settings) -> tuple[Image, list[boxes.Box], list[Detection]]:
    """A panorama with one sign across the seam and one elsewhere, and what is found in it."""
    image = street(1024, 512)
    true = [
        lay(image, EXAMPLES["red-circle"], 1000, 230, 40),
        lay(image, EXAMPLES["yellow-diamond"], 300, 200, 40),
    ]
    return image, true, detector.detect(image, EQUIRECTANGULAR, wanted)


def test_a_sign_across_the_seam_is_found_once(
    panorama: tuple[Image, list[boxes.Box], list[Detection]],
) -> None:
    _, true, found = panorama
    assert sorted(str(d.label) for d in found) == ["red-circle", "yellow-diamond"]
    across = next(d for d in found if d.label == "red-circle")
    assert 0 <= across.bbox[0] < 1024 < across.bbox[0] + across.bbox[2]
    assert boxes.iou(across.bbox, true[0]) > 0.7
    assert centre_distance(across.bbox, true[0]) < 2


def test_a_panorama_gives_the_same_bytes_again(
    wanted: Settings,
    panorama: tuple[Image, list[boxes.Box], list[Detection]],
) -> None:
    image, _, found = panorama
    again = detector.detect(image, EQUIRECTANGULAR, wanted)
    assert [d.as_json() for d in again] == [d.as_json() for d in found]


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"model": "fisheye"}, "unknown camera model 'fisheye'"),
        ("pinhole", "camera must be null or an object with a model, not 'pinhole'"),
    ],
)
def test_an_unknown_camera_is_refused(wanted: Settings, given: Any, word: str) -> None:
    with pytest.raises(BadInput, match=word):
        detector.detect(street(64, 64), given, wanted)


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (50, 1), (400, 2)])
def test_a_panorama_without_a_pixel_to_look_at_is_refused(wanted: Settings, shape: tuple[int, int]) -> None:
    with pytest.raises(
        BadInput, match=f"panorama of {shape[1]}x{shape[0]} pixels is too small to look around"
    ):
        detector.detect(street(64, 400)[: shape[0], : shape[1]], EQUIRECTANGULAR, wanted)


@pytest.mark.parametrize("shape", [(1, 3), (2, 5), (25, 50)])
def test_any_other_is_answered(wanted: Settings, shape: tuple[int, int]) -> None:
    assert detector.detect(street(64, 64)[: shape[0], : shape[1]], EQUIRECTANGULAR, wanted) == []


@pytest.mark.parametrize("full", [100_000, 1e9, 1e300])
def test_a_part_of_too_large_a_panorama_is_refused(wanted: Settings, full: float) -> None:
    crop = {"full_width": full, "full_height": full / 2, "left": 0, "top": 0}
    with pytest.raises(BadInput, match=r"in views of more than 50,000,000 pixels, .*; scale the image"):
        detector.detect(street(64, 64), {**EQUIRECTANGULAR, "crop": crop}, wanted)


def test_tiles_look_all_around_and_their_boxes_come_back() -> None:
    image = np.zeros((512, 1024, 3), np.uint8)
    views = list(tiles(image, WHOLE, (-30, 40)))
    assert len(views) == 8
    seen = set()
    for tile in views:
        height, width = tile.image.shape[:2]
        middle = camera.box_centre(tile.box_in_panorama((width / 2 - 5, height / 2 - 5, 10, 10)))
        seen.add(round(float(middle[0])) % 1024)
    assert len(seen) == 8
    assert all(min((a - b) % 1024 for b in seen if a != b) == 128 for a in seen)


def test_a_tile_shows_the_panorama_where_its_boxes_say() -> None:
    image = np.zeros((512, 1024, 3), np.uint8)
    image[200:210, 1019:1024] = image[200:210, :5] = 255
    spots = []
    for tile in tiles(image, WHOLE, (-30, 40)):
        spot = cv2.boundingRect(cv2.inRange(tile.image, (128, 128, 128), (255, 255, 255)))
        if spot[2] > 5:
            spots.append(tile.box_in_panorama((spot[0], spot[1], spot[2], spot[3])))
    assert spots
    for x, y, width, height in spots:
        assert (x, y, width, height) == pytest.approx((1019, 200, 10, 10), abs=1)


def crop(left: int, top: int) -> dict[str, object]:
    """The camera of a part of a panorama of 1024 x 512 pixels."""
    return {**EQUIRECTANGULAR, "crop": {"full_width": 1024, "full_height": 512, "left": left, "top": top}}


@pytest.mark.parametrize(("left", "right"), [(200, 700), (340, 900), (10, 1020)])
def test_a_part_of_a_panorama_has_the_signs_of_the_whole_where_they_are_in_it(
    wanted: Settings, left: int, right: int
) -> None:
    image = street(1024, 512)
    for x in (250, 600, 1000):
        lay(image, EXAMPLES["red-circle"], x, 210, 40)
    whole = detector.detect(image, EQUIRECTANGULAR, wanted)
    part = detector.detect(np.ascontiguousarray(image[120:400, left:right]), crop(left, 120), wanted)
    expected = sorted(
        (d.bbox[0] - left, d.bbox[1] - 120, *d.bbox[2:])
        for d in whole
        if left <= d.bbox[0] and d.bbox[0] + d.bbox[2] <= right
    )
    assert len(expected) >= 1
    assert np.allclose(sorted(d.bbox for d in part), expected, atol=0.6)


def test_a_sign_at_both_edges_of_a_part_is_not_taken_for_one(wanted: Settings) -> None:
    image = street(1024, 512)
    lay(image, EXAMPLES["red-circle"], 1000, 230, 40)
    part = detector.detect(np.ascontiguousarray(image[:, 16:1008]), crop(16, 0), wanted)
    assert all(d.bbox[0] >= 0 and d.bbox[0] + d.bbox[2] <= 992 for d in part)


def test_a_part_that_crosses_the_seam_of_the_whole_shows_a_sign_there(wanted: Settings) -> None:
    image = street(1024, 512)
    true = lay(image, EXAMPLES["red-circle"], 1000, 230, 40)
    found = detector.detect(np.roll(image, -800, axis=1)[100:400, :500].copy(), crop(800, 100), wanted)
    assert len(found) == 1
    assert boxes.iou(found[0].bbox, (true[0] - 800, true[1] - 100, *true[2:])) > 0.7


def test_a_part_of_full_width_goes_round_its_seam(wanted: Settings) -> None:
    image = street(1024, 512)
    true = lay(image, EXAMPLES["red-circle"], 1000, 230, 40)
    found = detector.detect(image[100:400].copy(), crop(0, 100), wanted)
    assert len(found) == 1
    assert boxes.iou(found[0].bbox, (true[0], true[1] - 100, *true[2:])) > 0.7
    assert found[0].bbox[0] + found[0].bbox[2] > 1024


def test_a_part_at_a_fraction_of_a_pixel_is_looked_at_where_it_lies() -> None:
    image = np.zeros((512, 1024, 3), np.uint8)
    image[240:250, 400:410] = 255
    between = {"full_width": 2000.7, "full_height": 1000.3, "left": 310.4, "top": 200.6}
    lens = camera.sphere({**EQUIRECTANGULAR, "crop": between}, 1024, 512)
    spots = []
    for tile in tiles(image, lens, (-30, 40)):
        spot = cv2.boundingRect(cv2.inRange(tile.image, (128, 128, 128), (255, 255, 255)))
        if spot[2] > 5:
            spots.append(tile.box_in_panorama((spot[0], spot[1], spot[2], spot[3])))
    assert spots
    for spot_box in spots:
        assert spot_box == pytest.approx((400, 240, 10, 10), abs=1)


@pytest.mark.parametrize(
    "bad", [{}, {"full_width": 100, "full_height": 512, "left": 0, "top": 0}, 5, {"full_width": None}]
)
def test_a_crop_that_is_none_is_refused(wanted: Settings, bad: object) -> None:
    with pytest.raises(BadInput, match=r"camera cannot be used: .*crop"):
        detector.detect(street(1024, 512), {**EQUIRECTANGULAR, "crop": bad}, wanted)
