"""Objects as OpenStreetMap's XML: what JOSM and the API's schema ask of such a file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest

from coordinator.record.osm import tags_of, write_osm
from coordinator.strictjson import Json
from tests.unit.builders import feature


def sign(longitude: float, latitude: float, osm: Any) -> Json:
    return feature({"type": "Point", "coordinates": [longitude, latitude]}, {"osm": osm})


def read(path: Path, *features: Json) -> Xml.Element:
    return Xml.parse(write_osm(path / "objects.osm", features)).getroot()


def check(root: Xml.Element) -> None:
    """The schema of OSM XML 0.6 for what is made here: nodes with tags and nothing else."""
    assert root.tag == "osm"
    assert root.attrib == {"version": "0.6", "generator": "coordinator", "upload": "false"}
    assert len({node.attrib["id"] for node in root}) == len(root)
    for node in root:
        assert node.tag == "node"
        assert node.attrib.keys() == {"id", "lat", "lon", "visible"}
        assert re.fullmatch(r"-[1-9]\d*", node.attrib["id"])
        assert -90 <= float(node.attrib["lat"]) <= 90
        assert -180 <= float(node.attrib["lon"]) <= 180
        assert len({tag.attrib["k"] for tag in node}) == len(node) > 0
        for tag in node:
            assert tag.tag == "tag"
            assert tag.attrib.keys() == {"k", "v"}
            assert len(tag) == 0
            assert all(0 < len(text) <= 255 for text in tag.attrib.values())


def test_every_object_with_tags_is_a_new_node(tmp_path: Path) -> None:
    tags = {"traffic_sign": "DE:274-50", "maxspeed": "50"}
    root = read(tmp_path, sign(4.5, 52.25, tags), sign(4.6, -0.0000001, tags), sign(4.7, 52.0, None))
    check(root)
    assert [(node.attrib["lon"], node.attrib["lat"]) for node in root] == [
        ("4.500000000", "52.250000000"),
        ("4.600000000", "-0.000000100"),
    ]
    assert {tag.attrib["k"]: tag.attrib["v"] for tag in root[0]} == tags


def test_without_any_the_file_is_empty_and_right(tmp_path: Path) -> None:
    check(read(tmp_path, sign(4.5, 52.25, {})))


@pytest.mark.parametrize(
    ("said", "tags"),
    [
        ({"direction": 12, "height": 2.5}, {"direction": "12", "height": "2.5"}),
        ({"a": None, "b": True, "c": ["x"], "d": {}, "": "x", "e": "  "}, {}),
        ({"a": "x" * 256, "b" * 256: "x", "c": "x" * 255}, {"c": "x" * 255}),
        ("traffic_sign=DE:206", {}),
        (["DE:206"], {}),
    ],
)
def test_only_short_texts_and_numbers_are_tags(said: Any, tags: dict[str, str], tmp_path: Path) -> None:
    assert tags_of(said) == tags
    check(read(tmp_path, sign(4.5, 52.25, said)))
