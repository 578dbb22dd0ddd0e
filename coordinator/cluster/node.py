"""What a node is like, as a task that runs there tells it, and how that differs from what a run needs.

Plain JSON travels, so that a node of another version can still say what it is.
"""

from __future__ import annotations

import hashlib
import os
import platform
import socket
import stat
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from coordinator import __version__
from coordinator.cluster.nodecache import NodeCache
from coordinator.cluster.nodepaths import SAME_PATHS, HeadFolder, NodePaths
from coordinator.errors import EngineError
from coordinator.runners.engine import Engine, ImageFacts
from coordinator.runners.engineimages import pull_image
from coordinator.runners.program import program_content
from coordinator.runners.sidecar import find_image, lanes
from coordinator.runners.sources import advice, missing_packages
from coordinator.runners.sweep import sweep
from coordinator.strictjson import Json


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is asked of every node: image references, programs of local processes, and files that must look alike.

    Files are paths below the batch and the run folder's place, each with its size and time of change. All paths are the
    head's; ``paths`` tell where a node has them. ``schemes`` are those of the URLs by which the batch names images,
    which a node keeps in its ``cache``.
    """

    images: tuple[str, ...] = ()
    programs: tuple[tuple[str, ...], ...] = ()
    seen: tuple[str, ...] = ()
    pull: bool = False
    schemes: tuple[str, ...] = ()
    cache: NodeCache | None = None
    paths: NodePaths = SAME_PATHS


def look(wanted: Wanted) -> Json:
    """What this machine is like. Never raises: what cannot be told is a text that says why."""
    told = {path: wanted.paths.at_node(path) for path in wanted.seen}
    wanted = replace(wanted, paths=wanted.paths.on_this_node())
    return {
        "host": socket.gethostname(),
        "coordinator": _source(),
        "machine": platform.machine(),
        "niceness": os.nice(0),
        "programs": {
            " ".join(command): program_content(wanted.paths.command_at_node(command))
            for command in wanted.programs
        },
        "seen": stamps(wanted),
        "places": told,
        "packages": missing_packages(wanted.schemes),
        "cache": wanted.cache.fault() if wanted.cache and wanted.schemes else None,
        **_engine(wanted),
    }


def stamps(wanted: Wanted) -> Json:
    """What tells the files that are looked at from others, by their paths at the head."""
    return {path: _stamp(wanted.paths.at_node(path)) for path in wanted.seen}


def differences(facts: Json, reference: Json) -> Iterator[str]:
    """How a node differs from what is right; nothing if it can take part."""
    if facts["coordinator"] != reference["coordinator"]:
        yield f"has coordinator {facts['coordinator']}, here is {reference['coordinator']}"
    if facts["machine"] != reference["machine"]:
        yield f"is a {facts['machine']}, the others are {reference['machine']}"
    for path, stamp in reference["seen"].items():
        if facts["seen"].get(path) != stamp:
            found, place = facts["seen"].get(path), facts.get("places", {}).get(path, path)
            where = "" if place == path else f"at {place!r} "
            yield f"does not see {path!r} {where}as this machine does ({found}, here {stamp})"
    for command, content in reference["programs"].items():
        if facts["programs"].get(command) != content:
            yield f"has other files for the program {command!r}"
    if facts["packages"]:
        yield f"cannot fetch the batch's images: they need {advice(facts['packages'])}"
    if facts["cache"] is not None:
        yield f"cannot keep images: {facts['cache']}; name a folder of the nodes with --node-cache"
    if facts["engine"] is not None:
        yield f"has no container engine: {facts['engine']}"
        return
    for name, image in reference["images"].items():
        found = facts["images"].get(name)
        if not isinstance(found, dict):
            yield f"has no image {name!r}: {found}"
        elif isinstance(image, dict) and found["id"] != image["id"]:
            yield f"has another image {name!r}: {found['id'][:19]}, the others have {image['id'][:19]}"


def remove_left(labels: Sequence[str], folder: HeadFolder | None) -> int:
    """Removes the containers that carry any of the instances' ``labels`` here, and those of a dead run's folder.

    The caller holds the folder's lock. Returns how many there were; without an engine there are none.
    """
    try:
        engine = Engine()
    except EngineError:
        return 0
    with closing(engine):
        removed = sweep(engine, folder.on_this_node()) if folder is not None else 0
        for container in [found for label in labels for found in engine.containers(label)]:
            with suppress(EngineError):
                engine.remove(container)
                removed += 1
    return removed


def _engine(wanted: Wanted) -> Json:
    if not wanted.images:
        return {"engine": None, "images": {}}
    if (folder := lanes()) is not None:
        return {"engine": None, "images": {ref: _beside(folder, ref) for ref in wanted.images}}
    try:
        engine = Engine()
    except EngineError as error:
        return {"engine": str(error), "images": {}}
    with closing(engine):
        return {
            "engine": None,
            "images": {ref: _image(engine, ref, pull=wanted.pull) for ref in wanted.images},
        }


def _image(engine: Engine, image_ref: str, *, pull: bool) -> Json | str:
    try:
        if pull and not engine.has_image(image_ref):
            for _ in pull_image(engine, image_ref):
                continue
        facts = engine.image(image_ref)
    except EngineError as error:
        return str(error)
    return _told(facts)


def _beside(folder: Path, image_ref: str) -> Json | str:
    """The same of a sidecar's image, where those take the engine's place."""
    try:
        return _told(find_image(folder, image_ref))
    except EngineError as error:
        return str(error)


def _told(facts: ImageFacts) -> Json:
    return {"id": facts.id, "labels": facts.labels, "command": list(facts.command)}


def _stamp(path: str) -> str:
    """What tells a file from another; of what is no file only that it is there, for its time changes with its use."""
    try:
        state = Path(path).stat()
    except OSError as error:
        return error.strerror or "unreadable"
    return f"{state.st_size} bytes, {state.st_mtime_ns}" if stat.S_ISREG(state.st_mode) else "there"


def _source() -> str:
    """The version, with a digest of the source: versions do not change with every line."""
    root = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return f"{__version__}+{digest.hexdigest()[:12]}"
