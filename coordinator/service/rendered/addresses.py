"""What a URL below ``/image/`` asks for. Pure.

    /image/SIGNATURE/OPERATION/.../plain/SOURCE[@OUTPUT]       the source percent-encoded
    /image/SIGNATURE/OPERATION/.../BASE64URL[.OUTPUT]          the source in base64url, in one or more segments

After imgproxy's form. An operation is ``name:value``, and the only other word of that form is ``expires:SECONDS``.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

from coordinator.service.orders import LOSSLESS, OUTPUTS, QUALITY, Order, parse_order
from coordinator.service.refusal import Refused

PREFIX = "/image/"
AUTO = "auto"
"""The output that the client's Accept header chooses."""
_EXPIRES, _PLAIN, _SPLIT = "expires", "plain", "split"
_SCHEMES = ("http", "https")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_WHOLE = re.compile(r"[0-9]{1,12}")
_LOSSY = "jpg"
"""Stands for an output that is not known yet: it allows whatever some output allows."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is to be made of which source.

    ``output`` is None for the source's own format, ``expires`` in seconds since the epoch. ``operations`` are as they
    stand in the URL, and not checked yet.
    """

    operations: tuple[tuple[str, Any], ...]
    source: str
    output: str | None
    expires: int | None

    def order(self, output: str | None = None) -> Order:
        """The order for the workers, by the rules of ``actions``. Raises Refused.

        Without ``output``, as far as can be told before the source is known. Where the client's Accept header has
        chosen one that has no quality, a quality counts for nothing: the same URL is for all clients.
        """
        operations = self.operations
        if self.output == AUTO and output in LOSSLESS:
            operations = tuple(pair for pair in operations if pair[0] != QUALITY)
        if output is None:
            output = self.output if self.output in OUTPUTS else _LOSSY
        actions = {"operations": [list(pair) for pair in operations], "output": output}
        try:
            return parse_order(json.dumps(actions).encode())
        except Refused as refused:
            raise in_address(refused) from refused


def in_address(refused: Refused) -> Refused:
    """A refusal of a field of ``actions``, by the field's name in a URL."""
    field = refused.field.removeprefix("actions.")
    return Refused(field, refused.message, refused.status, refused.retry_after)


def parted(path: str) -> tuple[str, str]:
    """The signature in a URL's path, as it was sent, and the rest that it is for. Raises Refused."""
    signature, slash, rest = path.removeprefix(PREFIX).partition("/")
    if not path.startswith(PREFIX) or not slash:
        raise Refused("path", "must be like /image/SIGNATURE/resize:200x300/plain/SOURCE@webp")
    return signature, f"/{rest}"


def parse(rest: str) -> Asked:
    """What the part behind the signature asks for. Raises Refused."""
    segments = rest.removeprefix("/").split("/")
    words = 0
    while words < len(segments) and ":" in segments[words]:
        words += 1
    pairs, expires = _words(segments[:words])
    if segments[words : words + 1] == [_PLAIN]:
        source, output = _plain("/".join(segments[words + 1 :]))
    else:
        source, output = _encoded(segments[words:])
    if not source:
        raise Refused("source", "missing; give it behind plain/, or in base64url")
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in source):
        raise Refused("source", "has control characters")
    if output is not None and output not in (*OUTPUTS, AUTO):
        hint = "; an @ of the source is written %40" if segments[words] == _PLAIN else ""
        raise Refused("output", f"must be one of {', '.join((*OUTPUTS, AUTO))}, not {output[:40]!r}{hint}")
    return Asked(operations=pairs, source=source, output=output, expires=expires)


def _words(segments: Sequence[str]) -> tuple[tuple[tuple[str, Any], ...], int | None]:
    """The operations, and when the URL expires."""
    pairs: list[tuple[str, Any]] = []
    expires = None
    for segment in segments:
        name, _, raw = segment.partition(":")
        field = _EXPIRES if name == _EXPIRES else f"operations[{len(pairs)}]"
        value = _decoded(raw, field)
        if name in _SCHEMES:
            raise Refused(
                "source", "is a URL that lies bare; it stands percent-encoded behind plain/, or in base64url"
            )
        if name == _EXPIRES:
            if expires is not None or not _WHOLE.fullmatch(value):
                raise Refused(_EXPIRES, "must be given once, in seconds since 1970")
            expires = int(value)
        elif name == _SPLIT:
            raise Refused(field, "split makes several results, and a URL has one; POST /process takes it")
        else:
            pairs.append((_decoded(name, field), int(value) if _WHOLE.fullmatch(value) else value))
    return tuple(pairs), expires


def _plain(text: str) -> tuple[str, str | None]:
    source, at, output = text.rpartition("@")
    return _decoded(source if at else text, "source"), _decoded(output, "output") if at else None


def _encoded(segments: Sequence[str]) -> tuple[str, str | None]:
    text, dot, output = "".join(segments).partition(".")
    digits = text.rstrip("=")
    try:
        # validate: without it, what is no digit would be passed over.
        raw = base64.b64decode(digits + "=" * (-len(digits) % 4), altchars=b"-_", validate=True)
        source = raw.decode()
    except (binascii.Error, ValueError) as error:
        shown = segments[0][:40] if segments else ""
        message = f"{shown!r} is neither like resize:200x300 nor plain/, nor the source in base64url"
        raise Refused("path", message) from error
    return source, output if dot else None


def _decoded(text: str, field: str) -> str:
    if broken := _BROKEN_ESCAPE.search(text):
        raise Refused(field, f"has a % at character {broken.start()} that is no escape; write it %25")
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError as error:
        raise Refused(field, "is not UTF-8, percent-encoded") from error
