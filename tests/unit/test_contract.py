"""The step contract: what a step may answer, and how everything else is told to its author."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator import contract
from coordinator.contract import (
    ErrorKind,
    Failure,
    RegionMessage,
    Request,
    StepErrorMessage,
    Success,
    TaskError,
    parse_response,
    schema,
)
from coordinator.strictjson import decode, encode_line, readable
from tests.unit.builders import PROPERTY, item, request, square

TASK = "detect/r1"


def answer(**fields: Any) -> bytes:
    return json.dumps({"task": TASK, "items": [], **fields}).encode() + b"\n"


def with_item(fields: str) -> bytes:
    return b'{"task": "detect/r1", "items": [{"id": "a", ' + fields.encode() + b"}]}"


def refused(raw: bytes) -> str:
    """The message of the protocol error that ``raw`` comes to."""
    result = parse_response(raw, TASK)
    assert isinstance(result, TaskError), result
    assert result.kind is ErrorKind.PROTOCOL
    result.message.encode()  # it must be fit for the journal and for a terminal
    return result.message


class TestAcceptedResponses:
    def test_items_and_metrics(self) -> None:
        raw = answer(items=[{"id": "a", "any": {"thing": [1, None]}}], metrics={"compute_s": 1})
        expected = Success(
            task=TASK, items=[{"id": "a", "any": {"thing": [1, None]}}], metrics={"compute_s": 1.0}
        )
        assert parse_response(raw, TASK) == expected

    @pytest.mark.parametrize("items", [[], [item("a")], [item("a"), item("b")]], ids=["none", "one", "many"])
    def test_any_number_of_items_in_their_order(self, items: list[dict[str, Any]]) -> None:
        result = parse_response(answer(items=items), TASK)
        assert isinstance(result, Success)
        assert result.items == items

    @pytest.mark.parametrize(
        "raw", [b"  %s", b"%s\n\n", b"%s\r\n", b"%s"], ids=["indented", "blank", "crlf", "bare"]
    )
    def test_space_around_the_line_does_not_matter(self, raw: bytes) -> None:
        assert isinstance(parse_response(raw.replace(b"%s", answer().strip()), TASK), Success)

    @pytest.mark.parametrize("kind", ["bad_input", "internal"])
    def test_the_steps_own_error_is_passed_on(self, kind: str) -> None:
        raw = json.dumps({"task": TASK, "error": {"kind": kind, "message": "is dark"}}).encode()
        assert parse_response(raw, TASK) == TaskError(kind=ErrorKind(kind), message="is dark")

    def test_a_whole_surrogate_pair_is_one_character(self) -> None:
        result = parse_response(with_item(r'"name": "\ud83d\ude80 \\ud800"'), TASK)
        assert isinstance(result, Success)
        assert result.items[0]["name"] == "\U0001f680 \\ud800"


REFUSED = {
    "nothing": (b"", "ended without a response"),
    "only a newline": (b"\n", "ended without a response"),
    "a log line": (b"loading model\n" + answer(), "at byte 0: Expecting value: 'loading model"),
    "a cut-off response": (answer()[:20], "at byte 20: Expecting ',' delimiter: "),
    "cut off in a string": (answer()[:14], "at byte 9: Unterminated string"),
    "two documents": (answer() + answer(), "two documents where one is due"),
    "junk behind": (answer() + b"done", "at byte 35: two documents where one is due"),
    "not UTF-8": (with_item('"name": "?"').replace(b"?", b"caf\xe9"), "not UTF-8 at byte 56: "),
    "a byte order mark": (b"\xef\xbb\xbf" + answer(), "at byte 0: Unexpected UTF-8 BOM"),
    "NaN": (with_item('"x": NaN'), "NaN is not finite"),
    "Infinity": (with_item('"x": Infinity'), "Infinity is not finite"),
    "-Infinity": (with_item('"x": -Infinity'), "-Infinity is not finite"),
    "1e400": (with_item('"x": 1e400'), "1e400 is not finite"),
    "a long endless number": (with_item(f'"x": {"9" * 500}.0'), "9999 is not finite"),
    "a 5,000-digit integer": (with_item(f'"x": {"9" * 5000}'), "5000 digits"),
    "items twice": (
        answer(items=[item("a")])[:-2] + b', "items": []}',
        "refused, at byte 46: the key 'items' stands twice in one object: ",
    ),
    "a field of an item twice": (
        with_item('"x": 1, "x": 2'),
        "the key 'x' stands twice in one object",
    ),
    "nesting without end": (with_item('"x": ' + "[" * 100_000), "nested too deeply"),
    "not an object": (b"[]", "document: Input should be a valid dictionary"),
    "a bare string": (b'"ok"', "document: Input should be a valid dictionary"),
    "null": (b"null", "document: Input should be a valid dictionary"),
    "another task": (answer(task="detect/r2"), "is for task 'detect/r2', task 'detect/r1' was asked"),
    "no task": (b'{"items": []}', "task: Field required"),
    "no items": (b'{"task": "detect/r1"}', "items: Field required"),
    "items not in a list": (answer(items={}), "items: Input should be a valid list"),
    "an item that is no object": (answer(items=["a"]), "items.0: Input should be a valid dictionary"),
    "an item without id": (answer(items=[item("a"), {"score": 1}]), "item 1 has no id (a non-empty string)"),
    "an empty id": (answer(items=[item("")]), "item 0 has no id"),
    "a number as id": (answer(items=[{"id": 7}]), "item 0 has no id"),
    "an id used twice": (answer(items=[item("a"), item("b"), item("a")]), "two items have the id 'a'"),
    "a place off the globe": (
        answer(items=[item("a", position={"x": 1e308, "y": 0})]),
        "item 0 has a position more than 100,000,000 m from the CRS's origin",
    ),
    "an unknown key": (answer(itmes=[]), "itmes: Extra inputs are not permitted"),
    "a metric that is no number": (
        answer(metrics={"s": "fast"}),
        "metrics.s: Input should be a valid number",
    ),
    "both items and error": (answer(error={"kind": "internal", "message": ""}), "items: Extra inputs"),
    "an unknown kind of error": (
        b'{"task": "detect/r1", "error": {"kind": "crash", "message": ""}}',
        "error.kind: Input should be 'bad_input' or 'internal'",
    ),
    "an error without message": (
        b'{"task": "detect/r1", "error": {"kind": "internal"}}',
        "error.message: Field req",
    ),
}


class TestRefusedResponses:
    @pytest.mark.parametrize(("raw", "told"), REFUSED.values(), ids=REFUSED.keys())
    def test_the_message_says_what_is_wrong_and_where(self, raw: bytes, told: str) -> None:
        assert told in refused(raw)

    def test_the_offset_is_in_bytes_not_in_characters(self) -> None:
        assert "at byte 18:" in refused('{"task": "ééé" x}'.encode())

    def test_the_sample_is_short_however_long_the_response(self) -> None:
        assert len(refused(b"x" * 1_000_000)) < 300

    @pytest.mark.parametrize("name", ["a 5,000-digit integer", "NaN", "1e400"])
    def test_a_refused_number_comes_with_a_sample_of_the_response(self, name: str) -> None:
        assert '"id": "a"' in refused(REFUSED[name][0])

    @pytest.mark.parametrize(
        "raw",
        [
            with_item(r'"name": "\ud800"'),
            with_item(r'"name": "\uDfff"'),
            with_item(r'"\udc00": 1'),
            rb'{"task": "detect/r1", "items": [{"id": "\ud83d"}]}',
            rb'{"task": "\ud83d", "items": []}',
            rb'{"task": "detect/r1", "items": [], "\ud83d": 1}',
            rb'{"task": "detect/r1", "items": [], "metrics": {"\ud83d": 1}}',
            rb'{"task": "detect/r1", "error": {"kind": "internal", "message": "\ud83d"}}',
        ],
        ids=["value", "low half", "key", "id", "task", "top-level key", "metric", "error"],
    )
    def test_half_a_surrogate_pair(self, raw: bytes) -> None:
        assert "unicode" in (told := refused(raw)) or "half of a UTF-16 pair" in told

    def test_what_a_shallow_thread_accepts_a_deeper_stack_can_write(self) -> None:
        def deepest() -> Success:
            for depth in range(990, 0, -1):
                result = parse_response(with_item('"x": ' + "[" * depth + "]" * depth), TASK)
                if isinstance(result, Success):
                    return result
            raise AssertionError("nothing was accepted")

        with ThreadPoolExecutor(1) as threads:
            accepted = threads.submit(deepest).result()
        encode_line({"items": accepted.items})

    @PROPERTY
    @given(st.binary(max_size=60))
    def test_any_bytes_come_to_a_value_never_to_an_exception(self, raw: bytes) -> None:
        assert isinstance(parse_response(raw, TASK), TaskError)

    @PROPERTY
    @given(st.data())
    def test_a_response_damaged_anywhere_is_a_value_too(self, data: st.DataObject) -> None:
        raw = bytearray(answer(items=[item("r1", x=1.5, name="straße")]))
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        assert isinstance(parse_response(bytes(raw), TASK), Success | TaskError)


class TestErrorMessages:
    """What a step says of its failure ends up in the journal and on terminals."""

    @pytest.mark.parametrize(
        ("said", "shown"),
        [
            ("\x1b[2J\x1b]0;pwned\x07", r"\x1b[2J\x1b]0;pwned\x07"),
            ("two\nlines\r", r"two\nlines\r"),
            ("\u202egpj.exe", r"\u202egpj.exe"),
            ("half \ud800", r"half \ud800"),
            ("Straße 標識 🚏", "Straße 標識 🚏"),
        ],
    )
    def test_what_would_steer_a_terminal_is_written_out(self, said: str, shown: str) -> None:
        assert TaskError(kind=ErrorKind.INTERNAL, message=said).message == shown

    @pytest.mark.parametrize("sign", ["x", "\x1b"])
    def test_a_message_of_10_mb_is_cut_and_says_so(self, sign: str) -> None:
        message = TaskError(kind=ErrorKind.INTERNAL, message=sign * 10_000_000).message
        assert len(message) == 1000
        assert message.endswith(" ... (cut; 10000000 characters in all)")

    @PROPERTY
    @given(st.text(st.characters(), max_size=1200))
    def test_what_comes_back_from_the_journal_is_what_went_there(self, said: str) -> None:
        once = readable(said)
        assert once.isprintable()
        assert readable(once) == once


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


class TestRequestLine:
    @PROPERTY
    @given(st.dictionaries(st.text(), JSON, max_size=4))
    def test_any_item_survives_the_way_to_the_step_and_back(self, fields: dict[str, Any]) -> None:
        sent = {**fields, "id": "a"}
        line = request(items=[sent]).line()
        assert line.endswith(b"\n")
        assert line.count(b"\n") == 1
        assert decode(line)["items"] == [sent]
        response = encode_line({"task": TASK, "items": decode(line)["items"]})
        assert parse_response(response, TASK) == Success(task=TASK, items=[sent])

    def test_the_line_holds_every_key_of_the_contract(self) -> None:
        region = RegionMessage(id="0_0", core=square(0, 0, 1, 1), halo=5)
        assert json.loads(request("position/0_0", [item("a")], region=region, params={"k": 1}).line()) == {
            "protocol": 1,
            "task": "position/0_0",
            "step": "position",
            "params": {"k": 1},
            "items": [{"id": "a"}],
            "region": {"id": "0_0", "core": square(0, 0, 1, 1), "halo": 5.0},
            "work_dir": "/work/position/0_0",
        }

    @pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
    def test_a_number_that_is_not_finite_never_leaves(self, number: float) -> None:
        with pytest.raises(ValueError, match="not JSON compliant"):
            request(items=[item("a", x=number)]).line()

    def test_characters_travel_as_themselves(self) -> None:
        assert "Straße ñ 🚏".encode() in request(items=[item("Straße ñ 🚏")]).line()


class TestSchema:
    """The published schema and the code say the same."""

    def definition(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = schema()["$defs"][name]
        return found

    @pytest.mark.parametrize("model", [Request, Success, Failure, RegionMessage, StepErrorMessage])
    def test_keys_required_keys_and_strictness_are_the_models(self, model: type[Request]) -> None:
        definition = self.definition(model.__name__)
        required = {name for name, field in model.model_fields.items() if field.is_required()}
        assert set(definition["properties"]) == set(model.model_fields)
        assert set(definition["required"]) == required
        assert definition["additionalProperties"] is False

    def test_an_item_needs_an_id_and_may_have_anything_else(self) -> None:
        for name in ("Request", "Success"):
            found = self.definition(name)["properties"]["items"]["items"]
            assert found["required"] == ["id"]
            assert found["properties"]["id"] == {"type": "string", "minLength": 1}
            assert found["additionalProperties"] is True

    def test_a_response_is_a_success_or_a_failure(self) -> None:
        assert self.definition("Response")["anyOf"] == [
            {"$ref": "#/$defs/Success"},
            {"$ref": "#/$defs/Failure"},
        ]

    def test_the_protocol_is_pinned(self) -> None:
        assert self.definition("Request")["properties"]["protocol"]["const"] == contract.PROTOCOL

    def test_the_kinds_of_error_a_step_may_name_are_known_to_the_coordinator(self) -> None:
        kinds = self.definition("StepErrorMessage")["properties"]["kind"]["enum"]
        assert set(kinds) < set(ErrorKind)

    def test_every_reference_leads_somewhere(self) -> None:
        document = schema()
        references = [part.split('"')[0] for part in json.dumps(document).split('"$ref": "#/$defs/')[1:]]
        assert references
        assert set(references) <= set(document["$defs"])
