"""A folder to recordings: streamed, in a fixed order, and whatever is wrong with one of them is a value."""

from __future__ import annotations

import itertools
import json
import os
import tracemalloc
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from coordinator.batch.crs import Projection
from coordinator.batch.folder import Batch, open_batch
from coordinator.batch.recording import BadRecording, Place, Recording
from coordinator.batch.regions import Grid, Polygons, Undivided
from coordinator.core.paths import unit_folder
from coordinator.errors import BatchError
from coordinator.formats import exiftags
from coordinator.formats.imagelimits import NO_FILE
from coordinator.formats.remarks import Remark
from tests.unit.builders import PROPERTY, collection, feature, square, write_png
from tests.unit.photographs import ascii_, exif, write_jpeg

RD = "EPSG:28992"


def batch(folder: Path, *, yaml: str = "", csv: str | None = None, jsonl: Iterable[str] = ()) -> Batch:
    if yaml:
        (folder / "batch.yaml").write_text(yaml, encoding="utf-8")
    if csv is not None:
        (folder / "recordings.csv").write_text(csv, encoding="utf-8")
    if lines := list(jsonl):
        (folder / "recordings.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return open_batch(folder)


def only(found: Batch) -> Recording:
    (recording,) = found.recordings()
    assert isinstance(recording, Recording), recording
    return recording


def fault(found: Batch) -> str:
    (recording,) = found.recordings()
    assert isinstance(recording, BadRecording), recording
    recording.reason.encode()
    return recording.reason


def row(folder: Path, **fields: Any) -> Batch:
    """A batch of one row that needs no file."""
    return batch(folder, jsonl=[json.dumps({"image": "a.jpg", "width": 8, "height": 4, **fields})])


class TestWhenItWasTaken:
    """In the item, so that results and steps know it."""

    @staticmethod
    def photograph(folder: Path, zone: str = "") -> None:
        offset = {exiftags.OFFSET_ORIGINAL: ascii_(zone)} if zone else {}
        clock = {exiftags.TIME_ORIGINAL: ascii_("2024:05:14 12:00:01")}
        write_jpeg(folder / "a.jpg", block=exif(photo={**clock, **offset}))

    def test_by_its_file(self, tmp_path: Path) -> None:
        self.photograph(tmp_path, "+02:00")
        assert only(batch(tmp_path)).item["time"] == "2024-05-14T10:00:01.000Z"

    def test_by_a_clock_of_no_known_zone(self, tmp_path: Path) -> None:
        self.photograph(tmp_path)
        assert only(batch(tmp_path)).item["time"] == "2024-05-14T12:00:01.000"

    def test_by_its_file_beside_a_table_without_times(self, tmp_path: Path) -> None:
        self.photograph(tmp_path, "Z")
        assert (
            only(batch(tmp_path, csv="image,heading\na.jpg,90\n")).item["time"] == "2024-05-14T12:00:01.000Z"
        )

    def test_by_the_table_before_its_file(self, tmp_path: Path) -> None:
        self.photograph(tmp_path, "Z")
        assert only(batch(tmp_path, csv="image,time\na.jpg,2023-01-01\n")).item["time"] == "2023-01-01"

    def test_by_nothing(self, tmp_path: Path) -> None:
        write_jpeg(tmp_path / "a.jpg")
        assert "time" not in only(batch(tmp_path)).item


class TestFolderWithoutTable:
    def test_every_image_below_it_in_a_fixed_order(self, tmp_path: Path) -> None:
        for name in ("b/2.png", "b/1.png", "a.png", "b/c/3.png", "z.png", "B.png"):
            write_png(tmp_path / name)
        found = [recording.id for recording in batch(tmp_path).recordings()]
        assert found == ["B.png", "a.png", "z.png", "b/1.png", "b/2.png", "b/c/3.png"]

    def test_a_recording_says_where_a_step_finds_it_and_how_large_it_is(self, tmp_path: Path) -> None:
        write_png(tmp_path / "street" / "r.png", 8, 5)
        assert only(batch(tmp_path)).item == {
            "id": "street/r.png",
            "image": "/batch/street/r.png",
            "width": 8,
            "height": 5,
            "camera": None,
            "pose": None,
        }

    def test_the_same_name_in_two_folders_is_two_recordings(self, tmp_path: Path) -> None:
        for name in ("a/1.png", "b/1.png", "a/1.jpg"):
            write_png(tmp_path / name)
        assert len({recording.id for recording in batch(tmp_path).recordings()}) == 3

    @pytest.mark.parametrize(
        "name",
        [
            "with space.png",
            "new\nline.png",
            "straße_日本.png",
            "-rf.png",
            "$(true).png",
            "a'b\"c.png",
            "%2F.png",
        ],
    )
    def test_odd_names(self, tmp_path: Path, name: str) -> None:
        write_png(tmp_path / name)
        assert (only(batch(tmp_path)).id, only(batch(tmp_path)).item["image"]) == (name, f"/batch/{name}")

    def test_a_name_that_is_not_utf_8_is_told_readably(self, tmp_path: Path) -> None:
        write_png(tmp_path / os.fsdecode(b"caf\xe9.png"))
        (bad,) = batch(tmp_path).recordings()
        expected = BadRecording(id=r"caf\xe9.png", reason="the file name is not UTF-8; rename the file")
        assert bad == expected

    def test_what_is_hidden_or_no_image_is_passed_over(self, tmp_path: Path) -> None:
        for name in (
            ".hidden.png",
            ".thumbs/1.png",
            "notes.txt",
            "batch.yaml.bak",
            "detections.json",
            "noext",
        ):
            write_png(tmp_path / name)
        assert list(batch(tmp_path).recordings()) == []

    def test_a_batch_without_any_recording_is_refused_before_a_run(self, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").touch()
        with pytest.raises(
            BatchError, match=r"holds no recording: no image \(.bmp, .jpeg, .*no recordings.csv"
        ):
            batch(tmp_path).check()
        with pytest.raises(BatchError, match=r"holds no recording: recordings.csv has no row"):
            batch(tmp_path, csv="image\n").check()
        (tmp_path / "recordings.csv").write_text("image\nabsent.jpg\n")
        open_batch(tmp_path).check()

    def test_suffixes_in_capitals_are_images_too(self, tmp_path: Path) -> None:
        write_png(tmp_path / "DSC001.JPG")
        assert only(batch(tmp_path)).id == "DSC001.JPG"

    def test_a_file_that_is_no_image_is_a_value(self, tmp_path: Path) -> None:
        (tmp_path / "a.jpg").write_text("hello")
        assert fault(batch(tmp_path)) == "image 'a.jpg' is not an image (JPEG, PNG, TIFF, BMP or WebP)"

    def test_links(self, tmp_path: Path) -> None:
        (folder := tmp_path / "batch").mkdir()
        write_png(tmp_path / "elsewhere.png")
        write_png(folder / "a.png")
        (folder / "b.png").symlink_to("a.png")
        (folder / "c.png").symlink_to("../elsewhere.png")
        (folder / "d.png").symlink_to("nowhere.png")
        (folder / "e.png").symlink_to("e.png")
        (folder / "linked").symlink_to(tmp_path)
        found = {recording.id: isinstance(recording, Recording) for recording in batch(folder).recordings()}
        assert found == {"a.png": True, "b.png": True, "c.png": False, "d.png": False, "e.png": False}

    def test_a_circle_of_folders_ends(self, tmp_path: Path) -> None:
        write_png(tmp_path / "a" / "1.png")
        (tmp_path / "a" / "up").symlink_to(tmp_path)
        assert only(batch(tmp_path)).id == "a/1.png"

    def test_what_is_no_file_is_a_value_and_never_waited_for(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.jpg")
        assert fault(batch(tmp_path)) == f"image 'pipe.jpg' {NO_FILE}"

    def test_a_folder_with_a_name_like_an_images_is_a_folder(self, tmp_path: Path) -> None:
        write_png(tmp_path / "street.jpg" / "a.png")
        assert only(batch(tmp_path)).id == "street.jpg/a.png"

    def test_a_folder_that_cannot_be_read_is_a_value(self, tmp_path: Path) -> None:
        """Nested so deeply that no path leads there; everybody may read the files above, root too."""
        write_png(tmp_path / "a.png")
        descend(tmp_path, ["d" * 250] * 20)
        good, bad = batch(tmp_path).recordings()
        assert good.id == "a.png"
        assert isinstance(bad, BadRecording)
        assert bad.reason == "the folder cannot be read: File name too long"

    def test_a_hundred_folders_in_each_other(self, tmp_path: Path) -> None:
        write_png(tmp_path.joinpath(*["d"] * 100, "a.png"))
        assert only(batch(tmp_path)).item["width"] == 8

    @pytest.mark.parametrize(
        "names",
        [
            ("a.png", "A.png"),
            ("a.png", "a.PNG", "a.jpg"),
            ("stra\u00dfe\u00e9.png", "stra\u00dfee\u0301.png"),
            ("a/b.png", "a%2Fb.png"),
            ("x" * 251 + ".png", "x" * 250 + "y.png"),
            ("ü" * 125 + ".png", "ü" * 124 + "u.png"),
        ],
        ids=["case", "kind", "composed or not", "quoted or not", "long", "long in bytes"],
    )
    def test_twins_are_two_and_so_are_their_folders(self, tmp_path: Path, names: tuple[str, ...]) -> None:
        for name in names:
            write_png(tmp_path / name)
        found = [recording.id for recording in batch(tmp_path).recordings()]
        assert sorted(found) == sorted(names)
        assert len({unit_folder(one) for one in found}) == len(names)


def descend(folder: Path, names: Iterable[str]) -> None:
    """Makes folders in each other, however long their path becomes."""
    inner = os.open(folder, os.O_RDONLY)
    for name in names:
        os.mkdir(name, dir_fd=inner)
        outer, inner = inner, os.open(name, os.O_RDONLY, dir_fd=inner)
        os.close(outer)
    os.close(inner)


class TestPhotographsWithGps:
    @staticmethod
    def shoot(folder: Path, longitude: float, latitude: float, heading: float | None = None) -> None:
        exif = Image.Exif()
        exif[0x8825] = {1: "N", 2: (latitude, 0.0, 0.0), 3: "E", 4: (longitude, 0.0, 0.0), 6: 7.5}
        if heading is not None:
            exif[0x8825] = {**exif[0x8825], 17: heading}
        Image.new("L", (8, 4)).save(folder / "a.jpg", exif=exif)

    def test_a_heading_from_true_north_is_turned_to_grid_north(self, tmp_path: Path) -> None:
        self.shoot(tmp_path, 6.5, 52.25, heading=10.0)
        recording = only(batch(tmp_path, yaml=f"crs: {RD}"))
        projection = Projection(RD)
        assert recording.position == pytest.approx(projection.to_projected(6.5, 52.25))
        pose = recording.item["pose"]
        assert (pose["x"], pose["y"], pose["z"]) == pytest.approx((*projection.to_projected(6.5, 52.25), 7.5))
        assert pose["heading"] == pytest.approx(10.0 - projection.convergence(6.5, 52.25))
        assert 9.0 < pose["heading"] < 9.2

    def test_a_heading_stays_between_0_and_360(self, tmp_path: Path) -> None:
        self.shoot(tmp_path, 6.5, 52.25, heading=0.1)
        assert 359.0 < only(batch(tmp_path, yaml=f"crs: {RD}")).item["pose"]["heading"] < 359.3

    def test_without_a_heading_there_is_a_position_but_no_pose(self, tmp_path: Path) -> None:
        self.shoot(tmp_path, 6.5, 52.25)
        recording = only(batch(tmp_path, yaml=f"crs: {RD}"))
        assert recording.position is not None
        assert recording.item["pose"] is None

    def test_without_a_crs_the_utm_zone_of_the_first_one_is_taken(self, tmp_path: Path) -> None:
        self.shoot(tmp_path, 6.5, 52.25, heading=0)
        found = batch(tmp_path)
        assert found.projection == Projection("EPSG:32632")
        assert only(found).position == pytest.approx(Projection("EPSG:32632").to_projected(6.5, 52.25))

    @pytest.mark.parametrize("yaml", ["", f"crs: {RD}"], ids=["utm", "named crs"])
    def test_coordinates_off_the_globe_are_no_position(self, tmp_path: Path, yaml: str) -> None:
        self.shoot(tmp_path, 5.0, 95.0, heading=0)
        assert only(batch(tmp_path, yaml=yaml)).position is None

    def test_a_photo_sphere_is_a_panorama_whatever_batch_yaml_says(self, tmp_path: Path) -> None:
        xmp = b'<x GPano:ProjectionType="equirectangular"/>'
        Image.new("L", (8, 4)).save(tmp_path / "a.jpg", xmp=xmp)
        found = batch(tmp_path, yaml="camera: {model: pinhole, fx: 1, fy: 1, cx: 1, cy: 1}")
        assert only(found).item["camera"] == {"model": "equirectangular"}

    PART = (
        b'<x GPano:ProjectionType="equirectangular" GPano:FullPanoWidthPixels="16" GPano:FullPanoHeightPixels="8" '
        b'GPano:CroppedAreaImageWidthPixels="8" GPano:CroppedAreaImageHeightPixels="2" '
        b'GPano:CroppedAreaLeftPixels="4" GPano:CroppedAreaTopPixels="3"/>'
    )

    @pytest.mark.parametrize("sizes", ["", ",8,2"])
    def test_a_part_of_a_panorama_stays_one_where_the_table_calls_it_a_panorama(
        self, tmp_path: Path, sizes: str
    ) -> None:
        Image.new("L", (8, 2)).save(tmp_path / "a.jpg", xmp=self.PART)
        names = ",width,height" if sizes else ""
        csv = f"image,x,y,z,heading,camera{names}\na.jpg,1,2,3,4,equirectangular{sizes}\n"
        found = only(batch(tmp_path, csv=csv, yaml=f"crs: {RD}"))
        assert found.item["camera"]["crop"] == {
            "full_width": 16.0,
            "full_height": 8.0,
            "left": 4.0,
            "top": 3.0,
        }


class TestCsv:
    def test_a_whole_row(self, tmp_path: Path) -> None:
        found = batch(
            tmp_path,
            csv="id,image,x,y,z,heading,pitch,roll,camera,fx,fy,cx,cy,k1,k2,p1,p2,k3,width,height,time\n"
            "r1,s/a.jpg,1.5,2.5,3,90,1,-1,pinhole,1000,1001,960,540,0.1,,,,,1920,1080,2024-05-01T12:00:00Z\n",
        )
        distortion = {"k1": 0.1, "k2": 0.0, "p1": 0.0, "p2": 0.0, "k3": 0.0}
        assert only(found) == Recording(
            id="r1",
            place=Place(x=1.5, y=2.5, z=3.0, heading=90.0, pitch=1.0, roll=-1.0),
            remarks=(Remark.IMAGE_MISSING,),
            item={
                "id": "r1",
                "image": "/batch/s/a.jpg",
                "width": 1920,
                "height": 1080,
                "camera": {
                    "model": "pinhole",
                    "fx": 1000.0,
                    "fy": 1001.0,
                    "cx": 960.0,
                    "cy": 540.0,
                    **distortion,
                },
                "pose": {"x": 1.5, "y": 2.5, "z": 3.0, "heading": 90.0, "pitch": 1.0, "roll": -1.0},
                "time": "2024-05-01T12:00:00Z",
            },
        )

    def test_without_an_id_the_image_is_the_id(self, tmp_path: Path) -> None:
        assert only(batch(tmp_path, csv="image,width,height\na.jpg,8,4\n")).id == "a.jpg"

    def test_without_a_size_the_file_is_asked(self, tmp_path: Path) -> None:
        write_png(tmp_path / "a.png", 8, 4)
        item = only(batch(tmp_path, csv="image,width\na.png,\n")).item
        assert (item["width"], item["height"]) == (8, 4)

    def test_a_byte_order_mark_quotes_and_windows_line_ends(self, tmp_path: Path) -> None:
        text = '\ufeffimage,width,height,note\r\n"a, b.jpg",8,4,"say ""hi""\nthere"\r\n'
        item = only(batch(tmp_path, csv=text)).item
        assert (item["image"], item["note"]) == ("/batch/a, b.jpg", 'say "hi"\nthere')

    def test_the_same_id_twice_passes_here(self, tmp_path: Path) -> None:
        found = batch(tmp_path, csv="id,image,width,height\nr,a.jpg,8,4\nr,b.jpg,8,4\n")
        assert [recording.id for recording in found.recordings()] == ["r", "r"]

    @pytest.mark.parametrize(
        ("fields", "told"),
        [
            (
                "r,a.jpg,east,2,8,4",
                "row 1: x: Input should be a valid number, unable to parse string as a number, got 'east'",
            ),
            ("r,a.jpg,inf,2,8,4", "row 1: x: Input should be a finite number"),
            ("r,a.jpg,1e999,2,8,4", "row 1: x: Input should be a finite number"),
            ("r,a.jpg,1e308,2,8,4", "row 1: x: Input should be less than or equal to 100000000"),
            ("r,a.jpg,1,2,0,4", "row 1: width: Input should be greater than 0"),
            ("r,a.jpg,1,2,8.5,4", "row 1: width: Input should be a valid integer"),
            ("r,,1,2,8,4", "row 1: image: Field required"),
            ("r,a.jpg,1,2,8,4,5", "more fields than the table has columns"),
            ("r,a.jpg,1,2", "image 'a.jpg' does not exist"),
        ],
    )
    def test_a_row_with_a_fault_is_told_by_its_number(self, tmp_path: Path, fields: str, told: str) -> None:
        assert told in fault(batch(tmp_path, csv=f"id,image,x,y,width,height\n{fields}\n"))

    @pytest.mark.parametrize(
        ("column", "value"),
        [
            *(("fx", value) for value in ("-740", "0.0005", "1e9")),
            *((name, "1e9") for name in ("fy", "cx", "cy", "p1", "pitch", "roll", "heading", "z")),
            *((name, "-1e9") for name in ("cx", "k3", "pitch")),
            ("k1", "1e200"),
            ("width", "1000000000"),
        ],
    )
    def test_what_positioning_would_refuse_a_region_for_is_refused_by_itself(
        self, tmp_path: Path, column: str, value: str
    ) -> None:
        good = {"image": "a.jpg", "x": "1", "y": "2", "z": "3", "heading": "4", "pitch": "0", "roll": "0"}
        good |= {"width": "800", "height": "600", "fx": "740", "fy": "740", "cx": "400", "cy": "300"}
        good |= {"k1": "0.1", "k3": "0", "p1": "0"}
        rows = "\n".join(",".join(row.values()) for row in (good, {**good, column: value}))
        one, other = batch(tmp_path, csv=f"{','.join(good)}\n{rows}\n", yaml=f"crs: {RD}").recordings()
        assert isinstance(one, Recording)
        assert isinstance(other, BadRecording)
        assert "row 2: " in other.reason
        assert f"{column}: Input should be" in other.reason

    def test_a_place_on_the_other_side_of_the_earth_has_no_position_in_the_crs(self, tmp_path: Path) -> None:
        names = "image,longitude,latitude,altitude,heading,width,height"
        found = only(batch(tmp_path, csv=f"{names}\na.jpg,-176,-52,3,4,8,4\n", yaml=f"crs: {RD}"))
        assert found.item["pose"] is None  # 1,400,000 km off: a region with it would be refused
        assert Remark.BAD_POSITION in found.remarks

    @pytest.mark.parametrize(
        ("crop", "fits"),
        [
            ("400,200,0,0", True),
            ("199,99,0,0", True),  # rounded
            ("50,25,0,0", False),
            ("400,200,0,150", False),
            ("400,200,401,0", False),
        ],
    )
    def test_a_part_that_does_not_lie_in_its_panorama_is_refused(
        self, tmp_path: Path, crop: str, fits: bool
    ) -> None:
        names = "image,width,height,camera,full_width,full_height,left,top"
        (found,) = batch(tmp_path, csv=f"{names}\na.jpg,200,100,equirectangular,{crop}\n").recordings()
        if fits:
            assert isinstance(found, Recording)
        else:
            assert isinstance(found, BadRecording)
            assert "the 200x100 image does not lie in the whole panorama" in found.reason

    def test_a_fault_does_not_keep_the_next_row_out(self, tmp_path: Path) -> None:
        found = batch(tmp_path, csv="image,width,height\na.jpg,x,4\nb.jpg,8,4\n")
        assert [type(recording) for recording in found.recordings()] == [BadRecording, Recording]

    @pytest.mark.parametrize(
        ("content", "told"),
        [
            (b"name,x\na,1\n", r"no column 'image'; its columns \(between commas\) are name, x"),
            (b"image\ncaf\xe9\x81.jpg\n", "save the table in UTF-8"),
        ],
    )
    def test_a_table_that_is_none_is_refused_as_a_whole(
        self, tmp_path: Path, content: bytes, told: str
    ) -> None:
        (tmp_path / "recordings.csv").write_bytes(content)
        with pytest.raises(BatchError, match=told):
            list(open_batch(tmp_path).recordings())

    @pytest.mark.parametrize("name", ["recordings.csv", "recordings.jsonl"])
    def test_a_line_without_end_is_not_read_into_memory(self, tmp_path: Path, name: str) -> None:
        with (tmp_path / name).open("wb") as table:
            table.write(b"image\n" if name.endswith("csv") else b"{}\n")
            table.truncate(2_000_000_000)  # a hole: it takes no disk
        tracemalloc.start()
        try:
            with pytest.raises(BatchError, match="line 2 is longer than 16,777,216 characters"):
                list(open_batch(tmp_path).recordings())
            assert tracemalloc.get_traced_memory()[1] < 200_000_000
        finally:
            tracemalloc.stop()

    def test_a_field_that_does_not_end(self, tmp_path: Path) -> None:
        with pytest.raises(BatchError, match="field larger than field limit"):
            list(batch(tmp_path, csv='image\n"' + "x" * 200_000).recordings())

    def test_semicolons(self, tmp_path: Path) -> None:
        assert only(batch(tmp_path, csv="id;image;width;height\nr;a.jpg;8;4\n")).id == "r"

    def test_a_comma_at_the_end_of_every_line(self, tmp_path: Path) -> None:
        assert only(batch(tmp_path, csv="image,width,height,\na.jpg,8,4,\n")).id == "a.jpg"

    def test_a_long_table_is_read_row_by_row(self, tmp_path: Path) -> None:
        with (tmp_path / "recordings.csv").open("w") as table:
            table.write("image,x,y,width,height\n")
            table.writelines(f"r{n:06}.jpg,{n},2,4000,2000\n" for n in range(200_000))
        found = open_batch(tmp_path)
        recordings = found.recordings()
        tracemalloc.start()
        try:
            assert next(recordings).id == "r000000.jpg"
            first = tracemalloc.get_traced_memory()[1]
            for _ in itertools.islice(recordings, 1500):
                pass
            assert first < 2_000_000
            assert tracemalloc.get_traced_memory()[0] < first + 100_000
        finally:
            tracemalloc.stop()


class TestJsonLines:
    def test_cameras_may_be_objects_and_further_keys_are_carried_on(self, tmp_path: Path) -> None:
        found = only(
            row(tmp_path, id="r", x=1, y=2, camera={"model": "equirectangular"}, tags=["a", {"b": 1}])
        )
        assert found.item["camera"] == {"model": "equirectangular"}
        assert found.item["tags"] == ["a", {"b": 1}]
        assert (found.position, found.item["pose"]) == ((1.0, 2.0), None)

    def test_csv_comes_first_if_there_are_both(self, tmp_path: Path) -> None:
        found = batch(tmp_path, csv="image,width,height\nc.jpg,8,4\n", jsonl=['{"image": "j.jpg"}'])
        assert only(found).id == "c.jpg"

    @pytest.mark.parametrize(
        ("line", "told"),
        [
            ('{"image": ', "not JSON: Expecting value"),
            ("[1]", "not a JSON object"),
            ('{"id": "r"}', "row 1: image: Field required"),
            ('{"image": 5}', "row 1: image: Input should be a valid string"),
            ('{"image": "a.jpg", "x": "e"}', "row 1: x: Input should be a valid number"),
            ('{"image": "a.jpg", "x": ' + "9" * 5000 + "}", "not JSON: a number has 5000 digits"),
            (
                '{"image": "a.jpg", "width": 8, "height": 4, "camera": "fisheye"}',
                "camera: Input tag 'fisheye'",
            ),
            (
                '{"image": "a.jpg", "width": 8, "height": 4, "camera": "pinhole"}',
                "camera: pinhole.fx: Field required",
            ),
        ],
    )
    def test_a_line_with_a_fault_is_told_by_its_number(self, tmp_path: Path, line: str, told: str) -> None:
        assert told in fault(batch(tmp_path, jsonl=[line]))

    def test_blank_lines_do_not_matter(self, tmp_path: Path) -> None:
        line = '{"image": "a.jpg", "width": 8, "height": 4}'
        assert only(batch(tmp_path, jsonl=["", line, "   "])).id == "a.jpg"

    @pytest.mark.parametrize(
        "line",
        [
            '{"image": "a.jpg", "width": 8, "height": 4, "note": NaN}',
            '{"image": "a.jpg", "width": 8, "height": 4, "note": 1e400}',
            r'{"image": "a.jpg", "width": 8, "height": 4, "note": "\ud800"}',
            r'{"id": "\ud800", "image": "a.jpg", "width": 8, "height": 4}',
            '{"image": "a.jpg", "note": ' + "[" * 100_000 + "}",
        ],
        ids=["NaN", "1e400", "half a pair", "half a pair as id", "endless nesting"],
    )
    def test_what_could_not_be_sent_to_a_step_is_a_fault_of_its_row(self, tmp_path: Path, line: str) -> None:
        (found,) = batch(tmp_path, jsonl=[line]).recordings()
        assert isinstance(found, BadRecording)
        json.dumps([found.id, found.reason], ensure_ascii=False).encode()


class TestPaths:
    @pytest.mark.parametrize("image", ["../a.jpg", "a/../../b.jpg", "/etc/passwd", "a/..", "a\0.jpg"])
    def test_a_path_that_leaves_the_batch_is_refused(self, tmp_path: Path, image: str) -> None:
        assert "leaves the batch" in fault(row(tmp_path, image=image))

    @pytest.mark.parametrize("image", ["a..jpg", "..a/b.jpg", "a/./b.jpg", ".hidden/a.jpg"])
    def test_dots_alone_are_no_crime(self, tmp_path: Path, image: str) -> None:
        assert only(row(tmp_path, image=image)).id == image

    def test_a_link_that_leaves_the_batch_is_refused_in_a_table_too(self, tmp_path: Path) -> None:
        (folder := tmp_path / "batch").mkdir()
        write_png(tmp_path / "elsewhere.png")
        (folder / "a.png").symlink_to("../elsewhere.png")
        assert "leaves the batch" in fault(batch(folder, csv="image\na.png\n"))

    @pytest.mark.parametrize("image", ["link.jpg", "linked/a.png"], ids=["file", "folder"])
    def test_even_if_the_table_gives_the_size_so_that_the_file_need_not_be_read(
        self, tmp_path: Path, image: str
    ) -> None:
        (folder := tmp_path / "batch").mkdir()
        write_png(tmp_path / "a.png")
        (folder / "link.jpg").symlink_to("../a.png")
        (folder / "linked").symlink_to("..")
        assert "leaves the batch" in fault(row(folder, image=image))

    def test_a_pipe_that_a_table_names(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "a.jpg")
        assert fault(row(tmp_path)).endswith(NO_FILE)

    def test_a_name_no_file_can_have(self, tmp_path: Path) -> None:
        assert "File name too long" in fault(row(tmp_path, image="x" * 300))
        assert len(fault(row(tmp_path, image="x" * 100_000))) == 1000

    @pytest.mark.parametrize(
        ("url", "name"),
        [
            ("https://h.example/a/b.JPG?sig=1", "image.jpg"),
            ("http://h.example/b.p%6Eg", "image.png"),
            ("https://h.example/photo", "image"),
            ("https://h.example/x.php?f=.jpg", "image"),
        ],
    )
    def test_an_image_given_by_its_url_is_fetched_to_a_folder_of_its_own(
        self, tmp_path: Path, url: str, name: str
    ) -> None:
        found = only(batch(tmp_path, jsonl=[json.dumps({"id": "r/1", "image": url})]))
        assert (found.url, found.item["image"]) == (url, f"/work/fetch/r%2F1/{name}")
        assert (found.item["width"], found.item["height"]) == (None, None)

    @PROPERTY
    @given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=2, unique=True))
    def test_a_units_folder_is_safe_and_its_own(self, ids: list[str]) -> None:
        folders = [unit_folder(one) for one in ids]
        assert len(set(folders)) == len(ids)
        for folder in folders:
            assert folder not in (".", "..")
            assert 0 < len(folder) <= 120
            assert not set(folder) & set("/\\\0\n '\"$`*?")

    @pytest.mark.parametrize("unit", [".", "..", "...", "a/b", "x" * 500, "é" * 100, "-rf"])
    def test_units_that_try(self, unit: str) -> None:
        assert len(unit_folder(unit)) <= 120
        assert "/" not in unit_folder(unit)
        assert set(unit_folder(unit)) != {"."}


class TestCameras:
    PINHOLE = "camera: {model: pinhole, fx: 100, fy: 100, cx: 4, cy: 2}"

    def test_the_batchs_default_camera(self, tmp_path: Path) -> None:
        write_png(tmp_path / "a.png")
        assert only(batch(tmp_path, yaml=self.PINHOLE)).item["camera"]["fx"] == 100

    def test_a_rows_camera_wins(self, tmp_path: Path) -> None:
        text = "image,width,height,camera\na.jpg,8,4,equirectangular\n"
        assert only(batch(tmp_path, yaml=self.PINHOLE, csv=text)).item["camera"] == {
            "model": "equirectangular"
        }

    def test_a_panorama_does_not_mind_the_pinholes_columns(self, tmp_path: Path) -> None:
        text = "image,width,height,camera,fx,k1\na.jpg,8,4,equirectangular,100,0.5\n"
        item = only(batch(tmp_path, csv=text)).item
        assert item["camera"] == {"model": "equirectangular"}
        assert "fx" not in item


class TestBatchYaml:
    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("crs: [", "not valid YAML"),
            ("crss: EPSG:28992", "crss: Extra inputs are not permitted"),
            ("crss: EPSG:28992", "did you mean 'crs'?"),
            (
                "region: {sizes: 3}",
                "region.sizes: Extra inputs are not permitted, got 3; did you mean 'size'?",
            ),
            ("accuracy: 3", "write one standard deviation, position_m in metres and heading_deg in degrees"),
            ("accuracy: {}", "accuracy: Value error, write one standard deviation"),
            (
                "accuracy: {position_m: 0}",
                "accuracy.position_m: Input should be greater than or equal to 0.001",
            ),
            (
                "accuracy: {position_m: 3000}",
                "accuracy.position_m: Input should be less than or equal to 100",
            ),
            (
                "accuracy: {heading_deg: true}",
                "accuracy.heading_deg: Input should be a valid number, got True",
            ),
            ("accuracy: {heading_deg: .nan}", "accuracy.heading_deg: Input should be a finite number"),
            (
                "accuracy: {position: 3}",
                "accuracy.position: Extra inputs are not permitted, got 3; did you mean 'position_m",
            ),
            ("- 1", "Input should be a valid dictionary"),
            ("region: {size: 0}", "region.size: Input should be greater than 0"),
            ("region: {halo: -1}", "region.halo: Input should be greater than or equal to 0"),
            ("region: {size: 0.001, halo: 100}", "region: Value error, halo is more than 20 times size"),
            ("region: {size: .inf}", "region.size: Input should be a finite number"),
            ("camera: {model: fisheye}", "camera: Input tag 'fisheye'"),
            (
                "camera: {model: pinhole, fx: 0, fy: 1, cx: 1, cy: 1}",
                "camera.pinhole.fx: Input should be greater",
            ),
            ("crs: [28992]", "crs.str: Input should be a valid string"),
            ("name: &a [*a]", "aliases (*name) are not allowed here"),
            ("name: " + "[" * 100_000, "nested more than 20 levels deep"),
            ("name: 2001-99-99", "not valid YAML: month must be in 1..12"),
            ("name: " + "9" * 5000, "not valid YAML: Exceeds the limit"),
            ("name: " + "x" * 2_000_000, "is larger than 1,048,576 bytes"),
        ],
    )
    def test_faults_are_told_with_their_place(self, tmp_path: Path, text: str, told: str) -> None:
        with pytest.raises(BatchError) as refused:
            batch(tmp_path, yaml=text)
        assert told in str(refused.value)

    @pytest.mark.parametrize("key", ["name: {}", "camera: {}", "camera: {{model: {}}}"])
    def test_a_billion_laughs(self, tmp_path: Path, key: str) -> None:
        lines = ["a0: &a0 [ha]"]
        lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
        with pytest.raises(BatchError, match="aliases"):
            batch(tmp_path, yaml="\n".join([*lines, key.format("*a9")]))

    def test_without_one_or_with_an_empty_one_there_are_defaults(self, tmp_path: Path) -> None:
        assert batch(tmp_path).config == batch(tmp_path, yaml="# nothing yet\n").config
        assert batch(tmp_path).name == tmp_path.name

    def test_a_folder_that_is_none(self, tmp_path: Path) -> None:
        with pytest.raises(BatchError, match="no such folder"):
            open_batch(tmp_path / "absent")

    def test_an_unknown_crs(self, tmp_path: Path) -> None:
        with pytest.raises(BatchError, match="is not known"):
            _ = batch(tmp_path, yaml="crs: EPSG:999999").projection


class TestDetectionsMadeElsewhere:
    @staticmethod
    def coco(folder: Path, document: Any) -> Batch:
        (folder / "detections.json").write_text(json.dumps(document))
        return row(folder)

    def test_they_join_by_file_name(self, tmp_path: Path) -> None:
        found = self.coco(
            tmp_path,
            {
                "images": [{"id": 7, "file_name": "a.jpg"}, {"id": 8, "file_name": "other.jpg"}],
                "categories": [{"id": 1, "name": "red-circle"}],
                "annotations": [
                    {"image_id": 7, "bbox": [1, 2, 3, 1.5], "score": 0.5, "category_id": 1},
                    {"image_id": 7, "bbox": [5, 0, 3, 4]},
                    {"image_id": 8, "bbox": [0, 0, 1, 1]},
                ],
            },
        )
        (recording,) = found.recordings(with_detections=True)
        assert isinstance(recording, Recording)
        assert recording.item["detections"] == [
            {"bbox": [1, 2, 3, 1.5], "score": 0.5, "label": "red-circle"},
            {"bbox": [5, 0, 3, 4], "score": 1.0},
        ]

    def test_a_recording_without_any_has_an_empty_list(self, tmp_path: Path) -> None:
        (recording,) = self.coco(tmp_path, {"images": [], "annotations": []}).recordings(with_detections=True)
        assert isinstance(recording, Recording)
        assert recording.item["detections"] == []

    def test_they_are_left_alone_unless_asked_for(self, tmp_path: Path) -> None:
        assert "detections" not in only(self.coco(tmp_path, {})).item

    def test_an_image_of_another_url_or_folder_has_its_own(self, tmp_path: Path) -> None:
        document = {
            "images": [{"id": 1, "file_name": "old\\\\a.jpg", "width": 4, "height": 2}],
            "annotations": [{"image_id": 1, "bbox": [1, 1, 2, 1]}],
        }
        (tmp_path / "detections.json").write_text(json.dumps(document))
        (recording,) = row(tmp_path, image="https://x.test/b/a.jpg").recordings(with_detections=True)
        assert isinstance(recording, Recording)
        assert recording.item["detections"] == [{"bbox": [2, 2, 4, 2], "score": 1.0}]

    def test_a_box_crosses_the_seam_of_a_whole_panorama_only(self, tmp_path: Path) -> None:
        document = {
            "images": [{"id": 1, "file_name": "a.jpg"}],
            "annotations": [{"image_id": 1, "bbox": [7, 1, 2, 2]}],
        }
        (tmp_path / "detections.json").write_text(json.dumps(document))
        for camera, wide in (("equirectangular", 2), (None, 1)):
            (recording,) = row(tmp_path, camera=camera).recordings(with_detections=True)
            assert isinstance(recording, Recording)
            assert recording.item["detections"][0]["bbox"] == [7, 1, wide, 2]


class TestRegionsOfABatch:
    @staticmethod
    def with_regions(folder: Path, document: Any, yaml: str = f"crs: {RD}") -> Batch:
        (folder / "regions.geojson").write_text(json.dumps(document))
        return batch(folder, yaml=yaml)

    def test_without_positions_there_is_one(self, tmp_path: Path) -> None:
        assert self.with_regions(tmp_path, {}).regions(positioned=False) == Undivided()

    def test_without_a_file_there_is_a_grid(self, tmp_path: Path) -> None:
        found = batch(tmp_path, yaml="region: {size: 50, halo: 5}")
        assert found.regions(positioned=True) == Grid(size=50, halo=5)

    def test_polygons_in_wgs84_come_into_the_batchs_crs(self, tmp_path: Path) -> None:
        document = collection([feature(square(5.0, 52.0, 5.1, 52.1), {"id": "west"})])
        regions = self.with_regions(tmp_path, document).regions(positioned=True)
        assert isinstance(regions, Polygons)
        x, y = regions.cores["west"]["coordinates"][0][0]
        assert (x, y) == pytest.approx(Projection(RD).to_projected(5.0, 52.0), abs=1e-6)

    def test_polygons_that_name_the_batchs_crs_stay_as_they_are(self, tmp_path: Path) -> None:
        core = square(0, 0, 10, 10)
        document = collection([feature(core)], crs={"type": "name", "properties": {"name": RD}})
        regions = self.with_regions(tmp_path, document).regions(positioned=True)
        assert regions == Polygons(cores={"0": core}, halo=100)

    @pytest.mark.parametrize(
        ("one", "name"),
        [
            (feature(square(0, 0, 1, 1), {"id": "p"}, id="f"), "f"),
            (feature(square(0, 0, 1, 1), {"id": "p", "name": "n"}), "p"),
            (feature(square(0, 0, 1, 1), {"name": "n"}), "n"),
            (feature(square(0, 0, 1, 1)), "0"),
        ],
    )
    def test_a_regions_name(self, tmp_path: Path, one: dict[str, Any], name: str) -> None:
        regions = self.with_regions(tmp_path, collection([one])).regions(positioned=True)
        assert isinstance(regions, Polygons)
        assert list(regions.cores) == [name]

    @pytest.mark.parametrize(
        ("document", "told"),
        [
            (
                collection([feature({"type": "Point", "coordinates": [1, 2]})]),
                "feature 0 is a Point, not a polygon",
            ),
            (collection([feature(square(0, 0, 1, 1), {"id": "a"})] * 2), "two regions have the id 'a'"),
            ({}, "not a GeoJSON FeatureCollection"),
            ([], "not a GeoJSON FeatureCollection"),
            (collection([{"geometry": None}]), "there is no region in it"),
        ],
    )
    def test_faults(self, tmp_path: Path, document: Any, told: str) -> None:
        with pytest.raises(BatchError, match=told):
            self.with_regions(tmp_path, document).regions(positioned=True)

    @pytest.mark.parametrize(
        "crs", [None, {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}]
    )
    def test_the_crs_that_gdal_writes_is_wgs84(self, tmp_path: Path, crs: Any) -> None:
        document = collection([feature(square(5.0, 52.0, 5.1, 52.1))], crs=crs)
        regions = self.with_regions(tmp_path, document).regions(positioned=True)
        assert isinstance(regions, Polygons)
        assert regions.around(Projection(RD).to_projected(5.05, 52.05)) == ("0",)

    def test_regions_need_the_batchs_crs(self, tmp_path: Path) -> None:
        with pytest.raises(BatchError, match="must name the crs"):
            self.with_regions(tmp_path, collection([]), yaml="").regions(positioned=True)
