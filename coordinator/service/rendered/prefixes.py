"""Which hosts may be asked for a source: only below the operator's prefixes, and only where those lie. Pure.

A public name that points to a private address would let a URL reach what stands beside the service (SSRF). So a name
must have public addresses, unless the operator has said that it is a private host.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from coordinator.service.refusal import FOREIGN, Refused

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

FIELD = "source"
SCHEMES = {"http": 80, "https": 443}
_KEPT = "%/:=&?~#+!$,;'@()*[]"
"""Characters of a path or query that are left as they are; letters, digits and ``_.-~`` are in any case."""
_NAME = re.compile(r"[a-z0-9_.-]+")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_MAPPED, _NAT64 = ipaddress.ip_network("::ffff:0:0/96"), ipaddress.ip_network("64:ff9b::/96")
_ASSIGNED = ipaddress.ip_network("2000::/3")
"""The only IPv6 addresses that are given to anybody as public ones. What lies outside are this machine's, a site's, and
forms of others: ``::10.0.0.1``, ``::ffff:0:10.0.0.1``, ``64:ff9b:1::``, ``fec0::``, and those of no use yet."""
_SPECIAL = tuple(
    ipaddress.ip_network(text)
    for text in (
        "192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2002::/16",  # protocols, Teredo and 6to4 among them
        "2001:db8::/32", "3fff::/20",  # for examples
        "100.100.100.200/32", "168.63.129.16/32", "169.254.0.0/16",  # what clouds tell their machines
    )
)  # fmt: skip
"""Among the others those that Python takes for public ones in some versions, or that are so and serve a machine's own
needs."""


@dataclass(frozen=True)
class Place:
    """Where a source lies: ``path`` and ``query`` are percent-encoded, ``host`` is in small ASCII letters."""

    scheme: str
    host: str
    port: int
    path: str
    query: str = ""

    @property
    def target(self) -> str:
        """What is asked of the host."""
        return f"{self.path}?{self.query}" if self.query else self.path

    @property
    def authority(self) -> str:
        """The host as a ``Host`` header has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == SCHEMES[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"


def is_url(source: str) -> bool:
    """Whether a source is a URL, and not a path."""
    return _SCHEME.match(source) is not None


def place(url: str) -> Place:
    """Where a URL points to. Raises ValueError that says what is wrong with it."""
    if any(ord(letter) < 32 or letter in "\\\x7f" for letter in url):
        raise ValueError("has control characters or a backslash")
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES:
        raise ValueError("must begin with http:// or https://")
    if "@" in parts.netloc:
        raise ValueError("has a user's name in it; sources are asked for without")
    path = quote(parts.path or "/", safe=_KEPT)
    if any(segment in (".", "..") for segment in re.split(r"[/\\]", unquote(path))):
        raise ValueError("has . or .. in its path")
    port = parts.port if parts.port is not None else SCHEMES[parts.scheme]  # which raises ValueError, too
    return Place(parts.scheme, _host(parts.hostname or ""), port, path, quote(parts.query, safe=_KEPT))


def _host(name: str) -> str:
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        pass
    try:
        encoded = name.encode("idna").decode().lower()
    except UnicodeError:
        encoded = ""
    if not _NAME.fullmatch(encoded):
        raise ValueError("names no host")
    return encoded


@dataclass(frozen=True)
class Prefix:
    """A place below which sources may lie; ``is_private`` if the host's addresses need not be public."""

    place: Place
    is_private: bool

    def holds(self, other: Place) -> bool:
        """Whether a place is this one, or below it."""
        own = self.place
        if (own.scheme, own.host, own.port) != (other.scheme, other.host, other.port):
            return False
        return other.path == own.path or other.path.startswith(own.path.rstrip("/") + "/")


def prefixes(text: str, *, are_private: bool = False) -> tuple[Prefix, ...]:
    """Prefixes from ``https://a.example/photos, http://b.example``. Raises ValueError for what is none."""
    return tuple(_prefix(part.strip(), are_private) for part in text.split(",") if part.strip())


def private_prefixes(text: str) -> tuple[Prefix, ...]:
    """The same for hosts whose addresses may be private ones."""
    return prefixes(text, are_private=True)


def _prefix(text: str, is_private: bool) -> Prefix:
    try:
        found = place(text)
    except ValueError as error:
        raise ValueError(f"{text!r} {error}") from error
    if found.query or "#" in text:
        raise ValueError(f"{text!r} has a query; a prefix ends with its path")
    return Prefix(found, is_private or _names_private(found.host))


def _names_private(host: str) -> bool:
    """Whether who wrote this host can only have meant one that may be private."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


class Allowed:
    """All prefixes of the operator."""

    def __init__(self, known: Iterable[Prefix]) -> None:
        self._known = tuple(known)

    def check(self, url: str) -> tuple[Place, bool]:
        """Where a URL points to, and whether its addresses may be private. Raises Refused."""
        if not self._known:
            message = (
                "this service takes no sources by URL; its operator names those that it may, by --sources"
            )
            raise Refused(FIELD, message, FOREIGN)
        try:
            found = place(url)
        except ValueError as error:
            raise Refused(FIELD, str(error)) from error
        holding = [prefix for prefix in self._known if prefix.holds(found)]
        if not holding:
            message = f"{str(found)[:200]!r} lies below none of the operator's prefixes (--sources)"
            raise Refused(FIELD, message, FOREIGN)
        return found, any(prefix.is_private for prefix in holding)


def check_addresses(host: str, found: Sequence[str]) -> None:
    """Raises Refused if one of a host's addresses is no public one."""
    for text in found:
        if not _is_public(ipaddress.ip_address(text.partition("%")[0])):
            told = f"{host!r} has the address {text}, which is not public"
            raise Refused(FIELD, f"{told}; the operator may allow that by --private-sources", FOREIGN)


def _is_public(address: IpAddress) -> bool:
    """Whether an address is one of the public network, on which nothing stands that only neighbours may ask.

    What tells of another address inside is as public as that one, if it is a form that is in use, and else is not.
    """
    if isinstance(address, ipaddress.IPv6Address):
        if address in _MAPPED or address in _NAT64:
            return _is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if address not in _ASSIGNED:
            return False
    is_special = any(address in network for network in _SPECIAL)
    return address.is_global and not address.is_multicast and not is_special
