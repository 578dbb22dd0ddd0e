"""The second look: both networks' opinions put together."""

from __future__ import annotations

import cv2
import numpy as np

from images.render.signs import faces
from steps.detect import second
from steps.detect.detection import Detection
from steps.signs.classes import CODES


def test_both_opinions_count_and_neither_alone_decides() -> None:
    detector, judge = np.array([0.9, 0.9, 0.3, 0.3, 1.0]), np.array([0.99, 0.01, 0.99, 0.01, 0.0])
    scores = second.together(detector, judge)
    assert scores[0] > scores[1]
    assert scores[0] > 0.9
    assert scores[2] > 0.5 > scores[3]
    assert 0.05 < scores[4] < 1
    assert (np.diff(second.together(np.linspace(0, 1, 50), np.full(50, 0.5))) >= 0).all()


def test_a_sign_gains_and_a_wall_loses() -> None:
    image = np.random.default_rng(3).integers(90, 120, (200, 300, 3), np.uint8)
    face = cv2.resize(faces.draw(14, 256), (60, 60), interpolation=cv2.INTER_AREA)
    alpha = face[..., 3:] / 255
    under = image[50:110, 50:110]
    under[:] = (face[..., :3] * alpha + under * (1 - alpha)).astype(np.uint8)
    found = [
        Detection(bbox=(50, 50, 60, 60), score=0.5, label="red-octagon"),
        Detection(bbox=(180, 60, 60, 60), score=0.5, label="red-octagon"),
    ]
    sign, wall = second.judged(image, None, found)
    assert sign.score > 0.8
    assert wall.score < 0.2
    assert (sign.bbox, sign.label) == (found[0].bbox, "red-octagon")
    assert sign.as_json() == {
        **found[0].as_json(),
        "score": round(sign.score, 4),
        "face": True,
        "kind": "stop",
    }
    assert "kind" not in wall.as_json()
    assert second.judged(image, None, []) == []


def test_rectangles_are_known_kinds_of_sign() -> None:
    assert set(second._SHAPELESS) <= set(CODES)
