"""A multipart body gives the same parts however it is cut into pieces, and those that other parsers see."""

from __future__ import annotations

import re
from email.parser import BytesParser
from email.policy import HTTP
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.service.disposition import field_and_name
from coordinator.service.multipart import Headers, Malformed, Multipart

Part = tuple[dict[bytes, bytes], bytes]
NEARLY = (b"--B", b"\r\n--", b"\r\n-", b"\r\n", b"\r", b"--B--", b"\r\n--Bx", b"\n--B\r\n", b"x", b"\0")
"""What nearly is a delimiter."""
ENDS = re.compile(rb"\r\n--B(--|[ \t]*\r\n)")
contents = st.one_of(
    st.binary(max_size=40), st.lists(st.sampled_from(NEARLY), max_size=8).map(b"".join)
).filter(lambda content: not ENDS.search(b"\r\n" + content + b"\r\n"))


class Taken:
    """What a body comes to, fed in pieces."""

    def __init__(self, *pieces: bytes, boundary: bytes = b"B") -> None:
        self.parts: list[Part] = []
        self.ended = 0
        self.body = Multipart(boundary, begin=self.begin, content=self.content, end=self.end)
        for piece in pieces:
            self.body.feed(piece)

    def begin(self, headers: Headers) -> None:
        assert self.ended == len(self.parts)
        self.parts.append((dict(headers), b""))

    def content(self, data: memoryview) -> None:
        headers, content = self.parts[-1]
        self.parts[-1] = (headers, content + data)

    def end(self) -> None:
        self.ended += 1


def body(*contents: bytes, before: bytes = b"", behind: bytes = b"") -> bytes:
    parts = (b"--B\r\nA: %d\r\n\r\n%s\r\n" % (number, content) for number, content in enumerate(contents))
    return before + b"".join(parts) + b"--B--" + behind


@given(st.lists(contents, max_size=4), st.lists(st.integers(0, 200), max_size=6), contents)
def test_however_it_is_cut(given: list[bytes], cuts: list[int], behind: bytes) -> None:
    whole = body(*given, behind=behind)
    places = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    taken = Taken(*(whole[a:b] for a, b in pairwise(places)))
    assert taken.parts == [({b"a": b"%d" % number}, content) for number, content in enumerate(given)]
    assert taken.body.is_complete
    assert taken.ended == len(given)


@given(st.lists(contents, min_size=1, max_size=3))
def test_byte_by_byte(given: list[bytes]) -> None:
    whole = body(*given)
    assert Taken(*(whole[at : at + 1] for at in range(len(whole)))).parts == Taken(whole).parts


@given(st.lists(st.text("abc xyz\n", max_size=20), min_size=1, max_size=3))
def test_as_the_standard_library_reads_it(given: list[str]) -> None:
    lines = [text.replace("\n", "\r\n").encode() for text in given]
    head = b"Content-Type: multipart/form-data; boundary=B\r\n\r\n"
    read = BytesParser(policy=HTTP).parsebytes(head + body(*lines))
    payloads = [part.get_payload(decode=True) for part in read.iter_parts()]
    assert [content for _, content in Taken(body(*lines)).parts] == payloads


@pytest.mark.parametrize("before", [b"\r\n", b"to whom it may concern\r\n", b"--Bx\r\n", b"\r\n\r\n"])
def test_what_stands_before_counts_for_nothing(before: bytes) -> None:
    assert Taken(body(b"x", before=before)).parts == [({b"a": b"0"}, b"x")]


def test_blanks_behind_a_boundary_and_headers_on_two_lines() -> None:
    taken = Taken(b"--B \t\r\nA: one\r\n  two\r\nb:  three \r\n\r\nx\r\n--B\t\r\n\r\nno headers\r\n--B--")
    assert taken.parts == [({b"a": b"one two", b"b": b"three"}, b"x"), ({}, b"no headers")]


@pytest.mark.parametrize("length", range(len(body(b"content")) - 1))
def test_one_that_breaks_off_is_not_complete(length: int) -> None:
    taken = Taken(body(b"content")[:length])
    assert not taken.body.is_complete
    assert taken.body.has_begun == (length >= len(b"--B\r\n"))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"--B\r\nno colon\r\n\r\n", "without a name and a colon"),
        (b"--B\r\n: no name\r\n\r\n", "without a name and a colon"),
        (b"--B\r\na b: a blank\r\n\r\n", "without a name and a colon"),
        (b"--B\r\nA: " + b"x" * 9000, "more than 8,192 bytes of headers"),
    ],
)
def test_what_is_no_header_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(Malformed, match=message):
        Taken(data)


def test_a_boundary_has_a_length() -> None:
    with pytest.raises(Malformed, match="more than 256 bytes"):
        Taken(boundary=b"b" * 999)


@pytest.mark.parametrize(
    ("start", "piece"),
    [(b"", b"\r\n--Bx" * 1000), (b"\r\n--B", b" " * 1000), (b"", b"x" * 1000)],
    ids=["lines", "blanks", "text"],
)
def test_nothing_piles_up(start: bytes, piece: bytes) -> None:
    """Of what may be a delimiter, only so much is held back as that may have."""
    taken = Taken(b"--B\r\n\r\n", start)
    for _ in range(100):
        taken.body.feed(piece)
        assert len(taken.body._data) - taken.body._place < 300
    assert len(taken.parts[0][1]) > 99 * len(piece)


@pytest.mark.parametrize(
    "first", [b"", b"\r\n", b"to whom it may concern" * 1000], ids=["none", "line", "text"]
)
def test_what_stands_behind_is_dropped_as_it_comes(first: bytes) -> None:
    taken = Taken(body(b"x", behind=first))
    for _ in range(100):
        taken.body.feed(b"--B\r\nA: another\r\n\r\nx" * 1000)
        assert not taken.body._data
    assert taken.parts == [({b"a": b"0"}, b"x")]


@pytest.mark.parametrize(
    ("header", "field", "name"),
    [
        (b'form-data; name="actions"', "actions", None),
        (b'form-data; name="files"; filename="a b.jpg"', "files", "a b.jpg"),
        (b'form-data; name="files"; filename=""', "files", ""),
        (rb'form-data; name="files"; filename="a\"b.jpg"', "files", 'a"b.jpg'),
        ('form-data; name="files"; filename="ä.jpg"'.encode(), "files", "ä.jpg"),
        (b"form-data;name=files;filename=plain.jpg", "files", "plain.jpg"),
        (b"", "", None),
    ],
)
def test_names(header: bytes, field: str, name: str | None) -> None:
    assert field_and_name(header) == (field, name)
