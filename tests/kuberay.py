"""Kubernetes objects held against a custom resource's own schema, with unknown fields refused.

``python -m tests.kuberay CRD_FILE`` does that for deploy/kubernetes/cluster.yaml with KubeRay's definition of a
RayCluster, which ``helm show crds kuberay/kuberay-operator`` prints. An API server may drop an unknown field silently.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.architecture import ROOT

CLUSTER = ROOT / "deploy/kubernetes/cluster.yaml"
_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}
_OPEN = "x-kubernetes-preserve-unknown-fields"
_EITHER = "x-kubernetes-int-or-string"


def objects(path: Path = CLUSTER) -> list[dict[str, Any]]:
    """The objects of a file."""
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def schema(definitions: str, found: dict[str, Any]) -> dict[str, Any] | None:
    """The schema for an object among custom resource definitions, as YAML; None if it is of no such kind."""
    for one in yaml.safe_load_all(definitions):
        if not one or one["spec"]["names"]["kind"] != found["kind"]:
            continue
        for version in one["spec"]["versions"]:
            if found["apiVersion"] == f"{one['spec']['group']}/{version['name']}":
                chosen: dict[str, Any] = version["schema"]["openAPIV3Schema"]
                return chosen
    return None


def faults(value: Any, wanted: dict[str, Any], where: str = "") -> Iterator[str]:
    """What does not fit. Of OpenAPI, what these definitions use; ``metadata`` is the API server's own."""
    if wanted.get(_EITHER):
        if not isinstance(value, int | str) or isinstance(value, bool):
            yield f"{where}: {value!r} is neither a whole number nor text"
        return
    kind = wanted.get("type")
    if kind and (
        not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind in ("integer", "number"))
    ):
        yield f"{where}: {value!r} is no {kind}"
        return
    if "enum" in wanted and value not in wanted["enum"]:
        yield f"{where}: {value!r} is none of {wanted['enum']}"
    if isinstance(value, list):
        for number, one in enumerate(value):
            yield from faults(one, wanted.get("items", {}), f"{where}[{number}]")
    if isinstance(value, dict):
        yield from _members(value, wanted, where)


def _members(value: dict[str, Any], wanted: dict[str, Any], where: str) -> Iterator[str]:
    known, further = wanted.get("properties", {}), wanted.get("additionalProperties")
    for name in wanted.get("required", []):
        if name not in value:
            yield f"{where}: {name} is missing"
    for name, one in value.items():
        inner = f"{where}.{name}".lstrip(".")
        if name in known:
            yield from faults(one, known[name], inner)
        elif isinstance(further, dict):
            yield from faults(one, further, inner)
        elif not wanted.get(_OPEN) and inner.partition(".")[0] != "metadata":
            yield f"{inner} is unknown"


def main(arguments: list[str]) -> int:
    """Prints what is wrong; 0 if nothing is."""
    definitions = Path(arguments[0]).read_text(encoding="utf-8")
    judged = [(one, found) for one in objects() if (found := schema(definitions, one)) is not None]
    told = [fault for one, wanted in judged for fault in faults(one, wanted)]
    print("\n".join([*told, f"{len(judged)} objects, {len(told)} faults"]))
    return 1 if told or not judged else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
