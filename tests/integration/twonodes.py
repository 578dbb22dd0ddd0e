"""A Ray cluster of two machines within this one, each with an engine of its own, joined by a cable that can be cut."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.integration.machine import Child, Machine, missing
from tests.integration.raycluster import SETTINGS, skip_without_ray
from tests.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
_PORT = 6379
_SETTINGS = {
    **SETTINGS,
    # A machine that says nothing is given up after twenty seconds, not after a minute.
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "3000",
}
_CPUS = {"head": 3, "other": 4}
OTHER_ONLY = 4
"""CPUs that only the other machine has."""


class TwoNodes:
    """The machines ``head`` and ``other``, and a switch between them: a machine that has died takes no cable along."""

    def __init__(self, head: Machine, other: Machine, switch: Machine, secret: dict[str, str]) -> None:
        """``secret`` are the variables without which nobody may use the cluster."""
        self.head, self.other, self._switch = head, other, switch
        self.secret = secret
        self.ray: dict[str, Child] = {}
        switch.do("ip", "link", "add", "bridge", "type", "bridge")
        switch.do("ip", "link", "set", "bridge", "up")
        for machine in self.both:
            self._lay_cable(machine)

    @property
    def address(self) -> str:
        return f"{_ADDRESSES[self.head.name]}:{_PORT}"

    @property
    def client_address(self) -> str:
        """The same for a program that is on none of the nodes."""
        return f"ray://{_ADDRESSES[self.head.name]}:10001"

    @property
    def both(self) -> tuple[Machine, Machine]:
        return self.head, self.other

    def start_both(self) -> None:
        for machine in self.both:
            self.start_ray(machine)

    def start_ray(self, machine: Machine) -> None:
        """Ray on one of the machines, the head first; again, if it was lost."""
        is_head = machine is self.head
        joins = ("--head", f"--port={_PORT}", "--include-dashboard=false")
        options = joins if is_head else (f"--address={self.address}",)
        log = machine.folder / "ray.log"
        log.unlink(missing_ok=True)
        sizes = (
            f"--num-cpus={_CPUS[machine.name]}",
            f"--memory={8 * 1024**3}",
            f"--object-store-memory={128 * 1024**2}",
        )
        self.ray[machine.name] = machine.start(
            *(sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats"),
            *(f"--node-ip-address={_ADDRESSES[machine.name]}", f"--temp-dir={machine.private}/r"),
            *(f"--num-cpus={_CPUS[machine.name]}", *sizes, *options),
            log=log,
            environment={**_SETTINGS, **self.secret},
            cwd=ROOT,
        )
        eventually(lambda: b"block forever" in log.read_bytes() or not self.ray[machine.name].runs)
        assert self.ray[machine.name].runs, log.read_text()

    def cut(self) -> None:
        """Pulls the cable."""
        self._switch.do("ip", "link", "set", self.other.name, "nomaster")

    def join(self) -> None:
        """Puts it back."""
        self._switch.do("ip", "link", "set", self.other.name, "master", "bridge")

    def boot_other(self) -> None:
        """The machine that was killed comes back, with what lies on its disks."""
        self.other.boot()
        self._lay_cable(self.other)

    def _lay_cable(self, machine: Machine) -> None:
        # In the network of the switch, with the process ids of here.
        cable = (machine.name, "type", "veth", "peer", "name", "eth0", "netns", str(machine.init))
        within = ("nsenter", f"--target={self._switch.init}", "--net")
        subprocess.run([*within, "ip", "link", "add", *cable], check=True)
        self._switch.do("ip", "link", "set", machine.name, "master", "bridge")
        self._switch.do("ip", "link", "set", machine.name, "up")
        machine.do("ip", "address", "add", f"{_ADDRESSES[machine.name]}/24", "dev", "eth0")
        machine.do("ip", "link", "set", "eth0", "up")


_ADDRESSES = {"head": "10.77.0.1", "other": "10.77.0.2"}


@contextmanager
def two_nodes(*image_refs: str, token: str | None = None) -> Iterator[TwoNodes]:
    """Two machines with Ray, which asks for the token, and, if images are named, an engine each that has them."""
    skip_without_ray()
    lacking = missing()
    if lacking is not None:
        pytest.skip(f"two machines within this one: {lacking}")
    with ExitStack() as stack:
        # Sockets lie in it, whose paths may have a hundred letters.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="two-", dir="/tmp")))
        machines = {name: Machine(name, folder / name) for name in (*_ADDRESSES, "switch")}
        for machine in machines.values():
            stack.callback(machine.remove)
        secret = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token} if token else {}
        nodes = TwoNodes(**machines, secret=secret)
        with ThreadPoolExecutor() as pool:
            begun: list[Future[None]] = [pool.submit(nodes.start_both)]
            if image_refs:
                begun += [pool.submit(_give_images, machine, image_refs) for machine in nodes.both]
            for one in begun:
                one.result()
        yield nodes


def _give_images(machine: Machine, image_refs: tuple[str, ...]) -> None:
    """Images from the engine that is there, with their digests."""
    machine.start_engine()
    with subprocess.Popen(["docker", "save", *image_refs], stdout=subprocess.PIPE) as saved:
        subprocess.run(
            ["docker", "--host", machine.engine_address, "load"],
            stdin=saved.stdout,
            stdout=subprocess.DEVNULL,
            check=True,
        )
    assert saved.returncode == 0
