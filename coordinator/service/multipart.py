"""The parts of a multipart body (RFC 2046, 5.1) as it comes, piece by piece. Pure.

A part ends at the delimiter, which is a line's end, two dashes and the boundary; what follows in that line may be
blanks, or two more dashes, behind which nothing counts any more. Nothing counts before the first one, either.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import Enum, auto

Headers = Mapping[bytes, bytes]
"""Of one part, by their names in lower case."""

_MAX_HEADERS = 8 * 1024
"""Bytes of one part's headers."""
_MAX_BOUNDARY = 256
"""Bytes; the standard allows 70."""
_REST = re.compile(rb"(--)|[ \t]*\r\n")
"""What follows a boundary: it was the last one, or a part begins."""
_NOT_YET = re.compile(rb"-?|[ \t]*\r?")
"""The beginning of that."""
_MAX_BLANKS = 256
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FOLD = re.compile(rb"\r\n[ \t]+")
"""A header may go on in the next line."""


class Malformed(ValueError):
    """The body is no multipart body; the message says why."""


class _At(Enum):
    PREAMBLE = auto()
    HEADERS = auto()
    CONTENT = auto()
    END = auto()


class Multipart:
    """A body on its way: what is fed in goes out as parts, by ``begin``, any number of ``content``, and ``end``."""

    def __init__(
        self,
        boundary: bytes,
        *,
        begin: Callable[[Headers], None],
        content: Callable[[memoryview], None],
        end: Callable[[], None],
    ) -> None:
        """Raises Malformed for a boundary that is too long."""
        if len(boundary) > _MAX_BOUNDARY:
            raise Malformed(f"its boundary has more than {_MAX_BOUNDARY} bytes")
        self._delimiter = b"\r\n--" + boundary
        self._begin, self._content, self._end = begin, content, end
        self._at = _At.PREAMBLE
        self._data, self._place = b"\r\n", 0
        """What has come and is not dealt with. A body may begin with the boundary, as if a line had ended before."""

    @property
    def is_complete(self) -> bool:
        """Whether the last boundary has come."""
        return self._at is _At.END

    @property
    def has_begun(self) -> bool:
        """Whether any boundary has come."""
        return self._at is not _At.PREAMBLE

    def feed(self, data: bytes) -> None:
        """Takes the next bytes. Raises Malformed, and whatever a callback raises."""
        if not self.is_complete:
            self._data, self._place = self._data[self._place :] + data, 0
        while not self.is_complete and (
            self._take_headers() if self._at is _At.HEADERS else self._take_line()
        ):
            pass
        if self.is_complete:
            self._data, self._place = b"", 0

    def _take_line(self) -> bool:
        """Goes on behind the next delimiter; False if that has not come as a whole."""
        while (found := self._data.find(self._delimiter, self._place)) >= 0:
            behind = found + len(self._delimiter)
            if rest := _REST.match(self._data, behind):
                self._go_to(found)
                if self._at is _At.CONTENT:
                    self._end()
                self._at, self._place = _At.END if rest[1] else _At.HEADERS, rest.end()
                return True
            if _NOT_YET.fullmatch(self._data, behind) and len(self._data) - behind < _MAX_BLANKS:
                self._go_to(found)
                return False
            self._go_to(behind)  # it only begins like one
        self._go_to(max(self._place, len(self._data) - len(self._delimiter) + 1))
        return False

    def _take_headers(self) -> bool:
        """Goes on behind a part's headers; False if they have not all come."""
        begin, data = self._place, self._data
        if data.startswith(b"\r\n", begin):  # it has none
            end, behind = begin, begin + 2
        else:
            end = data.find(b"\r\n\r\n", begin, begin + _MAX_HEADERS)
            behind = end + 4
        if end < 0:
            if len(data) - begin >= _MAX_HEADERS:
                raise Malformed(f"a part has more than {_MAX_HEADERS:,} bytes of headers")
            return False
        self._at, self._place = _At.CONTENT, behind
        self._begin(_parsed(data[begin:end]))
        return True

    def _go_to(self, place: int) -> None:
        """Passes on what lies before a place, if it is a part's content."""
        if self._at is _At.CONTENT and place > self._place:
            self._content(memoryview(self._data)[self._place : place])
        self._place = place


def _parsed(block: bytes) -> dict[bytes, bytes]:
    headers: dict[bytes, bytes] = {}
    for line in _FOLD.sub(b" ", block).split(b"\r\n") if block else ():
        name, colon, value = line.partition(b":")
        if not colon or not _NAME.fullmatch(name):
            raise Malformed(f"a part has a header without a name and a colon: {line[:60]!r}")
        headers[name.lower()] = value.strip()
    return headers
