"""JSON that can be passed on: one document, UTF-8, every number finite, nothing nested without end.

Python reads more than that (NaN, numbers of a million digits, halves of characters, the last of two values under one
key) and writes most of it, too. Whatever comes from steps, from users' files and from clients goes through here.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import Any

MAX_DEPTH = 200
"""Maximum number of lists and objects in each other."""
MAX_DIGITS = 1000
"""Maximum number of digits of a whole number."""
MAX_MESSAGE = 1000
"""Maximum number of characters of what is told of somebody's text."""

_MARK = "\ufeff"

Json = dict[str, Any]
"""A JSON object."""


def encode_line(document: Json) -> bytes:
    """``document`` as one line of UTF-8 JSON with its newline. Raises ValueError for NaN and infinity."""
    return _ENCODER.encode(document).encode() + b"\n"


def decode(body: bytes) -> Any:
    """One JSON document from UTF-8 bytes.

    Raises UnicodeDecodeError for other bytes, JSONDecodeError for what is not one document, and NotStrict for what
    could not be passed on: numbers that are not finite or have thousands of digits, half of a UTF-16 pair, very deep
    nesting, a key twice in one object. All are ValueErrors, and :func:`offset` says where they lie.
    """
    text = body.decode()
    if text.startswith(_MARK):
        raise json.JSONDecodeError("Unexpected UTF-8 BOM (decode using utf-8-sig)", text, 0)
    try:
        document = _DECODER.decode(text)
    except RecursionError as error:
        raise NotStrict("it is nested too deeply", b"[") from error
    if _is_too_deep(document, body):
        raise NotStrict(f"it is nested more than {MAX_DEPTH} levels deep", b"[")
    if b"\\ud" in body or b"\\uD" in body:
        try:
            json.dumps(document, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise NotStrict("it holds half of a UTF-16 pair, which is no character", b"\\u") from error
    return document


def offset(error: ValueError, body: bytes) -> int:
    """The byte of ``body`` at which lies what :func:`decode` raised ``error`` for."""
    if isinstance(error, UnicodeDecodeError):
        return error.start
    if isinstance(error, json.JSONDecodeError):  # which counts characters
        return len(error.doc[: error.pos].encode())
    if isinstance(error, KeyTwice):
        return error.place(body)
    return max(0, body.find(error.text)) if isinstance(error, NotStrict) else 0


class NotStrict(ValueError):
    """JSON that Python reads and the contract does not allow; ``text`` is where to look for it."""

    def __init__(self, reason: str, text: bytes) -> None:
        super().__init__(reason)
        self.text = text

    @classmethod
    def constant(cls, name: str) -> float:
        """Refuses ``NaN``, ``Infinity`` and ``-Infinity``: raises NotStrict always."""
        raise cls(f"{name} is not finite", name.encode())


class KeyTwice(NotStrict):
    """An object with a key twice: one of the two values would be lost without a word."""

    def __init__(self, key: str) -> None:
        super().__init__(f"the key {readable(key)!r} stands twice in one object", b"{")
        self.key = key

    def place(self, body: bytes) -> int:
        """The byte of ``body``, a whole document, at which the key stands for the second time in one object."""
        keys: list[set[str]] = []
        before = b"", 0
        for token in _TOKEN.finditer(body):
            if token[0] == b"{":
                keys.append(set())
            elif token[0] == b"}":
                keys.pop()
            elif token[0] == b":":
                key = json.loads(before[0])
                if key == self.key and key in keys[-1]:
                    return before[1]
                keys[-1].add(key)
            before = token[0], token.start()
        return 0


_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|[{}:]')
"""A string, or a sign that tells which of them are keys, and whose."""


def _each_once(pairs: list[tuple[str, Any]]) -> Json:
    """The object that these pairs make. Raises KeyTwice."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise KeyTwice(Counter(key for key, _ in pairs).most_common(1)[0][0])
    return made


def _is_too_deep(document: Any, body: bytes) -> bool:
    """Whether lists and objects lie more than MAX_DEPTH deep in each other."""
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return False
    layer = [document]
    for _ in range(MAX_DEPTH + 1):
        layer = [
            value
            for holder in layer
            if isinstance(holder, dict | list)
            for value in (holder.values() if isinstance(holder, dict) else holder)
            if isinstance(value, dict | list)
        ]
        if not layer:
            return False
    return True


def readable(text: str) -> str:
    """``text`` as one printable line, a maximum of 1,000 characters: what steps and files say ends up on terminals."""
    shown = "".join(sign if sign.isprintable() else _escaped(sign) for sign in text[:MAX_MESSAGE])
    if len(text) <= MAX_MESSAGE and len(shown) <= MAX_MESSAGE:
        return shown
    note = f" ... (cut; {len(text)} characters in all)"
    return shown[: MAX_MESSAGE - len(note)] + note


def _escaped(sign: str) -> str:
    return sign.encode("unicode_escape").decode()


def _finite_float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise NotStrict(f"{text[:40]} is not finite", text.encode())
    return value


def _short_int(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise NotStrict(f"a number has {len(text)} digits", text.encode())
    return int(text)


# Made once: the functions of the module json make new ones for every document that is read or written in this way.
_DECODER = json.JSONDecoder(
    object_pairs_hook=_each_once,
    parse_constant=NotStrict.constant,
    parse_float=_finite_float,
    parse_int=_short_int,
)
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
