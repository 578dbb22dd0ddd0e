"""A Ray cluster whose autoscaler brings nodes with GPUs that are none, all on this machine, and takes them away."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.acceptance.conftest import ROOT
from tests.integration.raycluster import free_port, skip_without_ray, started

_SETTINGS = {
    "RAY_FAKE_CLUSTER": "1",
    "RAY_enable_autoscaler_v2": "0",  # knows these nodes otherwise than by their ids
    "AUTOSCALER_UPDATE_INTERVAL_S": "1",
    "PYTHONPATH": str(ROOT),  # for the autoscaler, which loads fakeprovider.py
}
_NO_COMMANDS: dict[str, list[str]] = {
    f"{name}_commands": []
    for name in (
        "initialization",
        "setup",
        "head_setup",
        "worker_setup",
        "head_start_ray",
        "worker_start_ray",
    )
}
_NOTHING = {
    "file_mounts": {},
    "cluster_synced_files": [],
    "file_mounts_sync_continuously": False,
    "auth": {},
    "docker": {},
    **_NO_COMMANDS,
}
"""What the autoscaler wants to be told, of which nothing is done for nodes that are processes."""


@contextmanager
def growing_cluster(*, most: int, gpus: float = 1, idle_s: float = 3.0) -> Iterator[str]:
    """The address of a cluster that begins with a node of two CPUs and without a GPU.

    Up to ``most`` nodes with ``gpus`` each come when they are asked for, and go after ``idle_s`` without work.
    """
    skip_without_ray()
    # Sockets lie in it, whose paths may have a hundred letters.
    folder, port = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp")), free_port()
    config = folder / "autoscaler.json"
    config.write_text(json.dumps(_config(port, most=most, gpus=gpus, idle_s=idle_s)))
    head = ("--head", f"--port={port}", "--include-dashboard=false", f"--temp-dir={folder}")
    scaling = ("--num-cpus=2", f"--autoscaling-config={config}")
    try:
        with started(folder / "log", *head, *scaling, **_SETTINGS):
            yield f"127.0.0.1:{port}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _config(port: int, *, most: int, gpus: float, idle_s: float) -> dict[str, Any]:
    return {
        "cluster_name": "fake",
        "max_workers": most,
        "idle_timeout_minutes": idle_s / 60,
        "upscaling_speed": 1.0,
        "provider": {
            "type": "external",
            "module": "tests.integration.fakeprovider.Provider",
            "gcs_address": f"127.0.0.1:{port}",
            "use_node_id_as_ip": True,  # all of them have one address: by that none is seen to go
            "disable_node_updaters": True,
            "disable_launch_config_check": True,
            "foreground_node_launch": True,
        },
        "head_node_type": "ray.head.default",
        "available_node_types": {
            "ray.head.default": {"resources": {"CPU": 2}, "node_config": {}, "max_workers": 0},
            # An instance asks for memory, too: a type that says nothing of it is never started for one.
            "gpu": {
                "resources": {"CPU": 1, "GPU": gpus, "memory": 2 * 1024**3},
                "node_config": {},
                "min_workers": 0,
                "max_workers": most,
            },
        },
        **_NOTHING,
    }
