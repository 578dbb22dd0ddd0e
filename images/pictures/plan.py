"""The plan of a run as SVG: recordings, viewing rays, objects with their uncertainty, regions and the truth.

Drawn on a light sheet of its own, so that it can be read on a light page and on a dark one.
"""

from __future__ import annotations

from images.pictures.figures import enlargement
from images.pictures.findings import Findings
from images.pictures.legend import legend, signs
from images.pictures.marks import ellipses, marks, truth
from images.pictures.plates import labels_for
from images.pictures.sheet import MARGIN, WIDTH, capture_step, groups_on, sheet_of
from images.pictures.svg import document, element
from images.pictures.terrain import capture_mark, rays, regions

_STYLE = """
text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;fill:#24292f}
.small{font-size:11px;fill:#57606a}.name{font-size:12px}.title{font-size:17px;font-weight:600}
.region{font-size:10.5px;fill:#7a8794;letter-spacing:.3px}
.ray{fill:none;stroke-width:.7;stroke-opacity:.42}.lead{stroke:#6e7781;stroke-width:.8}
.way{fill:#4b5a6b;stroke:#4b5a6b;stroke-width:1;stroke-linejoin:round}.view{fill:#fff;stroke:#4b5a6b;stroke-width:1;stroke-linejoin:round}
.core{fill:none;stroke:#9fb0c0;stroke-width:1}.halo{fill:none;stroke:#edf2f7}.one{fill:#fff}
.mark{stroke:#fff;stroke-width:1}.error{fill-opacity:.13;stroke-width:.8;stroke-opacity:.75}.truth{fill:none;stroke:#1f2328;stroke-width:1.1}
.plate{fill:#fff;fill-opacity:.94;stroke:#d0d7de;stroke-width:.7}
"""


def draw(findings: Findings) -> str:
    """The plan as an SVG document."""
    sheet = sheet_of(findings)
    groups = groups_on(sheet, findings.objects)
    enlarged = enlargement(findings.objects, sheet.scale)
    home = max(findings.cores, key=lambda core: core.recordings, default=None)
    plan = [
        *regions(sheet, findings, home),
        *rays(sheet, findings),
        *(capture_mark(sheet, capture) for capture in findings.captures[:: capture_step(findings)]),
        *ellipses(sheet, findings, enlarged),
        *marks(findings, groups),
        *truth(sheet, findings, groups),
    ]
    labels, unlabelled = labels_for(sheet, findings, groups)
    frame = {"x": sheet.frame.x, "y": sheet.frame.y, "width": sheet.frame.width, "height": sheet.frame.height}
    height = sheet.frame.height + 2 * MARGIN
    body = [
        element(
            "rect", x=0.5, y=0.5, width=WIDTH - 1, height=height - 1, rx=8, fill="#fbfcfd", stroke="#d0d7de"
        ),
        element("clipPath", element("rect", **frame, rx=4), id="frame"),
        element("rect", **frame, rx=4, fill="#f6f8fa"),
        element("g", "\n".join([*plan, *labels]), clip_path="url(#frame)"),
        element("rect", **frame, rx=4, fill="none", stroke="#c4ced8"),
        *legend(sheet, findings, signs(findings, enlarged, unlabelled), home),
    ]
    return document(WIDTH, height, f"Plan of {findings.name}: recordings, rays and objects", _STYLE, body)
