"""Tables of recordings as people have them: their columns' names, dialects and values; or why they are refused."""

from __future__ import annotations

import csv
import io
import json
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.errors import BatchError
from coordinator.findings import Finding, Level
from coordinator.formats import table
from coordinator.formats.columnnames import meaning, suggestion
from coordinator.formats.row import Row
from coordinator.formats.table import candidates, find
from tests.unit.builders import PROPERTY


class Read:
    """What was read of a table in ``folder``: its rows, and what was told of it."""

    def __init__(self, folder: Path, content: str | bytes, name: str = "recordings.csv") -> None:
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        self.findings: list[Finding] = []
        path = find(folder)
        assert path is not None
        self.entries = list(table.read(path, self.findings.append))

    @property
    def rows(self) -> list[Any]:
        return [fields for _, fields in self.entries]

    @property
    def row(self) -> dict[str, Any]:
        (fields,) = self.rows
        assert isinstance(fields, dict), fields
        return fields

    @property
    def reason(self) -> str:
        (fields,) = self.rows
        assert isinstance(fields, str), fields
        return fields

    def told(self, kind: str) -> Finding:
        (found,) = (finding for finding in self.findings if finding.kind == kind)
        return found


def refused(folder: Path, content: str | bytes, name: str = "recordings.csv") -> str:
    with pytest.raises(BatchError) as error:
        Read(folder, content, name)
    assert name in str(error.value)
    return str(error.value)


class TestWhichFile:
    def test_none(self, tmp_path: Path) -> None:
        (tmp_path / "poses.csv").touch()
        assert (find(tmp_path), candidates(tmp_path)) == (None, [])

    def test_the_first_in_order_counts_and_the_others_can_be_named(self, tmp_path: Path) -> None:
        names = ["recordings.jsonl", "Recordings.CSV", "recordings.tsv", "recordings.csv", "RECORDINGS.JSON"]
        for name in names:
            (tmp_path / name).touch()
        found = [path.name for path in candidates(tmp_path)]
        assert found == [
            "recordings.csv",
            "Recordings.CSV",
            "recordings.jsonl",
            "recordings.tsv",
            "RECORDINGS.JSON",
        ]
        assert find(tmp_path) == tmp_path / "recordings.csv"

    @pytest.mark.parametrize("name", ["Recordings.CSV", "recordings.txt", "RECORDINGS.Tsv"])
    def test_any_case_of_the_name(self, tmp_path: Path, name: str) -> None:
        read = Read(tmp_path, "image\ta.b\na.jpg\t1\n", name)
        assert read.entries == [(f"{name}, row 1", {"image": "a.jpg", "a.b": "1"})]

    def test_a_folder_that_cannot_be_read(self, tmp_path: Path) -> None:
        with pytest.raises(BatchError, match="cannot be read: No such file"):
            find(tmp_path / "absent")


class TestNames:
    @pytest.mark.parametrize(
        ("field", "names"),
        [
            ("image", ["Image", "image_path", "File", "filename", "file_name", "FileName", "img", "Image Path", "url"]),
            ("id", ["ID", "recording_id", "Recording-ID", "imageId"]),
            ("latitude", ["lat", "Latitude", "gps_lat", "GPSLatitude", "EXIF:GPSLatitude", "lat [deg]", "lat_dd"]),
            ("longitude", ["lon", "lng", "Long", "gps_lon", "GPSLongitude", "Longitude (°)", "x_wgs84"]),
            ("x", ["X", " x ", '"x"', "\ufeffx", "easting", "East", "e", "rd_x", "x_m", "x (m)", "X [metres]",
                   "pose.x"]),
            ("y", ["Y", "Northing", "RD-Y", "utm_y", "y(m)"]),
            ("z", ["Z", "elevation", "height_m", "Height (m)"]),
            ("altitude", ["Altitude", "alt", "ele", "GPSAltitude", "alt_m"]),
            ("heading", ["Heading", "HEADING", "heading [deg]", "yaw", "Bearing", "azimuth", "compass_angle", "hdg",
                         "camera_heading", "direction", "course", "GPSImgDirection", "heading°", "yaw_deg"]),
            ("north", ["North", "north_ref", "GPSImgDirectionRef"]),
            ("pitch", ["Pitch", "camera_pitch", "pitch (degrees)"]),
            ("roll", ["Roll"]),
            ("camera", ["Camera", "camera_model", "projection"]),
            ("width", ["Width", "image_width", "img_w", "ImageWidth", "width [px]"]),
            ("height", ["Height", "image_height", "img_h", "height (pixels)"]),
            ("fx", ["Fx", "focal_x"]),
            ("position_accuracy", ["Position Accuracy", "position_accuracy_m", "accuracy", "gps_accuracy [m]",
                                   "h_accuracy",
                                   "hAcc", "GPSHPositioningError", "horizontal accuracy (metres)", "position_m"]),
            ("heading_accuracy", ["heading_accuracy_deg", "Heading Accuracy", "compass_accuracy", "yaw accuracy [°]"]),
            ("dop", ["HDOP", "gps_dop", "GPSDOP", "pdop"]),
            ("time", ["Time", "timestamp", "DateTime", "date_time", "captured_at", "gps_time", "DateTimeOriginal"]),
        ],
    )  # fmt: skip
    def test_what_names_mean(self, field: str, names: list[str]) -> None:
        found = {name: meaning(name) for name in [field, *names]}
        assert {name: meant and meant.field for name, meant in found.items()} == dict.fromkeys(found, field)
        assert not any(meant and meant.unit for meant in found.values())

    @pytest.mark.parametrize(
        ("name", "north"),
        [
            ("true_heading", "true"),
            ("heading (true north)", "true"),
            ("Magnetic Heading", "magnetic"),
            ("heading_mag", "magnetic"),
            ("bearing [magnetic]", "magnetic"),
            ("grid_azimuth", "grid"),
            ("heading", None),
        ],
    )
    def test_the_north_that_a_heading_counts_from(self, name: str, north: str | None) -> None:
        meant = meaning(name)
        assert meant is not None
        assert (meant.field, meant.north) == ("heading", north)

    @pytest.mark.parametrize(
        "name",
        ["", "note", "camera_id", "pose_id", "true_north", "magnetic", "width_m", "tilt", "street name", "π"],
    )
    def test_what_is_no_field(self, name: str) -> None:
        assert meaning(name) is None

    @pytest.mark.parametrize(
        ("name", "field"),
        [("hedding", "heading"), ("lattitude", "latitude"), ("tilt", "pitch"), ("note", None), ("w", None)],
    )
    def test_what_was_meant(self, name: str, field: str | None) -> None:
        assert suggestion(name) == field


class TestColumns:
    def test_the_case_table_column_names(self, tmp_path: Path) -> None:
        read = Read(tmp_path, "id,image,X,Y, Z,Heading\nr0,r000.jpg,121837.453,490339.947,2.0,20.3858\n")
        assert read.row == {
            "id": "r0",
            "image": "r000.jpg",
            "x": 121837.453,
            "y": 490339.947,
            "z": 2.0,
            "heading": 20.3858,
        }
        (told,) = read.findings
        assert (told.kind, told.level) == ("columns-read-as", Level.NOTE)
        assert told.text == (
            "recordings.csv: columns read as: 'X' as x, 'Y' as y, 'Z' as z, 'Heading' as heading"
        )

    def test_an_accuracy_in_another_unit_is_refused(self, tmp_path: Path) -> None:
        for name, unit in (
            ("accuracy_ft", "feet"),
            ("gps accuracy [mm]", "mm"),
            ("heading_accuracy_rad", "radians"),
        ):
            with pytest.raises(BatchError, match=f"is in {unit}, and (position|heading)_accuracy is in"):
                Read(tmp_path, f"image,{name}\na.jpg,1\n")

    def test_of_two_accuracies_the_plain_word_counts_less(self, tmp_path: Path) -> None:
        read = Read(tmp_path, "image,accuracy,position_accuracy_m,hdop,pdop\na.jpg,9,1.5,0.8,2\n")
        assert read.row == {
            "image": "a.jpg",
            "position_accuracy": 1.5,
            "dop": 0.8,
            "accuracy": "9",
            "pdop": "2",
        }
        assert read.told("columns-set-aside").level is Level.NOTE

    def test_names_as_they_should_be_are_not_worth_a_word(self, tmp_path: Path) -> None:
        assert Read(tmp_path, "id,image,x,y,heading\nr,a.jpg,1,2,3\n").findings == []

    def test_a_word_of_unknown_columns_with_what_was_meant(self, tmp_path: Path) -> None:
        told = Read(tmp_path, "image,note,hedding\na.jpg,n,1\n").told("unknown-columns")
        assert told.level is Level.WARNING
        assert "unknown columns: 'hedding' (did you mean 'heading'?), 'note';" in told.text

    def test_unknown_columns_that_are_like_none_are_noted_and_carried_along(self, tmp_path: Path) -> None:
        read = Read(tmp_path, "image,heading,heading2,My Note \na.jpg,1,2, x \n")
        assert read.told("unknown-columns").level is Level.NOTE
        assert read.row == {"image": "a.jpg", "heading": 1.0, "heading2": "2", "My Note": "x "}

    def test_many_unknown_columns_are_counted(self, tmp_path: Path) -> None:
        names = ",".join(f"c{n}" for n in range(1000))
        assert "'c11' and 988 more" in Read(tmp_path, f"image,{names}\na.jpg\n").told("unknown-columns").text

    def test_easting_beside_north_is_a_northing(self, tmp_path: Path) -> None:
        assert Read(tmp_path, "file,East,North\na.jpg,1,2\n").row == {"image": "a.jpg", "x": 1.0, "y": 2.0}
        assert Read(tmp_path, "image,x,y,heading,north\na.jpg,1,2,3,M\n").row["north"] == "magnetic"

    def test_short_names_count_in_company(self, tmp_path: Path) -> None:
        assert Read(tmp_path, "file,E,N\na.jpg,1,2\n").row == {"image": "a.jpg", "x": 1.0, "y": 2.0}
        read = Read(tmp_path, "file,n,f\na.jpg,1,2.8\n")
        assert read.row == {"image": "a.jpg", "n": "1", "f": "2.8"}
        assert "unknown columns: 'n', 'f';" in read.told("unknown-columns").text

    @pytest.mark.parametrize("value", ["T", "True North", "TRUE"])
    def test_the_north_in_a_column(self, tmp_path: Path, value: str) -> None:
        row = Read(tmp_path, f"image,magnetic_heading,north\na.jpg,1,{value}\nb.jpg,2,\nc.jpg,,\n").rows
        assert [fields.get("north") for fields in row] == ["true", "magnetic", None]

    @pytest.mark.parametrize(
        ("names", "told"),
        [
            ("image,image", "two columns are called 'image': remove one"),
            ("image,note,note", "two columns are called 'note'"),
            ("image,heading,Heading", "columns 'heading' and 'Heading' both are heading: keep one"),
            ("image,yaw,bearing", "columns 'yaw' and 'bearing' both mean heading: keep one, or name the one"),
            ("filename,path,x", "columns 'filename' and 'path' both mean image"),
            ("image,course,track", "both mean heading"),
            ("image,heading_rad", "column 'heading_rad' is in radians, and heading is in degrees"),
            ("image,x [ft]", "column 'x [ft]' is in feet, and x is in metres"),
            ("image,x (deg)", "column 'x (deg)' is in degrees, and x is in metres"),
            (
                "image,height",
                "column 'height' is the image's height in pixels, and there is no column 'width'",
            ),
        ],
    )
    def test_columns_that_leave_open_what_is_meant(self, tmp_path: Path, names: str, told: str) -> None:
        assert told in refused(tmp_path, f"{names}\na,1,2\n")

    def test_the_fields_own_name_counts_before_others(self, tmp_path: Path) -> None:
        read = Read(tmp_path, "image,yaw,heading\na.jpg,1,2\n")
        assert read.row == {"image": "a.jpg", "yaw": "1", "heading": 2.0}
        told = read.told("columns-set-aside")
        assert told.level is Level.WARNING
        assert "these count: 'heading', not 'yaw'" in told.text

    def test_true_counts_before_magnetic(self, tmp_path: Path) -> None:
        read = Read(tmp_path, "image,magnetic_heading,true_heading\na.jpg,1,2\n")
        assert (read.row["heading"], read.row["north"]) == (2.0, "true")
        assert read.told("columns-set-aside").level is Level.WARNING

    def test_names_that_often_mean_something_else_give_way(self, tmp_path: Path) -> None:
        read = Read(tmp_path, "url,image_path,course,yaw\nhttp://e/a.jpg,a.jpg,1,2\n")
        assert read.row == {"url": "http://e/a.jpg", "image": "a.jpg", "course": "1", "heading": 2.0}
        assert read.told("columns-set-aside").level is Level.NOTE

    def test_a_course_alone_is_a_heading_and_a_doubt(self, tmp_path: Path) -> None:
        read = Read(tmp_path, "image,course\na.jpg,1\n")
        assert read.row["heading"] == 1.0
        assert read.told("course-as-heading").level is Level.WARNING

    def test_one_focal_length_is_that_of_a_pinhole(self, tmp_path: Path) -> None:
        read = Read(tmp_path, "image,f,cx,cy\na.jpg,1000,5,6\nb.jpg,,,\n")
        lens = {"fx": 1000.0, "fy": 1000.0, "cx": 5.0, "cy": 6.0}
        assert read.rows == [{"image": "a.jpg", "camera": "pinhole", **lens}, {"image": "b.jpg"}]

    def test_columns_without_a_name(self, tmp_path: Path) -> None:
        read = Read(tmp_path, ",image,x,\n0,a.jpg,1,\n1,b.jpg,2,3\n")
        assert read.rows == [{"image": "a.jpg", "x": 1.0}, "more fields than the table has columns"]
        assert (
            read.told("columns-without-name").text == "recordings.csv: column 1 has no name, and is not read"
        )

    def test_fewer_fields_are_no_fault_and_more_are(self, tmp_path: Path) -> None:
        rows = Read(tmp_path, "image,x,y\na.jpg,1\nb.jpg,1,2,3\nc.jpg,1,2,\n").rows
        assert rows[0] == {"image": "a.jpg", "x": 1.0}
        assert rows[1] == "more fields than the table has columns"
        assert rows[2] == {"image": "c.jpg", "x": 1.0, "y": 2.0}


class TestNoImage:
    def test_its_columns_and_what_is_understood_are_named(self, tmp_path: Path) -> None:
        told = refused(tmp_path, "id;which;x\nr;s;1\n")
        assert "no column 'image'; its columns (between semicolons) are id, which, x; call the one" in told

    def test_a_name_like_it(self, tmp_path: Path) -> None:
        assert "if 'imagge' has the file names, call it 'image'" in refused(tmp_path, "imagge,x\na.jpg,1\n")

    def test_ids_that_are_files_but_for_their_suffix(self, tmp_path: Path) -> None:
        (tmp_path / "r0.JPG").touch()
        assert "there is a file 'r0.JPG': add a column 'image'" in refused(tmp_path, "id,x\nr0,1\n")

    def test_another_column_has_the_files(self, tmp_path: Path) -> None:
        (tmp_path / "r0.jpg").touch()
        assert "column 'what' has the names of files: call it 'image'" in refused(
            tmp_path, "id,what\nr,r0.jpg\n"
        )

    @pytest.mark.parametrize("line", ["a.jpg,1,2", "r1;a.jpg;4,9;52,3", "r1,121837.4,490339.9"])
    def test_values_where_names_are_due(self, tmp_path: Path, line: str) -> None:
        assert "its first line has values where the columns' names are due" in refused(
            tmp_path, f"{line}\n{line}\n"
        )

    @pytest.mark.parametrize("content", ["", "\n\n", "# only a remark\n"])
    def test_nothing(self, tmp_path: Path, content: str) -> None:
        assert "no line names its columns" in refused(tmp_path, content)


ROWS: list[dict[str, Any]] = [
    {"id": "r1", "image": "s/a.jpg", "x": 121837.45, "y": 490339.94, "z": 2.0, "heading": 20.5, "note": "a, b; c|d"},
    {"id": "r2", "image": "straße é.jpg", "x": 1.5, "y": -2.25, "z": 0.0, "heading": 359.125, "note": "so"},
]  # fmt: skip


class TestDialects:
    @pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
    def test_the_same_rows(self, tmp_path: Path, delimiter: str, end: str, encoding: str) -> None:
        text = written(ROWS, delimiter=delimiter, end=end)
        read = Read(tmp_path, text.encode(encoding))
        assert read.rows == ROWS
        assert [finding.kind for finding in read.findings if finding.kind == "table-cp1252"] == (
            ["table-cp1252"] if encoding == "cp1252" else []
        )

    @pytest.mark.parametrize(
        "top", ["sep=;\r\n", '"sep=;"\n', "# made by me\n#x;y\n\n", "\n\n", "\ufeffsep=;\n", "#\n"]
    )
    def test_lines_above_the_names(self, tmp_path: Path, top: str) -> None:
        assert Read(tmp_path, f"{top}image;x\na.jpg;1,5\n").row == {"image": "a.jpg", "x": 1.5}

    def test_names_in_a_comment(self, tmp_path: Path) -> None:
        assert Read(tmp_path, "# by hand\n# image,x\na.jpg,1\n").row == {"image": "a.jpg", "x": 1.0}

    def test_blank_lines_are_no_rows(self, tmp_path: Path) -> None:
        read = Read(tmp_path, "image,x,y\n\na.jpg,1,2\n,,\n   \nb.jpg,3,4\n\n")
        assert [label for label, fields in read.entries] == ["recordings.csv, row 1", "recordings.csv, row 2"]

    def test_a_row_that_says_that_it_has_nothing_is_one(self, tmp_path: Path) -> None:
        assert Read(tmp_path, "image,x\nNaN,NaN\n./,\n").rows == [{}, {}]

    def test_a_delimiter_in_quotes_decides_nothing(self, tmp_path: Path) -> None:
        assert Read(tmp_path, 'image,"a;b;c;d"\na.jpg,1\n').row == {"image": "a.jpg", "a;b;c;d": "1"}

    def test_a_cp1252_sign_far_down(self, tmp_path: Path) -> None:
        content = b"image,x\n" + b"a.jpg,1\n" * 20_000 + b"caf\xe9.jpg,1\n"
        assert Read(tmp_path, content).rows[-1]["image"] == "café.jpg"

    @pytest.mark.parametrize(
        ("content", "told"),
        [
            (b"image,x\ncaf\xe9\x81.jpg,1\n", "save the table in UTF-8"),
            ("image\na.jpg\n".encode("utf-16-le"), "NUL bytes where text is due"),
            (b"\xef\xbb\xbfimage\ncaf\xe9.jpg\n", "save the table in UTF-8"),
            (b'image,note\na.jpg,"open\nb.jpg,x\n', "line 3: unexpected end of data; look for a quote"),
            (b'\nimage,note\na.jpg,"a"b\n', "line 3: "),
        ],
    )
    def test_what_is_no_text_or_breaks_off(self, tmp_path: Path, content: bytes, told: str) -> None:
        assert told in refused(tmp_path, content)

    @pytest.mark.parametrize(
        "content",
        [
            "image," + "(" * 130_000 + "\na\n",
            "image,lat\na," + "5 " * 60_000,
            "image\n" + "./" * 60_000 + "a",
        ],
        ids=["brackets", "blanks", "dots"],
    )
    def test_what_would_take_patterns_for_ever(self, tmp_path: Path, content: str) -> None:
        began = time.monotonic()
        assert Read(tmp_path, content).row["image"] == "a"
        assert time.monotonic() - began < 5

    def test_memory_stays_flat(self, tmp_path: Path) -> None:
        (tmp_path / "recordings.csv").write_text("image,x\n" + "a.jpg,1\n" * 20_000)
        entries = table.read(tmp_path / "recordings.csv", lambda finding: None)
        tracemalloc.start()
        try:
            assert sum(1 for _ in entries) == 20_000
            assert tracemalloc.get_traced_memory()[1] < 1_000_000
        finally:
            tracemalloc.stop()


def written(rows: Sequence[dict[str, Any]], *, delimiter: str, end: str, comma: bool = False) -> str:
    def value(given: Any) -> Any:
        return str(given).replace(".", ",") if comma and isinstance(given, float) else given

    file = io.StringIO()
    writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter, lineterminator=end)
    writer.writeheader()
    writer.writerows({name: value(given) for name, given in row.items()} for row in rows)
    return file.getvalue()


TEXTS = st.text(
    st.characters(codec="cp1252", exclude_characters="\\:\x00", exclude_categories=["C", "Z"]), min_size=1
)
PLAIN = TEXTS.filter(lambda text: text.lower() not in ("nan", "null", "none", "na", "n/a", "#n/a", "-", "--"))
NUMBERS = st.floats(-1e7, 1e7, allow_subnormal=False)
"""Python writes the small ones and the large ones with an exponent."""


class TestTheSameRowsInEveryDialect:
    @PROPERTY
    @given(
        rows=st.lists(
            st.fixed_dictionaries(
                {"image": PLAIN.map(lambda name: f"s/{name}"), "id": PLAIN, "x": NUMBERS, "latitude": NUMBERS,
                 "note": PLAIN}
            ),
            min_size=1,
            max_size=5,
        ),
        delimiter=st.sampled_from(",;\t|"),
        end=st.sampled_from(["\n", "\r\n", "\r"]),
        encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
        comma=st.booleans(),
    )  # fmt: skip
    def test_give_the_same_fields(
        self, rows: list[dict[str, Any]], delimiter: str, end: str, encoding: str, comma: bool
    ) -> None:
        # A number that can be nothing but decimal settles what the commas of the others are, and a letter that
        # can be nothing else in UTF-8 that the table is not UTF-8.
        rows = [{**rows[0], "x": 121837.5, "note": "é"}, *rows[1:]]
        text = written(rows, delimiter=delimiter, end=end, comma=comma)
        with tempfile.TemporaryDirectory() as folder:
            found = Read(Path(folder), text.encode(encoding))
        assert found.rows == rows

    @PROPERTY
    @given(st.binary(max_size=300))
    def test_any_bytes_are_read_or_refused(self, content: bytes) -> None:
        for name in ("recordings.csv", "recordings.jsonl", "recordings.json"):
            with tempfile.TemporaryDirectory() as folder:
                try:
                    entries = Read(Path(folder), content, name).entries
                except BatchError:
                    continue
            assert all(isinstance(fields, dict | str) for _, fields in entries)

    @PROPERTY
    @given(st.text(alphabet="0123456789.,-+eE °'\"NSEWm\u00a0", max_size=12))
    def test_any_number_is_read_or_left_to_the_row_or_told(self, value: str) -> None:
        with tempfile.TemporaryDirectory() as folder:
            text = written(
                [{"image": "a", "x": value, "lat": value, "heading": value}], delimiter=";", end="\n"
            )
            (fields,) = Read(Path(folder), text).rows
        if isinstance(fields, dict):
            assert all(isinstance(given, float | str) for given in fields.values())


class TestValues:
    @pytest.mark.parametrize("value", ["NaN", "nan", "null", "None", "NA", "N/A", "-", " ", " NaN "])
    def test_words_for_nothing(self, tmp_path: Path, value: str) -> None:
        names = "image;id;x;latitude;heading;width;height;camera;north;time;fx;note"
        row = Read(tmp_path, f"{names}\na.jpg{f';{value}' * 11}\n").row
        assert row in (
            {"image": "a.jpg", "note": value},
            {"image": "a.jpg", "note": value.lstrip()},
            {"image": "a.jpg"},
        )

    @pytest.mark.parametrize(
        ("value", "meant"),
        [
            ("52.3701", 52.3701),
            ("-52.5", -52.5),
            ("52,3701", 52.3701),
            ("52,370", 52.37),
            ("52.37°", 52.37),
            ("52.5 N", 52.5),
            ("N52.5", 52.5),
            ("52.5S", -52.5),
            ("s 52,5", -52.5),
            ("52°30'N", 52.5),
            ("52°30'36\"N", 52.51),
            ("52° 30' 36.0\" S", -52.51),
            ("52 deg 30' 36.00\" N", 52.51),
            ("52°30′36″N", 52.51),
            ("52°30’36”N", 52.51),
            ("52 30 36 N", 52.51),
            ("52:30:36N", 52.51),
            ("52°30.6'N", 52.51),
            ("-52°30'36\"", -52.51),
            ("52d30m36s north", 52.51),
        ],
    )
    def test_a_latitude(self, tmp_path: Path, value: str, meant: float) -> None:
        row = Read(tmp_path, written([{"image": "a", "lat": value}], delimiter=";", end="\n")).row
        assert row["latitude"] == pytest.approx(meant, abs=1e-12)

    @pytest.mark.parametrize(
        ("column", "value", "told"),
        [
            ("lat", "52°30'36\"", "(column 'lat'): '52°30\\'36\"' names no hemisphere: write N or S behind it"),
            ("lat", "52.5 E", "'E' is no hemisphere of a latitude: write N or S"),
            ("longitude", "5.5 O", "longitude: 'O' is no hemisphere of a longitude: write E or W"),
            ("lat", "-52.5 N", "contradict each other"),
            ("lat", "N 52.5 S", "has two letters"),
            ("lat", "52°75'N", "60 or more minutes"),
            ("x", "2,000", "'2,000' may be 2.000 or 2000"),
            ("x", "121,837.45", "has signs between thousands"),
            ("x", "121.837,45", "has signs between thousands"),
            ("x", "1.121.837", "has signs between thousands"),
            ("x", "121 837,45", "has signs between thousands"),
            ("x", "121'837.45", "has signs between thousands"),
            ("z", "2.0 m", "z: '2.0 m' has a unit (m): write the number alone"),
            ("altitude", "12.3 m Above Sea Level", "has a unit"),
            ("heading", "1.5 rad", "has a unit (rad)"),
        ],
    )  # fmt: skip
    def test_what_is_not_guessed(self, tmp_path: Path, column: str, value: str, told: str) -> None:
        content = written([{"image": "a", column: value}], delimiter=";", end="\n")
        assert told in Read(tmp_path, content).reason

    @pytest.mark.parametrize(
        ("value", "meant"), [("90°", 90.0), ("90 deg", 90.0), ("90,125", 90.125), ("-1,5º", -1.5)]
    )
    def test_a_heading(self, tmp_path: Path, value: str, meant: float) -> None:
        assert Read(tmp_path, f"image;heading\na;{value}\n").row["heading"] == meant

    def test_commas_are_settled_by_the_other_numbers_of_the_table(self, tmp_path: Path) -> None:
        rows = Read(tmp_path, "image;x;z\na;1,500;2,000\nb;121837,45;3,000\n").rows
        assert rows == [{"image": "a", "x": 1.5, "z": 2.0}, {"image": "b", "x": 121837.45, "z": 3.0}]
        mixed = Read(tmp_path, "image;x;z\na;1,500;2,5\nb;1,121,837;3\n").rows
        assert "may be 1.500 or 1500" in mixed[0]
        assert "between thousands" in mixed[1]

    def test_a_decimal_comma_in_quotes(self, tmp_path: Path) -> None:
        assert Read(tmp_path, 'image,lat,lon\na.jpg,"52,3701","4,9"\n').row == {
            "image": "a.jpg",
            "latitude": 52.3701,
            "longitude": 4.9,
        }

    def test_decimal_commas_between_commas_do_not_fit(self, tmp_path: Path) -> None:
        assert Read(tmp_path, "image,x,y\na.jpg,121837,45,490339,94\n").reason.startswith("more fields")

    def test_hemispheres_in_columns_of_their_own(self, tmp_path: Path) -> None:
        names = "image,GPSLatitude,GPSLatitudeRef,GPSLongitude,GPSLongitudeRef"
        rows = Read(tmp_path, f"{names}\na,52.5,S,4.5,West\nb,52.5,,4.5,E\nc,-1,N,4,E\nd,1,N,4,?\n").rows
        assert rows[0] == {"image": "a", "latitude": -52.5, "longitude": -4.5}
        assert rows[1] == {"image": "b", "latitude": 52.5, "longitude": 4.5}
        assert rows[2] == "-1.0 and 'N' contradict each other: write one sign"
        assert rows[3] == "'?' is no hemisphere of a longitude: write E or W"

    @pytest.mark.parametrize(
        ("value", "image"),
        [
            ("photos\\a.jpg", "photos/a.jpg"),
            (".\\photos\\a.jpg", "photos/a.jpg"),
            ("./a.jpg", "a.jpg"),
            (".//./a.jpg", "a.jpg"),
            (" a.jpg ", "a.jpg"),
            ("a/./b.jpg", "a/./b.jpg"),
            ("..\\a.jpg", "../a.jpg"),
            ("https://e.org/a.jpg?x=\\", "https://e.org/a.jpg?x=\\"),
            ("s3://bucket/a.jpg", "s3://bucket/a.jpg"),
            ("gs://bucket/a b.jpg", "gs://bucket/a b.jpg"),
            ("12:30:00.jpg", "12:30:00.jpg"),
        ],
    )
    def test_paths(self, tmp_path: Path, value: str, image: str) -> None:
        assert Read(tmp_path, f"image\n{value}\n").row["image"] == image

    @pytest.mark.parametrize(
        ("value", "told"),
        [
            ("C:\\photos\\a.jpg", "leaves the batch"),
            ("d:/photos/a.jpg", "leaves the batch"),
            ("\\\\server\\a.jpg", "leaves the batch"),
            ("file:///photos/a.jpg", "is a file URL"),
            ("ftp://host/a.jpg", "is a ftp URL"),
        ],
    )
    def test_paths_that_are_none_of_the_batch(self, tmp_path: Path, value: str, told: str) -> None:
        reason = Read(tmp_path, f"image\n{value}\n").reason
        assert told in reason
        assert "name the file by its path below the batch folder" in reason

    @pytest.mark.parametrize(
        ("value", "model"),
        [
            ("Equirectangular", "equirectangular"),
            ("spherical", "equirectangular"),
            ("perspective", "pinhole"),
            ("fisheye", "fisheye"),
        ],
    )
    @pytest.mark.parametrize("column", ["camera", "camera_model", "projection"])
    def test_cameras(self, tmp_path: Path, column: str, value: str, model: str) -> None:
        assert Read(tmp_path, f"image,{column}\na,{value}\n").row["camera"] == model

    def test_the_name_of_a_device_is_no_model(self, tmp_path: Path) -> None:
        assert "camera" not in Read(tmp_path, "image,camera_model\na,GoPro Max\n").row
        assert Read(tmp_path, "image,camera\na,GoPro Max\n").row["camera"] == "GoPro Max"

    def test_whole_numbers_as_programs_write_them(self, tmp_path: Path) -> None:
        row = Read(tmp_path, "image;width;height\na;8000.0;4000,0\n").row
        assert Row.model_validate(row).width == 8000
        assert Row.model_validate(row).height == 4000
        assert "may be 8.000 or 8000" in Read(tmp_path, "image;width\na;8,000\n").reason


class TestJson:
    @pytest.mark.parametrize("name", ["recordings.jsonl", "recordings.ndjson", "recordings.json"])
    def test_keys_are_names_as_in_any_table(self, tmp_path: Path, name: str) -> None:
        lines = ['{"fileName": "s\\\\a.jpg", "Lat": 52.5, "lng": "4,9", "tags": [1]}', '{"image": "b"}']
        read = Read(tmp_path, "\n".join(lines), name)
        first = {"image": "s/a.jpg", "latitude": 52.5, "longitude": 4.9, "tags": [1]}
        assert read.entries == [(f"{name}, row 1", first), (f"{name}, row 2", {"image": "b"})]
        assert (
            "'fileName' as image, 'Lat' as latitude, 'lng' as longitude" in read.told("columns-read-as").text
        )
        assert "'tags'" in read.told("unknown-columns").text

    def test_an_array(self, tmp_path: Path) -> None:
        read = Read(tmp_path, '[{"image": "a", "id": 7},\n {"image": "b", "x": null}, 5]', "recordings.json")
        assert read.rows == [{"image": "a", "id": "7"}, {"image": "b"}, "not a JSON object"]

    def test_features(self, tmp_path: Path) -> None:
        features = [feature([4.9, 52.5, 3]), feature([4.9])]
        read = Read(
            tmp_path, json.dumps({"type": "FeatureCollection", "features": features}), "recordings.geojson"
        )
        place = {"longitude": 4.9, "latitude": 52.5, "altitude": 3}
        assert read.rows[0] == {"id": "p", "image": "a", **place}
        assert "a Point has two or three coordinates" in read.rows[1]

    def test_features_elsewhere_than_in_wgs84(self, tmp_path: Path) -> None:
        crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::28992"}}
        content = json.dumps({"type": "FeatureCollection", "features": [], "crs": crs})
        assert "its coordinates are not in WGS84" in refused(tmp_path, content, "recordings.geojson")

    def test_objects_in_a_row(self, tmp_path: Path) -> None:
        row = {"image": "a", "pose": {"position": {"x": 1, "y": 2}, "yaw": 3}, "location": {"lat": 52.5}}
        assert Read(tmp_path, json.dumps(row), "recordings.jsonl").row == {
            "image": "a",
            "x": 1,
            "y": 2,
            "heading": 3,
            "latitude": 52.5,
        }

    @pytest.mark.parametrize(
        ("row", "told"),
        [
            ({"image": "a", "x": 1, "pose": {"x": 2}}, "'x' is there twice, once in 'pose': keep one"),
            ({"image": "a", "yaw": 1, "bearing": 2}, "columns 'yaw' and 'bearing' both mean heading"),
            ({"image": "a", "x": "2,000"}, "x: '2,000' may be 2.000 or 2000"),
            ({"image": "file:///a.jpg"}, "is a file URL"),
        ],
    )
    def test_a_row_with_a_fault(self, tmp_path: Path, row: dict[str, Any], told: str) -> None:
        assert told in Read(tmp_path, json.dumps(row), "recordings.jsonl").reason

    def test_keys_are_told_once(self, tmp_path: Path) -> None:
        lines = [{"Image": "a"}, {"Image": "b"}, {"Image": "c", "X": 1}, {"Image": "d", "X": 1}]
        read = Read(tmp_path, "\n".join(map(json.dumps, lines)), "recordings.jsonl")
        assert [finding.text.partition("as: ")[2] for finding in read.findings] == [
            "'Image' as image",
            "'X' as x",
        ]

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
    @pytest.mark.parametrize("name", ["recordings.jsonl", "recordings.json"])
    def test_encodings(self, tmp_path: Path, encoding: str, name: str) -> None:
        content = '{"image": "é"}\n{"image": "ü"}\n'.encode(encoding)
        assert Read(tmp_path, content, name).rows == [{"image": "é"}, {"image": "ü"}]

    @pytest.mark.parametrize("content", ["{}", "5", '{"image": ', "[[" * 500])
    def test_a_document_that_is_no_table(self, tmp_path: Path, content: str) -> None:
        assert "JSON" in refused(tmp_path, content, "recordings.json")

    def test_a_document_too_large_to_be_held(self, tmp_path: Path) -> None:
        with (tmp_path / "recordings.json").open("w") as file:
            file.write("[\n")
            file.truncate(65 * 1024**2)
        with pytest.raises(BatchError, match=r"larger than 67,108,864 bytes; write it as JSON Lines"):
            list(table.read(tmp_path / "recordings.json", lambda finding: None))


def feature(coordinates: list[float]) -> dict[str, Any]:
    point = {"type": "Point", "coordinates": coordinates}
    return {"type": "Feature", "id": 1, "properties": {"id": "p", "filename": "a"}, "geometry": point}


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), lambda path: None], ids=["a folder", "nothing"])
def test_a_table_that_cannot_be_opened(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "recordings.csv")
    with pytest.raises(BatchError, match="cannot be read"):
        list(table.read(tmp_path / "recordings.csv", lambda finding: None))
