"""The name of an uploaded file: a part's Content-Disposition header, with RFC 5987's ``filename*``. Pure."""

from __future__ import annotations

import re

from python_multipart.multipart import parse_options_header

_EXTENDED = re.compile(rb";\s*filename\*\s*=\s*([A-Za-z0-9_-]+)'[^';]*'([^\s;]*)", re.IGNORECASE)
_USUAL = re.compile(rb'form-data; name="([ !#-[\]-~]*)"(?:; filename="([ !#-[\]-~]*)")?')
"""As nearly all clients write it, with names in ASCII, without quotes and backslashes in them."""
_QUOTED = re.compile(rb'(\*=)?"((?:[^"\\]|\\.)*)"', re.DOTALL)
"""Text of another option, in which anything may stand; some clients quote the extended ones, too."""
_ENCODED = re.compile(rb"%([0-9A-Fa-f]{2})")
_CHARSETS = {"utf-8", "iso-8859-1", "us-ascii"}


def field_and_name(header: bytes) -> tuple[str, str | None]:
    """The form's field, and the file's name; None for a part that is no file.

    ``filename*`` alone names a file as well as ``filename`` does; where both are, it is the better one (RFC 6266).
    """
    if usual := _USUAL.fullmatch(header):
        return usual[1].decode(), None if usual[2] is None else usual[2].decode()
    _, options = parse_options_header(header.decode("latin-1"))
    field = options.get(b"name", b"").decode(errors="replace")
    plain = options.get(b"filename")
    extended = _extended(header)
    return field, extended if extended is not None else None if plain is None else plain.decode(
        errors="replace"
    )


def _unquoted(text: re.Match[bytes]) -> bytes:
    return text[1] + text[2] if text[1] else b""


def _extended(header: bytes) -> str | None:
    """The name that ``filename*`` gives; None without one, or if its charset is not known."""
    found = _EXTENDED.search(_QUOTED.sub(_unquoted, header))
    if found is None or (charset := found[1].decode().lower()) not in _CHARSETS:
        return None
    return _ENCODED.sub(lambda byte: bytes.fromhex(byte[1].decode()), found[2]).decode(
        charset, errors="replace"
    )
