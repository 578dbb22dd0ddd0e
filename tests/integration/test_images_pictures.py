"""The pictures of a run, from a run folder small enough to know every value."""

from __future__ import annotations

import json
import math
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from images.pictures import command, figures, findings, overlay, plan
from images.pictures.placing import Box, place

SVG = "{http://www.w3.org/2000/svg}"
BATCH_YAML = "name: corner\ncrs: EPSG:28992\nregion: {size: 50, halo: 20}\n"
RECORDINGS = """id,image,x,y,z,heading,camera,fx,fy,cx,cy,width,height
pano,pano.jpg,121000,487000,2,90,equirectangular,,,,,400,200
ahead,ahead.jpg,121010,487000,2,90,pinhole,200,200,100,60,200,120
"""
BOX_IN_PANORAMA, BOX_AHEAD, LEFT_OVER = (
    [390.0, 90.0, 20.0, 20.0],
    [90.0, 40.0, 16.0, 16.0],
    [20.0, 80.0, 30.0, 20.0],
)


def thing(name: str, category: str, x: float, y: float) -> dict[str, Any]:
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [4.9, 52.4]},
        "properties": {
            "id": name,
            "category": category,
            "x": x,
            "y": y,
            "crs": "EPSG:28992",
            "covariance": [[0.04, 0, 0], [0, 0.01, 0], [0, 0, 1]],
            "observations": [
                {"recording": "pano", "detection": 0, "bbox": BOX_IN_PANORAMA},
                {"recording": "ahead", "detection": 0, "bbox": BOX_AHEAD},
            ],
        },
    }


@pytest.fixture
def batch(tmp_path: Path) -> Path:
    folder = tmp_path / "batch"
    folder.mkdir()
    (folder / "batch.yaml").write_text(BATCH_YAML)
    (folder / "recordings.csv").write_text(RECORDINGS)
    Image.new("RGB", (400, 200), (120, 130, 140)).save(folder / "pano.jpg")
    Image.new("RGB", (200, 120), (120, 130, 140)).save(folder / "ahead.jpg")
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    objects = [thing("o-1", "stop", 121020, 487005), thing("o-2", "yield", 121020, 487005)]
    (folder / "objects.geojson").write_text(json.dumps({"features": objects}))
    names = ["pano.jpg", "ahead.jpg"]
    boxes = [(1, BOX_IN_PANORAMA), (1, LEFT_OVER), (2, BOX_AHEAD)]
    coco = {
        "images": [{"id": number, "file_name": name} for number, name in enumerate(names, start=1)],
        "annotations": [{"image_id": image, "bbox": box} for image, box in boxes],
    }
    (folder / "detections.json").write_text(json.dumps(coco))
    return folder


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    """One position as it is in the batch's CRS, one in WGS84 only."""
    properties = {"x": 121020.0, "y": 487005.0, "crs": "EPSG:28992"}
    point = {"type": "Point", "coordinates": [4.888, 52.370]}
    features = [{"geometry": point, "properties": properties}, {"geometry": point, "properties": None}]
    path = tmp_path / "truth.geojson"
    path.write_text(json.dumps({"features": features}))
    return path


def drawn(found: findings.Findings) -> ElementTree.Element:
    return ElementTree.fromstring(plan.draw(found))


def of_class(root: ElementTree.Element, tag: str, kind: str) -> list[ElementTree.Element]:
    return [element for element in root.iter(SVG + tag) if element.get("class") == kind]


def test_the_command_writes_both_pictures(run: Path, batch: Path, truth: Path, tmp_path: Path) -> None:
    out = tmp_path / "docs"
    assert command.main([str(run), str(batch), str(out), "--truth", str(truth)]) == 0
    with Image.open(out / "detections.jpg") as picture:
        assert picture.format == "JPEG"
        assert picture.width == overlay.WIDTH
    assert ElementTree.parse(out / "map.svg").getroot().tag == SVG + "svg"
    first = [path.read_bytes() for path in sorted(out.iterdir())]
    command.write(run, batch, out, truth)
    assert [path.read_bytes() for path in sorted(out.iterdir())] == first


def test_a_run_without_objects_is_told(
    batch: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main([str(tmp_path), str(batch), str(tmp_path / "docs")]) == 2
    assert "objects.geojson: no such file" in capsys.readouterr().err


def test_the_plan_shows_everything(run: Path, batch: Path, truth: Path) -> None:
    root = drawn(findings.read(run, batch, truth))
    words = ["".join(element.itertext()) for element in root.iter(SVG + "text")]
    assert {"corner", "stop", "yield", "2420_9740", "true position"} <= set(words)
    assert "2 objects from 2 recordings" in words
    rays = [element.get("d") or "" for element in of_class(root, "path", "ray")]
    assert [line.count("M") for line in rays[:2]] == [2, 2], "each object is seen from two recordings"
    assert len(of_class(root, "circle", "truth")) == 2 + 1, "two positions and the legend"


def test_without_truth_there_are_no_rings(run: Path, batch: Path) -> None:
    assert not of_class(drawn(findings.read(run, batch)), "circle", "truth")


@pytest.mark.parametrize(("heading", "ahead"), [(0, (0, -1)), (90, (1, 0)), (180, (0, 1)), (270, (-1, 0))])
def test_an_arrow_points_along_its_heading(heading: float, ahead: tuple[float, float]) -> None:
    tip, left, _, right = figures.arrow((100.0, 50.0), heading, 10.0)
    tail = ((left[0] + right[0]) / 2, (left[1] + right[1]) / 2)
    assert np.subtract(tip, tail) == pytest.approx(np.multiply(ahead, 10.0))


def test_the_axes_of_an_ellipse() -> None:
    assert figures.ellipse_axes([[9.0, 0.0], [0.0, 4.0]]) == pytest.approx((3.0, 2.0, 90.0))
    assert figures.ellipse_axes([[4.0, 0.0], [0.0, 9.0]])[:2] == pytest.approx((3.0, 2.0))
    assert figures.ellipse_axes([[5.0, 4.0], [4.0, 5.0]]) == pytest.approx((3.0, 1.0, 45.0)), "north-east"


def test_ellipses_are_drawn_to_the_scale_that_is_said(run: Path, batch: Path) -> None:
    root = drawn(findings.read(run, batch))
    said = next(text for element in root.iter(SVG + "text") if "one sigma" in (text := element.text or ""))
    factor = int(said.split(", ")[1].split()[0])
    ellipse = next(root.iter(SVG + "ellipse"))
    metres = next(text for element in root.iter(SVG + "text") if (text := element.text or "").endswith(" m"))
    bar = next(d for element in root.iter(SVG + "path") if "v6h" in (d := element.get("d") or ""))
    scale = float(bar.split("h")[1].split("v")[0]) / float(metres.split()[0])
    assert float(ellipse.get("rx", 0)) == pytest.approx(0.2 * factor * scale, rel=0.02)
    assert float(ellipse.get("ry", 0)) == pytest.approx(0.1 * factor * scale, rel=0.02)


def test_boxes_are_drawn_where_the_observations_are(run: Path, batch: Path) -> None:
    found = findings.read(run, batch)
    picture = np.asarray(overlay.draw(found)).astype(int)
    colour = found.colours["yield"]  # drawn over "stop", which has the same box here
    top, _ = overlay.rows([Box(1560, 360, 80, 80)], 800)
    edge = picture[400 - top, 1560 - 4]
    assert np.abs(edge - colour).max() < 60
    beyond_the_seam = picture[400 - top, 40 + 2]
    assert np.abs(beyond_the_seam - colour).max() < 60
    faint = picture[360 - top, 80]
    assert 0 < np.abs(faint - (120, 130, 140)).max() < 110
    assert not np.array_equal(faint, edge)


def test_the_richest_recordings_are_chosen(run: Path, batch: Path) -> None:
    found = findings.read(run, batch)
    (panorama,) = (capture for capture in found.captures if capture.panorama)
    assert [seen.id for seen, _ in overlay.views(found, panorama)] == ["o-1", "o-2"]
    assert found.detections["pano.jpg"] == (tuple(BOX_IN_PANORAMA), tuple(LEFT_OVER))


def test_a_jpeg_keeps_to_its_size() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (200, 200, 3), dtype=np.uint8)
    picture = Image.fromarray(noise)
    assert len(command.encoded(picture, 30_000)) <= 30_000
    with pytest.raises(ValueError, match="does not fit"):
        command.encoded(picture, 1000)


def test_labels_overlap_nothing() -> None:
    bounds = Box(0, 0, 300, 300)
    anchors = [Box(140 + 12 * number, 150, 10, 10) for number in range(4)]
    taken = list(anchors)
    for anchor in anchors:
        box = place(anchor, (70, 16), bounds=bounds, taken=taken, avoided=np.empty((0, 2)))
        assert box is not None
        assert box.within(bounds)
        assert not any(box.meets(other) for other in taken)
        assert math.dist(box.nearest(anchor.middle), anchor.middle) < 120
        taken.append(box)


def test_a_label_without_room_is_left_out() -> None:
    anchor = Box(10, 10, 10, 10)
    bounds = Box(0, 0, 30, 30)
    assert place(anchor, (70, 16), bounds=bounds, taken=[anchor], avoided=np.empty((0, 2))) is None
