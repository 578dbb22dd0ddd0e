"""The run as a shell script: every ``docker run`` line, so that it can be pasted into a shell and works.

The tasks of the first step are written out. Later requests are made from earlier responses with ``jq``,
for what a step will find is not known before it has run; it is the same JSON the coordinator would send.
Responses lie in ``RUN_DIR/dry-run/<step>/<root>/``, where a root is a recording, from the first step
per region on a region, and from a step per batch on ``all``.
"""

from __future__ import annotations

import json
import os
import shlex
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from coordinator.batch.census import Census, census_for
from coordinator.batch.recording import BadRecording, Recording
from coordinator.commands.dryregions import requests
from coordinator.contract import Request
from coordinator.core.dataflow import EVERYTHING
from coordinator.core.paths import WORK_MOUNT, scheme, unit_folder
from coordinator.core.resources import Grant, Ledger
from coordinator.errors import UsageError
from coordinator.pipeline import Per, Pipeline, Step
from coordinator.record.files import Files
from coordinator.record.runfolder import RunFolder
from coordinator.runners.engine import LABEL
from coordinator.runners.habits import Habits
from coordinator.runners.inventory import host_inventory
from coordinator.runners.isolation import container_spec
from coordinator.runners.workfolder import step_user
from coordinator.session.options import RunOptions, prepare
from coordinator.session.preflight import Problems, fitted
from coordinator.strictjson import Json

_UNIT = "\0unit\0"
_BRINGS = {
    "http": "curl -fsSL -o {1} {0}",
    "https": "curl -fsSL -o {1} {0}",
    "s3": "aws s3 cp {0} {1}",
    "gs": "gcloud storage cp {0} {1}",
}
"""How an image is brought from a URL to a path, by how that begins."""
"""Stands for the unit's folder name in a line inside a shell loop; no path can hold it."""


def script(options: RunOptions, habits: Habits | None) -> Iterator[str]:
    """The script's lines. Raises CoordinatorError as the run itself would.

    ``habits`` are those of the engine that is to run it, None if there is none to be asked.
    """
    prepared = prepare(options)
    pipeline = fitted(prepared.pipeline, host_inventory())
    _check(pipeline)
    folder = RunFolder(options.out.resolve())
    census = census_for(prepared.batch, pipeline, prepared.recordings, limited=prepared.is_limited)
    problems = Problems()
    problems.add(*census.errors)
    problems.tell()
    writer = _Script(folder.path, folder.files(prepared.batch.folder), census, habits or Habits())
    yield f"# pipeline {pipeline.name!r} over {str(prepared.batch.folder)!r}; later steps need jq"
    yield f"# {_made_for(habits)}"
    yield "set -e"
    yield from writer.folders()
    for number, step in enumerate(pipeline.steps):
        yield f"\n# {step.name}, one task per {step.per}"
        if number == 0:
            yield from writer.first(step, prepared.recordings())
        else:
            yield from writer.later(step, pipeline.steps[number - 1])


def _made_for(habits: Habits | None) -> str:
    """For which engines the lines are."""
    if habits is None:
        return "no engine answered: for one that maps no users and labels no files; another one is asked in other words"
    kinds = {
        "rootless": habits.is_rootless,
        "with userns-remap": habits.remaps_users,
        "with SELinux": habits.labels_files,
    }
    return f"for an engine as the one here: {', '.join(name for name, is_so in kinds.items() if is_so) or 'plain'}"


def _check(pipeline: Pipeline) -> None:
    """Raises UsageError for what cannot be told in advance: regions that were made anew, and then gather again."""
    kinds = [step.per for step in pipeline.steps if step.per is not Per.ITEM]
    for number, kind in enumerate(kinds):
        if Per.BATCH in kinds[:number] and (kind, kinds[number - 1]) == (Per.REGION, Per.REGION):
            raise UsageError(
                "--dry-run cannot print a second step per region behind a step per batch: which of the regions that "
                "are made there an object belongs to is not known before it has run; use --until"
            )


class _Script:
    def __init__(self, out: Path, files: Files, census: Census, habits: Habits) -> None:
        self._out = out
        self._files = files
        self._census = census
        self._habits = habits
        self._roots: list[str] = []
        self._gathers: defaultdict[str, list[str]] = defaultdict(list)
        """The roots whose responses each region gathers."""
        self._is_divided_anew = False
        """Whether there was a step per batch, behind which the script finds the regions by itself."""

    def folders(self) -> Iterator[str]:
        """Every container has the work folder, whether its step writes or not, and its user must be able to enter."""
        if os.getuid() == 0:
            yield "umask 022"
        yield f"mkdir -p {_q(self._files.work)}"

    def first(self, step: Step, recordings: Iterator[Recording | BadRecording]) -> Iterator[str]:
        waiting: defaultdict[str, list[Json]] = defaultdict(list)
        for recording in recordings:
            if isinstance(recording, BadRecording):
                yield f"# left out: {recording.id!r}: {' '.join(recording.reason.split())}"
                continue
            if recording.url:
                path = self._files.local(recording.item["image"])
                url = shlex.quote(recording.url)
                yield f"mkdir -p {_q(path.parent)} && " + _BRINGS[scheme(recording.url)].format(url, _q(path))
            regions = self._places(step, recording)
            if step.per is Per.ITEM:
                self._roots.append(recording.id)
                yield from self._task(step, recording.id, [recording.item])
            for region in regions:
                self._gathers[region].append(recording.id)
                waiting[region].append(recording.item)
        if step.per is not Per.ITEM:
            for region in sorted(waiting):
                yield from self._task(step, region, sorted(waiting[region], key=lambda item: str(item["id"])))
            self._regions_are_roots()
            self._is_divided_anew = step.per is Per.BATCH

    def later(self, step: Step, before: Step) -> Iterator[str]:
        """The tasks of a step that is not the first."""
        if step.per is Per.ITEM:
            yield from self._per_item(step, before)
        elif step.per is Per.BATCH:
            yield from self._per_batch(step, before)
        elif self._is_divided_anew:
            yield from self._per_new_region(step, before)
        else:
            yield from self._per_region(step, before)

    def _places(self, step: Step, recording: Recording) -> tuple[str, ...]:
        if step.per is Per.BATCH:
            return (EVERYTHING,)
        return self._census.regions.around(recording.position)

    def _task(self, step: Step, unit: str, items: list[Json]) -> Iterator[str]:
        name = unit_folder(unit)
        request = Request(
            task=f"{step.name}/{unit}",
            step=step.name,
            params=step.params,
            items=items,
            region=self._census.regions.message(unit) if step.per is Per.REGION else None,
            work_dir=self._files.task_folder(step.name, unit),
        )
        line = shlex.quote(request.line().decode().rstrip("\n"))
        target = self._responses(step, name) / f"{name}.json"
        yield self._make_folders(step, name, self._responses(step, name))
        yield f"printf '%s\\n' {line} | {self._docker_run(step, name)} > {_q(target)}"

    def _per_region(self, step: Step, before: Step) -> Iterator[str]:
        for region in sorted(self._gathers):
            message = self._census.regions.message(region)
            found = self._cat(before, self._gathers[region])
            yield from self._gathering(step, region, message.model_dump() if message else None, found)
        self._regions_are_roots()

    def _per_batch(self, step: Step, before: Step) -> Iterator[str]:
        yield from self._gathering(step, EVERYTHING, None, self._cat(before))
        self._gathers = defaultdict(list, {EVERYTHING: [EVERYTHING]})
        self._regions_are_roots()
        self._is_divided_anew = True

    def _gathering(self, step: Step, place: str, region: Json | None, found: str) -> Iterator[str]:
        """One task with all the items in the responses that the command ``found`` prints, if there are any."""
        merge = shlex.quote("$head + {items: ([.[].items[]?] | sort_by(.id))} | select(.items != [])")
        name = unit_folder(place)
        head = {
            **_head(step, region),
            "task": f"{step.name}/{place}",
            "work_dir": self._files.task_folder(step.name, place),
        }
        target = self._responses(step, name) / f"{name}.json"
        yield self._make_folders(step, name, self._responses(step, name))
        yield (
            f"{found} | jq -cs --argjson head {_json(head)} {merge}"
            f" | {self._docker_run(step, name)} > {_q(target)}"
        )

    def _per_new_region(self, step: Step, before: Step) -> Iterator[str]:
        ask = requests(self._census.regions, f"{step.name}/", f"{WORK_MOUNT}/{step.name}/")
        requested = f"{self._cat(before)} | jq -cs --argjson head {_json(_head(step))} {shlex.quote(ask)}"
        unit = f'.task | ltrimstr("{step.name}/")'
        yield from self._loop(step, self._responses(step, EVERYTHING), requested, unit)

    def _per_item(self, step: Step, before: Step) -> Iterator[str]:
        ask = shlex.quote(
            f'.items[]? | $head + {{task: "{step.name}/\\(.id)", items: [.], '
            f'work_dir: "{WORK_MOUNT}/{step.name}/\\(.id | @uri)"}}'
        )
        for root in self._roots:
            requested = f"{self._cat(before, [root])} | jq -c --argjson head {_json(_head(step))} {ask}"
            yield from self._loop(step, self._responses(step, unit_folder(root)), requested, ".items[0].id")

    def _loop(self, step: Step, responses: Path, requested: str, unit: str) -> Iterator[str]:
        """One task for each of the requests that the command ``requested`` prints; ``unit`` is jq for what it is of."""
        target = f'{_q(responses)}/"$unit".json'
        yield f"mkdir -p {_q(responses)}"
        yield f"{requested} | while IFS= read -r request; do"
        yield f"  unit=$(printf '%s\\n' \"$request\" | jq -r {shlex.quote(unit + ' | @uri')})"
        yield f"  {self._make_folders(step, _UNIT, responses)}"
        yield f"  printf '%s\\n' \"$request\" | {self._docker_run(step, _UNIT)} > {target}"
        yield "done"

    def _regions_are_roots(self) -> None:
        self._roots = sorted(self._gathers)
        self._gathers = defaultdict(list, {region: [region] for region in self._roots})

    def _cat(self, step: Step, roots: list[str] | None = None) -> str:
        """A command that prints the responses of a step's tasks below these roots, or all of them."""
        places = ["."] if roots is None else map(unit_folder, roots)
        folders = " ".join(_q(self._responses(step, place)) for place in places)
        return f"find {folders} -name '*.json' -exec cat {{}} +"

    def _responses(self, step: Step, root: str) -> Path:
        return self._out / "dry-run" / step.name / root

    def _make_folders(self, step: Step, name: str, responses: Path) -> str:
        if not step.writes:
            return f"mkdir -p {_q(responses)}"
        work = _q(self._files.work / step.name / name)
        line = f"mkdir -p {work} {_q(responses)}"
        if os.getuid() == 0:
            uid, gid = step_user()
            line += f" && chown {uid}:{gid} {work}"
        return line

    def _docker_run(self, step: Step, name: str) -> str:
        grant = Ledger(host_inventory()).reserve(step.resources) or Grant(resources=step.resources)
        work_dir = f"{WORK_MOUNT}/{step.name}/{name}" if step.writes else None
        labels = {LABEL: "dry-run"}
        spec = container_spec(step, step.image_ref, grant, self._files, writable=work_dir, labels=labels)
        return " ".join(_q(word) for word in self._habits.applied(spec).to_command())


def _q(word: str | Path) -> str:
    """Quoted for the shell; only the loop's own variable is left to it."""
    return '"$unit"'.join(shlex.quote(part) if part else "" for part in str(word).split(_UNIT)) or "''"


def _head(step: Step, region: Json | None = None) -> Json:
    """What all of a step's requests have in common."""
    return {"protocol": 1, "step": step.name, "params": step.params, "region": region}


def _json(document: Json) -> str:
    return shlex.quote(json.dumps(document, ensure_ascii=False))
