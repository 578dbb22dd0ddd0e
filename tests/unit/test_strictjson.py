"""Strict JSON: what is refused although Python reads it, at which byte, and that what is taken can be written again."""

from __future__ import annotations

import json

import pytest

from coordinator.strictjson import MAX_DEPTH, MAX_DIGITS, KeyTwice, NotStrict, decode, encode_line, offset


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


REFUSED = {
    "no UTF-8": (b'{"a": "\xe9"}', UnicodeDecodeError, 7),
    "no JSON, behind characters of two bytes": ('{"é": "é" x}'.encode(), json.JSONDecodeError, 12),
    "two documents": (b"{} {}", json.JSONDecodeError, 3),
    "NaN": (b"[1, NaN]", NotStrict, 4),
    "a number that overflows": (b"[0.5, 1e999]", NotStrict, 6),
    "too many digits": (b"[1, " + b"9" * (MAX_DIGITS + 1) + b"]", NotStrict, 4),
    "half a pair": (rb'["", "\ud800"]', NotStrict, 6),
    "a key twice": (rb'{"items": [{"items": 0}], "a": "{\", \"a\":", "items": []}', KeyTwice, 46),
    "a key twice, once written otherwise": (rb'[{"a": {"b": 0}}, {"b": 1, "\u0062" : 2}]', KeyTwice, 27),
    "a key twice, the inner one": (b'{"a": 0, "a": {"b": 0, "b": 0}}', KeyTwice, 23),
    "too deep": (b" " + nested(MAX_DEPTH + 2), NotStrict, 1),
}


@pytest.mark.parametrize(("body", "kind", "at"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_and_where(body: bytes, kind: type[ValueError], at: int) -> None:
    with pytest.raises(kind) as refused:
        decode(body)
    assert offset(refused.value, body) == at


@pytest.mark.parametrize("body", [nested(MAX_DEPTH), b"9" * MAX_DIGITS], ids=["depth", "digits"])
def test_the_maximum_itself_is_taken(body: bytes) -> None:
    assert decode(body) == json.loads(body)


def test_what_is_decoded_can_be_encoded() -> None:
    document = {"a": [1.5, None, "Straße \U0001f680"]}
    assert decode(encode_line(document)) == document


def test_the_key_that_stands_twice_is_named() -> None:
    with pytest.raises(KeyTwice, match="the key 'items' stands twice in one object"):
        decode(b'{"task": "t", "items": [{"id": "a"}], "items": []}')


def test_one_key_in_many_objects_is_taken() -> None:
    assert decode(b'[{"id": 1, "of": {"id": 2}}, {"id": 3}]') == [{"id": 1, "of": {"id": 2}}, {"id": 3}]
