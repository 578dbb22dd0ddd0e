"""What a run starts with: all that it needs, looked at before anything is written, and what it says of itself."""

from __future__ import annotations

import os
import platform
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from coordinator import __version__
from coordinator.batch.census import Census, census_for
from coordinator.contract import PROTOCOL
from coordinator.record.files import Files
from coordinator.record.runfolder import RunFolder
from coordinator.runners.site import LocalSite
from coordinator.session.options import Prepared
from coordinator.session.preflight import Checked, Problems, check, check_folder, needs_engine
from coordinator.session.progress import tell
from coordinator.strictjson import Json


@dataclass(frozen=True, kw_only=True)
class Launch:
    """All that a run needs, found to be right before anything is written."""

    prepared: Prepared
    checked: Checked
    site: LocalSite
    folder: RunFolder
    files: Files
    census: Census
    notes: tuple[str, ...]


def preflight(prepared: Prepared, stack: ExitStack) -> Launch:
    """Looks at everything that a run needs. Raises what is wrong, all of it at once; nothing is written."""
    problems, notes = Problems(), []
    site = LocalSite.here()
    with problems.collected():
        if needs_engine(prepared.pipeline):
            site = stack.enter_context(site.connected())
    folder = RunFolder(prepared.options.out.resolve())
    with problems.collected():
        notes.append(check_folder(folder.path))
    with problems.collected():
        prepared.batch.check()
        census = census_for(prepared.batch, prepared.pipeline, prepared.recordings())
    image_of = partial(site.image, pull=prepared.options.pull, tell=tell) if site.engine else None
    checked = check(prepared.pipeline, image_of, site.inventory, problems)
    problems.tell()
    return Launch(
        prepared=prepared,
        checked=checked,
        site=site,
        folder=folder,
        files=folder.files(prepared.batch.folder),
        census=census,
        notes=tuple(note for note in notes if note),
    )


def about(launch: Launch, command: str) -> Json:
    """What runs: enough to repeat it."""
    prepared, checked = launch.prepared, launch.checked
    projection = prepared.batch.projection
    return {
        "batch": {"name": prepared.batch.name, "folder": str(prepared.batch.folder)},
        "crs": projection.name if projection else None,
        "pipeline": checked.pipeline.model_dump(mode="json"),
        "images": {
            name: {"image_ref": facts.image_ref, "id": facts.id} for name, facts in checked.images.items()
        },
        "versions": {"coordinator": __version__, "protocol": PROTOCOL, "python": platform.python_version()},
        **launch.site.describe(),
        "command": command,
        "job": prepared.options.settings(),
        "process": os.getpid(),
    }
