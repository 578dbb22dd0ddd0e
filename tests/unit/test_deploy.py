"""The files of deploy/: they say the same in all places, and the tools that read them know what they say."""

from __future__ import annotations

import copy
import importlib.util
import json
import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from coordinator.pipeline import load_pipeline
from tests.architecture import ROOT
from tests.kuberay import faults, objects, schema

DEPLOY = ROOT / "deploy"
VMS = DEPLOY / "vms" / "cluster.yaml"
REQUIREMENTS = DEPLOY / "containers" / "cluster-requirements.txt"
CRD = "COORDINATOR_KUBERAY_CRD"
"""A variable with KubeRay's definition of a RayCluster, which is not the project's to ship."""

Json = dict[str, Any]


@pytest.fixture
def kubernetes() -> list[Json]:
    return objects()


@pytest.fixture
def ray_cluster(kubernetes: list[Json]) -> Json:
    return named(kubernetes, "RayCluster")


def named(found: list[Json], kind: str) -> Json:
    return next(one for one in found if one["kind"] == kind)


def pods(cluster: Json) -> Iterator[Json]:
    for group in cluster["spec"]["workerGroupSpecs"]:
        yield group["template"]["spec"]


def sidecars(pod: Json) -> list[Json]:
    return [one for one in pod["initContainers"] if one.get("restartPolicy") == "Always"]


def environment(container: Json) -> dict[str, str]:
    return {one["name"]: one.get("value", "") for one in container["env"]}


# -- Kubernetes --------------------------------------------------------------------------------------------


def test_what_sidecars_say_of_themselves_is_what_is_said_of_all(
    kubernetes: list[Json], ray_cluster: Json
) -> None:
    known = {one["image_ref"]: one for one in json.loads(named(kubernetes, "ConfigMap")["data"]["steps"])}
    found = {}
    for sidecar in [one for pod in pods(ray_cluster) for one in sidecars(pod)]:
        step = json.loads(environment(sidecar)["COORDINATOR_STEP"])
        repository, _, digest = sidecar["image"].partition("@")
        assert repository == f"REGISTRY/{step['image_ref']}"
        assert digest == step["id"]
        found[step["image_ref"]] = step
    assert found == known


def test_there_is_a_sidecar_for_every_step_of_the_flagship(ray_cluster: Json) -> None:
    wanted = {step.image_ref: step.command for step in load_pipeline("traffic-signs").steps}
    found = {
        json.loads(environment(one)["COORDINATOR_STEP"])["image_ref"]: tuple(one["command"][3:])
        for pod in pods(ray_cluster)
        for one in sidecars(pod)
    }
    assert found == wanted


def test_a_sidecar_has_its_sockets_name_the_shared_folders_and_no_rights(ray_cluster: Json) -> None:
    for pod in pods(ray_cluster):
        (worker,) = pod["containers"]
        where = {one["name"]: one["mountPath"] for one in worker["volumeMounts"]}
        assert pod["securityContext"]["runAsUser"] == pod["securityContext"]["fsGroup"] == 65534
        for one in sidecars(pod):
            name = one["name"]
            assert one["command"][:3] == ["/lanes/lane", f"/lanes/{name}.sock", "--"]
            mounts = {mount["name"]: mount["mountPath"] for mount in one["volumeMounts"]}
            assert {key: mounts[key] for key in ("lanes", "shared")} == {
                key: where[key] for key in ("lanes", "shared")
            }
            assert environment(one)["COORDINATOR_SHARED"] == mounts["shared"]
            assert mounts[f"tmp-{name}"] == "/tmp"
            assert one["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
        volumes = {one["name"] for one in pod["volumes"]}
        assert all(
            mount["name"] in volumes
            for one in [*pod["containers"], *pod["initContainers"]]
            for mount in one["volumeMounts"]
        )


def test_no_group_can_ask_for_more_gpus_than_the_quota(kubernetes: list[Json], ray_cluster: Json) -> None:
    quota = int(named(kubernetes, "ResourceQuota")["spec"]["hard"]["requests.nvidia.com/gpu"])
    asked = 0
    for group in ray_cluster["spec"]["workerGroupSpecs"]:
        gpus = sum(
            int(one["resources"]["limits"].get("nvidia.com/gpu", 0))
            for one in sidecars(group["template"]["spec"])
        )
        assert gpus == int(group["rayStartParams"].get("num-gpus", 0))
        asked += gpus * group["maxReplicas"]
    assert asked <= quota


def test_steps_that_need_no_gpu_can_run_in_every_pod(ray_cluster: Json) -> None:
    """Ray places them wherever there are CPUs."""
    names = [{one["name"] for one in sidecars(pod)} for pod in pods(ray_cluster)]
    assert names[0] <= names[1]


def test_the_cluster_is_what_kuberay_knows(ray_cluster: Json) -> None:
    if CRD not in os.environ:
        pytest.skip(f"{CRD} names no file with KubeRay's definitions (docs/deploy.md)")
    definitions = Path(os.environ[CRD]).read_text(encoding="utf-8")
    wanted = schema(definitions, ray_cluster)
    assert wanted is not None
    assert list(faults(ray_cluster, wanted)) == []
    for plant in PLANTS:
        planted = copy.deepcopy(ray_cluster)
        plant(planted["spec"])
        assert len(list(faults(planted, wanted))) == 1


def _misspell_a_field(spec: Json) -> None:
    spec["idleTimeout"] = 1


def _leave_a_field_out(spec: Json) -> None:
    del spec["workerGroupSpecs"][0]["groupName"]


def _misspell_a_field_of_a_sidecar(spec: Json) -> None:
    spec["workerGroupSpecs"][1]["template"]["spec"]["initContainers"][1]["restart"] = "Always"


def _write_a_number_as_text(spec: Json) -> None:
    spec["autoscalerOptions"]["idleTimeoutSeconds"] = "60"


PLANTS = (_misspell_a_field, _leave_a_field_out, _misspell_a_field_of_a_sidecar, _write_a_number_as_text)


SMALL = yaml.safe_dump(
    {
        "kind": "CustomResourceDefinition",
        "spec": {
            "group": "example.org",
            "names": {"kind": "Thing"},
            "versions": [
                {
                    "name": "v1",
                    "schema": {
                        "openAPIV3Schema": {
                            "type": "object",
                            "properties": {
                                "kind": {"type": "string"},
                                "apiVersion": {"type": "string"},
                                "metadata": {"type": "object"},
                                "spec": {
                                    "type": "object",
                                    "required": ["size"],
                                    "properties": {
                                        "size": {"type": "integer"},
                                        "way": {"type": "string", "enum": ["up", "down"]},
                                        "port": {"x-kubernetes-int-or-string": True},
                                        "labels": {
                                            "type": "object",
                                            "additionalProperties": {"type": "string"},
                                        },
                                        "list": {"type": "array", "items": {"type": "boolean"}},
                                        "free": {
                                            "type": "object",
                                            "x-kubernetes-preserve-unknown-fields": True,
                                        },
                                    },
                                },
                            },
                        }
                    },
                }
            ],
        },
    }
)


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (
            {"size": 1, "way": "up", "port": "http", "labels": {"a": "b"}, "list": [True], "free": {"x": 1}},
            [],
        ),
        ({"size": 1, "sise": 2}, ["spec.sise is unknown"]),
        ({}, ["spec: size is missing"]),
        ({"size": "1"}, ["spec.size: '1' is no integer"]),
        ({"size": True}, ["spec.size: True is no integer"]),
        ({"size": 1, "way": "left"}, ["spec.way: 'left' is none of ['up', 'down']"]),
        ({"size": 1, "port": 1.5}, ["spec.port: 1.5 is neither a whole number nor text"]),
        ({"size": 1, "labels": {"a": 1}}, ["spec.labels.a: 1 is no string"]),
        ({"size": 1, "list": [True, 0]}, ["spec.list[1]: 0 is no boolean"]),
    ],
)
def test_what_does_not_fit_a_definition_is_found(spec: Json, told: list[str]) -> None:
    thing = {"apiVersion": "example.org/v1", "kind": "Thing", "metadata": {"name": "x"}, "spec": spec}
    wanted = schema(SMALL, thing)
    assert wanted is not None
    assert list(faults(thing, wanted)) == told
    assert schema(SMALL, {**thing, "apiVersion": "example.org/v2"}) is None


# -- VMs, compose, the image -------------------------------------------------------------------------------


def test_the_vms_are_what_ray_knows() -> None:
    if (found := importlib.util.find_spec("ray")) is None or found.origin is None:
        pytest.skip("Ray is not installed: pip install -e '.[cluster]'")
    jsonschema = pytest.importorskip("jsonschema")
    wanted = json.loads(
        (Path(found.origin).parent / "autoscaler/ray-schema.json").read_text(encoding="utf-8")
    )
    cluster = yaml.safe_load(VMS.read_text(encoding="utf-8"))
    jsonschema.validate(cluster, wanted)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**cluster, "idle_timeout": 5}, wanted)


def test_vms_of_every_type_fit_below_the_limit_of_all() -> None:
    cluster = yaml.safe_load(VMS.read_text(encoding="utf-8"))
    types = cluster["available_node_types"]
    workers = {name: kind for name, kind in types.items() if name != cluster["head_node_type"]}
    assert set(workers) == {"cpu", "gpu"}
    assert sum(kind["max_workers"] for kind in workers.values()) == cluster["max_workers"]
    assert all(kind["min_workers"] <= kind["max_workers"] for kind in workers.values())
    for commands in ("head_start_ray_commands", "worker_start_ray_commands"):
        assert "RAY_AUTH_MODE=token" in cluster[commands][-1]


def test_the_folder_of_a_composed_cluster_lies_at_the_same_path_outside() -> None:
    composed = yaml.safe_load((DEPLOY / "compose" / "docker-compose.yml").read_text(encoding="utf-8"))
    for service in composed["services"].values():
        socket, shared = service["volumes"]
        assert socket == "/var/run/docker.sock:/var/run/docker.sock"
        outside, inside = re.fullmatch(r"(\$\{.+\}):(\$\{.+\})", shared).groups()  # type: ignore[union-attr]
        assert outside.startswith("${COORDINATOR_SHARED:?")
        assert inside == "${COORDINATOR_SHARED}"
        assert service["environment"]["RAY_AUTH_TOKEN"].startswith("${RAY_AUTH_TOKEN:?")


def test_a_node_has_the_projects_packages_and_the_same_ray_everywhere(ray_cluster: Json) -> None:
    lines = [
        *REQUIREMENTS.read_text().splitlines(),
        *(ROOT / "steps/build/base-requirements.txt").read_text().splitlines(),
    ]
    pinned = {
        canonicalize_name(name): version
        for name, equal, version in (line.partition("==") for line in lines)
        if equal and not name.startswith("#")
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [
        Requirement(text) for text in project["dependencies"] + project["optional-dependencies"]["cluster"]
    ]
    for one in wanted:
        assert pinned[canonicalize_name(one.name)] in one.specifier, one.name
    assert ray_cluster["spec"]["rayVersion"] == pinned[canonicalize_name("ray")]
    assert f"ray=={pinned[canonicalize_name('ray')]}" in VMS.read_text(encoding="utf-8")
