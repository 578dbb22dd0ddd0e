"""Of a large panorama only the rows that are looked at are kept, and nothing else is different."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from images.render.signs import faces
from steps.detect import detector, sight
from steps.detect.settings import Settings
from steps.stepkit import BadInput
from steps.stepkit.arrays import Image

PANORAMA: dict[str, Any] = {"model": "equirectangular"}
USUAL = Settings().elevation


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Panoramas of any size are large."""
    monkeypatch.setattr(sight, "_LARGE", 0)


def rows(width: int = 1024, height: int = 512) -> Image:
    """An image whose pixels hold the number of their row, modulo 256."""
    image = np.empty((height, width, 3), np.uint8)
    image[:] = (np.arange(height) % 256)[:, None, None]
    return image


def street_with_signs() -> Image:
    """A panorama of 1024 x 512 with a sign across the seam, and two elsewhere."""
    rough = np.random.default_rng(3).normal(0, 6, (64, 128, 1))
    smooth = cv2.resize(rough, (1024, 512), interpolation=cv2.INTER_CUBIC)[..., None]
    image = np.clip(smooth + np.array([95, 110, 105]), 0, 255)
    for category, left, top in ((1, 1000, 230), (12, 300, 200), (14, 640, 150)):
        face = cv2.resize(faces.draw(category, 160), (40, 40), interpolation=cv2.INTER_AREA)
        columns = np.arange(left, left + 40) % 1024
        part = face[..., 3:] / 255
        image[top : top + 40, columns] = image[top : top + 40, columns] * (1 - part) + face[..., :3] * part
    return np.asarray(image, np.uint8)


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("method", ["network", "classical"])
@pytest.mark.parametrize("cut", [(0, 512), (100, 400)])
def test_the_same_signs_are_found_where_they_are(method: str, cut: tuple[int, int]) -> None:
    image = street_with_signs()[cut[0] : cut[1]].copy()
    crop = {"full_width": 1024, "full_height": 512, "left": 0, "top": cut[0]}
    camera = PANORAMA if cut == (0, 512) else {**PANORAMA, "crop": crop}
    settings = Settings(method=method)
    whole = detector.detect(image.copy(), camera, settings)
    seen = sight.sight(image, camera, settings.elevation)
    assert len(seen.image) < cut[1] - cut[0]
    found = seen.leave(detector.detect(seen.image, seen.camera, settings))
    assert len(whole) == 3
    assert [one.label for one in found] == [one.label for one in whole]
    assert np.allclose([one.bbox for one in found], [one.bbox for one in whole], atol=0.05)
    assert np.allclose([one.score for one in found], [one.score for one in whole], atol=0.01)


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("elevation", [USUAL, (-60.0, 60.0), (59.0, 60.0), (-60.0, -59.0)])
def test_the_rows_that_are_looked_at_are_kept_as_they_are(elevation: tuple[float, float]) -> None:
    seen = sight.sight(rows(), PANORAMA, elevation)
    assert seen.camera is not None
    assert seen.camera["crop"]["top"] == seen.top
    assert np.array_equal(seen.image, rows()[seen.top : seen.top + len(seen.image)])
    assert seen.top <= 512 * (90 - elevation[1]) / 180 - 10
    assert seen.top + len(seen.image) >= 512 * (90 - elevation[0]) / 180 + 10


@pytest.mark.parametrize("camera", [None, {"model": "pinhole"}, PANORAMA])
def test_what_is_not_large_stays_whole(camera: dict[str, Any] | None) -> None:
    image = rows()
    seen = sight.sight(image, camera, USUAL)
    assert seen.image is image
    assert (seen.camera, seen.top) == (camera, 0)


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize(("top", "settings"), [(0, Settings()), (420, Settings())])
def test_a_part_that_shows_nothing_of_what_is_looked_at_has_no_signs(top: int, settings: Settings) -> None:
    crop = {"full_width": 1024, "full_height": 512, "left": 0, "top": top}
    seen = sight.sight(rows(1024, 60), {**PANORAMA, "crop": crop}, settings.elevation)
    assert detector.detect(seen.image, seen.camera, settings) == []


@pytest.mark.parametrize(
    ("camera", "word"), [("panorama", "camera must be"), ({**PANORAMA, "crop": 5}, "cannot be used")]
)
def test_a_camera_that_is_none_is_refused(camera: object, word: str) -> None:
    with pytest.raises(BadInput, match=word):
        sight.sight(rows(), camera, USUAL)
