"""Decisions in the browser follow their objects by the rules of `review`: the page's script beside the Python."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from coordinator.record.review import Decision, Known, Verdict, matched
from coordinator.report import document

PAGE = Path(document.__file__).parent / "page"
METRE = 1 / 111_195.0


def made_up(rng: random.Random, number: int, marked: str) -> Known:
    """An object of a crowded place, some metres from all others and at times on one pole with them."""
    return Known(
        id=f"{marked}{number}",
        longitude=5.0 + rng.randrange(8) * METRE,
        latitude=52.0 + rng.randrange(8) * METRE,
        z=rng.choice([None, 1.0, 2.0, 5.5]),
        category=rng.choice([None, "stop", "yield"]),
    )


def by_the_page(decisions: list[Known], objects: list[Known], folder: Path) -> dict[str, str]:
    """The decision's id by that of the object it belongs to, as follow.js finds it."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node")
    script = folder / "follow.mjs"
    said = [
        [one.id, {"at": [one.longitude, one.latitude], "z": one.z, "was": one.category}] for one in decisions
    ]
    things = [
        {"id": one.id, "at": [one.longitude, one.latitude], "category": one.category, "said": {"z": one.z}}
        for one in objects
    ]
    script.write_text(
        f"{(PAGE / 'follow.js').read_text()}"
        f"const {{ found, lost }} = followed({json.dumps(said)}, {json.dumps(things)});"
        "const from = [...found].map(([id, decision]) => [id, decision.from]);"
        "console.log(JSON.stringify([Object.fromEntries(from), lost.length]));"
    )
    found, lost = json.loads(subprocess.run([node, script], check=True, capture_output=True).stdout)
    assert len(found) + lost == len(decisions)
    return dict(found)


@pytest.mark.parametrize("seed", range(3))
def test_the_page_and_the_command_find_the_same_objects(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    objects = [made_up(rng, number, "o") for number in range(40)]
    decided = [made_up(rng, number, rng.choice("od")) for number in range(30)]
    decisions = [
        Decision(
            id=one.id,
            verdict=Verdict.ACCEPT,
            longitude=one.longitude,
            latitude=one.latitude,
            was=one.category or "\0",
            z=one.z,
        )
        for one in decided
    ]
    known = [Known(**{**vars(one), "category": one.category or "\0"}) for one in objects]
    expected = {name: decision.id for name, decision in matched(decisions, known).by_object.items()}
    assert 0 < len(expected) < len(decided)
    assert by_the_page(decided, objects, tmp_path) == expected
