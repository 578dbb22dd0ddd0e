"""What has to come of an input, and what came of it: right, told, refused, or silent."""

from __future__ import annotations

import json
import math
import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pyproj

from tests.acceptance.inputs.scene import Scene, Sign

WITHIN = 0.2
"""Metres that an object may lie from the true one, in the plane and in height."""
POSITION = ("--from", "position", "--until", "position")


@dataclass(frozen=True, kw_only=True)
class Right:
    """A right map. With ``saying``, a finding has to say so as well; ``heights`` is False where nobody tells them."""

    saying: str | None = None
    heights: bool = True


@dataclass(frozen=True)
class Told:
    """Exit code 0 or 1, and a finding that matches the pattern, printed and kept in run.json."""

    pattern: str


@dataclass(frozen=True)
class Refused:
    """Exit code 2 before any step has started, and words on stderr that match the pattern."""

    pattern: str


@dataclass(frozen=True)
class Failed:
    """Exit code 1, and the reason of a task that failed matches the pattern."""

    pattern: str


@dataclass(frozen=True)
class Done:
    """Exit code 0: every recording was worked on. No map is asked for."""


@dataclass(frozen=True, kw_only=True)
class Either:
    """Any of these is an honest end."""

    of: tuple[Right | Told | Refused | Failed, ...]


Expected = Right | Told | Refused | Failed | Done | Either


@dataclass(frozen=True, kw_only=True)
class Input:
    """A batch as somebody has it. ``build`` writes it into a folder and gives the truth."""

    name: str
    what: str
    build: Callable[[Path], Scene]
    expect: Expected
    arguments: tuple[str, ...] = POSITION
    """What is added to ``run BATCH --out RUN``; ``{batch}`` stands for the batch's folder."""


class Verdict(StrEnum):
    """What an input came to."""

    RIGHT = "right"
    TOLD = "told"
    REFUSED = "refused"
    SILENT = "silent"
    CRASH = "crash"


@dataclass(frozen=True, kw_only=True)
class Came:
    """How a run ended: its code, what it said with the folders' names taken out, what it left."""

    code: int
    out: str
    err: str
    run: Path

    def kept(self, levels: Sequence[str]) -> list[str]:
        """The texts of run.json's findings of these levels."""
        try:
            document = json.loads((self.run / "run.json").read_text(encoding="utf-8"))
        except OSError:
            return []
        return [found["text"] for found in document.get("findings", []) if found["level"] in levels]

    def printed(self, levels: Sequence[str]) -> list[str]:
        """What was said on stderr in lines of these levels."""
        return [
            line for line in self.err.splitlines() if line.startswith(tuple(f"{level}: " for level in levels))
        ]

    @property
    def failures(self) -> str:
        """The reasons of all tasks that failed."""
        return "\n".join(path.read_text() for path in sorted(self.run.glob("failures/*/error.json")))

    @property
    def started(self) -> bool:
        """Whether the run came so far as to keep a journal: before that no step starts."""
        return (self.run / "journal.db").exists()


def attempt(given: Input, folder: Path, project: Path, python: str) -> tuple[Scene, Came]:
    """Builds the input in ``folder`` and runs it with the project's coordinator. No engine is needed."""
    batch, run = folder / "batch", folder / "run"
    batch.mkdir(parents=True)
    scene = given.build(batch)
    arguments = [argument.format(batch=batch) for argument in given.arguments]
    command = [
        python,
        "-m",
        "coordinator",
        "run",
        str(batch),
        "--rung",
        "process",
        "--out",
        str(run),
        *arguments,
    ]
    ended = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=300, check=False)
    nameless = [_without_names(text, folder) for text in (ended.stdout, ended.stderr)]
    return scene, Came(code=ended.returncode, out=nameless[0], err=nameless[1], run=run)


def _without_names(text: str, folder: Path) -> str:
    """What was said without the names of folders and of the step, which say nothing of a fault."""
    return re.sub(r"\bposition +\d+(/\d+)?", "", text.replace(str(folder.resolve()), ""))


def fault(expect: Expected, scene: Scene, came: Came) -> str | None:
    """Why this is not what had to come, or None."""
    match expect:
        case Right(saying=saying, heights=heights):
            if came.code != 0:
                return f"exit code {came.code}, not 0"
            return misplaced(scene, came.run, heights=heights) or (
                _unsaid(saying, came, ("warning", "note")) if saying else None
            )
        case Told(pattern=pattern):
            return (
                f"exit code {came.code}" if came.code not in (0, 1) else _unsaid(pattern, came, ("warning",))
            )
        case Refused(pattern=pattern):
            if came.code != 2:
                return f"exit code {came.code}, not 2"
            if came.started:
                return "it was refused only after the run had begun"
            return None if _matches(pattern, came.err) else f"stderr does not match {pattern!r}"
        case Failed(pattern=pattern):
            if came.code != 1:
                return f"exit code {came.code}, not 1"
            return None if _matches(pattern, came.failures) else f"no failure matches {pattern!r}"
        case Done():
            return f"exit code {came.code}, not 0" if came.code else None
        case Either(of=ends):
            faults = [fault(end, scene, came) for end in ends]
            return None if None in faults else "; nor: ".join(map(str, faults))


def _unsaid(pattern: str, came: Came, levels: Sequence[str]) -> str | None:
    """Whether it was printed, and kept in run.json, in a finding of these levels."""
    for where, texts in (("printed", came.printed(levels)), ("kept in run.json", came.kept(levels))):
        if not any(_matches(pattern, text) for text in texts):
            return f"no {' or '.join(levels)} that is {where} matches {pattern!r}"
    return None


def _matches(pattern: str, text: str) -> bool:
    return re.search(pattern, text, re.IGNORECASE | re.DOTALL) is not None


def verdict(given: Input, scene: Scene, came: Came) -> Verdict:
    """In a word, of any version of the coordinator: being told counts only if it is of this input's fault."""
    text = came.out + came.err + came.failures
    if came.code not in (0, 1, 2) or re.search(r"Traceback|\b(Key|Type|Attribute|Index|Value)Error\b", text):
        return Verdict.CRASH
    if came.code == 2:
        return Verdict.REFUSED
    told = _matches_any(given.expect, text)
    if told and not isinstance(given.expect, Right | Either):
        return Verdict.TOLD
    wanted = given.expect.of if isinstance(given.expect, Either) else (given.expect,)
    heights = all(end.heights for end in wanted if isinstance(end, Right))
    if isinstance(given.expect, Done) and came.code == 0:
        return Verdict.RIGHT
    if misplaced(scene, came.run, heights=heights) is None:
        return Verdict.RIGHT
    failed_aloud = came.code == 1 and isinstance(given.expect, Right | Done)
    return Verdict.TOLD if told or failed_aloud else Verdict.SILENT


def _matches_any(expect: Expected, text: str) -> bool:
    match expect:
        case Right(saying=saying):
            return saying is not None and _matches(saying, text)
        case Done():
            return False
        case Told(pattern=pattern) | Refused(pattern=pattern) | Failed(pattern=pattern):
            return _matches(pattern, text)
        case Either(of=ends):
            return any(_matches_any(end, text) for end in ends)


def misplaced(scene: Scene, run: Path, *, heights: bool = True, within: float = WITHIN) -> str | None:
    """What is wrong with the map: every true sign has to be there once, within metres, and nothing else."""
    try:
        features = json.loads((run / "objects.geojson").read_text(encoding="utf-8"))["features"]
    except OSError:
        return "there is no map"
    if len(features) != len(scene.signs):
        return f"{len(features)} objects, not {len(scene.signs)}"
    left = list(scene.signs)
    for feature in features:
        longitude, latitude = feature["geometry"]["coordinates"]
        z = feature["properties"]["z"] if heights else None
        away, nearest = min((_metres(sign, longitude, latitude, z), i) for i, sign in enumerate(left))
        if away > within:
            return f"an object is {away:.2f} m from the nearest true one"
        del left[nearest]
    return None


def _metres(sign: Sign, longitude: float, latitude: float, z: float | None) -> float:
    """The distance in metres, with the height where there is one."""
    _, _, across = pyproj.Geod(ellps="WGS84").inv(sign.longitude, sign.latitude, longitude, latitude)
    return math.hypot(across, 0.0 if z is None else z - sign.z)


def names(inputs: Sequence[Input]) -> list[str]:
    """Their names, each once."""
    listed = [given.name for given in inputs]
    twice = {name for name in listed if listed.count(name) > 1}
    assert not twice, f"two inputs have the same name: {twice}"
    return listed
