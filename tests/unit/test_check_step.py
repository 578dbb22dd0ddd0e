"""The pure parts of check-step: judging what a program said, the verdict, and what it is asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from coordinator.checkstep import judging, refusing
from coordinator.checkstep.conversation import Heard
from coordinator.checkstep.findings import Finding, Report, Result, Verdict, failed, passed, shown, skipped
from coordinator.checkstep.requests import ABSENT, Question, make_batch, question
from coordinator.contract import Request, Success
from coordinator.errors import CoordinatorError, ExitCode, UsageError
from coordinator.formats.imageheader import Header, read
from coordinator.strictjson import Json

GOOD = b'{"task":"t","items":[{"id":"a"}],"metrics":{"compute_s":0.5}}\n'
ERROR = b'{"task":"t","error":{"kind":"bad_input","message":"no"}}\n'
NOBODYS = ERROR.replace(b'"t"', b'""')
OTHER = GOOD.replace(b'"t"', b'"u"')
INTERNAL = ERROR.replace(b"bad_input", b"internal")


def heard(*lines: bytes, **how: object) -> Heard:
    return Heard(stdout=b"".join(lines), **how)  # type: ignore[arg-type]


def assert_failed(finding: Finding, reason: str) -> None:
    assert finding.verdict is Verdict.FAILED
    assert reason in finding.reason
    assert finding.mend


def test_of_a_babblers_lines_only_the_first_are_told_apart() -> None:
    assert len(heard(b"y\n" * 10_000).lines) == 101
    assert heard(b"a\n\n \nb").lines == [b"a", b"b"]


class TestWaiting:
    """A line that is none, a good request, one that cannot be, and a good one, all waiting together."""

    DUE = (("", False), ("t", True), ("bad", False), ("u", True))
    FIRST = Success(task="first", items=[{"id": "a"}])
    BAD = ERROR.replace(b'"t"', b'"bad"')

    def judged(self, *lines: bytes, **how: object) -> Finding:
        return refusing.waiting(heard(*lines, **how), list(self.DUE), self.FIRST, [])

    def test_each_its_own(self) -> None:
        assert self.judged(NOBODYS, GOOD, self.BAD, OTHER).verdict is Verdict.PASSED

    def test_a_step_that_reads_no_image_has_nothing_against_one_that_is_not_there(self) -> None:
        assert self.judged(NOBODYS, GOOD, GOOD.replace(b'"t"', b'"bad"'), OTHER).verdict is Verdict.PASSED

    @pytest.mark.parametrize(
        ("lines", "reason"),
        [
            ((NOBODYS, GOOD, BAD), "4 requests that waited together got 3 answers"),
            ((NOBODYS, GOOD, BAD, b"junk\n"), "answer 4: "),
            ((NOBODYS, OTHER, BAD, GOOD), "answer 2 is for task 'u', task 't' is due"),
            ((GOOD, GOOD, BAD, OTHER), "what is no request was answered"),
            ((NOBODYS, ERROR, BAD, OTHER), "a good request failed with the bad ones"),
            (
                (NOBODYS, GOOD, BAD, OTHER.replace(b'"a"', b'"b"')),
                "asked again together with others, got other items",
            ),
        ],
    )
    def test_what_can_be_told_by_the_answers(self, lines: tuple[bytes, ...], reason: str) -> None:
        assert_failed(self.judged(*lines), reason)

    def test_it_has_to_end_well(self) -> None:
        assert_failed(self.judged(NOBODYS, GOOD, self.BAD, OTHER, exit_code=3), "answered well, and then")


class TestContract:
    def test_a_response_and_exit_code_0(self) -> None:
        assert judging.contract(heard(GOOD), "t", 9).verdict is Verdict.PASSED

    def test_what_else_is_on_stdout_is_the_business_of_another_check(self) -> None:
        assert judging.contract(heard(b"hello\n", GOOD), "t", 9).verdict is Verdict.PASSED
        assert judging.contract(heard(GOOD, GOOD), "t", 9).verdict is Verdict.PASSED

    @pytest.mark.parametrize(
        ("said", "reason"),
        [
            (heard(), "without a response"),
            (heard(OTHER), "the response is for task 'u', task 't' was asked"),
            (heard(b"hello\n"), "not one JSON document"),
            (heard(b'{"task":"t"}\n'), "breaks the contract"),
            (
                heard(GOOD, exit_code=5, stderr=b"first\nlast\n"),
                "answered well, and then ended with exit code 5: last",
            ),
            (heard(exit_code=137, out_of_memory=True), "the step ended with exit code 137, out of memory"),
            (heard(exit_code=None, ended=False), "no answer within 9 s"),
            (heard(b"yes\n", exit_code=None, ended=False, flooded=True), "more than 268435456 bytes"),
            (heard(GOOD, exit_code=None, ended=False), "answered, but did not end"),
            (heard(INTERNAL), "an error of kind internal: no"),
        ],
    )
    def test_what_fails(self, said: Heard, reason: str) -> None:
        assert_failed(judging.contract(said, "t", 9), reason)

    def test_a_step_that_refuses_the_request_is_not_judged(self) -> None:
        assert judging.contract(heard(ERROR), "t", 9).verdict is Verdict.SKIPPED


class TestStdout:
    def test_one_line_is_pure_whatever_is_wrong_with_it(self) -> None:
        for line in (GOOD, ERROR, OTHER, b'\n{"task":"t","items":[NaN]}'):
            assert judging.purity(heard(line)).verdict is Verdict.PASSED

    @pytest.mark.parametrize(
        ("said", "reason"),
        [
            (heard(b"loading\n", GOOD), "1 lines on stdout are no response"),
            (heard(b'{"level":"info"}\n', GOOD), "1 lines on stdout are no response"),
            (heard(b"loading " + GOOD), "1 lines on stdout are no response"),
            (heard(GOOD, GOOD), "2 documents came where one is due"),
            (heard(json.dumps(json.loads(GOOD), indent=1).encode()), "spread over"),
        ],
    )
    def test_what_fails(self, said: Heard, reason: str) -> None:
        finding = judging.purity(said)
        assert_failed(finding, reason)
        assert finding.sample

    def test_nothing_proves_nothing(self) -> None:
        assert judging.purity(heard(b"\n")).verdict is Verdict.SKIPPED


@pytest.mark.parametrize(
    ("line", "where"),
    [
        (b'{"task":"t","items":[{"id":"a","box":[1,NaN]}]}', "items[0].box[1] is nan"),
        (b'{"task":"t","items":[],"metrics":{"x":1e400}}', "metrics.x is inf"),
        (b'{"task":"t","items":[],"metrics":{"x":-Infinity}}', "metrics.x is -inf"),
    ],
)
def test_numbers_that_are_not_finite_are_named(line: bytes, where: str) -> None:
    assert_failed(judging.numbers(heard(line)), where)
    assert judging.numbers(heard(GOOD)).verdict is Verdict.PASSED


class TestSeveral:
    def test_all_in_order(self) -> None:
        assert judging.several(heard(GOOD, OTHER), ["t", "u"]).verdict is Verdict.PASSED

    @pytest.mark.parametrize(
        ("said", "reason"),
        [
            (heard(OTHER, GOOD), "answer 1 is for task 'u', task 't' is due"),
            (heard(GOOD), "2 requests got 1 answers"),
            (heard(GOOD, OTHER, OTHER), "2 requests got 3 answers"),
            (heard(b"hello\n", GOOD), "answer 1: the response is not one JSON document"),
            (heard(ERROR, OTHER), "answer 1 is an error"),
            (heard(GOOD, OTHER, exit_code=3), "exit code 3"),
            (heard(GOOD, OTHER, exit_code=None, ended=False), "did not end"),
        ],
    )
    def test_what_fails(self, said: Heard, reason: str) -> None:
        assert_failed(judging.several(said, ["t", "u"]), reason)

    def test_an_answer_that_comes_late_was_not_flushed(self) -> None:
        late = judging.flushed([True, False], heard(GOOD, OTHER), ["t", "u"])
        assert_failed(late, "answer 2 came only after the input had ended")
        assert_failed(judging.flushed([True, False], heard(GOOD), ["t", "u"]), "request 2 got no answer")
        assert judging.flushed([True, True], heard(GOOD, OTHER), ["t", "u"]).verdict is Verdict.PASSED


class TestBadInput:
    @pytest.mark.parametrize(
        "said", [heard(ERROR), heard(NOBODYS), heard(exit_code=5), heard(ERROR, exit_code=1)]
    )
    def test_an_error_or_at_least_an_exit_code(self, said: Heard) -> None:
        assert refusing.refusal(said, "junk").verdict is Verdict.PASSED

    @pytest.mark.parametrize(
        ("said", "reason"),
        [
            (heard(), "got no answer, and exit code 0"),
            (heard(b"sorry\n", exit_code=1), "was answered with junk"),
            (heard(GOOD), "as if it were a request"),
            (heard(exit_code=None, ended=False), "made the step hang"),
        ],
    )
    def test_what_fails(self, said: Heard, reason: str) -> None:
        assert_failed(refusing.refusal(said, "junk"), reason)

    def test_a_loop_goes_on(self) -> None:
        assert refusing.refusal_in_loop(heard(NOBODYS, GOOD), "junk", "t").verdict is Verdict.PASSED

    @pytest.mark.parametrize(
        ("said", "reason"),
        [
            (heard(exit_code=1), "got 0 answers; the step ended with exit code 1"),
            (heard(GOOD), "got 1 answers"),
            (heard(b"sorry\n", GOOD), "was answered with junk"),
            (heard(NOBODYS, NOBODYS), "the next good request did not get its answer"),
            (heard(NOBODYS, GOOD, exit_code=1), "exit code 1"),
        ],
    )
    def test_a_loop_that_does_not(self, said: Heard, reason: str) -> None:
        assert_failed(refusing.refusal_in_loop(said, "junk", "t"), reason)

    @pytest.mark.parametrize(
        ("said", "verdict"),
        [
            (heard(GOOD), Verdict.PASSED),  # a step that does not read the image
            (heard(ERROR), Verdict.PASSED),
            (heard(exit_code=2), Verdict.PASSED),
            (heard(INTERNAL), Verdict.WARNING),
            (heard(), Verdict.FAILED),
            (heard(OTHER), Verdict.FAILED),
            (heard(b"Traceback\n", exit_code=1), Verdict.FAILED),
            (heard(exit_code=None, ended=False), Verdict.FAILED),
        ],
    )
    def test_an_image_that_cannot_be_read(self, said: Heard, verdict: Verdict) -> None:
        assert refusing.unreadable(said, "t", "the image").verdict is verdict

    def test_an_image_that_cannot_be_read_in_a_loop(self) -> None:
        for second, verdict in ((OTHER, Verdict.PASSED), (b"", Verdict.FAILED)):
            finding = refusing.unreadable_in_loop(heard(ERROR, second), "t", "the image", "u")
            assert finding.verdict is verdict


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        (heard(), Verdict.PASSED),
        (heard(b"ready\n"), Verdict.FAILED),
        (heard(exit_code=1), Verdict.FAILED),
        (heard(exit_code=None, ended=False), Verdict.FAILED),
    ],
)
def test_end_of_input(said: Heard, verdict: Verdict) -> None:
    assert judging.end_of_input(said).verdict is verdict


class TestRepeatable:
    def success(self, *items: Json, **metrics: float) -> Success:
        return Success(task="t", items=list(items), metrics=metrics)

    def test_metrics_may_differ_and_so_may_the_folder(self) -> None:
        first = self.success({"id": "a", "image": "/work/s/t1/x.png"}, seconds=1)
        again = self.success({"id": "a", "image": "/work/s/t2/x.png"}, seconds=2)
        found = judging.repeatable(first, [("again", again)], ["/work/s/t1", "/work/s/t2"])
        assert found.verdict is Verdict.PASSED

    @pytest.mark.parametrize(
        "again", [({"id": "b"},), ({"id": "a", "x": 1},), ({"id": "a"}, {"id": "b"}), ()]
    )
    def test_items_may_not(self, again: tuple[Json, ...]) -> None:
        found = judging.repeatable(self.success({"id": "a"}), [("again", self.success(*again))], [])
        assert_failed(found, "got other items")
        assert "<>" in found.sample

    def test_nor_the_order_of_their_keys(self) -> None:
        first = self.success({"id": "a", "x": 1, "y": 2})
        again = self.success({"id": "a", "y": 2, "x": 1})
        assert judging.repeatable(first, [("again", again)], []).verdict is Verdict.FAILED


class TestReport:
    def report(self, *findings: Finding) -> Report:
        results = [
            Result(name=name, proves=f"proves {name}", finding=finding)
            for name, finding in zip(("contract", "second", "third"), findings, strict=False)
        ]
        return Report(image_ref="example", image_id="sha256:1", results=results, decisive="contract")

    def test_conforms(self) -> None:
        report = self.report(passed(), skipped("no loop"))
        assert report.exit_code is ExitCode.DONE
        assert report.summary == "example conforms to the step contract: 1 passed, 1 skipped"

    def test_does_not(self) -> None:
        report = self.report(passed(), failed("it is late", "be early", b"\xff\n"), passed())
        assert report.exit_code is ExitCode.SOME_FAILED
        assert report.summary == "example does not conform to the step contract: 2 passed, 1 failed"
        assert report.as_json()["checks"][1] == {
            "check": "second",
            "proves": "proves second",
            "verdict": "failed",
            "reason": "it is late",
            "sample": "\\xff\\n",
            "mend": "be early",
        }

    def test_cannot_be_told(self) -> None:
        assert self.report(skipped("refused"), passed()).exit_code is ExitCode.REFUSED
        assert self.report(skipped("refused"), failed("a", "b")).exit_code is ExitCode.SOME_FAILED

    def test_the_table_explains_only_what_is_not_passed(self) -> None:
        report = self.report(passed("after 1 s"), failed("it is late", "be early", b"12:00"))
        first, second = (list(result.lines()) for result in report.results)
        assert first == ["passed   contract       proves contract"]
        assert second == [
            "FAILED   second         proves second",
            "         it is late",
            "         sample: 12:00",
            "         mend: be early",
        ]

    def test_a_sample_is_cut(self) -> None:
        assert shown(b"x" * 400) == "x" * 300 + " ... (400 bytes)"


class TestQuestion:
    @pytest.fixture
    def batch(self, tmp_path: Path) -> Path:
        make_batch(tmp_path / "batch")
        return tmp_path / "batch"

    def test_the_batch_that_is_made_is_one_photograph_for_everybody(self, batch: Path) -> None:
        header = read(batch / "photograph.jpg")
        assert isinstance(header, Header)
        assert (header.width, header.height) == (320, 240)
        assert batch.stat().st_mode & 0o777 == 0o755
        assert (batch / "photograph.jpg").stat().st_mode & 0o777 == 0o644

    def test_the_first_recording_by_default(self, batch: Path) -> None:
        asked = question(batch, request=None, item=None, params='{"a": 1}')
        assert [item["image"] for item in asked.items] == ["/batch/photograph.jpg"]
        request = asked.request("one")
        assert (request.task, request.params) == ("check-step/one", {"a": 1})
        assert request.work_dir == "/work/check-step/one"
        assert Request.model_validate_json(request.line()) == request

    def test_a_request_in_a_file_with_paths_relative_to_the_batch(self, batch: Path, tmp_path: Path) -> None:
        views = [{"image": "photograph.jpg"}]
        path = tmp_path / "sample.json"
        path.write_text(json.dumps({"params": {"a": 1, "b": 2}, "items": [{"id": "o", "views": views}]}))
        asked = question(batch, request=str(path), item=None, params='{"b": 3}')
        assert asked.items == [{"id": "o", "views": [{"image": "/batch/photograph.jpg"}]}]
        assert asked.params == {"a": 1, "b": 3}

    def test_the_same_without_images(self) -> None:
        asked = Question(params={}, items=[{"id": "a", "views": [{"image": "/batch/a.jpg"}]}])
        without = asked.without_images()
        assert without is not None
        assert without.items == [{"id": "a", "views": [{"image": ABSENT}]}]
        assert Question(params={}, items=[{"id": "a"}]).without_images() is None

    @pytest.mark.parametrize(
        ("asked", "reason"),
        [
            ({"item": "{"}, "--item is not JSON"),
            ({"item": "[]"}, "--item must be a JSON object"),
            ({"item": '{"id": NaN}'}, "--item is not JSON"),
            ({"item": '{"image": "photograph.jpg"}'}, "--item: items: Value error, item 0 has no id"),
            ({"item": '{"id": "a", "image": "absent.jpg"}'}, "'/batch/absent.jpg' is not in the batch"),
            ({"item": '{"id": "a", "image": "../x.jpg"}'}, "climbs out of its folder"),
            ({"item": '{"id": "a", "image": "/etc/passwd"}'}, "lies neither below"),
            ({"item": '{"id": "a", "image": "/work/detect/x.png"}'}, "was written by a step"),
            ({"params": "1"}, "--params must be a JSON object"),
            ({"request": "/no/such/file.json"}, "cannot be read"),
        ],
    )
    def test_what_cannot_be_asked(self, asked: dict[str, str], reason: str, batch: Path) -> None:
        with pytest.raises(UsageError) as refused:
            question(batch, request=asked.get("request"), item=asked.get("item"), params=asked.get("params"))
        assert reason in str(refused.value)

    def test_an_empty_batch(self, tmp_path: Path) -> None:
        with pytest.raises(CoordinatorError, match="no recording"):
            question(tmp_path, request=None, item=None, params=None)


def test_the_steps_samples_can_be_asked() -> None:
    root = Path(__file__).resolve().parents[2]
    samples = sorted((root / "steps").glob("*/sample.json"))
    assert [path.parent.name for path in samples] == ["align", "detect", "imaging", "position", "recognise"]
    for path in samples:
        assert question(root / "images" / "demo", request=str(path), item=None, params=None).items
