"""What programs say, held in little memory: the middle of a flood is left out, a large response lies in a file."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.runners.received import HeadAndTail, Lines, Response, as_evidence
from tests.unit.builders import PROPERTY


@PROPERTY
@given(st.lists(st.binary(max_size=30)), st.integers(1, 20))
def test_of_an_output_the_head_and_the_tail_are_kept(pieces: list[bytes], kept: int) -> None:
    output = HeadAndTail(kept)
    for piece in pieces:
        output.add(piece)
    whole = b"".join(pieces)
    left_out = len(whole) - 2 * kept
    if left_out > 0:
        note = f"\n... {left_out} bytes left out ...\n".encode()
        assert bytes(output) == whole[:kept] + note + whole[-kept:]
    else:
        assert bytes(output) == whole


def test_evidence_of_a_response_is_the_whole_of_a_small_one_and_little_of_a_large_one() -> None:
    assert as_evidence(b"{}\n") == b"{}\n"
    assert len(as_evidence(b"x" * 10_000_000)) < 1_100_000


class TestResponse:
    @pytest.mark.parametrize("size", [1000, 3_000_000])
    def test_it_comes_back_whole_from_memory_or_from_a_file_without_a_name(
        self, tmp_path: Path, size: int
    ) -> None:
        response = Response(tmp_path)
        for start in range(0, size, 997):
            response.add(bytes(at % 251 for at in range(start, min(size, start + 997))))
        assert list(tmp_path.iterdir()) == []
        assert response.whole() == bytes(at % 251 for at in range(size))

    def test_the_cap_itself_is_allowed(self) -> None:
        response = Response(None, cap=8)
        response.add(b"12345678")
        assert not response.is_too_large
        response.add(b"9")
        assert response.is_too_large

    def test_what_is_beyond_the_cap_is_not_written_to_the_disk(self, tmp_path: Path) -> None:
        response = Response(tmp_path, cap=10)
        response.add(b"x" * 11)
        assert response.whole() == b""

    @pytest.mark.parametrize(
        ("text", "is_junk"),
        [
            (b"log " * 20_000, True),
            (b" \n" * 40_000 + b"[", True),
            (b"log", False),  # the program may end with an exit code that tells more
            (b" \n" * 40_000, False),
            (b" \n{" + b"a" * 80_000, False),
        ],
    )
    def test_much_of_what_is_no_json_object_is_junk(self, text: bytes, is_junk: bool) -> None:
        response = Response(None)
        for start in range(0, len(text), 10_000):
            response.add(text[start : start + 10_000])
        assert response.is_junk is is_junk


class TestLines:
    @PROPERTY
    @given(st.lists(st.sampled_from([b"\n", b" ", b"{}", b"ab", b"\n\n{"])), st.integers(1, 5))
    def test_they_may_be_cut_anywhere_and_blank_ones_do_not_count(
        self, parts: list[bytes], step: int
    ) -> None:
        text, lines = b"".join(parts), Lines(Path("/nowhere"))
        for start in range(0, len(text), step):
            lines.feed(text[start : start + step])
        ended = [line for line in text.split(b"\n")[:-1] if line.strip()]
        assert [lines.take() for _ in range(len(lines))] == ended
        assert lines.evidence() == text.split(b"\n")[-1]

    def test_size_is_what_has_come_since_the_last_line_was_taken(self) -> None:
        lines = Lines(Path("/nowhere"))
        lines.feed(b"\n\nfirst\nsec")
        assert lines.size == 11
        assert lines.take() == b"first"
        assert lines.size == 3
        lines.feed(b"\n" * 50)
        assert lines.size == 53

    def test_a_flood_of_blank_lines_takes_no_room_and_is_counted(self) -> None:
        lines = Lines(Path("/nowhere"))
        for _ in range(100):
            lines.feed(b"\n" * 10_000)
        assert (lines.size, len(lines), lines.evidence()) == (1_000_000, 0, b"")

    def test_a_large_line_lies_in_a_file_until_it_has_ended(self, tmp_path: Path) -> None:
        lines = Lines(tmp_path)
        lines.feed(b"{" + b"a" * 3_000_000)
        lines.feed(b"}\n{")
        assert lines.take() == b"{" + b"a" * 3_000_000 + b"}"
        assert lines.evidence() == b"{"

    def test_a_full_disk_is_an_error_of_the_operating_system(self) -> None:
        lines = Lines(Path("/nowhere"))
        with pytest.raises(OSError, match="nowhere"):
            lines.feed(b"{" + b"a" * 3_000_000)
