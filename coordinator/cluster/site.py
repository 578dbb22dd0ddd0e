"""A Ray cluster as a place for runs: its nodes looked at before anything is written, and the executor over them."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from coordinator.cluster.demand import Demand
from coordinator.cluster.executor import RayExecutor
from coordinator.cluster.fleet import Terms
from coordinator.cluster.instance import InstanceSpec
from coordinator.cluster.joining import ClusterError
from coordinator.cluster.link import Link
from coordinator.cluster.node import Wanted, differences, look, stamps
from coordinator.cluster.nodecache import parse_node_cache
from coordinator.cluster.nodepaths import SAME_PATHS, HeadFolder, parse_node_paths
from coordinator.cluster.nodes import Node
from coordinator.core.resources import Gpu, Inventory
from coordinator.errors import EngineError
from coordinator.pipeline import Pipeline, Rung, Step
from coordinator.record.files import Files
from coordinator.record.journal import Journal
from coordinator.record.pools import HoldState, PoolChange, PoolState
from coordinator.runners.engine import ImageFacts
from coordinator.runners.reach import unreadable
from coordinator.runners.sight import Seen
from coordinator.schedule.plan import Observer
from coordinator.strictjson import Json


@dataclass(frozen=True)
class Report:
    """What becomes of the pools, into the journal and for whoever watches."""

    journal: Journal
    note: Callable[[str], None]

    def changed(self, change: PoolChange) -> None:
        self.journal.pool_changed(change)

    def stand(self, pools: Mapping[str, PoolState], holds: Sequence[HoldState]) -> None:
        self.journal.note(
            pools={name: pool.as_json() for name, pool in pools.items()},
            holds=tuple(one.as_json() for one in holds),
        )
        self.journal.commit()


@dataclass(frozen=True, kw_only=True)
class ClusterSite:
    """The machines of a cluster that was joined: all of them alike, as far as a run needs it."""

    link: Link
    address: str
    nodes: tuple[Node, ...]
    wanted: Wanted
    reference: Json
    """What every node must say of itself: of images that of the first node, of all else this machine."""
    target_wait: float

    @property
    def inventory(self) -> Inventory:
        """What all nodes together have; more may come."""
        gpus = round(sum(node.gpus for node in self.nodes))
        return Inventory(
            cpus=sum(node.cpus for node in self.nodes),
            memory=int(sum(node.memory for node in self.nodes)),
            gpus=tuple(Gpu(uuid=f"cluster {number}", memory=0) for number in range(gpus)),
            can_grow=True,
        )

    @property
    def has_engine(self) -> bool:
        return bool(self.wanted.images)

    def image(self, image_ref: str, *, pull: bool, tell: Callable[[str], None]) -> ImageFacts:
        """The image behind a reference, as all nodes have it; they have pulled it by now if they were to."""
        found = self.reference["images"][image_ref]
        if not isinstance(found, dict):
            raise EngineError(str(found))
        return ImageFacts(
            image_ref=image_ref, id=found["id"], labels=found["labels"], command=tuple(found["command"])
        )

    def check_reach(self, image_id: str, files: Files, owner: Path, images: Iterable[Path]) -> str | None:
        """What to say of the batch's ``images`` that containers may not read; the nodes were asked for the folders."""
        return unreadable(files.batch, tuple(images))

    def refused(self, steps: Sequence[Step], image_ids: Mapping[str, str], owner: Path) -> list[str]:
        """Nothing: nodes that are still to come would have to be asked, too."""
        return []

    def sweep(self, folder: Path) -> int:
        """Removes the containers that dead sessions of a run left, on all nodes; the caller holds the folder's lock."""
        removed = self.link.remove_left([], HeadFolder(folder, self.wanted.paths))
        return sum(found for found in removed.values() if isinstance(found, int))

    @contextmanager
    def executor(
        self,
        files: Files,
        owner: Path,
        journal: Journal,
        *,
        jobs: int,
        note: Callable[[str], None],
        observer: Observer,
        steps: Sequence[Step],
        expected: Mapping[str, int],
    ) -> Iterator[tuple[RayExecutor, Observer]]:
        """An executor for one run, which leaves nothing behind, and the observer that it has to be told by.

        ``owner`` is the folder whose lock is held; ``jobs`` is of no concern here, instances are.
        """
        demand = Demand(observer, steps, expected)
        wanted = replace(self.wanted, seen=(*self.wanted.seen, str(files.work)))  # which is there by now

        def make_spec(step: Step, number: int) -> InstanceSpec:
            return InstanceSpec(
                step=step,
                image_id=self._image_id(step),
                files=files,
                owner=owner,
                label=f"{journal.facts.run_id}-{number}",
                run=str(journal.facts.run_id),
                cache=wanted.cache,
                wanted=wanted,
            )

        def judge(facts: Json) -> str | None:
            now = {**self.reference, "seen": stamps(_as_here(wanted))}
            return "; it ".join(differences(facts, now)) or None

        terms = Terms(make_spec=make_spec, judge=judge, room=self._room, target_wait=self.target_wait)
        made = RayExecutor(self.link, terms, files, Report(journal, note), demand.backlog)
        for step in steps:
            made.ahead(step)  # the least of all of them is asked for at once
        with closing(made):
            yield made, demand

    def check(self) -> None:
        """Nothing is given up here without a task's outcome that says so."""

    def describe(self) -> Json:
        """For run.json: the cluster and the head."""
        nodes = [dict(vars(node)) for node in self.nodes]
        host = {"name": platform.node(), "system": platform.platform()}
        return {"engine": None, "host": host, "cluster": {"address": self.address, "nodes": nodes}}

    def _image_id(self, step: Step) -> str:
        return "" if step.rung is Rung.PROCESS else str(self.reference["images"][step.image_ref]["id"])

    def _room(self, step: Step) -> int:
        """How many instances of the step the nodes have room for that were there at the start."""
        return sum(_fitting(node, step) for node in self.nodes)


@contextmanager
def joined(
    address: str,
    pipeline: Pipeline,
    files: Files,
    owner: Path,
    *,
    pull: bool,
    target_wait: float,
    node_paths: Sequence[str] = (),
    node_cache: str | None = None,
    schemes: Sequence[str] = (),
) -> Iterator[ClusterSite]:
    """A cluster for one run. Raises ClusterError that names every node which cannot take part, and why.

    ``schemes`` are those of the URLs by which the batch names images, as far as it was looked at. ``node_paths`` and
    ``node_cache`` are as they are typed; what cannot be read of them raises UsageError.
    """
    wanted = replace(
        _wanted(pipeline, files, owner, pull=pull), schemes=tuple(schemes), cache=parse_node_cache(node_cache)
    )
    wanted = replace(wanted, paths=parse_node_paths(node_paths, _movable(wanted, files, owner)))
    with closing(Link(address)) as link:
        told = link.survey(wanted)
        reference = _reference(wanted, [facts for facts in told.values() if isinstance(facts, dict)])
        _refuse(told, reference)
        yield ClusterSite(
            link=link,
            address=address,
            nodes=tuple(told),
            wanted=replace(wanted, pull=pull),
            reference=reference,
            target_wait=target_wait,
        )


def _wanted(pipeline: Pipeline, files: Files, owner: Path, *, pull: bool) -> Wanted:
    looked = (Seen.by_oldest(files.batch), Seen.of_place(owner))
    steps = pipeline.steps
    return Wanted(
        images=tuple(
            {step.image_ref: None for step in steps if step.rung is not Rung.PROCESS or not step.command}
        ),
        programs=tuple(step.command for step in steps if step.rung is Rung.PROCESS and step.command),
        seen=tuple(str(path) for one in looked for path in (one.folder, one.folder / one.inner)),
        pull=pull,
    )


def _movable(wanted: Wanted, files: Files, owner: Path) -> list[str]:
    """The paths of a run that may be others on the nodes."""
    programs = [word for command in wanted.programs for word in command if word.startswith("/")]
    return [str(files.batch), str(owner), *programs]


def _as_here(wanted: Wanted) -> Wanted:
    """The same at the paths that this machine has."""
    return replace(wanted, paths=SAME_PATHS)


def _reference(wanted: Wanted, nodes: list[Json]) -> Json:
    wanted = _as_here(wanted)
    here = look(replace(wanted, images=())) if nodes else look(wanted)
    return {**here, **{name: nodes[0][name] for name in ("images", "machine")}} if nodes else here


def _refuse(told: Mapping[Node, Json | str], reference: Json) -> None:
    """Raises ClusterError if any node cannot take part."""
    reasons: list[str] = []
    for node, facts in told.items():
        found = [f"says nothing: {facts}"] if isinstance(facts, str) else differences(facts, reference)
        reasons += [f"node {node.name} {reason}" for reason in found]
    if len(reasons) == 1:
        raise ClusterError(f"the cluster cannot take this run: {reasons[0]}")
    if reasons:
        raise ClusterError("the cluster cannot take this run:\n" + "\n".join(f"  - {one}" for one in reasons))


def _fitting(node: Node, step: Step) -> int:
    asked = step.resources
    rooms = [node.cpus / asked.cpus, node.memory / asked.memory]
    if asked.gpus:
        rooms.append(node.gpus / asked.gpus)
    return int(min(rooms))
