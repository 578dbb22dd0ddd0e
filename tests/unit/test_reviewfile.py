"""review.csv as the page and as people's spreadsheets write it, and the decisions that a run folder keeps."""

from __future__ import annotations

import codecs
import csv
import io
from pathlib import Path
from typing import Any

import pytest

from coordinator.errors import UsageError
from coordinator.record.review import Decision, Verdict
from coordinator.record.reviewfile import keep, read_kept, read_review

HEAD = "id,decision,category,longitude,latitude,note,time,was,z\n"
EXCEL = "id;decision;category;longitude;latitude;note;time;was;z\r\n"


def decision(name: str = "o1", verdict: Verdict = Verdict.REJECT, **fields: Any) -> Decision:
    return Decision(**{"id": name, "verdict": verdict, "longitude": 5.125, "latitude": -52.5, **fields})


def read(tmp_path: Path, text: str | bytes) -> list[Decision]:
    path = tmp_path / "review.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_review(path)


def test_as_the_page_saves_it(tmp_path: Path) -> None:
    row = 'o1,reclass,yield,5.1,52.1,"bent, ""half""",2026-01-02T03:04:05Z,stop,2.5\r\n'
    assert read(tmp_path, HEAD + row) == [
        Decision(
            id="o1", verdict=Verdict.RECLASS, longitude=5.1, latitude=52.1, category="yield",
            note='bent, "half"', time="2026-01-02T03:04:05Z", was="stop", z=2.5,
        )
    ]  # fmt: skip


@pytest.mark.parametrize("verdict", ["accept", "reject", "undo"])
def test_the_category_of_what_is_not_re_classed_is_what_the_run_says(tmp_path: Path, verdict: str) -> None:
    (found,) = read(tmp_path, f"id,decision,category,longitude,latitude\no1,{verdict},stop,5,52\n")
    assert (found.was, found.category) == ("stop", None)


def test_the_category_of_what_is_re_classed_is_not(tmp_path: Path) -> None:
    (found,) = read(tmp_path, "id,decision,category,longitude,latitude\no1,reclass,yield,5,52\n")
    assert (found.was, found.category) == (None, "yield")


class TestASpreadsheetsOwnWays:
    """Each of these is the same decision."""

    SAID = "o1;reject;stop;5,125;-52,5;;;stop;2,345\r\n"
    MEANT = decision(was="stop", z=2.345)

    @pytest.mark.parametrize(
        "text",
        [
            EXCEL + SAID,
            "sep=;\r\n" + EXCEL + SAID,
            '"sep=;"\r\n' + EXCEL + SAID,
            "\ufeffsep=;\r\n" + EXCEL + SAID,
            EXCEL + SAID + ";;;;;;;;\r\n \r\n\r\n;;;;;;;;;;;",
            "\r\n;;;;;;;;\r\n" + EXCEL + "\r\n" + SAID,
            (EXCEL + SAID).replace("\r\n", "\n"),
            (EXCEL + SAID).replace("\r\n", "\r"),
            (EXCEL + SAID).replace(";", "\t"),
            "sep=\t\n" + (EXCEL + SAID).replace(";", "\t"),
            HEAD + 'o1,reject,stop,"5,125","-52,5",,,stop,"2,345"\n',
            HEAD + '"o1","reject","stop","5.125","-52.5","","","stop","2.345"\n',
            HEAD + "o1,Reject ,stop, 5.125,-5.25E+01,,,stop,2.345\n",
            'Longitude;"latitude";colour;"ID";z;was; decision\n5,125;-52,5;red;o1;2,345;stop;REJECT\n',
            "latitude;longitude;was;id;decision;z;\n-52.5;5.125;stop;o1;reject;2.345;;;\n",
        ],
    )
    def test_of_signs_and_columns(self, tmp_path: Path, text: str) -> None:
        assert read(tmp_path, text) == [self.MEANT]

    @pytest.mark.parametrize(
        ("mark", "encoding"),
        [
            (codecs.BOM_UTF8, "utf-8"),
            (codecs.BOM_UTF16_LE, "utf-16-le"),
            (codecs.BOM_UTF16_BE, "utf-16-be"),
            (codecs.BOM_UTF32_LE, "utf-32-le"),
        ],
    )
    def test_of_encodings(self, tmp_path: Path, mark: bytes, encoding: str) -> None:
        text = EXCEL.replace(";", "\t") + "ö🛑\treject\tстоп\t5,125\t-52,5\t\t\tстоп\t\r\n"
        assert read(tmp_path, mark + text.encode(encoding)) == [decision("ö🛑", was="стоп")]


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("", "line 1: no column 'id', 'decision', 'longitude', 'latitude'"),
            ("id,decision,longitude\n", "line 1: no column 'latitude'"),
            ("sep=;\nid;decision;longitude\n", "line 2: no column 'latitude'"),
            ("sep=,\n" + EXCEL, "line 2: no column 'id'"),
            ("id," + HEAD, "line 1: two columns 'id'"),
            (HEAD + "o1,ok,stop,5,52,,,,\n", "line 2, column 'decision': 'ok' is none of accept, reject"),
            (HEAD + "o1,,stop,5,52,,,,\n", "line 2, column 'decision': empty; it is one of accept, reject"),
            (HEAD + "o1,accept,,5,52,,,,\n,accept,,5,52,,,,\n", "line 3, column 'id': empty"),
            (HEAD + "o1,accept,,5\n", "line 2, column 'latitude': empty"),
            (HEAD + "o1,reclass, ,5,52,,,,\n", "line 2, column 'category': empty"),
            (HEAD + "o1,accept,,5,nan,,,,\n", "line 2, column 'latitude': 'nan' is no number"),
            (HEAD + "o1,accept,,5,463000,,,,\n", "line 2, column 'latitude': 463000 is beyond 90"),
            (
                EXCEL + "o1;accept;;5.125.000;52;;;;\n",
                "line 2, column 'longitude': '5.125.000' has signs between",
            ),
            (
                EXCEL + "o1;accept;;5;52;;;;03. Mai\n",
                "line 2, column 'z': '03. Mai' is no number; if a spreadsheet",
            ),
            (HEAD + 'o1,accept,,5.0,52.0,,,,"2,345"\n', "column 'z': '2,345' may be 2.345 or 2345"),
            (HEAD + "o1,accept,,5,52,,,,high\n", "line 2, column 'z': 'high' is no number"),
            (HEAD + "o1,accept,,5,52,,,,,x,\n", "line 2: more cells than columns"),
            (
                HEAD + 'o1,accept,,5,52,"two\nlines",,,\no2,accept,,5,x,,,,\n',
                "line 4, column 'latitude': 'x'",
            ),
            (HEAD + 'o1,accept,,5,52,"open\n,,,\n', "line 2: unexpected end of data; is a quote missing"),
            (HEAD + 'o1,accept,,5,52,"so" said,,,\n', "line 2: ',' expected after '\"'; is a quote missing"),
            (
                HEAD.encode() + b"o1,accept,,5,52,,,,\no2,accept,f\xfcr",
                "line 3: byte 0xfc is no UTF-8; save the",
            ),
            (codecs.BOM_UTF8 + HEAD.encode() + b"\xfc", "line 2: byte 0xfc is no UTF-8; save the"),
            (
                HEAD.encode("utf-16-le"),
                "line 1: a NUL character, as text of 16 bits without its mark has; save",
            ),
            (
                codecs.BOM_UTF16_LE + HEAD.encode("utf-16-le") + b"o",
                "line 2: byte 0x6f is no UTF-16; save the",
            ),
        ],
    )
    def test_is_told_with_its_place(self, tmp_path: Path, text: str | bytes, told: str) -> None:
        with pytest.raises(UsageError) as refused:
            read(tmp_path, text)
        assert str(refused.value).startswith(f"{tmp_path / 'review.csv'}, ")
        assert told in str(refused.value)

    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="cannot be read: No such file"):
            read_review(tmp_path / "none.csv")


FORMULAS = ("=cmd|'/C calc'!A0", "@SUM(1)", "-1+1", "+x", "\t=1", "'=it", "''=it", "'quoted'", " = 1", "\r\n")


class TestKept:
    def test_it_is_read_as_it_was(self, tmp_path: Path) -> None:
        given = [
            decision(
                'o"1', Verdict.RECLASS, category="a, b", note="two\nlines", time="t", was="stop", z=-1.5
            ),
            decision(" ", was=" stop "),
        ]
        keep(tmp_path, given)
        assert read_kept(tmp_path) == given

    def test_a_spreadsheet_computes_nothing_of_it_and_no_text_is_another_for_that(
        self, tmp_path: Path
    ) -> None:
        given = [decision(text, Verdict.ACCEPT, note=text, was=text) for text in FORMULAS]
        keep(tmp_path, given)
        for row in csv.DictReader(io.StringIO((tmp_path / "decisions.csv").read_text(), newline="")):
            assert not [
                cell for name, cell in row.items() if cell.startswith(("=", "+", "@", "\t", "\r", "-1"))
            ]
        assert read_kept(tmp_path) == given

    @pytest.mark.parametrize("text", FORMULAS[:5])
    def test_a_file_that_has_them_bare_means_the_same(self, tmp_path: Path, text: str) -> None:
        for cell in (text, f"'{text}"):
            (found,) = read(tmp_path, f'{HEAD}"{cell}",reject,,5.125,-52.5,,,"{cell}",\n')
            assert found == decision(text, was=text)
