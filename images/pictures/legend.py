"""What stands beside a plan: its name, its signs, a scale and an arrow to the north."""

from __future__ import annotations

from collections.abc import Sequence

from images.pictures.figures import arrow, css, disc, ellipse
from images.pictures.findings import Core, Findings
from images.pictures.sheet import LEGEND, MARGIN, MARK, RING, Sheet, capture_step, ray_step
from images.pictures.svg import element, number, path, text


def legend(
    sheet: Sheet, findings: Findings, signs: Sequence[tuple[str, ...]], home: Core | None
) -> list[str]:
    """The sheet's right-hand column; ``signs`` are a symbol around (0, 0), a name, and remarks each."""
    x = sheet.frame.x + sheet.frame.width + MARGIN + 4
    y = sheet.frame.y + 16
    counts = f"{len(findings.objects)} objects from {len(findings.captures)} recordings"
    drawn = [
        text(findings.name, x, y, class_="title"),
        text(counts, x, y + 21, class_="small"),
        text(f"{findings.crs}, grid north up", x, y + 37, class_="small"),
    ]
    y += 70
    for symbol, name, *remarks in [*signs, *_grounds(findings, home)]:
        shift = f"translate({number(x + 13)} {number(y)})"
        drawn.append(element("g", symbol, transform=shift))
        drawn.append(text(name, x + 36, y + 4, class_="name"))
        drawn += [
            text(remark, x + 36, y + 19 + 14 * row, class_="small") for row, remark in enumerate(remarks)
        ]
        y += 30 + 14 * len(remarks)
    bottom = sheet.frame.y + sheet.frame.height
    return [*drawn, *_scale_bar(sheet, x, bottom - 6), *_north(x + LEGEND - 20, bottom - 24)]


def signs(findings: Findings, enlarged: int, unlabelled: int) -> list[tuple[str, ...]]:
    """The legend's entries for what is marked: a symbol around (0, 0), a name, remarks."""
    origin = (0.0, 0.0)
    colour = css(next(iter(findings.colours.values())))
    pair = disc(origin, MARK + RING, "#57606a") + disc(origin, MARK, colour)
    head = path(arrow(origin, 90.0, 13.0), closed=True)
    remarks = [f"{unlabelled} without room for a label"] if unlabelled else []
    entries: list[tuple[str, ...]] = [
        (element("path", d=head, class_="way"), "panorama", *_thinned(capture_step(findings))),
        (element("path", d=head, class_="view"), "forward view", *_thinned(capture_step(findings))),
        (
            element("path", d="M-12 4L12 -4", class_="ray", stroke=colour),
            "viewing ray",
            *_thinned(ray_step(findings)),
        ),
        (pair, "object", "rings: one above another", *remarks),
        (
            ellipse(origin, (11.0, 5.0), 70.0, colour),
            "error ellipse",
            f"one sigma, {enlarged} times as large",
        ),
    ]
    if findings.truth is not None:
        entries.append((element("circle", cx=0, cy=0, r=8, class_="truth"), "true position"))
    return entries


def _thinned(every: int) -> list[str]:
    return [f"one of {every} is drawn"] if every > 1 else []


def _grounds(findings: Findings, home: Core | None) -> list[tuple[str, ...]]:
    """The legend's entries for the regions."""
    if home is None:
        return []
    box = {"x": -12, "y": -7, "width": 24, "height": 14}
    core = element("rect", **box, fill="#fff", stroke="#9fb0c0")
    halo = element("rect", **box, fill="#edf2f7", stroke="#d9e1e9")
    return [
        (core, "core of a region", f"white: {home.id}, {home.recordings} recordings"),
        (halo, "its halo", f"{number(findings.halo)} m around it"),
    ]


def _scale_bar(sheet: Sheet, x: float, y: float) -> list[str]:
    metres = next(
        (
            step * power
            for power in (1, 10, 100, 1000, 10000)
            for step in (1, 2, 5)
            if step * power * sheet.scale > 70
        ),
        50000,
    )
    width = metres * sheet.scale
    bar = element(
        "path", d=f"M{number(x)} {number(y - 6)}v6h{number(width)}v-6", fill="none", stroke="#24292f"
    )
    return [bar, text(f"{metres} m", x + width / 2, y - 6, class_="small", text_anchor="middle")]


def _north(x: float, y: float) -> list[str]:
    needle = element("path", d=path(arrow((x, y), 0.0, 32.0), closed=True), fill="#24292f")
    return [needle, text("N", x, y - 23, class_="name", text_anchor="middle")]
