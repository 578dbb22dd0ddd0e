"""One self-contained page of a report: template, styles, scripts and data in one file that asks nobody for anything.

The scripts are ES modules of this package. A browser loads no module from another file that it was not served, so each
becomes a function that is called at once and gives what its module exports, in the order of ``_MODULES``: what one
imports stands before it. Of what is not the page's own, only
photographs and, if its reader asks for one, a base map's tiles may be loaded: the content security policy names the
page's scripts and styles by their digests, so that no name in the data can ever become one.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from importlib.resources import files

from coordinator.report.model import Report
from coordinator.strictjson import Json

_MODULES = (
    "document", "data", "changes", "follow", "decisions", "camera", "thinned", "basemap", "dots", "sprites", "stacks",
    "drawing", "several", "map", "filter", "labels", "photograph", "panel", "standing", "list", "lost", "run",
    "timeline", "page",
)  # fmt: skip
_STYLES = ("base", "map", "panel", "run")
_IMPORT = re.compile(r'^import (\{[^}]*\}) from "\./(\w+)\.js";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?:async )?(?:function|class|const) (\w+)", re.MULTILINE)
_UNSAFE = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}
"""What might end a script, begin a comment in it, or end a line of it."""
_HALVES = re.compile("[\ud800-\udfff]")
"""What is no character by itself, and so cannot be written: of file names that are not UTF-8."""


def document(report: Report) -> str:
    """The page as HTML."""
    script, style = bundled(_MODULES), _joined(_STYLES)
    parts = {
        "title": html.escape(report.title),
        "policy": f"script-src '{_digest(script)}'; style-src '{_digest(style)}'",
        "style": style,
        "script": script,
        "data": embeddable(report.as_json()),
    }
    return re.sub(r"{{(\w+)}}", lambda found: parts[found[1]], _own("index.html"))


def embeddable(data: Json) -> str:
    """JSON that can stand in a script of a page, whatever texts are in it. Raises ValueError for what is no JSON."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")).translate(_UNSAFE)
    return _HALVES.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def bundled(modules: tuple[str, ...]) -> str:
    """ES modules as one script; each may import from those before it."""
    return "\n".join(_as_function(name, _own(f"{name}.js")) for name in modules)


def _as_function(name: str, module: str) -> str:
    exported = ", ".join(_EXPORT.findall(module))
    body = _EXPORT.sub(
        lambda found: found[0].removeprefix("export "), _IMPORT.sub(r"const \1 = \2_js;", module)
    )
    return f"const {name}_js = (() => {{\n{body}return {{ {exported} }};\n}})();"


def _joined(styles: tuple[str, ...]) -> str:
    return "\n".join(_own(f"{name}.css") for name in styles)


def _digest(text: str) -> str:
    """A script's or a style's name in a content security policy."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


def _own(name: str) -> str:
    return (files("coordinator.report") / "page" / name).read_text(encoding="utf-8")
