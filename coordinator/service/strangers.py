"""Who asks, by the names in a request's header: whether a browser was led here by another site's page. Pure.

A page of a foreign site can make its name point to this machine (DNS rebinding): then its requests name that site in
``Host``. Or it sends a form to our own address: then the browser names that site in ``Origin``.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping

from coordinator.service.refusal import BAD_HEADER, FOREIGN, MISDIRECTED, Refused

_AUTHORITY = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[^:/?#@\[\]\s]+)(?::(?P<port>[0-9]{1,5}))?", re.IGNORECASE)
_USUAL_PORTS = {"http": "80", "https": "443"}
_SAFE = frozenset(("GET", "HEAD", "OPTIONS"))
"""Methods that change nothing. A foreign page may send them, but learns nothing of what is answered."""
_OURS = frozenset(("same-origin", "none"))
"""What a browser says of a request of our own page, or of one that somebody typed."""


class Strangers:
    """Knows the names by which this service may be asked."""

    def __init__(self, names: Iterable[str]) -> None:
        """``names`` are hosts without ports. Addresses and ``localhost`` are known: nobody else can own them."""
        self._names = frozenset(name.lower().rstrip(".") for name in ("localhost", *names))

    def check(self, method: str, headers: Mapping[str, str]) -> None:
        """Raises Refused for a request that comes by a foreign name, or from a foreign page to change something."""
        host = headers.get("host", "")
        name = _AUTHORITY.fullmatch(host)
        if name is None:
            raise Refused("host", "missing" if not host else "is not the name of a host", BAD_HEADER)
        if not self._is_known(name["name"]):
            message = f"{host!r} is no name of this service; its operator may add it with --hosts"
            raise Refused("host", message, MISDIRECTED)
        if method in _SAFE:
            return
        origin = headers.get("origin")
        if origin is not None and not _is_of(origin, host):
            raise Refused(
                "origin", f"pages of {origin!r} may not ask this service to change anything", FOREIGN
            )
        if origin is None and headers.get("sec-fetch-site", "none") not in _OURS:
            raise Refused("sec-fetch-site", "pages of other sites may not ask for a change", FOREIGN)

    def _is_known(self, name: str) -> bool:
        return name.lower().rstrip(".") in self._names or _is_address(name)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _is_of(origin: str, host: str) -> bool:
    """Whether an origin's host and port are those that were asked. How it came, a proxy in front may have changed."""
    scheme, _, authority = origin.partition("://")
    usual = _USUAL_PORTS.get(scheme)
    return usual is not None and _with_port(authority, usual) == _with_port(host, usual)


def _with_port(authority: str, usual: str) -> tuple[str, str] | None:
    found = _AUTHORITY.fullmatch(authority)
    return (found["name"].lower(), found["port"] or usual) if found else None
