"""Strict JSON: what is refused although Python reads it, and that whatever is taken can be written again."""

from __future__ import annotations

import json

import pytest

from coordinator.strictjson import MAX_DEPTH, MAX_DIGITS, NotStrict, decode, encode_line


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


REFUSED = {
    "NaN": (b"[1, NaN]", b"NaN"),
    "a number that overflows": (b"[0.5, 1e999]", b"1e999"),
    "too many digits": (b"[1, " + b"9" * (MAX_DIGITS + 1) + b"]", b"9" * (MAX_DIGITS + 1)),
    "half a pair": (rb'["", "\ud800"]', b"\\u"),
    "too deep": (nested(MAX_DEPTH + 2), b"["),
}


@pytest.mark.parametrize(("body", "where"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_and_where_to_look_for_it(body: bytes, where: bytes) -> None:
    with pytest.raises(NotStrict) as refused:
        decode(body)
    assert refused.value.text == where
    assert where in body


@pytest.mark.parametrize("body", [nested(MAX_DEPTH), b"9" * MAX_DIGITS], ids=["depth", "digits"])
def test_the_maximum_itself_is_taken(body: bytes) -> None:
    assert decode(body) == json.loads(body)


def test_what_is_decoded_can_be_encoded() -> None:
    document = {"a": [1.5, None, "Straße \U0001f680"]}
    assert decode(encode_line(document)) == document
