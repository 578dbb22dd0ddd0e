"""What caches and browsers are told of a picture, and what they say that they have or take. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from datetime import UTC
from email.utils import format_datetime, parsedate_to_datetime

from coordinator.service.orders import OUTPUTS, Operation
from coordinator.service.rendered.addresses import AUTO

TYPES = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp"}
_LIKE_SOURCE = {".jpg": "jpg", ".png": "png", ".webp": "webp", ".gif": "png", ".avif": "webp"}
_USUAL = "jpg"
"""For sources in a format that is not written."""
_TAG = re.compile(r'(?:W/)?("[^"]*")')


def output_of(asked: str | None, suffix: str, accept: str) -> str:
    """The format of a result: the one that was asked for, or by the source's ``suffix`` and the client's Accept header.

    ``auto`` is WebP for clients that name it, and for others what every browser shows.
    """
    if asked in OUTPUTS:
        return str(asked)
    if asked != AUTO:
        return _LIKE_SOURCE.get(suffix, _USUAL)
    if _names(accept, TYPES["webp"]):
        return "webp"
    return "png" if suffix in (".png", ".gif") else _USUAL


def _names(accept: str, kind: str) -> bool:
    for entry in accept.split(","):
        name, *parameters = (part.strip().lower().replace(" ", "") for part in entry.split(";"))
        if name == kind:
            return not any(re.fullmatch(r"q=0(\.0*)?", parameter) for parameter in parameters)
    return False


def http_date(text: str) -> str | None:
    """A date that another server told, as HTTP writes it; None if it is none."""
    try:
        told = parsedate_to_datetime(text)
        return format_datetime(
            (told if told.tzinfo else told.replace(tzinfo=UTC)).astimezone(UTC), usegmt=True
        )
    except (ValueError, TypeError, OverflowError, IndexError):  # whichever the parser happens to meet
        return None


def result_key(digest: str, operations: Sequence[Operation], output: str, program: str) -> str:
    """The name of a result: the same for the same source's content, work and program, and for nothing else."""
    told = json.dumps([digest, operations, output, program], ensure_ascii=False)
    return hashlib.sha256(told.encode()).hexdigest()


def etag(key: str) -> str:
    """The strong entity tag of a result."""
    return f'"{key[:32]}"'


def is_known(if_none_match: str, tag: str) -> bool:
    """Whether a client has what ``tag`` names."""
    return if_none_match.strip() == "*" or tag in _TAG.findall(if_none_match)


def cache_control(age: float, *, expires: int | None, now: float, is_shared: bool) -> str:
    """How long a result may be used without asking, in seconds: not longer than its URL may be."""
    seconds = age if expires is None else min(age, expires - now)
    return f"{'public' if is_shared else 'private'}, max-age={max(0, int(seconds))}"
