"""CVAT's and Pascal VOC's XML: boxes by corners; nothing that XML could make of a small file."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from coordinator.errors import BatchError
from coordinator.findings import Level
from coordinator.formats import cvat, voc
from coordinator.formats.boxes import Found
from tests.unit.reading import Told, boxes, reading

BOX = '<box label="stop" xtl="1" ytl="2" xbr="4" ybr="6.5"><attribute name="dirty">no</attribute></box>'


def read(folder: Path, *shapes: str, name: str = 'name="a.jpg"') -> tuple[Found, Told]:
    inner = "".join(shapes)
    (folder / "annotations.xml").write_text(
        "<?xml version='1.0'?><annotations><version>1.1</version><meta><task><labels/></task></meta>"
        f'<image id="0" {name} width="200" height="100">{inner}</image></annotations>'
    )
    return reading(cvat.read, folder / "annotations.xml")


class TestCvat:
    def test_boxes_with_labels_and_sizes(self, tmp_path: Path) -> None:
        found, told = read(tmp_path, BOX)
        image = found.images["a.jpg"]
        assert (image.width, image.height) == (200, 100)
        assert image.detections == [{"bbox": [1, 2, 3, 4.5], "score": 1.0, "label": "stop"}]
        assert not told

    def test_polygons_and_ellipses(self, tmp_path: Path) -> None:
        polygon = '<polygon label="x" points="1,2;5,3;2,8"/>'
        ellipse = '<ellipse label="x" cx="50" cy="40" rx="10" ry="20"/>'
        assert boxes(read(tmp_path, polygon, ellipse)[0])["a.jpg"] == [[1, 2, 4, 6], [40, 20, 20, 40]]

    def test_a_turned_box_gives_the_one_around_it(self, tmp_path: Path) -> None:
        turned = '<box label="x" xtl="10" ytl="20" xbr="30" ybr="24" rotation="{}"/>'
        ellipse = '<ellipse label="x" cx="50" cy="40" rx="10" ry="20" rotation="90"/>'
        found, told = read(tmp_path, turned.format(90), turned.format(45), ellipse)
        one, two, three = boxes(found)["a.jpg"]
        assert one == pytest.approx([18, 12, 4, 20])
        side = 24 * math.sqrt(0.5)
        assert two == pytest.approx([20 - side / 2, 22 - side / 2, side, side])
        assert three == pytest.approx([30, 30, 40, 20])
        assert told.levels() == {"rotated-boxes": Level.WARNING}

    @pytest.mark.parametrize(
        "bad",
        ['<box xtl="4" ytl="2" xbr="1" ybr="6"/>', '<box xtl="1" ytl="2" xbr="nan" ybr="6"/>', '<box xtl="1"/>',
         '<polygon points="1,2;x"/>', "<polygon/>", '<ellipse cx="1"/>',
         '<box xtl="4" ytl="2" xbr="1" ybr="6" rotation="30"/>'],
    )  # fmt: skip
    def test_a_bad_box_loses_itself(self, tmp_path: Path, bad: str) -> None:
        found, told = read(tmp_path, BOX, bad)
        assert boxes(found) == {"a.jpg": [[1, 2, 3, 4.5]]}
        assert " 2 of a.jpg'" in told["bad-boxes"].text

    def test_shapes_without_a_box_are_told_and_tags_are_none(self, tmp_path: Path) -> None:
        found, told = read(tmp_path, BOX, '<points points="1,2"/>', '<mask rle="1"/>', '<tag label="x"/>')
        assert len(found.images["a.jpg"].detections) == 1
        assert "'points 2 of a.jpg', 'mask 3 of a.jpg'" in told["other-shapes"].text

    def test_an_image_without_a_name(self, tmp_path: Path) -> None:
        found, told = read(tmp_path, BOX, name="")
        assert not found.images
        assert told.levels() == {"images-without-name": Level.WARNING, "no-detections": Level.ERROR}

    @pytest.mark.parametrize(
        ("content", "told"),
        [
            ("", "not XML: no element found"),
            ("<annotations><image", "not XML: .* is the file complete"),
            ("<annotation/>", "not CVAT: its outermost element is not <annotations>"),
            ("<annotations><track id='0'/></annotations>", "CVAT for video"),
            ('<!DOCTYPE a [<!ENTITY b "c">]><annotations>&b;</annotations>', "document type"),
            ('<!DOCTYPE a SYSTEM "file:///etc/passwd"><annotations/>', "document type"),
            ("<?xml version='1.0' encoding='klingon'?><a/>", "cannot be read as XML|not XML"),
        ],
    )
    def test_files_that_are_none(self, tmp_path: Path, content: str, told: str) -> None:
        (tmp_path / "annotations.xml").write_text(content)
        with pytest.raises(BatchError, match=told) as refused:
            reading(cvat.read, tmp_path / "annotations.xml")
        assert "annotations.xml" in str(refused.value)

    def test_entities_in_another_encoding_are_refused_as_well(self, tmp_path: Path) -> None:
        text = '<!DOCTYPE a [<!ENTITY b "c">]><annotations>&b;</annotations>'
        (tmp_path / "annotations.xml").write_bytes(text.encode("utf-16"))
        with pytest.raises(BatchError, match="document type"):
            reading(cvat.read, tmp_path / "annotations.xml")


class TestVoc:
    @staticmethod
    def write(folder: Path, text: str, name: str = "a.xml") -> Path:
        (folder / "Annotations").mkdir(exist_ok=True)
        (folder / "Annotations" / name).write_text(text)
        return folder / "Annotations"

    def test_boxes_by_corners(self, tmp_path: Path) -> None:
        thing = (
            "<object><name>{}</name><part><name>rim</name></part><bndbox><xmin>{}</xmin>"
            "<ymin>2</ymin><xmax>4</xmax><ymax>6</ymax></bndbox></object>"
        )
        place = self.write(
            tmp_path,
            "<annotation><filename>a.jpg</filename><size><width>20</width><height>10</height></size>"
            f"{thing.format('stop', 1)}{thing.format('yield', 9)}{thing.format('yield', 'x')}</annotation>",
        )
        self.write(tmp_path, "<annotation></annotation>", "b.xml")
        found, told = reading(voc.read, place)
        assert (found.images["a.jpg"].width, found.images["a.jpg"].height) == (20, 10)
        assert found.images["a.jpg"].detections == [{"bbox": [1, 2, 3, 4], "score": 1.0, "label": "stop"}]
        assert found.images["b"].detections == []
        assert "'object 2 of a.jpg', 'object 3 of a.jpg'" in told["bad-boxes"].text

    def test_a_file_that_is_none(self, tmp_path: Path) -> None:
        with pytest.raises(BatchError, match=r"a\.xml: not Pascal VOC: its outermost element is <html>"):
            reading(voc.read, self.write(tmp_path, "<html/>"))
