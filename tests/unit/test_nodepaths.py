"""Folders at other paths on the nodes: the way there, the way back, and pairs that are refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from coordinator.cluster.instance import InstanceSpec
from coordinator.cluster.node import Wanted, differences, look, stamps
from coordinator.cluster.nodepaths import SAME_PATHS, HeadFolder, NodePaths, parse_node_paths
from coordinator.errors import UsageError
from coordinator.pipeline import Rung, Step
from coordinator.record.files import Files

PATHS = NodePaths((("/data", "/mnt/data"), ("/data/runs", "/scratch"), ("/opt/my steps", "/srv/steps")))


@pytest.mark.parametrize(
    ("head", "node"),
    [
        ("/data", "/mnt/data"),
        ("/data/town/a.jpg", "/mnt/data/town/a.jpg"),
        ("/data/runs", "/scratch"),
        ("/data/runs/town", "/scratch/town"),
        ("/data/runs2", "/mnt/data/runs2"),
        ("/opt/my steps/x.py", "/srv/steps/x.py"),
        ("/database", "/database"),
        ("python3", "python3"),
    ],
)
def test_the_longest_folder_that_a_path_lies_in_counts(head: str, node: str) -> None:
    assert PATHS.at_node(head) == node
    assert PATHS.as_at_head(node) == head


def test_what_a_node_says_names_the_paths_of_the_head() -> None:
    said = "docker run --mount type=bind,source=/mnt/data/town,target=/batch --mount 'source=/scratch/t,x' i /scratchy"
    assert PATHS.as_at_head(said) == (
        "docker run --mount type=bind,source=/data/town,target=/batch --mount 'source=/data/runs/t,x' i /scratchy"
    )
    assert PATHS.as_at_head("cannot write '/scratch': full; /x/scratch is not") == (
        "cannot write '/data/runs': full; /x/scratch is not"
    )
    assert SAME_PATHS.as_at_head(said) == said


def test_pairs_are_read_from_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "a=b").mkdir()
    (tmp_path / "link").symlink_to("a=b")
    used = [str(tmp_path / "a=b" / "batch"), "/elsewhere/run"]
    real, link = str(tmp_path / "a=b"), str(tmp_path / "link")
    assert parse_node_paths([f"{real}/=/n/"], used).pairs == ((real, "/n"),)
    by_link = parse_node_paths([f"{link}=/n"], used)
    assert by_link.at_node(used[0]) == "/n/batch"
    assert by_link.at_node(f"{link}/program.py") == "/n/program.py"
    assert by_link.as_at_head("/n/batch") == used[0]


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        (["{here}"], "write HEAD=NODE, two absolute paths"),
        (["{here}=n"], "write HEAD=NODE"),
        (["here=/n"], "write HEAD=NODE"),
        (["/=/n"], "write HEAD=NODE"),
        (["{here}=/"], "write HEAD=NODE"),
        (["{here}=/n=/m"], "write HEAD=NODE"),
        (["{here}/nothing=/n"], "there is no folder"),
        (["{here}=/n", "{here}=/m"], "is given twice"),
        (["{here}=/n", "{here}/link=/m"], "is given twice"),
        (["{here}=/n", "{here}/batch=/n"], "'/n' is given twice"),
        (["{here}/other=/n"], "neither the batch nor the run folder nor a program lies in"),
    ],
)
def test_what_is_no_pair_or_of_no_use_is_refused(texts: list[str], reason: str, tmp_path: Path) -> None:
    (tmp_path / "batch").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "link").symlink_to(".")
    with pytest.raises(UsageError, match=reason):
        parse_node_paths([text.format(here=tmp_path) for text in texts], [str(tmp_path / "batch")])


@pytest.fixture
def moved(tmp_path: Path) -> NodePaths:
    """A folder of the head that this machine has elsewhere, and one that it has where the head has it."""
    (tmp_path / "node").mkdir()
    (tmp_path / "node" / "file").write_text("text")
    (tmp_path / "same").mkdir()
    pairs = ((str(tmp_path / "head"), str(tmp_path / "node")), (str(tmp_path / "same"), str(tmp_path / "no")))
    return NodePaths(pairs)


def test_a_node_that_has_the_folder_where_the_head_has_it_takes_it_there(
    moved: NodePaths, tmp_path: Path
) -> None:
    files = Files(batch=tmp_path / "head" / "batch", work=tmp_path / "same" / "work")
    step = Step(name="s", image_ref="none", rung=Rung.PROCESS, command=("x", str(tmp_path / "head" / "x.py")))
    spec = InstanceSpec(
        step=step, image_id="", files=files, owner=tmp_path / "same", label="l", wanted=Wanted(paths=moved)
    )
    there = spec.at_node()
    assert there.files == Files(batch=tmp_path / "node" / "batch", work=tmp_path / "same" / "work")
    assert there.step.command == ("x", str(tmp_path / "node" / "x.py"))
    assert there.owner == tmp_path / "same"
    assert HeadFolder(tmp_path / "head" / "run", moved).on_this_node() == tmp_path / "node" / "run"


def test_a_node_is_asked_for_the_files_where_it_has_them(moved: NodePaths, tmp_path: Path) -> None:
    here = Wanted(seen=(str(tmp_path / "node" / "file"),))
    there = Wanted(seen=(str(tmp_path / "head" / "file"),), paths=moved)
    (stamp,) = stamps(here).values()
    reference = {**look(there), "seen": {there.seen[0]: stamp}}
    assert not list(differences(look(there), reference))
    gone = replace(there, paths=NodePaths(((str(tmp_path / "head"), str(tmp_path / "gone")),)))
    (difference,) = differences(look(gone), reference)
    assert f"does not see {there.seen[0]!r} at '{tmp_path / 'gone' / 'file'}'" in difference
