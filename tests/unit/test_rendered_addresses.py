"""URLs of pictures: what they ask for, who signed them, and what caches are told. The grammar, on text alone."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.service.orders import OUTPUTS
from coordinator.service.refusal import Refused
from coordinator.service.rendered.addresses import AUTO, Asked, parse, parted
from coordinator.service.rendered.conditions import cache_control, etag, is_known, output_of, result_key
from coordinator.service.rendered.signing import Signing, carries_signature, signature

ROOT = Path(__file__).parents[2]
KEY = "a key of the operator's"


class TestGrammar:
    @pytest.mark.parametrize(
        ("path", "operations", "source", "output"),
        [
            ("/plain/a.jpg", (), "a.jpg", None),
            ("/fit:9x/blur:median/plain/a.jpg@webp", (("fit", "9x"), ("blur", "median")), "a.jpg", "webp"),
            ("/resize:50%25/plain/a.jpg", (("resize", "50%"),), "a.jpg", None),
            ("/crop:20x30+1+2/quality:80/plain/a.jpg", (("crop", "20x30+1+2"), ("quality", 80)), "a.jpg", None),
            ("/plain/sub/a%20b.jpg@auto", (), "sub/a b.jpg", "auto"),
            ("/plain/https%3A%2F%2Fh.example%2Fa.jpg%3Fv%3D1%40x@png", (), "https://h.example/a.jpg?v=1@x", "png"),
            ("/plain/https://h.example/a.jpg", (), "https://h.example/a.jpg", None),
            ("/plain/plain/resize:2x2", (), "plain/resize:2x2", None),
            ("/aHR0cHM6Ly9oLmV4YW1wbGUvYS5qcGc.webp", (), "https://h.example/a.jpg", "webp"),
            ("/aHR0cHM6Ly9o/LmV4YW1wbGUv/YS5qcGc=", (), "https://h.example/a.jpg", None),
        ],
    )  # fmt: skip
    def test_what_is_asked_for(self, path: str, operations: Any, source: str, output: str | None) -> None:
        assert parse(path) == Asked(operations=operations, source=source, output=output, expires=None)

    @given(
        operations=st.lists(st.tuples(st.text(), st.text()), max_size=4),
        source=st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1),
        output=st.sampled_from((None, AUTO, *OUTPUTS)),
        expires=st.none() | st.integers(0, 10**11),
        is_plain=st.booleans(),
    )
    def test_whatever_is_percent_encoded_comes_back(
        self, operations: list[tuple[str, str]], source: str, output: str | None, expires: int | None, is_plain: bool
    ) -> None:  # fmt: skip
        operations = [(f"_{name}", f"_{value}") for name, value in operations]
        words = [f"{quote(name, safe='')}:{quote(value, safe='')}" for name, value in operations]
        words += [] if expires is None else [f"expires:{expires}"]
        if is_plain:
            ending = f"plain/{quote(source, safe='')}" + (f"@{output}" if output else "")
        else:
            ending = base64.urlsafe_b64encode(source.encode()).decode() + (f".{output}" if output else "")
        asked = parse("/" + "/".join([*words, ending]))
        assert asked == Asked(operations=tuple(operations), source=source, output=output, expires=expires)

    @given(st.text())
    def test_any_other_text_is_refused_or_understood(self, text: str) -> None:
        with suppress(Refused):
            assert parse(f"/{text}").order().results == 1

    @pytest.mark.parametrize(
        ("path", "field", "message"),
        [
            ("/resize:300:200/plain/a.jpg", "operations[0]", "resize must be like 200x300, .* not '300:200'"),
            ("/blur:median/rs:fit/plain/a.jpg", "operations[1]", "unknown operation 'rs'; known are resize"),
            ("/resize:300/plain/a.jpg", "operations[0]", "resize must be like 200x300"),
            ("/quality:101/plain/a.jpg", "operations[0]", "quality must be a whole number from 1 to 100"),
            ("/split:true/plain/a.jpg", "operations[0]", "split makes several results"),
            ("/blur:median/split:4/plain/a.jpg", "operations[1]", "split makes several results"),
            ("/quality:80/plain/a.jpg@png", "operations[0]", "png loses nothing"),
            ("/" + "blur:median/" * 100 + "plain/a.jpg", "operations", "at most 99 operations"),
            ("/resize:50%/plain/a.jpg", "operations[0]", "has a % at character 2 that is no escape"),
            ("/300x200/smart/a.jpg", "path", "'300x200' is neither like resize:200x300 nor plain/"),
            ("/resize:2x2/https://h.example/a.jpg", "source", "a URL that lies bare"),
            ("/plain/a.jpg@gif", "output", "must be one of jpg, png, webp, auto, not 'gif'; an @ of"),
            ("/plain/https://me@h.example/a.jpg", "output", "an @ of the source is written %40"),
            ("/YS5qcGc.gif", "output", "must be one of jpg, png, webp, auto, not 'gif'$"),
            ("/plain/a.jpg@", "output", "must be one of"),
            ("/plain/", "source", "missing"),
            ("/", "source", "missing"),
            ("/plain/a%00.jpg", "source", "has control characters"),
            ("/plain/a%0d%0aX", "source", "has control characters"),
            ("/plain/%ff.jpg", "source", "is not UTF-8"),
            ("/plain/%zz.jpg", "source", "has a % at character 0"),
            ("/_w", "path", "nor the source in base64url"),
            ("/expires:soon/plain/a.jpg", "expires", "in seconds since 1970"),
            ("/expires:1/expires:2/plain/a.jpg", "expires", "must be given once"),
        ],
    )
    def test_what_is_wrong_is_told_by_its_place(self, path: str, field: str, message: str) -> None:
        with pytest.raises(Refused, match=message) as refused:
            parse(path).order()
        assert (refused.value.field, refused.value.status) == (field, 422)

    def test_a_quality_waits_for_the_output(self) -> None:
        asked = parse("/quality:80/plain/a.png")
        assert asked.order().operations == (("quality", 80),)
        with pytest.raises(Refused, match="png loses nothing"):
            asked.order("png")


class TestSignature:
    def test_it_is_that_of_hmac_over_all_that_stands_behind_it(self) -> None:
        rest = "/resize:200x300/plain/a.jpg@webp"
        digest = hmac.new(KEY.encode(), rest.encode(), hashlib.sha256).digest()
        padded, found = parted("/image/" + base64.urlsafe_b64encode(digest).decode() + rest)
        assert found == rest
        given = padded.rstrip("=")
        Signing([KEY]).check(given, rest.encode())
        Signing(["another", KEY]).check(given, rest.encode())
        for other in (padded, f"{given}==", given.swapcase(), f"{given}%3D", f" {given}"):
            with pytest.raises(Refused, match="is not that of this URL"):  # one picture has one URL
                Signing([KEY]).check(other, rest.encode())

    def test_it_is_what_the_docs_say(self) -> None:
        told = (ROOT / "docs" / "service.md").read_text(encoding="utf-8")
        in_python: dict[str, Any] = {}
        exec(re.findall(r"```python\n(.*?)```", told, re.DOTALL)[0], in_python)
        signed = in_python["image"](KEY, "fit:40x30/quality:80", "2024/Ä ?@.jpg", "webp")
        given, rest = parted(signed)
        Signing([KEY]).check(given, rest.encode())
        assert parse(rest).source == "2024/Ä ?@.jpg"
        (in_shell,) = re.findall(r"```sh\n(rest=.*?\nsignature=.*?\n)", told, re.DOTALL)
        environment = {**os.environ, "COORDINATOR_SIGN_KEY": KEY}
        asked = [in_shell + 'printf %s "/image/$signature$rest"']
        said = subprocess.run(
            ["sh", "-ec", *asked], env=environment, capture_output=True, text=True, check=True
        )
        given, rest = parted(said.stdout)
        Signing([KEY]).check(given, rest.encode())

    @given(st.text(st.characters(codec="utf-8"), max_size=50))
    def test_no_other_is_taken(self, given: str) -> None:
        for signing in (Signing([KEY]), Signing([KEY, "another"], allows_unsigned=True), Signing()):
            if given != "unsafe":
                with pytest.raises(Refused) as refused:
                    signing.check(given, b"/plain/a.jpg")
                assert (refused.value.status, refused.value.field) == (403, "signature")

    @pytest.mark.parametrize(
        "changed", ["/plain/b.jpg", "/plain/a.jpg@webp", "/plain/a%2Ejpg", "//plain/a.jpg", ""]
    )
    def test_of_another_path_it_is_none(self, changed: str) -> None:
        with pytest.raises(Refused, match="is not that of this URL"):
            Signing([KEY]).check(signature(KEY, b"/plain/a.jpg"), changed.encode())

    @pytest.mark.parametrize(
        ("signing", "given", "advice"),
        [
            (Signing(), "unsafe", "the operator has to give a key to sign with, by --sign-key, or to open"),
            (Signing(), "abc", "the operator has to give a key to sign with, by --sign-key"),
            (Signing([KEY]), "unsafe", "open only if the operator says so, by --unsigned"),
            (Signing(allows_unsigned=True), "abc", "has given no key; /image/unsafe/ needs none"),
        ],
    )
    def test_who_has_to_do_what_is_told(self, signing: Signing, given: str, advice: str) -> None:
        with pytest.raises(Refused, match=advice):
            signing.check(given, b"/plain/a.jpg")

    def test_one_that_was_forgotten_is_told(self) -> None:
        with pytest.raises(Refused, match="is missing: 'fit:40x' stands in its place"):
            Signing([KEY]).check("fit:40x", b"/plain/a.jpg")

    def test_without_one_only_where_the_operator_says_so(self) -> None:
        Signing(allows_unsigned=True).check("unsafe", b"/plain/a.jpg")
        assert "everybody" in Signing(allows_unsigned=True).doubts[0]
        assert "may be guessed" in Signing(["short"]).doubts[0]
        assert Signing([KEY]).doubts == ()

    @pytest.mark.parametrize(
        ("path", "is_open"),
        [
            ("/image/abc/plain/a.jpg", True), ("/image/unsafe/plain/a.jpg", False), ("/image", False),
            ("/images/x", False), ("/static/", False), ("/image/", True),
        ],
    )  # fmt: skip
    def test_a_caller_needs_no_key_where_a_signature_stands(self, path: str, is_open: bool) -> None:
        assert carries_signature(path) is is_open

    @pytest.mark.parametrize(
        "path", ["/image/", "/image/abc", "/image%2Fabc/plain/a.jpg", "/imag/abc/plain/a"]
    )
    def test_a_path_without_two_parts_is_none(self, path: str) -> None:
        with pytest.raises(Refused, match="must be like /image/SIGNATURE/"):
            parted(path)


class TestCaches:
    @pytest.mark.parametrize(
        ("asked", "suffix", "accept", "output"),
        [
            ("png", ".jpg", "image/webp", "png"),
            (None, ".jpg", "image/webp", "jpg"),
            (None, ".gif", "", "png"),
            (None, ".avif", "", "webp"),
            (None, ".heic", "", "jpg"),
            (AUTO, ".png", "image/avif,image/webp,*/*;q=0.8", "webp"),
            (AUTO, ".png", "*/*", "png"),
            (AUTO, ".jpg", "image/webp;q=0, */*", "jpg"),
            (AUTO, ".jpg", "image/webp; q=0.000, */*", "jpg"),
            (AUTO, ".webp", "image/*", "jpg"),
            (AUTO, ".gif", "", "png"),
        ],
    )
    def test_the_output(self, asked: str | None, suffix: str, accept: str, output: str) -> None:
        assert output_of(asked, suffix, accept) == output

    @pytest.mark.parametrize(
        ("if_none_match", "is_same"),
        [
            ('"abc"', True), ('W/"abc"', True), ('"x", "abc"', True), ("*", True), (" * ", True),
            ("", False), ('"ab"', False), ("abc", False), ('"xabc"', False), ('"a,\'*\'"', False),
        ],
    )  # fmt: skip
    def test_what_a_client_has(self, if_none_match: str, is_same: bool) -> None:
        assert is_known(if_none_match, '"abc"') is is_same

    def test_a_tag_is_that_of_content_work_output_and_program(self) -> None:
        given = ("0f", [("resize", "2x2")], "jpg", "1")
        others = [("0e", *given[1:]), ("0f", [], "jpg", "1"), (*given[:2], "png", "1"), (*given[:3], "2")]
        tags = {etag(result_key(*one)) for one in (given, *others)}
        assert len(tags) == 5
        assert etag(result_key(*given)) in tags

    @pytest.mark.parametrize(
        ("expires", "is_shared", "told"),
        [(None, True, "public, max-age=60"), (None, False, "private, max-age=60"), (1030, True, "public, max-age=30"),
         (2000, True, "public, max-age=60"), (990, True, "public, max-age=0")],
    )  # fmt: skip
    def test_no_cache_keeps_it_longer_than_its_url_holds(
        self, expires: int | None, is_shared: bool, told: str
    ) -> None:
        assert cache_control(60.0, expires=expires, now=1000.0, is_shared=is_shared) == told
