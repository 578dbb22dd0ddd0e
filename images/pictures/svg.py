"""A small writer of SVG: elements as text, numbers as short as they can be."""

from __future__ import annotations

from collections.abc import Iterable
from xml.sax.saxutils import escape, quoteattr

Point = tuple[float, float]


def number(value: float) -> str:
    """To a tenth of a unit, without needless zeros."""
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def element(name: str, *children: str, **attributes: str | float) -> str:
    """One element; ``children`` are elements already written. An attribute's ``_`` stands for ``-``."""
    parts = [name]
    for key, value in attributes.items():
        written = value if isinstance(value, str) else number(value)
        parts.append(f"{key.rstrip('_').replace('_', '-')}={quoteattr(written)}")
    head = " ".join(parts)
    return f"<{head}>{''.join(children)}</{name}>" if children else f"<{head}/>"


def text(content: str, x: float, y: float, **attributes: str | float) -> str:
    """A line of text whose baseline starts at (x, y), unless a ``text_anchor`` says otherwise."""
    return element("text", escape(content), x=x, y=y, **attributes)


def path(points: Iterable[Point], *, closed: bool = False) -> str:
    """The ``d`` of a polygon or polyline."""
    line = "L".join(f"{number(x)} {number(y)}" for x, y in points)
    return f"M{line}Z" if closed else f"M{line}"


def document(width: float, height: float, title: str, style: str, body: Iterable[str]) -> str:
    """A whole picture; ``title`` is what a screen reader says."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{number(width)}" height="{number(height)}" '
        f'viewBox="0 0 {number(width)} {number(height)}" role="img" aria-label={quoteattr(title)}>'
    )
    return "\n".join([head, element("title", escape(title)), element("style", style), *body, "</svg>\n"])
