"""What is asked of the engine for a container: the API and the command line say the same."""

from __future__ import annotations

import argparse
import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.core.resources import Grant
from coordinator.pipeline import Rung
from coordinator.record.files import Files
from coordinator.runners.devices import DeviceForm, device_form
from coordinator.runners.isolation import container_spec
from coordinator.runners.spec import HOST_LABEL, ContainerSpec, Mount
from coordinator.runners.stream import Cut, Exchange
from coordinator.runners.verdict import judge
from tests.unit.builders import PROPERTY, step, task


def spec(**fields: Any) -> ContainerSpec:
    given: dict[str, Any] = {
        "image_ref": "example/detect",
        "name": "n",
        "user": "1000:1000",
        "cpus": 1.0,
        "memory": 64,
    }
    return ContainerSpec(**{**given, **fields})


def parse_command(words: list[str]) -> dict[str, Any]:
    """What ``docker run`` would ask of the API for these words, by its own documentation."""
    assert words[:2] == ["docker", "run"]
    parser = argparse.ArgumentParser(exit_on_error=False)
    for name in ("rm", "interactive", "read-only"):
        parser.add_argument(f"--{name}", action="store_true")
    for name in ("network", "user", "log-driver", "gpus"):
        parser.add_argument(f"--{name}")
    for name in ("pids-limit", "memory", "memory-swap"):
        parser.add_argument(f"--{name}", type=int)
    parser.add_argument("--cpus", type=float)
    for name in ("cap-drop", "security-opt", "ulimit", "tmpfs", "env", "label", "mount"):
        parser.add_argument(f"--{name}", action="append", default=[])
    parser.add_argument("image")
    found = parser.parse_args(words[2:])
    assert found.rm
    host: dict[str, Any] = {
        "NetworkMode": found.network,
        "ReadonlyRootfs": found.read_only,
        "CapDrop": found.cap_drop,
        "SecurityOpt": found.security_opt,
        "PidsLimit": found.pids_limit,
        "Memory": found.memory,
        "MemorySwap": found.memory_swap,
        "NanoCpus": round(found.cpus * 1e9),
        "Ulimits": [parse_ulimit(text) for text in found.ulimit],
        "Tmpfs": dict(entry.split(":", 1) for entry in found.tmpfs),
        "LogConfig": {"Type": found.log_driver},
        "Mounts": [parse_mount(text) for text in found.mount],
    }
    if found.gpus:
        (field,) = next(csv.reader([found.gpus]))
        # The CLI leaves the driver out; the engine then takes the one that there is for this capability: nvidia's.
        devices = field.removeprefix("device=").split(",")
        host["DeviceRequests"] = [{"Driver": "nvidia", "DeviceIDs": devices, "Capabilities": [["gpu"]]}]
    attached = dict.fromkeys(("OpenStdin", "StdinOnce", "AttachStdin"), found.interactive)
    return {
        "Image": found.image,
        "User": found.user,
        "Env": found.env,
        "Labels": dict(entry.split("=", 1) for entry in found.label),
        **attached,
        "AttachStdout": True,
        "AttachStderr": True,
        "HostConfig": host,
    }


def parse_ulimit(text: str) -> dict[str, Any]:
    name, _, limits = text.partition("=")
    soft, hard = (int(limit) for limit in limits.split(":"))
    return {"Name": name, "Soft": soft, "Hard": hard}


def parse_mount(text: str) -> dict[str, Any]:
    # Docker reads one CSV record, in which a quoted field may span lines.
    (fields,) = csv.reader(text.splitlines(keepends=True))
    named = dict(field.split("=", 1) for field in fields if "=" in field)
    return {
        "Type": named["type"],
        "Source": named["source"],
        "Target": named["target"],
        "ReadOnly": "readonly" in fields,
    }


PATHS = st.text(st.sampled_from("ab/ ,\"='\n$é-"), min_size=1, max_size=12).map(
    lambda text: Path("/data") / text.strip("/")
)
SPECS = st.builds(
    spec,
    cpus=st.sampled_from([0.25, 0.5, 1.0, 2.0, 12.0, 1 / 3, 12 + 1 / 3]),
    memory=st.integers(1, 1 << 50),
    mounts=st.lists(
        st.builds(
            lambda source, ro: Mount(source=source, target="/batch", read_only=ro), PATHS, st.booleans()
        ),
        max_size=3,
    ).map(tuple),
    gpu_uuids=st.lists(st.sampled_from(["GPU-0a", "GPU-1b", "MIG-2c"]), unique=True).map(tuple),
    labels=st.dictionaries(st.sampled_from(["coordinator.run", "x"]), st.text("ab=, ", max_size=5)),
)


@PROPERTY
@given(SPECS)
def test_the_command_line_asks_for_what_the_api_is_asked_for(wanted: ContainerSpec) -> None:
    assert parse_command(wanted.to_command()) == wanted.to_api()


class TestIsolation:
    def test_a_container_has_no_network_no_rights_and_nothing_to_write_to(self) -> None:
        body = spec().to_api()
        host = body["HostConfig"]
        assert host["NetworkMode"] == "none"
        assert host["ReadonlyRootfs"] is True
        assert host["CapDrop"] == ["ALL"]
        assert host["SecurityOpt"] == ["no-new-privileges"]
        assert host["Tmpfs"]["/tmp"].startswith("rw,noexec,nosuid,nodev")
        assert "Privileged" not in host

    def test_memory_and_swap_together_are_the_limit(self) -> None:
        host = spec(memory=512).to_api()["HostConfig"]
        assert host["Memory"] == host["MemorySwap"] == 512

    def test_the_input_ends_when_this_side_is_gone(self) -> None:
        assert spec().to_api()["StdinOnce"] is True

    def test_another_containers_network_namespace_may_be_shared(self) -> None:
        assert spec().in_network("holder").to_api()["HostConfig"]["NetworkMode"] == "container:holder"

    def test_on_the_command_line_there_is_never_a_network(self) -> None:
        words = spec().in_network("holder").to_command()
        assert words[words.index("--network") + 1] == "none"

    def test_what_is_pasted_into_a_shell_is_nobodys_to_sweep(self) -> None:
        one = spec(labels={HOST_LABEL: "here", "coordinator.run": "1"})
        assert one.to_api()["Labels"][HOST_LABEL] == "here"
        assert [word for word in one.to_command() if word.startswith("coordinator.")] == ["coordinator.run=1"]


class TestGpus:
    def test_they_are_named_by_uuid_never_by_number(self) -> None:
        one = spec(gpu_uuids=("GPU-b", "GPU-c"))
        (wanted,) = one.to_api()["HostConfig"]["DeviceRequests"]
        assert wanted == {"Driver": "nvidia", "DeviceIDs": ["GPU-b", "GPU-c"], "Capabilities": [["gpu"]]}
        words = one.to_command()
        assert words[words.index("--gpus") + 1] == '"device=GPU-b,GPU-c"'

    def test_an_engine_that_knows_them_by_cdi_is_asked_by_their_names_there(self) -> None:
        (wanted,) = spec(gpu_uuids=("GPU-b",)).to_api(DeviceForm.CDI)["HostConfig"]["DeviceRequests"]
        assert wanted == {"Driver": "cdi", "DeviceIDs": ["nvidia.com/gpu=GPU-b"]}

    @pytest.mark.parametrize(
        ("component", "discovered", "form"),
        [
            ("Engine", [], DeviceForm.NVIDIA),
            ("Engine", ["amd.com/gpu=0"], DeviceForm.NVIDIA),
            ("Engine", ["nvidia.com/gpu=0", "nvidia.com/gpu=all"], DeviceForm.CDI),
            ("Podman Engine", [], DeviceForm.CDI),
        ],
    )
    def test_the_form_is_one_that_the_engine_knows(
        self, component: str, discovered: list[str], form: DeviceForm
    ) -> None:
        version = {"Components": [{"Name": component}, {"Name": "runc"}]}
        info = {"DiscoveredDevices": [{"Source": "cdi", "ID": name} for name in discovered]}
        assert device_form(version, info) is form
        assert device_form({}, {"DiscoveredDevices": None}) is DeviceForm.NVIDIA

    def test_without_a_grant_there_are_none(self) -> None:
        assert "DeviceRequests" not in spec().to_api()["HostConfig"]
        assert "--gpus" not in spec().to_command()


class TestContainerOfAStep:
    FOLDER = Files(batch=Path("/data/x"), work=Path("/runs/a, b/work"))

    def made(self, files: Files = FOLDER, writable: str = "/work/detect/r1") -> ContainerSpec:
        one = step("detect", resources={"cpus": 2, "memory": "1g"})
        grant = Grant(resources=one.resources, gpu_uuids=("GPU-7",))
        return container_spec(one, "sha256:1", grant, files, writable=writable, labels={"l": "v"})

    def test_the_batch_and_other_steps_files_can_only_be_read(self) -> None:
        assert self.made().mounts == (
            Mount(source=Path("/data/x"), target="/batch", read_only=True),
            Mount(source=Path("/runs/a, b/work"), target="/work", read_only=True),
            Mount(source=Path("/runs/a, b/work/detect/r1"), target="/work/detect/r1", read_only=False),
        )

    def test_on_a_cluster_it_writes_into_a_folder_of_its_instance(self) -> None:
        files = self.FOLDER.of_instance("detect", "run-1")
        apart = Path("/runs/a, b/work/.apart/run-1")
        inner = Mount(source=apart / "r1", target="/work/detect/r1", read_only=False)
        whole = Mount(source=apart, target="/work/detect", read_only=True)
        assert self.made(files).mounts[2:] == (whole, inner)
        assert self.made(files, "/work/detect").mounts[2:] == (replace(whole, read_only=False),)
        assert files.local("/work/other/r1") == Path("/runs/a, b/work/other/r1")

    def test_it_gets_what_the_step_asks_for_and_the_devices_it_was_granted(self) -> None:
        made = self.made()
        assert (made.cpus, made.memory, made.gpu_uuids) == (2, 1024**3, ("GPU-7",))
        assert (made.image_ref, made.labels) == ("sha256:1", {"l": "v"})

    def test_it_never_runs_as_root(self) -> None:
        assert not self.made().user.startswith("0:")


ANSWER = b'{"task": "detect/r1", "items": [{"id": "a"}]}'
OWN_ERROR = b'{"task": "detect/r1", "error": {"kind": "bad_input", "message": "is dark"}}'


class TestVerdict:
    """What an attempt came to, from the streams and the exit code."""

    @pytest.mark.parametrize(
        ("answer", "exit_code", "kind", "told"),
        [
            (Exchange(stdout=OWN_ERROR), 0, "bad_input", "is dark"),
            (Exchange(stdout=OWN_ERROR), 1, "bad_input", "is dark"),
            (Exchange(stdout=b"junk"), 0, "protocol", "not one JSON document"),
            (Exchange(), 0, "protocol", "without a response"),
            (Exchange(stdout=ANSWER), 3, "crash", "exit code 3, and nothing on stderr"),
            (
                Exchange(stderr=b"a\nKeyError: 'x'\n"),
                1,
                "crash",
                "1: KeyError: 'x'",
            ),
            (Exchange(), 137, "crash", "exit code 137 (killed; by whom is not known)"),
            (Exchange(stdout=ANSWER, cut=Cut.TIME), 137, "timeout", "no answer within 600 s"),
            (
                Exchange(stdout=b"\nlog, log", cut=Cut.JUNK),
                137,
                "protocol",
                "byte 0: it begins with 'log, log'; the step was killed",
            ),
            (Exchange(cut=Cut.SIZE), 137, "protocol", "larger than 268435456 bytes"),
            (Exchange(cut=Cut.BROKEN, broken="the stream ended"), 0, "engine", "the stream ended"),
        ],
    )
    def test_failures(self, answer: Exchange, exit_code: int, kind: str, told: str) -> None:
        result = judge(task(), answer, exit_code, out_of_memory=None)
        assert getattr(result, "kind", None) == kind
        assert told in getattr(result, "message", "")

    def test_out_of_memory_names_the_limit_and_where_to_raise_it(self) -> None:
        asked = task(resources={"memory": "1g"})
        result = judge(asked, Exchange(), 137, out_of_memory=True)
        told = (
            f"out of memory (its limit is 1073741824 bytes; give step {asked.step.name!r} more in the pipeline, "
            "as resources: {memory: 2048m}, or smaller images)"
        )
        assert told in getattr(result, "message", "")

    def test_a_local_process_has_no_limit_of_its_own(self) -> None:
        result = judge(task(rung=Rung.PROCESS, command=("true",)), Exchange(), 137, out_of_memory=True)
        assert "had none left; give it more" in getattr(result, "message", "")

    def test_a_good_answer_and_a_good_end(self) -> None:
        result = judge(task(), Exchange(stdout=ANSWER), 0, out_of_memory=None)
        assert getattr(result, "items", None) == [{"id": "a"}]
