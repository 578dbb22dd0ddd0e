"""``doctor``: whether this machine can run pipelines: engine, GPUs, disk, limits, images, leftovers; and what to do.

Nothing is changed. Every finding is a value; the functions that judge take plain facts.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from coordinator.commands.arguments import add_pipeline
from coordinator.commands.containernotes import (
    claimed_limits,
    measured_limits,
    measured_sight,
    measured_users,
)
from coordinator.commands.gpunotes import gpus_here
from coordinator.commands.notes import Note, exit_code, ok, problem, warning
from coordinator.contract import PROTOCOL
from coordinator.core.resources import Inventory
from coordinator.errors import CoordinatorError, EngineError, ExitCode
from coordinator.pipeline import Pipeline, Rung, load_pipeline
from coordinator.record.lock import owner
from coordinator.runners.engine import FOLDER_LABEL, Engine, ImageFacts
from coordinator.runners.inventory import host_inventory
from coordinator.runners.isolation import TRIAL, container_labels
from coordinator.runners.spec import HOST_LABEL
from coordinator.runners.trial import kinds, refused
from coordinator.session.preflight import fitted, shortages

_GIB = 1024**3
_LITTLE_DISK, _FULL_DISK = 10 * _GIB, _GIB
_LITTLE_INODES = 100_000
_FEW_FILES, _FEW_PROCESSES = 1024, 512


def add_options(parser: argparse.ArgumentParser) -> None:
    add_pipeline(parser)
    parser.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="where runs are to lie")


def main(options: argparse.Namespace) -> ExitCode:
    notes = []
    for note in examine(load_pipeline(options.pipeline), options.out):
        print("\n".join(note.lines()), flush=True)
        notes.append(note)
    return exit_code(notes)


def examine(pipeline: Pipeline, out: Path) -> Iterator[Note]:
    """Everything, as it is found. ``out`` is where run folders will lie."""
    inventory = host_inventory()
    try:
        engine = Engine()
    except EngineError as error:
        first, *todo = str(error).splitlines()
        yield problem("engine", first, " ".join(line.strip() for line in todo))
        yield from _machine(pipeline, inventory, out, {})
        return
    try:
        info = engine.info()
        yield from engine_notes(engine.describe(), info)
        yield from _machine(pipeline, inventory, out, info)
        yield from _images(pipeline, engine)
        yield from _starts(fitted(pipeline, inventory), engine, inventory, out)
        yield from _leftovers(engine.containers())
    except EngineError as error:
        yield problem("engine", str(error), "see the engine's own log; `make engine` starts one")
    finally:
        engine.close()


# -- the engine --------------------------------------------------------------------------------------------


def engine_notes(facts: Mapping[str, str], info: Mapping[str, Any]) -> Iterator[Note]:
    """The engine's name and versions, and what of a step's isolation it cannot do."""
    yield ok("engine", f"{facts['platform']} {facts['version']}, API {facts['api']}, {_where(info)}")
    yield ok("engine", f"at {facts['address']}")
    if info.get("OSType", "linux") != "linux":
        yield problem("engine", f"it runs {info['OSType']} containers", "switch it to Linux containers")
    yield from claimed_limits(info)
    for text in _other_warnings(info):
        yield warning("engine", text, "see the engine's documentation; a run does not depend on it")


def _where(info: Mapping[str, Any]) -> str:
    return f"{info.get('NCPU', '?')} CPUs, {_gib(int(info.get('MemTotal') or 0))} of memory"


def _other_warnings(info: Mapping[str, Any]) -> list[str]:
    """The engine's warnings but for those about limits, which are told already."""
    told = [str(text) for text in info.get("Warnings") or ()]
    return [text for text in told if "limit" not in text.lower() and "bridge-nf-call" not in text]


# -- the machine -------------------------------------------------------------------------------------------


def _machine(pipeline: Pipeline, inventory: Inventory, out: Path, info: Mapping[str, Any]) -> Iterator[Note]:
    yield from gpus_here(inventory, info)
    yield _disk("run folder", out)
    if (root := info.get("DockerRootDir")) and Path(root).exists():
        yield _disk("engine's data", Path(root))
    yield from _process_limits()
    short = shortages(fitted(pipeline, inventory), inventory)
    have = f"{inventory.cpus:g} CPUs and {_gib(inventory.memory)} of memory within this process's limits"
    if not short:
        yield ok("machine", f"{have}: enough for pipeline {pipeline.name!r}")
    for reason in short:
        yield problem("machine", reason, "a larger machine, or smaller resources in the pipeline")


def _disk(what: str, path: Path) -> Note:
    """Free space and inodes of the file system on which a path lies or will lie."""
    while True:
        try:
            free = shutil.disk_usage(path).free
            inodes = os.statvfs(path)
            break
        except OSError:
            if path == path.parent:
                return problem("disk", f"{what}: its free space cannot be told", "name another folder")
            path = path.absolute().parent
    return disk_note(f"{what}, {path}", free, inodes.f_favail if inodes.f_files else None)


def disk_note(what: str, free: int, inodes: int | None) -> Note:
    """``free`` is bytes; ``inodes`` is None on a file system that does not count them."""
    said = f"{what}: {_gib(free)} free"
    todo = "make room (`docker image prune`, `docker builder prune`, old run folders), or name another disk"
    if free < _FULL_DISK:
        return problem("disk", said, todo)
    if free < _LITTLE_DISK:
        return warning("disk", said, todo)
    if inodes is not None and inodes < _LITTLE_INODES:
        return warning("disk", f"{said}, but only {inodes} files more", todo)
    return ok("disk", said)


def _process_limits() -> Iterator[Note]:
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    processes, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    yield limit_note("open files", files, _FEW_FILES, "ulimit -n 4096 (each running task takes a few)")
    yield limit_note(
        "processes", processes, _FEW_PROCESSES, "ulimit -u 4096 (each running task takes a thread)"
    )


def limit_note(what: str, value: int, least: int, todo: str) -> Note:
    """A limit of this process, of which ``least`` is what a large run wants."""
    if value == resource.RLIM_INFINITY:
        return ok("limits", f"{what}: unlimited")
    return ok("limits", f"{what}: {value}") if value >= least else warning("limits", f"{what}: {value}", todo)


# -- images and leftovers ------------------------------------------------------------------------------------


def _images(pipeline: Pipeline, engine: Engine) -> Iterator[Note]:
    for step in pipeline.steps:
        if step.rung is Rung.PROCESS and step.command is not None:
            continue
        try:
            yield image_note(step.name, engine.image(step.image_ref), must_loop=step.loops)
        except CoordinatorError as error:
            said, _, todo = str(error).partition("; ")
            yield problem("image", f"step {step.name!r}: {said}", todo)


def image_note(step: str, image: ImageFacts, *, must_loop: bool) -> Note:
    """Whether a step's image says that it speaks this contract, and that it loops where it is to."""
    said = f"step {step!r}: {image.image_ref}"
    protocol = image.labels.get("coordinator.protocol")
    loops = image.labels.get("coordinator.loop") == "true"
    if protocol not in (None, str(PROTOCOL)):
        todo = f"build it for protocol {PROTOCOL}"
        return problem("image", f"{said} speaks protocol {protocol}, this coordinator {PROTOCOL}", todo)
    if must_loop and not loops:
        return problem("image", f"{said} does not loop over lines", "use rung fresh or exec, and no chunk")
    if protocol is None:
        todo = f'LABEL coordinator.protocol="{PROTOCOL}"; check it with check-step'
        return warning("image", f"{said} does not say which protocol it speaks", todo)
    return ok("image", f"{said}, protocol {protocol}" + (", loops over lines" if loops else ""))


def _starts(pipeline: Pipeline, engine: Engine, inventory: Inventory, out: Path) -> Iterator[Note]:
    """Whether the engine starts containers of the steps whose images are there, with the GPUs that they ask for,
    keeps the limits of one, and sees the folder ``out``."""
    there = [step for step in pipeline.steps if engine.has_image(step.image_ref)]
    image_ids = {step.name: engine.image(step.image_ref).id for step in there}
    tried = list(kinds(there, image_ids, inventory.gpus))
    if not tried:
        return
    yield measured_limits(engine, tried[0].image_id)
    yield from measured_users(engine, tried[0].image_id)
    yield measured_sight(engine, tried[0].image_id, out)
    problems = refused(engine, tried, container_labels("doctor", Path.cwd(), TRIAL))
    for text in problems:
        said, _, todo = text.partition("\n  ")
        yield problem("start", said, todo)
    if not problems:
        names = ", ".join(repr(kind.step) for kind in tried)
        gpus = ", with all GPUs where they ask for any" if any(kind.gpu_uuids for kind in tried) else ""
        yield ok("start", f"containers of {names} start{gpus}")


def _leftovers(containers: Mapping[str, Mapping[str, str]]) -> Iterator[Note]:
    # The containers are listed before the locks are looked at: a run takes its lock first and gives it up last.
    folders = {labels[FOLDER_LABEL] for labels in containers.values() if FOLDER_LABEL in labels}
    live = {folder for folder in folders if owner(Path(folder)) is not None}
    yield leftover_note(containers, live, host=socket.gethostname())


def leftover_note(containers: Mapping[str, Mapping[str, str]], live: set[str], *, host: str) -> Note:
    """Containers of runs that nobody is at work on; ``live`` are the folders that somebody holds.

    Another host's containers on a shared engine are that host's affair.
    """
    dead = [
        labels[FOLDER_LABEL]
        for labels in containers.values()
        if labels.get(HOST_LABEL) == host and labels.get(FOLDER_LABEL, "") not in {"", *live}
    ]
    if not dead:
        return ok("leftovers", "no containers of runs that nobody is at work on")
    return warning(
        "leftovers",
        f"{len(dead)} containers of runs that nobody is at work on: {', '.join(sorted(set(dead))[:3])}",
        "python -m coordinator clean",
    )


def _gib(size: int) -> str:
    return f"{size / _GIB:.1f} GiB"
