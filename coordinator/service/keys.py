"""Who may use the service, where not everybody may: one token for all of it, and keys that each see their own jobs."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coordinator.errors import UsageError

_SHORT = 16
"""Least number of characters of a key that nobody guesses."""
_LINE = re.compile(r"(?P<name>[A-Za-z0-9._-]{1,40})\s+(?P<key>\S+)")


@dataclass(frozen=True)
class Caller:
    """Who asks. ``name`` is that of the key; None may see everything."""

    name: str | None

    def may_see(self, owner: str | None) -> bool:
        """Whether the jobs of ``owner`` are for this caller."""
        return self.name is None or self.name == owner


EVERYBODY = Caller(None)
CALLER = "coordinator.caller"
"""Where a request's scope has its caller."""


def caller_of(scope: Mapping[str, Any]) -> Caller:
    """Who asks, as the gate has found."""
    found: Caller = scope.get(CALLER, EVERYBODY)
    return found


class Keys:
    """The token and the keys that open the service; without any, it is open to everybody."""

    def __init__(self, token: str | None = None, named: Mapping[str, str] | None = None) -> None:
        """``named`` are keys by the names of their holders."""
        given = ((None, token), *(named or {}).items())
        known = tuple((Caller(name), key) for name, key in given if key)
        self._digests = tuple((caller, _digest(key)) for caller, key in known)
        self._short = tuple(caller for caller, key in known if len(key) < _SHORT)

    @property
    def are_asked_for(self) -> bool:
        """Whether a caller needs one."""
        return bool(self._digests)

    @property
    def doubts(self) -> tuple[str, ...]:
        """What an operator may not have meant, each in a sentence."""
        if not self._digests:
            return (
                "there is neither a token nor a key: everybody who reaches the port sees and does everything",
            )
        whose = (f"the key of {caller.name}" if caller.name else "the token" for caller in self._short)
        return tuple(f"{one} has fewer than {_SHORT} characters, and may be guessed" for one in whose)

    def caller(self, authorization: str) -> Caller | None:
        """Whose key an ``Authorization`` header has; None if it has none of ours.

        The time that it takes tells nothing of any key: all of them are compared, each in constant time.
        """
        if not self._digests:
            return EVERYBODY
        asked = _digest(_secret(authorization))
        found = None
        for caller, digest in self._digests:
            if hmac.compare_digest(asked, digest):
                found = caller
        return found


def read_keys(token: str | None, path: Path | None) -> Keys:
    """The keys of a file with a name and a key in every line. Raises UsageError for another file."""
    named = named_keys("--keys", path) if path else {}
    if path and not named:
        raise UsageError(f"--keys {str(path)!r} has no key: nobody could use the service")
    return Keys(token, named)


def named_keys(option: str, path: Path) -> dict[str, str]:
    """Names and their keys from the file of an option. Raises UsageError for what is no such file."""
    named: dict[str, str] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UsageError(f"{option} {str(path)!r} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{option} {str(path)!r} is no text: {error}") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        entry = _LINE.fullmatch(line.strip())
        if entry is None or entry["name"] in named or entry["key"] in named.values():
            message = "must be a name (A-Z a-z 0-9 . _ -) and a key, each of them once in the file"
            raise UsageError(f"{option} {str(path)!r}, line {number}: {message}")
        named[entry["name"]] = entry["key"]
    return named


def _secret(authorization: str) -> str:
    """What a header has as ``Bearer KEY``, or as the password of ``Basic``, which is what browsers ask people for."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(value.strip(), validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _digest(text: str) -> bytes:
    """Of one length for every text: a comparison of texts would tell how long the right one is."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
