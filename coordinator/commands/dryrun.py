"""The run as a shell script: every ``docker run`` line, so that it can be pasted into a shell and works.

The tasks of the first step are written out. Later requests are made from earlier responses with ``jq``,
for what a step will find is not known before it has run; it is the same JSON the coordinator would send.
Responses lie in ``RUN_DIR/dry-run/<step>/<root>/``, where a root is a recording, and from the first step
per region on, a region.
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
from coordinator.contract import Request
from coordinator.core.paths import WORK_MOUNT, unit_folder
from coordinator.core.resources import Grant, Ledger
from coordinator.pipeline import Per, Step
from coordinator.record.files import Files
from coordinator.record.runfolder import RunFolder
from coordinator.runners.engine import LABEL
from coordinator.runners.inventory import host_inventory
from coordinator.runners.isolation import container_spec
from coordinator.runners.workfolder import step_user
from coordinator.session.options import RunOptions, prepare
from coordinator.session.preflight import Problems, fitted
from coordinator.strictjson import Json

_UNIT = "\0unit\0"
"""Stands for the unit's folder name in a line inside a shell loop; no path can hold it."""


def script(options: RunOptions) -> Iterator[str]:
    """The script's lines. Raises CoordinatorError as the run itself would; the engine is not asked."""
    prepared = prepare(options)
    pipeline = fitted(prepared.pipeline, host_inventory())
    folder = RunFolder(options.out.resolve())
    census = census_for(prepared.batch, pipeline, prepared.recordings, limited=prepared.is_limited)
    problems = Problems()
    problems.add(*census.errors)
    problems.tell()
    writer = _Script(folder.path, folder.files(prepared.batch.folder), census)
    yield f"# pipeline {pipeline.name!r} over {str(prepared.batch.folder)!r}; later steps need jq"
    yield "set -e"
    yield from writer.folders()
    for number, step in enumerate(pipeline.steps):
        yield f"\n# {step.name}, one task per {step.per}"
        if number == 0:
            yield from writer.first(step, prepared.recordings())
        elif step.per is Per.ITEM:
            yield from writer.per_item(step, pipeline.steps[number - 1])
        else:
            yield from writer.per_region(step, pipeline.steps[number - 1])


class _Script:
    def __init__(self, out: Path, files: Files, census: Census) -> None:
        self._out = out
        self._files = files
        self._census = census
        self._roots: list[str] = []
        self._gathers: defaultdict[str, list[str]] = defaultdict(list)
        """The roots whose responses each region gathers."""

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
                yield f"mkdir -p {_q(path.parent)} && curl -fsSL -o {_q(path)} {shlex.quote(recording.url)}"
            regions = self._census.regions.around(recording.position)
            if step.per is Per.ITEM:
                self._roots.append(recording.id)
                yield from self._task(step, recording.id, [recording.item])
            for region in regions:
                self._gathers[region].append(recording.id)
                waiting[region].append(recording.item)
        if step.per is Per.REGION:
            for region in sorted(waiting):
                yield from self._task(step, region, sorted(waiting[region], key=lambda item: str(item["id"])))
            self._regions_are_roots()

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

    def per_region(self, step: Step, before: Step) -> Iterator[str]:
        merge = shlex.quote("$head + {items: ([.[].items[]?] | sort_by(.id))} | select(.items != [])")
        for region in sorted(self._gathers):
            name = unit_folder(region)
            message = self._census.regions.message(region)
            head = {
                "protocol": 1,
                "task": f"{step.name}/{region}",
                "step": step.name,
                "params": step.params,
                "region": message.model_dump() if message else None,
                "work_dir": self._files.task_folder(step.name, region),
            }
            target = self._responses(step, name) / f"{name}.json"
            yield self._make_folders(step, name, self._responses(step, name))
            yield (
                f"{self._cat(before, self._gathers[region])} | jq -cs --argjson head {_json(head)} {merge}"
                f" | {self._docker_run(step, name)} > {_q(target)}"
            )
        self._regions_are_roots()

    def per_item(self, step: Step, before: Step) -> Iterator[str]:
        head = {"protocol": 1, "step": step.name, "params": step.params, "region": None}
        ask = shlex.quote(
            f'.items[]? | $head + {{task: "{step.name}/\\(.id)", items: [.], '
            f'work_dir: "{WORK_MOUNT}/{step.name}/\\(.id | @uri)"}}'
        )
        for root in self._roots:
            responses = self._responses(step, unit_folder(root))
            target = f'{_q(responses)}/"$unit".json'
            yield f"mkdir -p {_q(responses)}"
            yield (
                f"{self._cat(before, [root])} | jq -c --argjson head {_json(head)} {ask}"
                " | while IFS= read -r request; do"
            )
            yield "  unit=$(printf '%s\\n' \"$request\" | jq -r '.items[0].id | @uri')"
            yield f"  {self._make_folders(step, _UNIT, responses)}"
            yield f"  printf '%s\\n' \"$request\" | {self._docker_run(step, _UNIT)} > {target}"
            yield "done"

    def _regions_are_roots(self) -> None:
        self._roots = sorted(self._gathers)
        self._gathers = defaultdict(list, {region: [region] for region in self._roots})

    def _cat(self, step: Step, roots: list[str]) -> str:
        """A command that prints the responses of a step's tasks below these roots."""
        folders = " ".join(_q(self._responses(step, unit_folder(root))) for root in roots)
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
        return " ".join(_q(word) for word in spec.to_command())


def _q(word: str | Path) -> str:
    """Quoted for the shell; only the loop's own variable is left to it."""
    return '"$unit"'.join(shlex.quote(part) if part else "" for part in str(word).split(_UNIT)) or "''"


def _json(document: Json) -> str:
    return shlex.quote(json.dumps(document, ensure_ascii=False))
