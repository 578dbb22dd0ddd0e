"""The drawn sign faces: 43, each its own, shaped and coloured as their kind."""

from __future__ import annotations

import numpy as np
import pytest

from images.render.signs import faces


def test_there_are_43_categories_with_names_of_their_own() -> None:
    assert len(faces.CATEGORIES) == len(set(faces.CATEGORIES)) == 43
    assert faces.CATEGORIES[14] == "stop"


def test_every_face_differs_from_every_other() -> None:
    drawn = [faces.draw(category, 32) for category in range(43)]
    assert {face.shape for face in drawn} == {(32, 32, 4)}
    assert len({face.tobytes() for face in drawn}) == 43


@pytest.mark.parametrize("category", range(43))
def test_the_outline_is_centred_and_touches_both_sides(category: int) -> None:
    rows, columns = np.nonzero(faces.draw(category, 64)[..., 3] > 127)
    assert columns.min() <= 1
    assert columns.max() >= 62
    assert abs(rows.min() + rows.max() - 63) <= 2


def test_colours_are_in_bgr_order() -> None:
    blue, _, red = (int(channel) for channel in faces.draw(faces.CATEGORIES.index("stop"), 64)[10, 32, :3])
    assert red > 3 * blue
    blue, _, red = (int(channel) for channel in faces.draw(faces.CATEGORIES.index("straight"), 64)[32, 8, :3])
    assert blue > 3 * red


def test_other_categories_and_empty_sizes_are_refused() -> None:
    with pytest.raises(IndexError):
        faces.draw(43, 32)
    with pytest.raises(ValueError, match="pixel"):
        faces.draw(0, 0)
