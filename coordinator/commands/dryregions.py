"""Behind a step per batch a dry run's script divides the items with jq, as a run does: by where they are by then."""

from __future__ import annotations

import json
from functools import singledispatch

from coordinator.batch.regions import Grid, Polygons, Regions, Undivided

_POINT = (
    "def point: first((.position, .pose) | objects "
    '| select((.x | type) == "number" and (.y | type) == "number"));'
)
"""The place of an item: :func:`coordinator.batch.regions.point_of` in jq."""
_HOLDS = """
def edges: (if .type == "Polygon" then .coordinates[] else .coordinates[][] end) as $ring
  | range(($ring | length) - 1) | [$ring[.], $ring[. + 1]];
def crossed($x; $y): map([.[1], .[0]]) | sort as [[$y0, $x0], [$y1, $x1]]
  | $y0 <= $y and $y < $y1 and ($x1 - $x0) * ($y - $y0) > ($x - $x0) * ($y1 - $y0);
def holds($x; $y): [edges | select(crossed($x; $y))] | length % 2 == 1;
def distance($x; $y): . as [[$ax, $ay], [$bx, $by]] | ($bx - $ax) as $dx | ($by - $ay) as $dy
  | ($dx * $dx + $dy * $dy) as $square
  | (if $square == 0 then 0 else (($x - $ax) * $dx + ($y - $ay) * $dy) / $square end) as $t
  | ([0, ([1, $t] | min)] | max) as $t
  | ($x - $ax - $t * $dx) as $u | ($y - $ay - $t * $dy) as $v | $u * $u + $v * $v | sqrt;
def near($x; $y): holds($x; $y) or any(edges; distance($x; $y) <= $halo);
"""
"""Whether a polygon or its halo holds a point, as in :mod:`coordinator.batch.regions`."""


@singledispatch
def around(regions: Regions) -> str:
    """A definition of ``around`` in jq: of an item, every region that it is in, as the message that a step is told."""
    raise NotImplementedError(type(regions).__name__)


@around.register
def _(regions: Undivided) -> str:
    return "def around: null;"


@around.register
def _(regions: Grid) -> str:
    return f"""{_POINT}
def cells($at): range((($at - {regions.halo!r}) / {regions.size!r} | floor) + 0;
  (($at + {regions.halo!r}) / {regions.size!r} | floor) + 1);
def around: point as $at | cells($at.x) as $column | cells($at.y) as $row
  | ({regions.size!r} | [. * $column, . * $row, . * ($column + 1), . * ($row + 1)]) as [$x0, $y0, $x1, $y1]
  | {{id: "\\($column)_\\($row)", halo: {regions.halo!r}, core: {{type: "Polygon",
      coordinates: [[[$x0, $y0], [$x1, $y0], [$x1, $y1], [$x0, $y1], [$x0, $y0]]]}}}};
"""


@around.register
def _(regions: Polygons) -> str:
    cores = json.dumps(regions.cores, ensure_ascii=False)
    return f"""{_POINT}
{regions.halo!r} as $halo | {cores} as $cores |{_HOLDS}
def around: point as $at | $cores | to_entries[] | select(.value | near($at.x; $at.y))
  | {{id: .key, core: .value, halo: $halo}};
"""


def requests(regions: Regions, task: str, work: str) -> str:
    """A jq program from all responses (slurped) and ``$head`` to one request for each region that has items.

    ``task`` and ``work`` are the beginnings of the tasks' ids and folders.
    """
    return f"""{around(regions)}
[[.[].items[]?] | sort_by(.id)[] | {{item: ., region: around}}] | group_by(.region.id)[]
| (.[0].region | if . then .id else "all" end) as $unit
| $head + {{task: "{task}\\($unit)", items: map(.item), region: .[0].region, work_dir: "{work}\\($unit | @uri)"}}
"""
