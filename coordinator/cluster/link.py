"""Every call of Ray, all of them in one thread: what is wanted comes in by a queue, what happens goes out by a sink.

Ray's callbacks run in threads of its own, with its locks held; they do nothing but put an event where it is waited for.
A call that hangs, because the cluster's head has gone, so keeps nobody else from ending.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from coordinator.cluster.granted import granted_here
from coordinator.cluster.instance import THREADS, Instance, InstanceSpec
from coordinator.cluster.joining import ClusterError, join
from coordinator.cluster.node import Wanted, look, remove_left
from coordinator.cluster.nodepaths import HeadFolder
from coordinator.cluster.nodes import Node, Room, nodes_of, rooms_of
from coordinator.cluster.reasons import reason
from coordinator.pipeline import Resources
from coordinator.strictjson import Json

_LEAST = (2, 52)
_LOOK = 2.0
"""Seconds between two looks whether the nodes that have not answered are still there."""
_SURVEY = 120.0
"""Seconds that a node gets to say what it is like, its process being started by then or not."""
_LEAVE = 30.0
"""Seconds for leaving the cluster, which ends by itself what a driver that has gone has left."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """What has become of a call to the instance of that number: its answer, or why there is none."""

    instance: int
    call: str
    answer: Any = None
    failed: str | None = None


class Actor:
    """The process on a node, as Ray sees it: made there, so that the devices it was granted are known."""

    def __init__(self, spec: InstanceSpec) -> None:
        ray = _load_ray()
        context = ray.get_runtime_context()
        self._node = context.get_node_id()
        self._devices = granted_here(context.get_accelerator_ids().get("GPU", []), spec.step)
        self._instance = Instance(spec, self._devices.names)

    def begin(self) -> tuple[str, Json]:
        """Its node, and what that is like."""
        return self._node, {**self._instance.look(), "lack": self._devices.lack}

    def run(self, packed: bytes) -> bytes:
        return self._instance.run(packed)

    def cancel(self) -> None:
        self._instance.cancel()

    def close(self) -> None:
        self._instance.close()


class Link:
    """A connection to a cluster."""

    def __init__(self, address: str) -> None:
        """Connects. Raises ClusterError with what to do if Ray is not installed or does not answer."""
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        self._ray = _ray()
        self._actors: dict[int, Any] = {}
        self._sweeps: list[Any] = []
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        join(self._ray, address)
        _keep_silent(self._ray)
        self._thread = threading.Thread(target=self._serve, name="ray", daemon=True)
        self._thread.start()

    def nodes(self) -> list[Node]:
        """The machines that are there now and have CPUs to give."""
        found: list[Node] = self._ask(lambda: nodes_of(self._ray))
        return found

    def look_for_room(self, tell: Callable[[list[Room]], None]) -> None:
        """Tells what the nodes have free, if the cluster tells that."""

        def call() -> None:
            with suppress(Exception):
                tell(rooms_of(self._ray))

        self._calls.put(call)

    def survey(self, wanted: Wanted) -> dict[Node, Json | str]:
        """What each node says of itself, or why it says nothing."""
        told: dict[Node, Json | str] = self._ask(lambda: self._on_nodes(nodes_of(self._ray), look, wanted))
        return told

    def remove_left(self, labels: list[str], folder: HeadFolder | None) -> dict[Node, int | str]:
        """Removes on all nodes what instances with those labels, or dead sessions of a run's folder, have left."""
        removed: dict[Node, int | str] = self._ask(
            lambda: self._on_nodes(nodes_of(self._ray), remove_left, labels, folder)
        )
        return removed

    def sweep(self, labels: list[str]) -> None:
        """The same for instances that have gone, without waiting for it; the end of the run looks once more."""

        def call() -> None:
            with suppress(Exception):
                self._sweeps += self._asked(nodes_of(self._ray), remove_left, labels, None).values()

        self._calls.put(call)

    def start(
        self, number: int, spec: InstanceSpec, avoid: frozenset[str], tell: Callable[[Event], None]
    ) -> None:
        """Asks for an instance, on any node but ``avoid``; its ``begin`` is told when it is there."""

        def call() -> Any:
            actor = self._ray.remote(Actor).options(**_options(spec.step.resources, avoid)).remote(spec)
            self._actors[number] = actor
            return actor.begin.remote()

        self._calls.put(lambda: self._told(number, "begin", call, tell))

    def call(self, number: int, name: str, tell: Callable[[Event], None], *arguments: Any) -> None:
        """Calls an instance's method; ``tell`` hears what it answered."""

        def call() -> Any:
            return getattr(self._actors[number], name).remote(*arguments)

        self._calls.put(lambda: self._told(number, name, call, tell))

    def kill(self, number: int) -> None:
        """Ends an instance's process, or what is to become one."""

        def call() -> None:
            actor = self._actors.pop(number, None)
            if actor is not None:
                self._ray.kill(actor, no_restart=True)

        self._calls.put(call)

    def close(self) -> None:
        """Leaves the cluster, which ends whatever is left there of this run; one that has gone is not waited for."""
        self._calls.put(self._ray.shutdown)
        self._calls.put(None)
        self._thread.join(_LEAVE)

    # -- the thread that calls Ray ------------------------------------------------------------------------

    def _serve(self) -> None:
        while (call := self._calls.get()) is not None:
            call()

    def _told(self, number: int, name: str, call: Callable[[], Any], tell: Callable[[Event], None]) -> None:
        """Makes a call, and tells what it answers once it does."""

        def ended(future: Future[Any]) -> None:
            error = future.exception()
            if error is None:
                tell(Event(instance=number, call=name, answer=future.result()))
            else:
                tell(Event(instance=number, call=name, failed=reason(error)))

        try:
            call().future().add_done_callback(ended)
        except Exception as error:  # of Ray, at once: the cluster has gone, or the instance has
            tell(Event(instance=number, call=name, failed=reason(error)))

    def _ask(self, question: Callable[[], Any]) -> Any:
        answer: Future[Any] = Future()

        def call() -> None:
            try:
                answer.set_result(question())
            except Exception as error:
                answer.set_exception(ClusterError(f"the cluster does not answer: {reason(error)}"))

        self._calls.put(call)
        try:
            return answer.result(_SURVEY + _LEAVE)
        except TimeoutError:
            raise ClusterError("the cluster does not answer") from None

    def _on_nodes(self, nodes: list[Node], function: Callable[..., Any], *arguments: Any) -> dict[Node, Any]:
        """Runs a function on every node at once; what a node fails of is a text."""
        asked = self._asked(nodes, function, *arguments)
        deadline = time.monotonic() + _SURVEY
        done: list[Any] = []
        while len(done) < len(asked) and time.monotonic() < deadline:
            done, _ = self._ray.wait(list(asked.values()), num_returns=len(asked), timeout=_LOOK)
            there = {
                node.id for node in nodes_of(self._ray)
            }  # one that has just died is no node that differs
            asked = {node: reference for node, reference in asked.items() if node.id in there}
        return {node: self._answer(reference, done) for node, reference in asked.items()}

    def _asked(self, nodes: list[Node], function: Callable[..., Any], *arguments: Any) -> dict[Node, Any]:
        remote = self._ray.remote(function)
        affinity = self._ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
        return {
            node: remote.options(
                num_cpus=0, max_retries=0, scheduling_strategy=affinity(node_id=node.id, soft=False)
            ).remote(*arguments)
            for node in nodes
        }

    def _answer(self, reference: Any, done: list[Any]) -> Any:
        if reference not in done:
            return f"did not answer within {_SURVEY:g} s"
        try:
            return self._ray.get(reference)
        except Exception as error:
            return reason(error)


def _options(wanted: Resources, avoid: frozenset[str]) -> dict[str, Any]:
    """An actor that is never made again, on one more node if there is one, but on none of those to avoid."""
    options: dict[str, Any] = {
        "num_cpus": wanted.cpus,
        "num_gpus": wanted.gpus,
        "memory": wanted.memory,
        "max_restarts": 0,
        "max_task_retries": 0,
        "max_concurrency": THREADS,
        "scheduling_strategy": "SPREAD",
    }
    if avoid:
        options["label_selector"] = {"ray.io/node-id": f"!in({','.join(sorted(avoid))})"}
    return options


def _keep_silent(ray: Any) -> None:
    """Ray writes pages to stdout for every process that dies, whatever it is told; here who lost it says so."""
    with suppress(AttributeError):  # no part of what Ray promises
        ray._private.worker.global_worker_stdstream_dispatcher.remove_handler("ray_print_logs")
    ray._private.worker.print_to_stdstream = lambda *_, **__: None  # later versions ask it alone


def _ray() -> Any:
    """Raises ClusterError if Ray is not there, or too old."""
    try:
        ray = _load_ray()
    except ImportError as error:
        raise ClusterError(
            "--cluster needs Ray, which is not installed here; pip install 'coordinator[cluster]'"
        ) from error
    version = tuple(int(part) for part in ray.__version__.split(".")[:2])
    if version < _LEAST:
        raise ClusterError(f"--cluster needs Ray 2.52 or later, here is {ray.__version__}")
    return ray


def _load_ray() -> Any:
    """240 MB and two seconds, for runs on a cluster alone: the optional extra ``cluster``."""
    import ray
    import ray.util.scheduling_strategies

    return ray
