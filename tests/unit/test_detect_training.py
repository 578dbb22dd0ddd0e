"""Training of the detector's network: pictures, targets, and the steps themselves where torch is there."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from images.render.signs import faces
from steps.detect import boxes, heat
from steps.detect.boxes import Box
from steps.detect.heat import CLASSES, STRIDE, Maps
from steps.detect.tiles import tiles
from steps.stepkit.arrays import Image
from steps.stepkit.camera import pixels_to_rays, sphere
from steps.training.detect import data, looks, paste, samples, towns
from steps.training.detect.data import OTHER, Crop, Material, Street
from steps.training.detect.targets import targets

SIGN: Box = (100.0, 60.0, 40.0, 44.0)


def street(*signs: Box, image: Image | None = None, ignored: tuple[Box, ...] = ()) -> Street:
    return Street(
        image=np.full((256, 256, 3), 110, np.uint8) if image is None else image,
        boxes=np.array(signs, np.float64).reshape(-1, 4),
        classes=np.zeros(len(signs), np.intp),
        ignored=np.array(ignored, np.float64).reshape(-1, 4),
    )


def signed(width: int = 640, height: int = 480) -> Street:
    """A rough street with a bright square for a sign."""
    image = np.random.default_rng(1).integers(60, 120, (height, width, 3), np.uint8)
    image[60:104, 100:140] = 250
    return street(SIGN, image=image)


def material() -> Material:
    face = cv2.resize(faces.draw(14, 256), (60, 60), interpolation=cv2.INTER_AREA)[..., :3]
    stored = cv2.imencode(".png", face)[1].tobytes()
    return Material(
        streets=(signed(), data.without_signs(signed().image)),
        hard=((1, 300.0, 200.0),),
        plain=(data.without_signs(signed().image),),
        towns=(signed(),),
        crops=(Crop(encoded=stored, box=(2, 2, 56, 56), category=14),),
    )


class TestTargets:
    def test_the_maps_that_are_learned_are_read_as_the_boxes_they_came_from(self) -> None:
        wanted = targets(street(SIGN, (30, 180, 16, 16)))
        found = heat.peaks(Maps(heat=wanted.heat, edges=wanted.edges), (0,), least=0.5)
        assert wanted.signs == 2
        assert sorted(found.boxes.tolist()) == [pytest.approx((30, 180, 16, 16)), pytest.approx(SIGN)]
        assert wanted.weights.sum() == pytest.approx(2)

    def test_what_is_tiny_cut_off_or_ignored_is_learned_neither_way(self) -> None:
        wanted = targets(street((40, 40, 9, 9), (240, 100, 40, 40), ignored=((100, 200, 20, 20),)))
        assert wanted.signs == 0
        assert wanted.heat.max() == 0
        unknown = {(int(row), int(column)) for row, column in np.argwhere(wanted.counts == 0)}
        assert {(5, 5), (14, 31), (26, 13)} <= unknown
        assert wanted.counts[20, 5] == 1


class TestPictures:
    def test_the_same_seed_gives_the_same_pictures(self) -> None:
        first, again = (samples.Samples(material(), 3) for _ in range(2))
        for _ in range(12):
            one, other = first.next(), again.next()
            assert one.image.shape == (samples.SIDE, samples.SIDE, 3)
            assert np.array_equal(one.image, other.image)
            assert np.array_equal(one.boxes, other.boxes)
            assert len(one.boxes) == len(one.classes)

    @pytest.mark.parametrize("scale", [(0.5, 0.5), (0.9, 1.0), (2.0, 1.9)])
    def test_a_cut_out_sign_is_where_its_box_says(self, scale: tuple[float, float]) -> None:
        cut = samples.cut(signed(), (70.3, 20.7), scale, cv2.BORDER_CONSTANT)
        assert cut is not None
        seen = np.argwhere(cut.image.min(axis=2) > 185)
        (top, left), (bottom, right) = seen.min(axis=0), seen.max(axis=0) + 1
        drawn = (float(left), float(top), float(right - left), float(bottom - top))
        assert drawn == pytest.approx(cut.boxes[0], abs=1.01)

    def test_a_mirrored_street_has_its_signs_on_the_other_side(self) -> None:
        turned = looks.mirrored(signed())
        x, y, w, h = (int(edge) for edge in turned.boxes[0])
        assert (turned.image[y : y + h, x : x + w] == 250).all()
        assert np.array_equal(looks.mirrored(turned).image, signed().image)

    def test_pasted_and_drawn_signs_are_where_they_say_and_apart(self) -> None:
        rng = np.random.default_rng(2)
        paster = paste.Paster([*material().crops] * 3)
        found = 0
        for _ in range(60):
            picture = np.full((256, 256, 3), 110, np.float32)
            laid = paster.paste(picture, [SIGN], rng)
            laid += paste.draw(picture, [SIGN, *(box for box, _ in laid)], rng)
            found += len(laid)
            changed = np.abs(picture - 110).max(axis=2) > 12
            for (x, y, w, h), number in laid:
                assert changed[int(y) : int(y + h), int(x) : int(x + w)].mean() > 0.2
                assert boxes.intersection((x, y, w, h), SIGN) == 0
                assert 0 <= number < OTHER
                changed[max(int(y) - 12, 0) : int(y + h) + 12, max(int(x) - 12, 0) : int(x + w) + 12] = False
            assert not changed.any()
        assert found > 30

    def test_corrections_are_boxes_and_places_in_photographs(self) -> None:
        read = json.loads(data.CORRECTIONS.read_text())
        assert set(read) == {"other", "ignored", "hard", "hard_again"}
        for name in ("other", "ignored"):
            assert all(len(box) == 4 and min(box[2:]) > 5 for listed in read[name].values() for box in listed)
        assert all(
            0 <= x < 1360 and 0 <= y < 800 for name in ("hard", "hard_again") for _, x, y in read[name]
        )


def test_signs_of_a_town_are_expected_where_its_tiles_show_them() -> None:
    image = np.zeros((512, 1024, 3), np.uint8)
    camera = {"model": "equirectangular"}
    (ray,) = 12 * pixels_to_rays(camera, 1024, 512, np.array([[700.0, 240.0]]))
    sign = {"size": 0.6, "category": faces.CATEGORIES[14]}
    middles = []
    for tile in tiles(image, sphere(camera, 1024, 512), (-30, 40)):
        ahead = towns._turned(tile, [ray])
        for category, box in towns._expected([(sign, ahead[0])], tile.pinhole, tile.image.shape[1::-1]):
            assert category == 14
            x, y, w, h = tile.box_in_panorama(box)
            middles.append((x + w / 2 - 0.5, y + h / 2 - 0.5))
    assert middles
    assert np.allclose(middles, (700, 240), atol=0.3)


def test_training_learns_goes_on_and_is_exported_as_it_is(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="torch is for training alone")
    from steps.stepkit import network
    from steps.training.detect import export, train
    from steps.training.detect.network import SignNet, Told

    torch.set_num_threads(1)
    pieces = material()
    train.train(pieces, replace(train.FIRST, steps=2), tmp_path)
    assert train.begin(tmp_path).step == 2
    learned = train.train(pieces, replace(train.FIRST, steps=3), tmp_path)
    assert train.begin(tmp_path).step == 3
    again = train.begin(tmp_path / "second", train.SECOND, after=tmp_path / "averaged.pt").averaged
    assert all(
        torch.equal(a, b)
        for a, b in zip(again.state_dict().values(), learned.state_dict().values(), strict=True)
    )
    kept = SignNet()
    kept.load_state_dict(torch.load(tmp_path / "averaged.pt", weights_only=True)["averaged"])
    export.export(kept, tmp_path / "weights.onnx")
    image = np.random.default_rng(1).integers(0, 256, (1, 3, 64, 96)).astype(np.float32)
    told = network.load(tmp_path / "weights.onnx").run(image)
    with torch.no_grad():
        expected = Told(learned.eval())(torch.from_numpy(image))
    assert told[0].shape == (1, len(CLASSES), 64 // STRIDE, 96 // STRIDE)
    assert all(np.allclose(a, b, atol=1e-4, rtol=1e-4) for a, b in zip(told, expected, strict=True))
