"""The detector's network: its maps read, put together from parts, and what it finds by default."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pytest

from images.render.signs import faces
from steps.detect import boxes, detector, heat, learned
from steps.detect.heat import CLASSES, STRIDE, Maps
from steps.detect.labels import LABELS, SHAPES
from steps.detect.settings import Settings
from steps.stepkit import BadInput, network
from steps.stepkit.arrays import Image

ROOT = Path(__file__).resolve().parents[2]
ALL = tuple(range(len(CLASSES)))
RING, STOP, OTHER = (list(CLASSES).index(name) for name in ("ring", "stop", "other"))


def empty(height: int, width: int) -> Maps:
    """Maps of an image of so many places, without a sign; all edges are 10 pixels away."""
    return Maps(
        heat=np.full((len(CLASSES), height, width), 0.001, np.float32),
        edges=np.full((4, height, width), 10, np.float32),
    )


def noisy(height: int, width: int) -> Image:
    """A picture with a sign in it and no two pixels alike."""
    image = np.random.default_rng(5).integers(60, 160, (height, width, 3), np.uint8)
    face = cv2.resize(faces.draw(1, 256), (64, 64), interpolation=cv2.INTER_AREA)
    alpha = face[..., 3:] / 255
    under = image[height // 2 : height // 2 + 64, width // 2 : width // 2 + 64]
    under[:] = (face[..., :3] * alpha + under * (1 - alpha)).astype(np.uint8)
    return image


class TestPeaks:
    def test_every_sign_is_told_once_with_its_class_and_box(self) -> None:
        maps = empty(12, 20)
        maps.heat[RING, 3, 4], maps.heat[RING, 3, 5], maps.heat[STOP, 8, 15] = 0.9, 0.5, 0.7
        maps.edges[:, 8, 15] = 4, 8, 12, 16
        found = heat.peaks(maps, ALL, least=0.2)
        assert found.classes.tolist() == [RING, STOP]
        assert found.scores.tolist() == pytest.approx([0.9, 0.7])
        x, y = 15.5 * STRIDE, 8.5 * STRIDE
        assert found.boxes[1].tolist() == pytest.approx([x - 4, y - 8, 16, 24])

    def test_a_box_is_the_mean_of_those_around_by_their_heat(self) -> None:
        maps = empty(9, 9)
        maps.heat[RING, 4, 4], maps.heat[RING, 4, 5] = 0.9, 0.3
        maps.edges[:, 4, 4] = 20
        maps.edges[:, 4, 5] = 20 + STRIDE, 20, 24 - STRIDE, 20
        (found,) = heat.peaks(maps, ALL, least=0.2).boxes
        assert found.tolist() == pytest.approx([36 - 20, 36 - 20, 41, 40])

    def test_a_neighbour_that_tells_of_another_sign_has_no_say(self) -> None:
        maps = empty(9, 9)
        maps.heat[RING, 4, 4], maps.heat[STOP, 4, 6] = 0.9, 0.8
        maps.edges[:, 4, 4] = 8
        maps.edges[:, 4, 6] = 7
        found = heat.peaks(maps, ALL, least=0.2)
        assert found.boxes.tolist() == [[28, 28, 16, 16], [45, 29, 14, 14]]

    def test_only_classes_that_are_asked_for_are_told(self) -> None:
        maps = empty(9, 9)
        maps.heat[OTHER, 2, 2], maps.heat[RING, 2, 2], maps.heat[STOP, 6, 6] = 0.9, 0.4, 0.8
        assert heat.peaks(maps, (RING,), least=0.2).scores.tolist() == pytest.approx([0.4])
        assert heat.peaks(maps, (OTHER,), least=0.2).classes.tolist() == [OTHER]
        assert len(heat.peaks(maps, (RING,), least=0.5).boxes) == 0


class TestLooks:
    def test_all_labels_are_classes_and_the_default_is_all_but_other(self) -> None:
        assert set(CLASSES.values()) == set(LABELS)
        assert Settings().labels == SHAPES
        assert "other" not in SHAPES

    @pytest.mark.parametrize(
        ("largest", "scales"), [(100, [1]), (230, [1]), (400, [1, 4]), (2000, [1, 4, 16])]
    )
    def test_large_signs_are_looked_for_in_less_resolution(self, largest: float, scales: list[int]) -> None:
        looks = learned._looks((6000, 8000), Settings(max_size=largest))
        assert [look.scale for look in looks] == scales
        assert looks[0].least == Settings().min_size
        assert looks[-1].most == largest
        assert all(fine.most > coarse.least for fine, coarse in pairwise(looks))

    @pytest.mark.parametrize("size", [250, 380, 640])
    def test_signs_that_fill_the_picture_are_found(self, size: int) -> None:
        image = np.full((900, 1200, 3), (95, 110, 105), np.uint8)
        face = cv2.resize(faces.draw(14, 4 * size), (size, size), interpolation=cv2.INTER_AREA)
        alpha = face[..., 3:] / 255
        under = image[120 : 120 + size, 200 : 200 + size]
        under[:] = (face[..., :3] * alpha + under * (1 - alpha)).astype(np.uint8)
        (found,) = detector.detect(image, None, Settings(max_size=1000))
        assert boxes.iou(found.bbox, (200, 120, size, size)) > 0.8
        assert found.label == "red-octagon"

    def test_parts_of_an_image_give_the_maps_of_the_whole(self, monkeypatch: pytest.MonkeyPatch) -> None:
        image, loaded = noisy(650, 1030), network.load(learned.WEIGHTS)
        whole = learned.maps(image, loaded)
        monkeypatch.setattr(learned, "_CORE", 256)
        assert len(learned._cores(672)) == 3
        parts = learned.maps(image, loaded)
        assert whole.heat.max() > 0.5
        assert np.allclose(parts.heat, whole.heat, atol=1e-5)
        assert np.allclose(parts.edges, whole.edges, rtol=1e-4)

    def test_the_maps_have_a_place_for_all_of_an_image_of_any_size(self) -> None:
        maps = learned.maps(noisy(150, 131), network.load(learned.WEIGHTS))
        assert maps.heat.shape == (len(CLASSES), 160 // STRIDE, 160 // STRIDE)
        assert maps.edges.min() > 0


_DEFAULT_PATH = """
import sys
import numpy as np
import onnxruntime
from steps.detect import detector, settings
detector.detect(np.zeros((64, 64, 3), np.uint8), None, settings.parse({}))
print(sorted(name for name in sys.modules if name.startswith("steps.detect.classical")))
detector.detect(np.zeros((64, 64, 3), np.uint8), None, settings.parse({"method": "classical"}))
print("steps.detect.classical.finder" in sys.modules)
"""


def test_the_default_path_loads_nothing_of_the_classical_detector() -> None:
    program = [sys.executable, "-c", _DEFAULT_PATH]
    ended = subprocess.run(program, capture_output=True, text=True, check=True, cwd=ROOT, timeout=60)
    assert ended.stdout.splitlines() == ["[]", "True"]


def test_a_device_that_is_not_there_is_refused() -> None:
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("there is one")
    with pytest.raises(BadInput, match="device is cuda, but this image's onnxruntime is made without it"):
        detector.detect(np.zeros((64, 64, 3), np.uint8), None, Settings(device="cuda"))
