"""What a run starts with: all that it needs, looked at before anything is written, and what it says of itself."""

from __future__ import annotations

import os
import platform
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from types import ModuleType

from coordinator import __version__
from coordinator.batch.census import Census, census_for
from coordinator.batch.recording import Recording
from coordinator.batch.regions import as_json
from coordinator.contract import PROTOCOL
from coordinator.core.paths import MOUNT, image_paths
from coordinator.findings import Finding
from coordinator.pipeline import Rung
from coordinator.record.files import Files
from coordinator.record.runfolder import RunFolder
from coordinator.runners.inventory import host_inventory
from coordinator.runners.site import LocalSite
from coordinator.runners.sources import advice, missing_packages
from coordinator.session.options import Prepared
from coordinator.session.preflight import Checked, PreflightError, Problems, check, check_folder, needs_engine
from coordinator.session.progress import tell
from coordinator.session.site import Site
from coordinator.strictjson import Json

_LOOKED_AT = 20
"""Recordings whose photographs are looked at for whether containers may read them: as a rule it is all or none."""


@dataclass(frozen=True, kw_only=True)
class Launch:
    """All that a run needs, found to be right before anything is written."""

    prepared: Prepared
    checked: Checked
    site: Site
    folder: RunFolder
    files: Files
    census: Census
    notes: tuple[str, ...]


def preflight(prepared: Prepared, stack: ExitStack) -> Launch:
    """Looks at everything that a run needs. Raises what is wrong, all of it at once; nothing is written."""
    problems, notes = Problems(), []
    findings: tuple[Finding, ...] = ()
    site: Site = LocalSite.here() if prepared.options.cluster is None else _anywhere()
    folder = RunFolder(prepared.options.out.resolve())
    files = folder.files(prepared.batch.folder)
    schemes: set[str] = set()
    with problems.collected():
        census = census_for(
            prepared.batch, prepared.pipeline, prepared.recordings, limited=prepared.is_limited
        )
        problems.add(*census.errors)
        findings, schemes = census.doubts, census.look.schemes
    with problems.collected():
        site = _place(prepared, folder, files, schemes, stack)
    with problems.collected():
        notes.append(check_folder(folder.path))
    image_of = partial(site.image, pull=prepared.options.pull, tell=tell) if site.has_engine else None
    checked = check(prepared.pipeline, image_of, site.inventory, problems)
    if problems.are_there:
        for finding in findings:
            tell(str(finding))
    problems.tell()
    return Launch(
        prepared=prepared,
        checked=checked,
        site=site,
        folder=folder,
        files=files,
        census=census,
        notes=tuple(note for note in notes if note),
    )


def _anywhere() -> Site:
    """A cluster that cannot be reached, of which nothing is known: nothing is said to be too large for it."""
    return LocalSite(replace(host_inventory(), can_grow=True))


def _place(prepared: Prepared, folder: RunFolder, files: Files, schemes: set[str], stack: ExitStack) -> Site:
    """Where the run is to be: on the cluster that was asked for, or on this machine, with its engine if need be.

    Images are fetched there, by URLs of these ``schemes``.
    """
    options = prepared.options
    if options.cluster is not None:
        joined = _load_cluster().joined(
            options.cluster,
            prepared.pipeline,
            files,
            folder.path,
            pull=options.pull,
            target_wait=options.target_wait,
            node_paths=options.node_paths,
            node_cache=options.node_cache,
            schemes=tuple(sorted(schemes)),
        )
        site: Site = stack.enter_context(joined)
        return site
    if missing := missing_packages(schemes):
        raise PreflightError(f"the batch names images by URLs that need {advice(missing)}")
    here = LocalSite.here()
    return stack.enter_context(here.connected()) if needs_engine(prepared.pipeline) else here


def _load_cluster() -> ModuleType:
    """What a run on this machine has no part of; Ray itself is loaded when it is called for the first time."""
    from coordinator.cluster import site

    return site


def reach(launch: Launch) -> Launch:
    """Asks the engine whether it sees the run's folders and starts the steps' containers, by some of the test's own.

    Adds what there is to say of photographs that containers may not read. Raises CoordinatorError if no task of a step
    can work. It is asked once signals are heard, which would leave the containers behind.
    """
    checked = launch.checked
    in_containers = (step.name for step in checked.pipeline.steps if step.rung is not Rung.PROCESS)
    name = next(in_containers, None)
    if name is None:
        return launch
    recordings = islice(launch.prepared.recordings(), _LOOKED_AT)
    items = (one.item for one in recordings if isinstance(one, Recording))
    images = (image for item in items for image in image_paths(item) if image.startswith(f"{MOUNT}/"))
    local = map(launch.files.local, images)
    note = launch.site.check_reach(checked.image_ids[name], launch.files, launch.folder.path, local)
    problems = Problems()
    problems.add(*launch.site.refused(checked.pipeline.steps, checked.image_ids, launch.folder.path))
    problems.tell()
    return launch if note is None else replace(launch, notes=(*launch.notes, note))


def about(launch: Launch, command: str) -> Json:
    """What runs: enough to repeat it."""
    prepared, checked = launch.prepared, launch.checked
    projection = prepared.batch.projection
    return {
        "batch": {"name": prepared.batch.name, "folder": str(prepared.batch.folder)},
        "crs": projection.name if projection else None,
        "crs_accuracy": launch.census.accuracy,
        "regions": as_json(launch.census.regions),
        "pipeline": checked.pipeline.model_dump(mode="json"),
        "images": {
            name: {"image_ref": facts.image_ref, "id": facts.id} for name, facts in checked.images.items()
        },
        "versions": {"coordinator": __version__, "protocol": PROTOCOL, "python": platform.python_version()},
        **launch.site.describe(),
        "command": command,
        "findings": [finding.as_json() for finding in launch.census.findings],
        "job": prepared.options.settings(),
        "process": os.getpid(),
    }
