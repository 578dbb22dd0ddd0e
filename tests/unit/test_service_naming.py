"""Names on disk: safe, short, and never the same twice."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.service.naming import result_name, stems
from tests.unit.builders import PROPERTY


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["photo.jpg"], ("photo",)),
        (["photo.jpg", "photo.png", "photo.jpg"], ("photo", "photo_2", "photo_3")),
        (["photo.jpg", "photo_2.jpg", "photo.jpg"], ("photo", "photo_2", "photo_3")),
        (["Photo.JPG", "photo.jpeg"], ("Photo", "photo_2")),
        (["../../etc/passwd", "C:\\photos\\a.png"], ("passwd", "a")),
        (["..", ".hidden.jpg", "-rf.png", ""], ("image", "hidden", "rf", "image_2")),
        (["a b/ü<script>.jpg"], ("ü_script_",)),
        (["nul\0l\n.png", "x" * 300 + ".jpg"], ("nul_l_", "x" * 80)),
        (["x" * 300, "x" * 300], ("x" * 80, "x" * 78 + "_2")),
    ],
)
def test_stems(names: list[str], expected: tuple[str, ...]) -> None:
    assert stems(names) == expected


@PROPERTY
@given(st.lists(st.text(max_size=100) | st.sampled_from(["a.jpg", "a_2.png", "A", "a-0.jpg"]), max_size=8))
def test_they_are_safe_and_their_results_never_meet(names: list[str]) -> None:
    found = stems(names)
    assert all(re.fullmatch(r"(?![.-])[^/\\\0-,:-@[\]^`{-\x9f\s]{1,80}", stem) for stem in found)
    assert all(len(stem.encode()) <= 200 for stem in found)
    results = [result_name(stem, number, "jpg").casefold() for stem in found for number in range(3)]
    assert len(set(results)) == len(results)


@PROPERTY
@given(st.lists(st.text(max_size=100), max_size=8))
def test_every_name_has_its_own_in_the_same_order(names: list[str]) -> None:
    assert stems(names)[:3] == stems(names[:3])
