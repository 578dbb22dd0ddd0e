"""What is asked of the engine for one container, as data: the same for the API and for the command line."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from coordinator.runners.devices import DeviceForm, device_options, device_requests
from coordinator.strictjson import Json

PIDS_LIMIT = 256
"""Maximum number of a container's processes and threads."""
MAX_WRITTEN = 4 * 1024**3
"""Maximum number of bytes of one file that a step writes, which the kernel sees to, and of all that a task leaves."""
TMPFS = "rw,noexec,nosuid,nodev,size=256m"
_UNLABELLED = "label=disable"
ENVIRONMENT = {"HOME": "/tmp"}
HOST_LABEL = "coordinator.host"
"""A label with the host whose coordinator made a container and sweeps it if it is left behind."""

ROLE = "coordinator.role"
"""A label that says what a container is for, as telling a task's from one that is kept."""
NETWORK = "network"
"""What it says of the one whose network namespace the others of its run share."""


@dataclass(frozen=True, kw_only=True)
class Mount:
    """A host folder inside the container; its source must exist."""

    source: Path
    target: str
    read_only: bool


@dataclass(frozen=True, kw_only=True)
class ContainerSpec:
    """One container of a step: isolated from the network, read-only, unprivileged and limited.

    ``memory`` is bytes and holds for memory and swap together. GPUs are named by UUID, because a number of
    GPUs always means the first ones. ``name`` is unique per attempt, so that a leftover can be found.
    """

    image_ref: str
    name: str
    user: str
    cpus: float
    memory: int
    mounts: tuple[Mount, ...] = ()
    gpu_uuids: tuple[str, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)
    network_of: str | None = None
    """The container whose network namespace, without any network, is shared; None makes one."""
    own_users: bool = False
    """Whether the engine is told not to map users, which it does by itself."""
    unlabelled: bool = False
    """Whether SELinux' labels of files are not looked at."""

    def in_network(self, container: str) -> ContainerSpec:
        """The same in another container's network namespace."""
        return replace(self, network_of=container)

    def in_own_network(self) -> ContainerSpec:
        """The same in a network namespace of its own."""
        return replace(self, network_of=None)

    def to_api(self, devices: DeviceForm = DeviceForm.NVIDIA) -> Json:
        """The body of the engine's ``POST /containers/create``, which asks for GPUs in the form that the engine knows.

        StdinOnce makes the engine end the step's input when this side closes, or dies.
        """
        host: Json = {
            "NetworkMode": f"container:{self.network_of}" if self.network_of else "none",
            "ReadonlyRootfs": True,
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges", *([_UNLABELLED] if self.unlabelled else [])],
            "PidsLimit": PIDS_LIMIT,
            "Memory": self.memory,
            "MemorySwap": self.memory,
            "NanoCpus": round(self.cpus * 1e9),
            "Ulimits": [{"Name": "fsize", "Soft": MAX_WRITTEN, "Hard": MAX_WRITTEN}],
            "Tmpfs": {"/tmp": TMPFS},
            "LogConfig": {"Type": "none"},
            "Mounts": [
                {
                    "Type": "bind",
                    "Source": str(mount.source),
                    "Target": mount.target,
                    "ReadOnly": mount.read_only,
                }
                for mount in self.mounts
            ],
        }
        if self.own_users:
            host["UsernsMode"] = "host"
        if self.gpu_uuids:
            host["DeviceRequests"] = device_requests(devices, self.gpu_uuids)
        return {
            "Image": self.image_ref,
            "User": self.user,
            "Env": [f"{name}={value}" for name, value in ENVIRONMENT.items()],
            "Labels": self.labels,
            "OpenStdin": True,
            "StdinOnce": True,
            "AttachStdin": True,
            "AttachStdout": True,
            "AttachStderr": True,
            "HostConfig": host,
        }

    def to_command(self) -> list[str]:
        """The same as a ``docker run`` command line that removes its container at the end.

        It makes a network namespace of its own: the shared one ends with the run. It does not say whose it is:
        a line that is pasted into a shell makes nobody's container, and nobody sweeps it.
        """
        words = ["docker", "run", "--rm", "--interactive", "--network", "none", "--read-only"]
        words += ["--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
        words += ["--security-opt", _UNLABELLED] if self.unlabelled else []
        words += ["--userns", "host"] if self.own_users else []
        words += ["--pids-limit", str(PIDS_LIMIT), "--memory", str(self.memory)]
        words += [
            "--memory-swap",
            str(self.memory),
            "--cpus",
            f"{round(self.cpus, 9):.15g}",
            "--user",
            self.user,
        ]
        words += ["--ulimit", f"fsize={MAX_WRITTEN}:{MAX_WRITTEN}"]
        words += ["--tmpfs", f"/tmp:{TMPFS}", "--log-driver", "none"]
        for name, value in ENVIRONMENT.items():
            words += ["--env", f"{name}={value}"]
        for name, value in self.labels.items():
            if name != HOST_LABEL:
                words += ["--label", f"{name}={value}"]
        for mount in self.mounts:
            words += ["--mount", _mount_option(mount)]
        if self.gpu_uuids:
            words += device_options(self.gpu_uuids)
        return [*words, self.image_ref]


def _mount_option(mount: Mount) -> str:
    """The value of ``--mount``: one CSV record, so a field with a comma or a quote is quoted."""
    fields = ["type=bind", f"source={mount.source}", f"target={mount.target}"]
    if mount.read_only:
        fields.append("readonly")
    return ",".join(_csv_field(field) for field in fields)


def _csv_field(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(sign in text for sign in ',"\n') else text
