"""The picture of the house in docs/design.md, drawn from the source: ``python -m tests.house`` writes docs/house.svg.

Rooms from the roof to the ground; a line leads from a room down to one that it imports from, unless it does so by way
of another.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from images.pictures.svg import document, element, text
from tests.architecture import ROOMS, ROOT, arrows, module, modules, sources

PICTURE = ROOT / "docs" / "house.svg"
ABOUT = {
    "commands": "one file a command: its options, what it does, what it prints",
    "bench": "every way to run a task, measured",
    "service": "the image service: HTTP before the same scheduler",
    "checkstep": "does an image keep the step contract?",
    "plan": "the scheduler, played on a clock: what other machines would take",
    "session": "one invocation that works on a run",
    "cluster": "a Ray cluster behind the seam; alone knows Ray",
    "runners": "how and where tasks run on this machine; alone knows docker",
    "schedule": "the loop that owns the state, and the seam behind which tasks run",
    "report": "one page that shows a run: map, review, timeline",
    "record": "what is kept: journal, evidence, results, locks",
    "batch": "what the user brings: photographs, tables, regions, CRS",
    "formats": "pure readers of the files people have: tables, photographs, detections, tracks",
    "core": "pure: what is ready, which task next, what it may take",
    "ground": "the step contract, pipelines, strict JSON, errors, findings",
}
"""The rooms that are drawn, the highest first."""
_GROUND = (
    "coordinator.errors", "coordinator.strictjson", "coordinator.plainfile", "coordinator.findings",
    "coordinator.contract", "coordinator.instances", "coordinator.pipeline",
)  # fmt: skip
_ROOF = ("coordinator.cli", "coordinator.__main__")
_WIDTH, _LEFT, _HEAD, _LINE, _GAP, _LETTERS = 860, 130, 30, 14, 12, 108
_STYLE = (
    "svg{font:12px system-ui,sans-serif;background:#fff}"
    ".r{fill:#f3f5f8;stroke:#8a94a3}.n{font-weight:600;font-size:14px}"
    ".a{fill:#3b4656}.m{fill:#5d6878;font-family:ui-monospace,monospace;font-size:10.5px}"
    ".l{fill:none;stroke:#4a6fa5;stroke-width:1.2;opacity:.75}"
)


def drawn(name: str) -> str | None:
    """Where a room stands in the picture."""
    if name in _GROUND:
        return "ground"
    return "commands" if name in _ROOF else name.removeprefix("coordinator.")


def lines(between: Mapping[str, Iterable[str]]) -> set[tuple[str, str]]:
    """Who stands on whom, without what follows from the rest."""
    below: dict[str, set[str]] = {name: set() for name in ABOUT}
    for high, lows in between.items():
        below[str(drawn(high))] |= {str(drawn(low)) for low in lows} - {drawn(high)}
    return {
        (high, low)
        for high, lows in below.items()
        for low in lows
        if not any(low in _reached(other, below) for other in lows if other != low)
    }


def _reached(name: str, below: Mapping[str, set[str]]) -> set[str]:
    return set(below[name]).union(*(_reached(low, below) for low in below[name]))


def picture() -> str:
    """The whole picture."""
    boxes = list(_boxes())
    between = lines(arrows(modules(sources("coordinator"))))
    body = [
        *(part for box in boxes for part in _drawn(box)),
        *_bows(between, {box.name: box for box in boxes}),
    ]
    height = boxes[-1].top + boxes[-1].height + _GAP
    return document(_WIDTH, height, "The rooms of the coordinator", _STYLE, body)


@dataclass(frozen=True)
class _Box:
    name: str
    modules: list[str]
    top: float

    @property
    def height(self) -> float:
        return _HEAD + _LINE * len(self.modules)


def _boxes() -> Iterator[_Box]:
    top: float = _GAP
    for name in ABOUT:
        box = _Box(name, textwrap.wrap(", ".join(_modules(name)), _LETTERS), top)
        yield box
        top += box.height + _GAP


def _drawn(box: _Box) -> Iterator[str]:
    yield element("rect", x=_LEFT, y=box.top, width=_WIDTH - _LEFT - 10, height=box.height, rx=6, class_="r")
    yield text(box.name, _LEFT + 12, box.top + 19, class_="n")
    yield text(ABOUT[box.name], _LEFT + 104, box.top + 19, class_="a")
    for number, line in enumerate(box.modules):
        yield text(line, _LEFT + 12, box.top + 37 + _LINE * number, class_="m")


def _modules(name: str) -> list[str]:
    found = {
        parts[2] if len(parts) > 2 else parts[1]
        for path in sources("coordinator")
        if (parts := module(path).split("."))[1:] and drawn(".".join(parts[:2])) == name
    }
    return sorted(found - {name, "__main__"})


def _bows(between: Iterable[tuple[str, str]], boxes: Mapping[str, _Box]) -> Iterator[str]:
    """Lines at the left: the further down, the wider."""
    for high, low in sorted(between, key=lambda pair: (boxes[pair[0]].top, boxes[pair[1]].top)):
        start = boxes[high].top + boxes[high].height * 0.65
        end = boxes[low].top + boxes[low].height * 0.35
        bow = _LEFT - 16 - (end - start) * 0.25
        curve = f"M{_LEFT} {start:.0f}C{bow:.0f} {start:.0f} {bow:.0f} {end:.0f} {_LEFT} {end:.0f}"
        yield element("path", d=curve, class_="l")


assert set(ABOUT) == {drawn(name) for name in ROOMS if drawn(name) != "arguments"}

if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
    sys.stdout.write(f"{PICTURE}\n")
