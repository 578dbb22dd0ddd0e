"""Objects as OpenStreetMap's XML, for JOSM: new nodes with negative ids, which nobody has uploaded.

Source: the API's data model 0.6 (wiki.openstreetmap.org/wiki/OSM_XML); ``upload`` is JOSM's: it warns before an upload.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from xml.etree import ElementTree as Xml

from coordinator.record.disk import written_aside
from coordinator.record.texts import in_xml
from coordinator.strictjson import Json

_MAX = 255
"""Characters that OpenStreetMap takes for a key or a value."""


def write_osm(path: Path, features: Iterable[Json]) -> Path:
    """Writes a node for each GeoJSON feature whose property ``osm`` has tags; the file is there whole or not at all."""
    with written_aside(path) as file:
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n')
        file.write('<osm version="0.6" generator="coordinator" upload="false">\n')
        number = 0
        for feature in features:
            if tags := tags_of(feature["properties"].get("osm")):
                number += 1
                file.write(f"  {_node(-number, feature['geometry']['coordinates'], tags)}\n")
        file.write("</osm>\n")
    return path


def tags_of(said: object) -> Mapping[str, str]:
    """What can be a tag of what a step says: texts and numbers under a key, none of them empty or too long."""
    pairs = said.items() if isinstance(said, dict) else ()
    clean = ((in_xml(key).strip(), _value(value)) for key, value in pairs)
    return {key: value for key, value in clean if 0 < len(key) <= _MAX and 0 < len(value) <= _MAX}


def _value(value: object) -> str:
    is_plain = isinstance(value, str | int | float) and not isinstance(value, bool)
    return in_xml(str(value)).strip() if is_plain else ""


def _node(number: int, place: Iterable[float], tags: Mapping[str, str]) -> str:
    longitude, latitude = (f"{degrees:.9f}" for degrees in place)
    node = Xml.Element("node", id=str(number), lat=latitude, lon=longitude, visible="true")
    for key, value in sorted(tags.items()):
        Xml.SubElement(node, "tag", k=key, v=value)
    return Xml.tostring(node, encoding="unicode")
