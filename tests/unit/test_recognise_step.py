"""The recognise step from request to response, on photographs made of drawn signs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from images.render.signs import faces
from steps.recognise.__main__ import handle
from steps.recognise.params import Params, read_params
from steps.recognise.recognise import UNKNOWN, beside, recognise
from steps.recognise.views import glimpses, read_views
from steps.signs.classes import CLASSES, NOTHING, OTHER
from steps.stepkit import BadInput, Json, photograph
from steps.stepkit.arrays import Image
from steps.stepkit.loop import answer

STOP = faces.CATEGORIES.index("stop")
YIELD = faces.CATEGORIES.index("yield")
PANORAMA = {"model": "equirectangular"}


def street(seed: int = 0, width: int = 320, height: int = 240) -> Image:
    """A dull, uneven wall."""
    rough = np.random.default_rng(seed).normal(110, 12, (height, width, 3))
    return np.asarray(cv2.GaussianBlur(rough, (0, 0), 3), dtype=np.uint8)


def with_sign(image: Image, category: int, x: int, y: int, size: int) -> Image:
    """The photograph with a drawn sign; columns beyond the right edge come in again on the left."""
    face = faces.draw(category, size).astype(float)
    columns = np.arange(x, x + size) % image.shape[1]
    behind = image[y : y + size, columns]
    part = face[..., 3:] / 255
    painted = image.copy()
    painted[y : y + size, columns] = (behind * (1 - part) + face[..., :3] * 0.8 * part).astype(np.uint8)
    return painted


def observation(path: Path, image: Image, box: list[float], camera: Json | None = None) -> Json:
    cv2.imwrite(str(path), image)
    height, width = image.shape[:2]
    return {
        "recording": path.name,
        "image": str(path),
        "width": width,
        "height": height,
        "camera": camera,
        "bbox": box,
    }


def stop_views(folder: Path, count: int) -> list[Json]:
    """Observations of a stop sign, the first one the smallest."""
    sizes = [24 + 6 * number for number in range(count)]
    return [
        observation(folder / f"r{n}.png", with_sign(street(n), STOP, 100, 60, size), [100, 60, size, size])
        for n, size in enumerate(sizes)
    ]


def ask(observations: list[Json], **params: Any) -> list[Json]:
    item = {"id": "o-1", "position": {"x": 1.0, "y": 2.0, "z": 3.0}, "observations": observations}
    return recognise(item, read_params(params))


def request(observations: list[Json], **params: Any) -> bytes:
    line = {"protocol": 1, "task": "recognise/o-1", "step": "recognise", "params": params, "region": None}
    return json.dumps(
        line | {"items": [{"id": "o-1", "observations": observations}], "work_dir": "/work"}
    ).encode()


def test_an_object_gets_its_category_and_keeps_its_fields(tmp_path: Path) -> None:
    observations = stop_views(tmp_path, 3)
    [found] = ask(observations)
    assert (found["category"], found["category_code"]) == ("stop", "DE:206")
    assert 0.8 < found["category_score"] <= 1
    assert found["position"] == {"x": 1.0, "y": 2.0, "z": 3.0}
    assert found["observations"] == observations


def test_a_sign_across_the_seam_is_recognised(tmp_path: Path) -> None:
    panorama = with_sign(street(width=800, height=400), YIELD, 780, 190, 40)
    seen = observation(tmp_path / "pano.png", panorama, [780, 192, 40, 36], PANORAMA)
    assert ask([seen])[0]["category"] == "yield"


def test_three_views_outvote_a_larger_wrong_one(tmp_path: Path) -> None:
    observations = stop_views(tmp_path, 3)
    wrong = observation(tmp_path / "wrong.png", with_sign(street(9), YIELD, 20, 20, 90), [20, 20, 90, 90])
    assert ask([wrong])[0]["category"] == "yield"
    assert ask([wrong, *observations])[0]["category"] == "stop"


def test_what_is_not_sure_enough_is_unknown(tmp_path: Path) -> None:
    [found] = ask(stop_views(tmp_path, 1), min_score=1.0)
    assert found["category"] == UNKNOWN
    assert 0 < found["category_score"] < 1


def test_runners_up_are_the_other_signs_that_it_may_be() -> None:
    posterior = [0.0] * len(CLASSES)
    for name, score in (
        ("stop", 0.6),
        ("yield", 0.25),
        ("roundabout", 0.005),
        (OTHER, 0.05),
        (NOTHING, 0.095),
    ):
        posterior[CLASSES.index(name)] = score
    assert beside("stop", posterior) == [("yield", 0.25)]
    assert beside(UNKNOWN, posterior) == [("stop", 0.6), ("yield", 0.25)]


def test_no_traffic_sign_is_dropped_unless_asked_for(tmp_path: Path) -> None:
    walls = [observation(tmp_path / f"w{n}.png", street(n), [80, 60, 50, 50]) for n in range(3)]
    assert ask(walls) == []
    assert ask(walls, keep_background=True)[0]["category"] == "background"


def test_an_unreadable_view_is_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second, third = stop_views(tmp_path, 3)
    Path(third["image"]).write_bytes(b"")
    assert ask([first, second, third]) == [ask([first, second])[0] | {"observations": [first, second, third]}]
    assert "is empty" in capsys.readouterr().err


def test_an_object_without_a_readable_view_is_bad_input(tmp_path: Path) -> None:
    gone = {"image": str(tmp_path / "gone.jpg"), "bbox": [0, 0, 20, 20]}
    with pytest.raises(BadInput, match=r"no readable view: .*gone\.jpg"):
        ask([gone])


def test_a_box_outside_its_photograph_is_left_out(tmp_path: Path) -> None:
    good, outside = stop_views(tmp_path, 2)
    assert ask([good, outside | {"bbox": [900, 900, 50, 50]}])[0]["category"] == "stop"


@pytest.mark.parametrize(
    "box",
    [
        [0, 0, 1e9, 1e9],
        [-5e8, -5e8, 1e9, 1e9],
        [100, 60, 1e300, 30],
        [1e300, 60, 30, 30],
        [100, 60, 0.001, 0.001],
        [0.31, 0.25, 0.1, 0.125],
        [100, 60, 30, 1e-300],
    ],
)
@pytest.mark.parametrize("camera", [None, PANORAMA])
def test_a_box_that_cannot_be_of_its_photograph_is_left_out_whatever_its_size(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], box: list[float], camera: Json | None
) -> None:
    good, strange = stop_views(tmp_path, 2)
    strange |= {"bbox": box, "camera": camera}
    assert ask([good, strange])[0]["category"] == "stop"
    assert f"{[float(value) for value in box]}" in capsys.readouterr().err
    with pytest.raises(BadInput, match="no readable view"):
        ask([strange])


def test_a_box_that_sticks_out_is_cut_at_the_edge(tmp_path: Path) -> None:
    image = with_sign(street(), STOP, 0, 60, 48)
    whole = observation(tmp_path / "edge.png", image, [0, 60, 48, 48])
    out = whole | {"bbox": [-20, 60, 68, 48]}
    [cut], faults = glimpses(read_views({"id": "o", "observations": [out]}), 1)
    [same], _ = glimpses(read_views({"id": "o", "observations": [whole]}), 1)
    assert (cut.size, faults) == (48, [])
    assert np.array_equal(cut.patch, same.patch)


def test_the_largest_views_are_used_and_every_photograph_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    observations = stop_views(tmp_path, 5)
    observations.append(observations[4] | {"bbox": [102, 62, 40, 40]})
    read: list[str] = []
    really = photograph.read

    def counted(path: str, size: tuple[int, int] | None) -> Image:
        read.append(Path(path).name)
        return really(path, size)

    monkeypatch.setattr(photograph, "read", counted)
    found, faults = glimpses(read_views({"id": "o", "observations": observations}), 3)
    assert read == ["r4.png", "r3.png"]
    assert [one.size for one in found] == [48, 40, 42]
    assert faults == []


def test_the_same_request_gives_the_same_bytes(tmp_path: Path) -> None:
    observations = stop_views(tmp_path, 4)
    replies = {answer(handle, request(observations)).split(b',"metrics"')[0] for _ in range(3)}
    assert len(replies) == 1
    straight, reverse = ask(observations)[0], ask(observations[::-1])[0]
    assert (straight["category"], straight["category_score"]) == (
        reverse["category"],
        reverse["category_score"],
    )


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"image": None}, "observation 0 of object 'o-1' has no image"),
        ({"bbox": [1, 2, 3]}, "four finite numbers"),
        ({"bbox": [1, 2, float("nan"), 4]}, "four finite numbers"),
        ({"bbox": [1, 2, 0, 4]}, "no area"),
        ({"bbox": [1, 2, 10**400, 4]}, "four finite numbers"),
        ({"camera": "pinhole"}, "observation 0 of object 'o-1': camera must be null or an object"),
        ({"camera": {"model": "fisheye"}}, "unknown camera model 'fisheye'"),
        ({"score": "high"}, "observation 0 of object 'o-1': score must be a finite number, or left out"),
        ({"score": True}, "score must be a finite number"),
        ({"score": 10**400}, "score must be a finite number"),
        ({"width": "640", "height": 480}, "width must be a whole number of pixels above 0, or left out"),
        ({"width": 640, "height": 0}, "height must be a whole number"),
    ],
)
def test_malformed_observations_are_bad_input(broken: Json, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        ask([{"image": "a.jpg", "bbox": [1, 2, 3, 4]} | broken])


def test_an_object_without_observations_is_bad_input() -> None:
    reply = json.loads(answer(handle, request([])))
    assert reply["error"] == {"kind": "bad_input", "message": "object 'o-1' has no observations"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"max_view": 3}, "unknown parameter 'max_view'; recognise knows background_score, keep_background"),
        ({"max_views": 0}, "'max_views' must be a whole number of 1 or more, not 0"),
        ({"max_views": True}, "whole number"),
        ({"min_score": 1.5}, "'min_score' must be a number from 0 to 1, not 1.5"),
        ({"min_score": float("nan")}, "number from 0 to 1"),
        ({"background_score": "0.5"}, "number from 0 to 1"),
        ({"keep_background": 1}, "'keep_background' must be true or false, not 1"),
    ],
)
def test_parameters_are_checked(given: Json, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        read_params(given)


def test_parameters_have_defaults_and_take_whole_probabilities() -> None:
    assert read_params({}) == Params()
    assert read_params({"min_score": 0, "background_score": 1}).min_score == 0
