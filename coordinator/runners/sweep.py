"""What dead runs left behind: containers on the engine, work folders of tasks that never ended. Live runs are spared.

A run is live while its folder's lock is held. A coordinator takes the lock before its first container and gives
it up after its last one, so a container that was there *before* its folder's lock was seen to be free has no owner.
"""

from __future__ import annotations

import socket
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from coordinator.core.paths import REPLAY, unit_folder
from coordinator.errors import EngineError, RunFolderError, UsageError
from coordinator.record.disk import remove_tree
from coordinator.record.history import History
from coordinator.record.lock import Owner, locked, owner
from coordinator.record.runfolder import RunFolder
from coordinator.runners.engine import FOLDER_LABEL, Engine
from coordinator.runners.spec import HOST_LABEL


@dataclass(frozen=True, kw_only=True)
class Cleaned:
    """What there was to remove of one run, or who is at work on it."""

    folder: Path
    containers: int
    work: tuple[Path, ...]
    stuck: int = 0
    """Containers that the engine would not remove."""
    owner: Owner | None = None


def sweep(engine: Engine, folder: Path) -> int:
    """Removes what dead sessions of a run left on the engine; the caller holds the folder's lock.

    Returns the number of containers; one that the engine will not remove is left to the next sweep.
    """
    found = _containers(engine).get(folder, {})
    dead = [container for container, lock in found.items() if lock == folder or owner(lock) is None]
    return _remove_containers(engine, dead)


def sweep_work(run: RunFolder) -> int:
    """Removes the work folders that a dead session left unfinished; the caller holds the lock."""
    return sum(_remove(path) for path in _unfinished(run))


def clean(engine: Engine | None, folders: Iterable[Path], *, dry_run: bool) -> Iterator[Cleaned]:
    """Removes what is left of each of the dead runs among ``folders``, and says what it was.

    Without any, those of all runs below ``runs`` and of all that have containers on the engine. Without an
    engine, only work folders. Raises UsageError for a folder that is no run's.
    """
    containers = _containers(engine) if engine else {}
    named = [folder.resolve() for folder in folders]
    for folder in named:
        if folder.exists() and not RunFolder(folder).journal.is_file():
            raise UsageError(f"{str(folder)!r} is no run folder: it has no journal.db")
    for folder in named or _known(containers):
        yield _clean(engine, folder, containers.get(folder, {}), dry_run=dry_run)


def _known(containers: Mapping[Path, object]) -> list[Path]:
    here = (path.parent.resolve() for path in Path("runs").glob("*/journal.db"))
    return sorted({*here, *containers})


def _clean(engine: Engine | None, folder: Path, containers: Mapping[str, Path], *, dry_run: bool) -> Cleaned:
    at_work = owner(folder)
    # What is told by its lock alone: every container was there before this look at it.
    dead = [container for container, lock in containers.items() if owner(lock) is None]
    removed = len(dead) if engine is None or dry_run else _remove_containers(engine, dead)
    work = () if at_work else _clean_work(folder, dry_run=dry_run)
    return Cleaned(folder=folder, containers=removed, work=work, stuck=len(dead) - removed, owner=at_work)


def _remove_containers(engine: Engine, containers: Sequence[str]) -> int:
    """How many of them the engine has removed. Podman removes one whose network others use only after these."""
    left = [container for container in containers if not _has_removed(engine, container)]
    return len(containers) - sum(not _has_removed(engine, container) for container in left)


def _has_removed(engine: Engine, container: str) -> bool:
    try:
        engine.remove(container)
    except EngineError:
        return False
    return True


def _clean_work(folder: Path, *, dry_run: bool) -> tuple[Path, ...]:
    run = RunFolder(folder)
    if not run.journal.is_file():
        return ()
    if dry_run:
        return tuple(_unfinished(run))
    try:
        with locked(run.path):
            return tuple(path for path in _unfinished(run) if _remove(path))
    except RunFolderError:  # a coordinator has come meanwhile: what is there is now its own
        return ()


def _unfinished(run: RunFolder) -> list[Path]:
    """The work folders of tasks without a result, and of replays that have died."""
    left = [path for path in _folders(run.work / REPLAY) if owner(path) is None]
    with History(run.journal) as history:
        for step in _folders(run.work):
            if step.name != REPLAY:
                done = {unit_folder(unit) for unit in history.succeeded(step.name)}
                left += [path for path in _folders(step) if path.name not in done]
    return left


def _folders(parent: Path) -> list[Path]:
    try:
        return sorted(path for path in parent.iterdir() if path.is_dir() and not path.is_symlink())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _remove(path: Path) -> bool:
    remove_tree(path)
    return not path.exists()


def _containers(engine: Engine) -> dict[Path, dict[str, Path]]:
    """By run folder, this host's containers, each with the folder whose lock tells whether it is in use.

    Other hosts may work on the same engine, and their locks cannot be seen from here.
    """
    found: defaultdict[Path, dict[str, Path]] = defaultdict(dict)
    for container, labels in engine.containers().items():
        if labels.get(HOST_LABEL) == socket.gethostname() and FOLDER_LABEL in labels:
            lock = Path(labels[FOLDER_LABEL])
            is_replay = lock.parent.name == REPLAY and lock.parent.parent.name == "work"
            found[lock.parents[2] if is_replay else lock][container] = lock
    return dict(found)
