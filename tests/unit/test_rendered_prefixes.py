"""Which hosts may be asked for sources by URL: prefixes and addresses, as text alone."""

from __future__ import annotations

import pytest

from coordinator.service.options import FLAGS
from coordinator.service.refusal import Refused
from coordinator.service.rendered.prefixes import (
    Allowed,
    check_addresses,
    is_url,
    place,
    prefixes,
    private_prefixes,
)


class TestPrefixes:
    @pytest.mark.parametrize(
        ("url", "is_held"),
        [
            ("https://h.example/photos/a.jpg", True),
            ("https://H.EXAMPLE:443/photos/a.jpg?v=1#x", True),
            ("https://h.example/photos", True),
            ("https://h.example/photos/%C3%A4 b.jpg", True),
            ("https://h.example/photos-of-mine/a.jpg", False),
            ("https://h.example/", False),
            ("http://h.example/photos/a.jpg", False),
            ("https://h.example:444/photos/a.jpg", False),
            ("https://h.example.evil.example/photos/a.jpg", False),
            ("https://evil.example/photos/https://h.example/photos/a.jpg", False),
        ],
    )
    def test_what_lies_below_one(self, url: str, is_held: bool) -> None:
        (prefix,) = prefixes("https://h.example/photos/".rstrip("/"))
        assert prefix.holds(place(url)) is is_held

    @pytest.mark.parametrize(
        ("url", "reason"),
        [
            ("https://me:secret@h.example/a", "has a user's name in it"),
            ("https://h.example@evil.example/a", "has a user's name in it"),
            ("https://h.example/photos/../secret", "has . or .. in its path"),
            ("https://h.example/photos/%2e%2E/secret", "has . or .. in its path"),
            ("https://h.example/photos/..%2fsecret", "has . or .. in its path"),
            ("https://h.example/photos/..%5csecret", "has . or .. in its path"),
            ("https://h.example\\@evil.example/a", "a backslash"),
            ("https://h.example/a\r\nX: y", "control characters"),
            ("https://h.example/a\x7f", "control characters"),
            ("ftp://h.example/a", "must begin with http:// or https://"),
            ("file:///etc/passwd", "must begin with http:// or https://"),
            ("https:///a", "names no host"),
            ("https://a b/c", "names no host"),
            ("https://a..b/c", "names no host"),
            ("https://h.example:port/a", "[Pp]ort"),
            ("https://h.example:99999/a", "[Pp]ort"),
            ("https://[::1/a", "IPv6"),
        ],
    )
    def test_what_is_no_place(self, url: str, reason: str) -> None:
        with pytest.raises(ValueError, match=reason):
            place(url)

    def test_letters_of_all_scripts_are_sent_encoded(self) -> None:
        found = place("https://bücher.example/ä ö.jpg?q=ü&b=1")
        assert found.host == "xn--bcher-kva.example"
        assert found.target == "/%C3%A4%20%C3%B6.jpg?q=%C3%BC&b=1"
        assert place("http://[::1]:80/").authority == "[::1]"

    @pytest.mark.parametrize("path", ["photo.jpg", "a/b:c.jpg", "/etc/passwd", "https:/h.example", "ä://x"])
    def test_what_is_a_path(self, path: str) -> None:
        assert not is_url(path)

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("h.example", "must begin with http"),
            ("https://h.example/?a=b", "has a query"),
            ("https://", "names no host"),
        ],
    )
    def test_a_prefix_that_is_none(self, text: str, reason: str) -> None:
        with pytest.raises(ValueError, match=f"'.*' {reason}"):
            prefixes(f"https://good.example, {text}")

    def test_without_any_the_operator_is_named(self) -> None:
        with pytest.raises(Refused, match=r"takes no sources by URL; its operator .* --sources") as refused:
            Allowed(()).check("https://h.example/a")
        assert refused.value.status == 403

    def test_only_a_host_that_is_named_so_may_be_private(self) -> None:
        allowed = Allowed(
            (
                *prefixes("https://h.example, http://127.0.0.1:9, http://localhost, http://[::1]/"),
                *private_prefixes("http://store.example/pictures"),
            )
        )
        may_be = {
            url: allowed.check(url)[1]
            for url in ("https://h.example/a", "http://127.0.0.1:9/a", "http://localhost/", "http://[::1]/a",
                        "http://store.example/pictures/a")
        }  # fmt: skip
        assert [url for url, private in may_be.items() if not private] == ["https://h.example/a"]
        with pytest.raises(Refused, match="below none of the operator's prefixes"):
            allowed.check("http://store.example/other")

    @pytest.mark.parametrize(
        "address",
        [
            "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1",
            "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0", "fc00::1", "::ffff:10.0.0.1",
            "64:ff9b::7f00:1", "2002:7f00:1::1", "ff02::1", "2001:db8::1", "100.100.100.200", "168.63.129.16",
            "192.0.0.192", "192.88.99.1", "198.18.0.1", "240.0.0.1", "fec0::2", "feff::1", "fd00:ec2::254",
            "64:ff9b:1::a00:1", "64:ff9b:1::5db8:d822", "64:ff9b::a83f:8110", "::10.0.0.1", "::127.0.0.1",
            "::93.184.216.34", "::ffff:0:127.0.0.1", "::ffff:0:93.184.216.34", "2001:0:5db8:d822::1", "2001::1",
            "2002:5db8:d822::1", "3fff::1", "3fff:fff::1", "5f00::1", "100::1", "4000::1", "ff0e::1",
        ],
    )  # fmt: skip
    def test_an_address_within(self, address: str) -> None:
        with pytest.raises(Refused, match="is not public; the operator may allow that by --private-sources"):
            check_addresses("h.example", ["93.184.216.34", address])

    def test_addresses_without(self) -> None:
        check_addresses("h.example", ["93.184.216.34", "2606:2800:220:1::1", "64:ff9b::5db8:d822"])
        check_addresses(
            "h.example", ["::ffff:93.184.216.34", "2001:4860:4860::8888", "3fff:1000::1", "192.0.1.1"]
        )

    def test_the_settings_are_prefixes(self) -> None:
        kinds = {flag.name: flag.parse for flag in FLAGS}
        assert (kinds["sources"], kinds["private_sources"]) == (prefixes, private_prefixes)
