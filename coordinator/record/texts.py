"""Anybody's text where it is not any text that is allowed: in XML, and in a table that a spreadsheet opens."""

from __future__ import annotations

import re

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 has no way to write, not even escaped."""
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
"""How a cell begins that spreadsheets compute (OWASP, "CSV Injection"), with or without apostrophes before it."""


def in_xml(text: str) -> str:
    """The text with what XML cannot hold replaced; quotes and brackets are escaped by who writes the document."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)


def in_table(value: object) -> object:
    """A cell of CSV: text that a spreadsheet would compute gets an apostrophe before it, numbers stay as they are.

    So does text that looks as if it had got one, so that :func:`out_of_table` gives every text back as it was.
    """
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def out_of_table(cell: str) -> str:
    """The text that a cell was written for."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
