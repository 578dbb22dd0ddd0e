"""The drawn sign faces: 43, each its own, shaped and coloured as their kind."""

from __future__ import annotations

import numpy as np
import pytest

from images import signs


def test_there_are_43_categories_with_names_of_their_own() -> None:
    assert len(signs.CATEGORIES) == len(set(signs.CATEGORIES)) == 43
    assert signs.CATEGORIES[14] == "stop"


def test_every_face_differs_from_every_other() -> None:
    faces = [signs.draw(category, 32) for category in range(43)]
    assert {face.shape for face in faces} == {(32, 32, 4)}
    assert len({face.tobytes() for face in faces}) == 43


@pytest.mark.parametrize("category", range(43))
def test_the_outline_is_centred_and_touches_both_sides(category: int) -> None:
    rows, columns = np.nonzero(signs.draw(category, 64)[..., 3] > 127)
    assert columns.min() <= 1
    assert columns.max() >= 62
    assert abs(rows.min() + rows.max() - 63) <= 2


def test_colours_are_in_bgr_order() -> None:
    blue, _, red = (int(channel) for channel in signs.draw(signs.CATEGORIES.index("stop"), 64)[10, 32, :3])
    assert red > 3 * blue
    blue, _, red = (int(channel) for channel in signs.draw(signs.CATEGORIES.index("straight"), 64)[32, 8, :3])
    assert blue > 3 * red


def test_other_categories_and_empty_sizes_are_refused() -> None:
    with pytest.raises(IndexError):
        signs.draw(43, 32)
    with pytest.raises(ValueError, match="pixel"):
        signs.draw(0, 0)
