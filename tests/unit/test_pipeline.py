"""Pipelines: what a file may say, and how every fault in it is named."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from coordinator.errors import PipelineError, UsageError
from coordinator.pipeline import BUILT_IN, Per, Pipeline, Resources, Rung, load_pipeline, parse_size
from tests.unit.builders import step

MINIMAL = "name: p\nsteps: [{name: a, image_ref: x}]\n"


def loaded(tmp_path: Path, text: str) -> Pipeline:
    path = tmp_path / "pipeline.yaml"
    path.write_text(text, encoding="utf-8")
    return load_pipeline(str(path))


def with_step(fields: str) -> str:
    return f"name: p\nsteps: [{{name: a, image_ref: x, {fields}}}]\n"


def refusal(tmp_path: Path, text: str) -> str:
    with pytest.raises(PipelineError) as refused:
        loaded(tmp_path, text)
    return str(refused.value)


class TestLoading:
    def test_what_is_left_out_has_a_default(self, tmp_path: Path) -> None:
        (only,) = loaded(tmp_path, MINIMAL).steps
        assert (only.per, only.params, only.timeout, only.retries) == (Per.ITEM, {}, 600.0, 1)
        assert only.resources == Resources(cpus=1, memory=1024**3, gpus=0)

    def test_a_whole_step(self, tmp_path: Path) -> None:
        text = with_step(
            "per: region, params: {k: [1, {b: null}]}, timeout: 5, retries: 0,"
            "resources: {cpus: 0.5, memory: 512m, gpus: 0.25, gpu_memory: 2g, gpu_optional: true}"
        )
        (only,) = loaded(tmp_path, text).steps
        assert only.params == {"k": [1, {"b": None}]}
        assert (only.per, only.timeout, only.retries) == (Per.REGION, 5.0, 0)
        expected = Resources(
            cpus=0.5, memory=512 * 1024**2, gpus=0.25, gpu_memory=2 * 1024**3, gpu_optional=True
        )
        assert only.resources == expected

    @pytest.mark.parametrize("name", BUILT_IN)
    def test_the_built_in_pipelines_load(self, name: str) -> None:
        assert load_pipeline(name).name == name

    def test_the_flagship_maps_traffic_signs(self) -> None:
        steps = [(one.name, one.per) for one in load_pipeline("traffic-signs").steps]
        assert steps == [("detect", Per.ITEM), ("position", Per.REGION), ("recognise", Per.ITEM)]


FAULTS = {
    "empty file": ("", "pipeline: Input should be a valid dictionary"),
    "a list": ("[1]", "pipeline: Input should be a valid dictionary"),
    "no steps": ("name: p\nsteps: []", "steps: Tuple should have at least 1 item"),
    "no image": ("name: p\nsteps: [{name: a}]", "steps.0.image_ref: Field required"),
    "unknown key": (with_step("retrys: 1"), "steps.0.retrys: Extra inputs are not permitted"),
    "unknown per": (with_step("per: photo"), "steps.0.per: Input should be 'item', 'region' or 'batch'"),
    "spaced name": (MINIMAL.replace("name: a", "name: a b"), "steps.0.name: String should match"),
    "upper-case name": (MINIMAL.replace("name: a", "name: A"), "steps.0.name: String should match"),
    "a path as name": (MINIMAL.replace("name: a", "name: ../a"), "steps.0.name: String should match"),
    "a newline in a name": (MINIMAL.replace("name: a", 'name: "a\\n"'), "steps.0.name: String should match"),
    "long name": (MINIMAL.replace("name: a", f"name: {'a' * 41}"), "at most 40 characters"),
    "same name twice": (
        "name: p\nsteps: [{name: a, image_ref: x}, {name: a, image_ref: y}]",
        "have the name 'a'",
    ),
    "the name fetch": (MINIMAL.replace("name: a", "name: fetch"), "'fetch' is taken"),
    "the name batch": (MINIMAL.replace("name: a", "name: batch"), "'batch' is taken"),
    "no CPU": (with_step("resources: {cpus: 0}"), "steps.0.resources.cpus: Input should be greater than 0"),
    "endless CPU": (with_step("resources: {cpus: .inf}"), "steps.0.resources.cpus: Input should be a finite"),
    "memory in words": (
        with_step("resources: {memory: much}"),
        "'much' is not a size; write a number of bytes",
    ),
    "a GPU and a half": (with_step("resources: {gpus: 1.5}"), "neither a whole number nor a fraction"),
    "GPU memory alone": (with_step("resources: {gpu_memory: 1g}"), "gpu_memory is given, but gpus is 0"),
    "endless timeout": (with_step("timeout: .nan"), "steps.0.timeout: Input should be"),
    "negative retries": (
        with_step("retries: -1"),
        "steps.0.retries: Input should be greater than or equal to 0",
    ),
    "no chunk": (with_step("chunk: 0"), "steps.0.chunk: Input should be greater than or equal to 1"),
    "a chunk on another rung": (with_step("rung: exec, chunk: 8"), "chunk is for the fresh rung"),
    "a chunk in containers started ahead": (with_step("prestart: 2, chunk: 8"), "exclude each other"),
    "not YAML": ("name: [", "not valid YAML"),
    "a day that is none": ("name: 2001-99-99", "not valid YAML: month must be in 1..12"),
    "5,000 digits": (f"name: {'9' * 5000}", "not valid YAML: Exceeds the limit"),
    "nesting without end": ("[" * 5000, "not valid YAML"),
    "a tag that runs code": ("!!python/object/apply:os.system ['true']", "not valid YAML"),
}


class TestFaults:
    @pytest.mark.parametrize(("text", "told"), FAULTS.values(), ids=FAULTS.keys())
    def test_a_fault_is_told_with_its_place(self, tmp_path: Path, text: str, told: str) -> None:
        assert told in refusal(tmp_path, text)

    def test_all_faults_are_told_at_once(self, tmp_path: Path) -> None:
        told = refusal(
            tmp_path, "name: p\nsteps: [{name: A, image_ref: x}, {name: b, per: photo, image_ref: x}]"
        )
        assert "steps.0.name" in told
        assert "steps.1.per" in told

    def test_a_name_that_is_neither_built_in_nor_a_file(self) -> None:
        with pytest.raises(PipelineError, match=r"no such file, and no built-in one \(traffic-signs, "):
            load_pipeline("traffic-sings")

    def test_a_folder_and_a_binary_file(self, tmp_path: Path) -> None:
        (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
        for name in (tmp_path, tmp_path / "binary"):
            with pytest.raises(PipelineError, match="cannot be read"):
                load_pipeline(str(name))

    @pytest.mark.parametrize("value", [".nan", "2024-01-01", "!!set {a}", "!!binary aGk="])
    def test_parameters_must_be_json(self, tmp_path: Path, value: str) -> None:
        assert "steps.0.params" in refusal(tmp_path, with_step(f"params: {{since: {value}}}"))


class TestSizes:
    @pytest.mark.parametrize(
        ("text", "size"),
        [
            ("1", 1),
            (5, 5),
            ("512k", 512 * 1024),
            ("1.5g", 3 * 1024**3 // 2),
            ("2 GiB", 2 * 1024**3),
            ("3MB", 3 * 1024**2),
            (" 1t ", 1024**4),
        ],
    )
    def test_sizes_are_powers_of_1024(self, text: str | int, size: int) -> None:
        assert parse_size(text) == size

    @pytest.mark.parametrize("text", ["", "-1", "1x", "g", "1 2", "0x10", "1e3"])
    def test_what_is_no_size(self, text: str) -> None:
        with pytest.raises(ValueError, match="is not a size"):
            parse_size(text)


class TestBetween:
    WHOLE = Pipeline(name="p", steps=(step("a"), step("b"), step("c")))

    @pytest.mark.parametrize(
        ("first", "last", "names"),
        [(None, None, "abc"), ("b", None, "bc"), (None, "b", "ab"), ("b", "b", "b"), ("a", "c", "abc")],
    )
    def test_both_ends_are_included(self, first: str | None, last: str | None, names: str) -> None:
        assert "".join(one.name for one in self.WHOLE.between(first, last).steps) == names

    def test_an_unknown_step(self) -> None:
        with pytest.raises(UsageError, match="has no step 'd'; its steps are a, b, c"):
            self.WHOLE.between(None, "d")

    def test_the_wrong_way_round(self) -> None:
        with pytest.raises(UsageError, match="--from c comes after --until a"):
            self.WHOLE.between("c", "a")


class TestAsAskedFor:
    """What the command line says counts, and leaves no step with what contradicts it."""

    WHOLE = Pipeline(
        name="p",
        steps=(
            step("plain"),
            step("chunked", chunk=4),
            step("ahead", prestart=2),
            step("kept", rung=Rung.RESIDENT),
        ),
    )

    def asked(
        self, *, rung: Rung | None = None, prestart: int | None = None, chunk: int | None = None
    ) -> list[tuple[Rung, int, int]]:
        pipeline = self.WHOLE.on(rung=rung, prestart=prestart, chunk=chunk)
        assert Pipeline.model_validate(pipeline.model_dump()) == pipeline
        return [(one.rung, one.prestart, one.chunk) for one in pipeline.steps]

    def test_nothing(self) -> None:
        assert self.WHOLE.on(rung=None, prestart=None, chunk=None) == self.WHOLE

    def test_chunks_are_for_the_steps_on_the_fresh_rung(self) -> None:
        kept = (Rung.RESIDENT, 0, 1)
        assert self.asked(chunk=8) == [(Rung.FRESH, 0, 8)] * 3 + [kept]
        assert self.asked(rung=Rung.FRESH, chunk=8) == [(Rung.FRESH, 0, 8)] * 4

    def test_a_chunk_of_one_is_a_container_for_each_task(self) -> None:
        assert [chunk for _, _, chunk in self.asked(chunk=1)] == [1, 1, 1, 1]
        assert [prestart for _, prestart, _ in self.asked(chunk=1)] == [0, 0, 2, 0]

    def test_another_rung_has_no_chunks(self) -> None:
        assert {chunk for _, _, chunk in self.asked(rung=Rung.EXEC)} == {1}

    def test_containers_started_ahead_take_one_task(self) -> None:
        assert {(prestart, chunk) for _, prestart, chunk in self.asked(prestart=3)} == {(3, 1)}

    def test_both_at_once_are_refused(self) -> None:
        with pytest.raises(UsageError, match="--chunk and --prestart exclude each other"):
            self.asked(prestart=3, chunk=8)

    def test_chunks_where_no_step_would_take_them_are_refused(self) -> None:
        with pytest.raises(UsageError, match=r"no step of pipeline 'p' runs on that; leave out --chunk"):
            self.asked(rung=Rung.RESIDENT, chunk=8)


def test_a_pipeline_survives_json() -> None:
    pipeline = load_pipeline("traffic-signs")
    assert Pipeline.model_validate(yaml.safe_load(pipeline.model_dump_json())) == pipeline
