"""Who wrote a URL: its signature by one of the operator's keys. Pure.

    signature = base64url(HMAC-SHA256(key, everything behind the signature)), without padding

It is for the bytes as they are sent, the first slash included; so nothing is taken apart that was not signed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence

from coordinator.service.refusal import FOREIGN, Refused
from coordinator.service.rendered.addresses import PREFIX

UNSAFE = "unsafe"
"""In a signature's place: there is none."""
_SHORT = 16
"""Least number of characters of a key that nobody guesses."""
_FIELD = "signature"


def carries_signature(path: str) -> bool:
    """Whether a request to this path, percent-decoded, is let in or not by its signature, and by no key of a caller."""
    return path.startswith(PREFIX) and not path.startswith(f"{PREFIX}{UNSAFE}/")


def signature(key: str, rest: bytes) -> str:
    """The signature of what stands behind it in a URL's path."""
    digest = hmac.new(key.encode(), rest, hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


class Signing:
    """The keys that sign URLs; without any, and unless ``allows_unsigned``, there are no pictures by URL."""

    def __init__(self, keys: Sequence[str] = (), *, allows_unsigned: bool = False) -> None:
        self._keys = tuple(keys)
        self._allows_unsigned = allows_unsigned

    @property
    def doubts(self) -> tuple[str, ...]:
        """What an operator may not have meant, each in a sentence."""
        found = []
        if self._allows_unsigned:
            found.append(
                "/image/unsafe/ is open: everybody who reaches the port may have pictures made of all sources"
            )
        if any(len(key) < _SHORT for key in self._keys):
            found.append(f"a key that signs has fewer than {_SHORT} characters, and may be guessed")
        return tuple(found)

    def check(self, given: str, rest: bytes) -> None:
        """Raises Refused unless ``given`` is one of our signatures of ``rest``, or need not be."""
        if given == UNSAFE:
            if not self._allows_unsigned:
                raise Refused(_FIELD, f"is missing: {self._unsigned_advice()}", FOREIGN)
            return
        if not self._keys:
            raise Refused(_FIELD, f"cannot be checked: {self._unsigned_advice()}", FOREIGN)
        if ":" in given:
            raise Refused(_FIELD, f"is missing: {given[:40]!r} stands in its place", FOREIGN)
        asked = given.encode("utf-8", "replace")
        # All of them are compared, each in constant time.
        if not sum(hmac.compare_digest(asked, signature(key, rest).encode()) for key in self._keys):
            message = (
                "is not that of this URL: sign all that stands behind it, as it is sent, from the slash on"
            )
            raise Refused(_FIELD, message, FOREIGN)

    def _unsigned_advice(self) -> str:
        if self._keys:
            return "/image/unsafe/ is open only if the operator says so, by --unsigned"
        if self._allows_unsigned:
            return "the operator has given no key; /image/unsafe/ needs none"
        return "the operator has to give a key to sign with, by --sign-key, or to open /image/unsafe/, by --unsigned"
