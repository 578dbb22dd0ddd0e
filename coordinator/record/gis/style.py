"""Styles of QGIS (QML) that are kept in the GeoPackage, so that a layer comes up in its colours at once.

The old notation of a symbol's properties (``prop``) is used, which QGIS reads in every version from 2 on.
"""

from __future__ import annotations

import colorsys
import hashlib
from collections.abc import Iterable, Mapping
from xml.etree import ElementTree as Xml

from coordinator.record.texts import in_xml

_DOCTYPE = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
_KINDS = {"marker": "SimpleMarker", "line": "SimpleLine", "fill": "SimpleFill"}
_DARK = "40,40,40,255"
_MORE = "160,160,160,255"

Properties = Mapping[str, str]


def objects(categories: Iterable[str]) -> str:
    """Markers in a colour of its own for each category; those without one, or with a new one, are grey."""
    look = {"name": "circle", "size": "3.2", "outline_color": _DARK, "outline_width": "0.2"}
    named = [(name, {**look, "color": _colour(name)}) for name in categories]
    return _categorised("category", "marker", [*named, ("", {**look, "color": _MORE})])


def regions() -> str:
    """Outlines: a core's drawn through, a halo's broken."""
    core = {"style": "no", "outline_color": "31,120,180,255", "outline_width": "0.4"}
    halo = {**core, "outline_style": "dash", "outline_width": "0.2"}
    return _categorised("part", "fill", [("core", core), ("halo", halo)])


def recordings() -> str:
    """Small arrows that point where the recording's camera looks."""
    look = {"name": "arrow", "size": "2.4", "color": "31,120,180,255", "outline_color": "31,120,180,255"}
    return _single("marker", look, {"angle": "heading"})


def observations() -> str:
    """Thin lines."""
    return _single("line", {"line_color": "120,120,120,140", "line_width": "0.15"})


def failures() -> str:
    """Red crosses."""
    look = {"name": "cross2", "size": "3", "color": "227,26,28,255", "outline_color": "227,26,28,255"}
    return _single("marker", {**look, "outline_width": "0.6"})


def _colour(category: str) -> str:
    """The same colour for a category in every run: a hue of its name."""
    digest = hashlib.sha256(category.encode()).digest()
    hue, lightness = int.from_bytes(digest[:2]) / 65536, 0.42 + 0.16 * digest[2] / 255
    red, green, blue = (round(255 * part) for part in colorsys.hls_to_rgb(hue, lightness, 0.8))
    return f"{red},{green},{blue},255"


def _categorised(attribute: str, kind: str, looks: Iterable[tuple[str, Properties]]) -> str:
    root, renderer = _renderer("categorizedSymbol", attr=attribute)
    categories, symbols = Xml.SubElement(renderer, "categories"), Xml.SubElement(renderer, "symbols")
    for number, (value, look) in enumerate(looks):
        text = in_xml(value)
        told = {"value": text, "label": text or "other", "symbol": str(number), "render": "true"}
        Xml.SubElement(categories, "category", told)
        _symbol(symbols, number, kind, look)
    return _text(root)


def _single(kind: str, look: Properties, by_field: Properties | None = None) -> str:
    """One symbol for all; ``by_field`` are properties whose values are fields'."""
    root, renderer = _renderer("singleSymbol")
    layer = _symbol(Xml.SubElement(renderer, "symbols"), 0, kind, look)
    if by_field:
        held = Xml.SubElement(Xml.SubElement(layer, "data_defined_properties"), "Option", type="Map")
        Xml.SubElement(held, "Option", name="name", type="QString", value="")
        fields = Xml.SubElement(held, "Option", name="properties", type="Map")
        for name, field in by_field.items():
            one = Xml.SubElement(fields, "Option", name=name, type="Map")
            Xml.SubElement(one, "Option", name="active", type="bool", value="true")
            Xml.SubElement(one, "Option", name="field", type="QString", value=field)
            Xml.SubElement(one, "Option", name="type", type="int", value="2")
        Xml.SubElement(held, "Option", name="type", type="QString", value="collection")
    return _text(root)


def _renderer(kind: str, **more: str) -> tuple[Xml.Element, Xml.Element]:
    root = Xml.Element("qgis", version="3.22.0", styleCategories="Symbology")
    return root, Xml.SubElement(root, "renderer-v2", {"type": kind, "symbollevels": "0", **more})


def _symbol(symbols: Xml.Element, number: int, kind: str, look: Properties) -> Xml.Element:
    told = {"type": kind, "name": str(number), "alpha": "1", "clip_to_extent": "1"}
    symbol = Xml.SubElement(symbols, "symbol", told)
    layer = Xml.SubElement(
        symbol, "layer", {"class": _KINDS[kind], "enabled": "1", "locked": "0", "pass": "0"}
    )
    for name, value in look.items():
        Xml.SubElement(layer, "prop", k=name, v=value)
    return layer


def _text(root: Xml.Element) -> str:
    return _DOCTYPE + Xml.tostring(root, encoding="unicode") + "\n"
