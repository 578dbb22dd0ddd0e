"""``python -m tests.acceptance.inputs``: every input against a project folder, and what came of it, as a table.

``--project DIR`` names another version of the project and ``--save FILE`` keeps its verdicts as JSON;
``--before FILE`` puts such verdicts beside those of this version, and ``--write FILE`` writes the table as Markdown.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.acceptance.inputs.expected import Input, Verdict, attempt, fault, verdict
from tests.acceptance.inputs.inputs import GROUPS, INPUTS

ROOT = Path(__file__).resolve().parents[3]


def tried(given: Input, project: Path, python: str) -> tuple[Verdict, str | None, str]:
    """The verdict, why it is not what had to come (None if it is), and the last thing that was said."""
    with tempfile.TemporaryDirectory() as folder:
        scene, came = attempt(given, Path(folder), project, python)
        said = (came.err or came.out).strip().splitlines()
        return verdict(given, scene, came), fault(given.expect, scene, came), said[-1] if said else ""


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--project", type=Path, default=ROOT)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--only", default="", help="only inputs whose names hold this text")
    parser.add_argument("--save", type=Path)
    parser.add_argument("--before", type=Path)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    verdicts: dict[str, str] = {}
    for given in INPUTS:
        if options.only not in given.name:
            continue
        came, wrong, said = tried(given, options.project.resolve(), options.python)
        verdicts[given.name] = str(came)
        print(f"{given.name:32} {came:8} {f'({wrong}) {said[:150]}' if wrong else ''}", flush=True)
    print(", ".join(f"{count} {name}" for name, count in sorted(Counter(verdicts.values()).items())))
    if options.save:
        options.save.write_text(json.dumps(verdicts, indent=1) + "\n", encoding="utf-8")
    if options.write:
        before = json.loads(options.before.read_text(encoding="utf-8"))
        options.write.write_text(as_markdown(before, verdicts), encoding="utf-8")


def as_markdown(before: dict[str, str], after: dict[str, str]) -> str:
    """The table of all inputs, before and after, and how many of each kind there are."""
    kinds = [str(kind) for kind in Verdict]
    lines = [_HEAD, "| | " + " | ".join(kinds) + " |", "|---" * (len(kinds) + 1) + "|"]
    for name, verdicts in (("before", before), ("after", after)):
        counts = Counter(verdicts[given.name] for given in INPUTS)
        lines.append(f"| {name} | " + " | ".join(str(counts[kind]) for kind in kinds) + " |")
    for group, inputs in GROUPS.items():
        lines += ["", f"## {group}", "", "| input | what it is | before | after |", "|---|---|---|---|"]
        lines += [
            f"| {given.name} | {given.what} | {before[given.name]} | {after[given.name]} |"
            for given in inputs
        ]
    return "\n".join(lines) + "\n"


_HEAD = """\
# What people give it

Batches as people have them, made by [the tests](../tests/acceptance/inputs), each run through the command line.

- **right**: every true sign is found once, within 0.2 m, and nothing else
- **told**: the map is wanting, and a warning names this fault
- **refused**: exit code 2, with a reason
- **silent**: exit code 0 or 1, and not a word of the fault
- **crash**: an error of the program's own

*Before* is the version that had neither the readers nor the look at everything (`bf5df48`).
`python -m tests.acceptance.inputs` draws the table anew.
"""


if __name__ == "__main__":
    main()
