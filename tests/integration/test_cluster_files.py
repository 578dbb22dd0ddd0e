"""Files of a run on a real Ray cluster: those that lie elsewhere on a node, and images that nodes fetch.

For the former, the second node lives in a mount namespace of its own, in which the head's folder is empty and lies at
another path.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from coordinator.cluster.joining import ClusterError
from coordinator.session.run import Summary
from tests.imageserver import Served, serving
from tests.integration.conftest import Workshop
from tests.integration.raycluster import node

PROGRAM = """
import json, pathlib, sys, time
for line in sys.stdin:
    request = json.loads(line)
    item, folder = request["items"][0], pathlib.Path(request["work_dir"])
    if item["id"].startswith("bad"):
        break
    (folder / "own.txt").write_text(request["task"])
    began = pathlib.Path(item["image"]).parent.parent / "began"
    (began / item["id"]).write_text(item["image"])
    while len(list(began.iterdir())) < 2:  # so that no instance has all of them
        time.sleep(0.01)
    answer = {"id": item["id"], "image": item["image"], "own": {"image": str(folder / "own.txt")}}
    print(json.dumps({"task": request["task"], "items": [answer]}), flush=True)
"""
MOVED = """
mount -t tmpfs none "$(dirname "$2")"
mkdir "$2"
mount --bind "$1" "$2"
mount -t tmpfs none "$1"
shift 2
exec "$@"
"""


class Shared:
    """A workshop in a folder that the second node has elsewhere."""

    def __init__(self, workshop: Workshop, there: Path) -> None:
        self.workshop, self.here, self.there = workshop, workshop.folder, there
        (self.here / "began").mkdir()
        (self.here / "program").mkdir()
        self.program = self.here / "program" / "program.py"
        self.program.write_text(PROGRAM)

    def run(self, address: str, *node_paths: str) -> Summary:
        command = [sys.executable, str(self.program)]
        step: dict[str, Any] = {"name": "step", "image_ref": "none", "rung": "process", "command": command}
        return self.workshop.run(
            {**step, "writes": True, "timeout": 600},
            cluster=address,
            instances=("step=2:2",),
            node_paths=node_paths,
        )

    def places(self) -> set[str]:
        """The folders in which tasks found their images."""
        return {str(Path(path.read_text()).parent) for path in (self.here / "began").iterdir()}


@pytest.fixture
def shared(tmp_path: Path) -> Shared:
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        pytest.skip("mount namespaces are not allowed here")
    here = tmp_path / "here"
    here.mkdir()
    mounts = tmp_path / "mounts"
    mounts.mkdir()
    return Shared(Workshop(here), mounts / "there")


@contextmanager
def moved_node(shared: Shared, address: str) -> Iterator[int]:
    within = ("unshare", "--mount", "sh", "-ec", MOVED, "sh", str(shared.here), str(shared.there))
    with node(address, shared.here.parent, cpus=2, within=within) as process:
        yield process


def test_a_node_works_on_folders_at_its_own_paths(shared: Shared, ray_address: str) -> None:
    shared.workshop.photographs("a.jpg", "b.jpg", "c.jpg", "bad.jpg")
    with moved_node(shared, ray_address):
        summary = shared.run(ray_address, f"{shared.here}={shared.there}")
    assert shared.places() == {str(shared.here / "batch"), str(shared.there / "batch")}
    assert not shared.there.exists()
    assert [failure.unit for failure in summary.failures] == ["bad.jpg"]
    for item in shared.workshop.items("step"):
        assert item["image"] == f"/batch/{item['id']}"
        assert item["own"] == {"image": f"/work/step/{item['id']}/own.txt"}
        assert (shared.workshop.out / "work/step" / item["id"] / "own.txt").read_text()
    about = json.loads((shared.workshop.out / "run.json").read_text())
    assert about["job"]["node_paths"] == [f"{shared.here}={shared.there}"]
    assert (
        str(shared.there) not in (shared.workshop.out / "failures/step%2Fbad.jpg/docker-run.sh").read_text()
    )


def test_a_node_that_has_the_folders_nowhere_is_refused_by_name(shared: Shared, ray_address: str) -> None:
    shared.workshop.photographs("a.jpg")
    elsewhere = shared.here.parent / "nowhere"
    with moved_node(shared, ray_address), pytest.raises(ClusterError) as refused:
        shared.run(ray_address, f"{shared.here}={elsewhere}")
    told = str(refused.value)
    assert f"does not see '{shared.here}/batch/a.jpg' at '{elsewhere}/batch/a.jpg'" in told
    assert "node " in told
    assert not shared.workshop.out.exists()


READER = """
import hashlib, json, pathlib, sys, time
for line in sys.stdin:
    request = json.loads(line)
    item = request["items"][0]
    image = pathlib.Path(item["image"])
    gate = pathlib.Path(request["params"]["gate"])
    while item["id"].startswith("held") and not gate.exists():
        time.sleep(0.01)
    answer = {**item, "digest": hashlib.sha256(image.read_bytes()).hexdigest()}
    print(json.dumps({"task": request["task"], "items": [answer]}), flush=True)
"""


class Remote:
    """Runs over a table of URLs, of steps that read each image."""

    def __init__(self, workshop: Workshop, served: Served, address: str) -> None:
        self.workshop, self.served, self._address = workshop, served, address
        self.cache, self.gate = workshop.folder / "cache", workshop.folder / "gate"
        program = workshop.folder / "program" / "reader.py"
        program.parent.mkdir()
        program.write_text(READER)
        self._command = [sys.executable, str(program)]

    def table(self, *names: str, **more: Any) -> None:
        """Recordings whose images the server has, unless it has been told otherwise."""
        for name in names:
            self.served.bodies.setdefault(f"/{name}.jpg", name.encode() * 1000)
        rows = (json.dumps({"id": name, "image": self.served.url(f"{name}.jpg"), **more}) for name in names)
        (self.workshop.batch / "recordings.jsonl").write_text("\n".join(rows))

    def step(self, name: str, **more: Any) -> dict[str, Any]:
        step = {"name": name, "image_ref": "none", "rung": "process", "command": self._command}
        return {**step, "params": {"gate": str(self.gate)}, "writes": False, **more}

    def run(self, *steps: dict[str, Any], size: str = "1g", local: bool = False) -> Summary:
        place: dict[str, Any] = {"cluster": self._address, "node_cache": f"{self.cache}:{size}"}
        return self.workshop.run(*(steps or (self.step("read"),)), **({} if local else place))

    def digests(self, step: str = "read") -> dict[str, str]:
        return {item["id"]: item["digest"] for item in self.workshop.items(step)}

    def are_read(self, step: str, *names: str) -> bool:
        """Whether the step has seen what the server has."""
        right = {name: hashlib.sha256(self.served.bodies[f"/{name}.jpg"]).hexdigest() for name in names}
        return self.digests(step) == right

    def ran(self) -> list[str]:
        """Tasks of the last session, one for each attempt."""
        with closing(sqlite3.connect(self.workshop.out / "journal.db")) as journal:
            query = (
                "SELECT task FROM attempts WHERE session = (SELECT MAX(session) FROM attempts) ORDER BY task"
            )
            return [task for (task,) in journal.execute(query)]


@pytest.fixture
def remote(workshop: Workshop, ray_address: str) -> Iterator[Remote]:
    with serving() as served:
        made = Remote(workshop, served, ray_address)
        yield made
        made.gate.touch()


def succeeded(summary: Summary) -> int:
    return sum(count for (_, status), count in summary.counts.items() if status == "succeeded")


class TestImagesByUrl:
    def test_the_node_fetches_them_and_keeps_them_for_the_next_step(self, remote: Remote) -> None:
        remote.table("a", "b", "c")
        summary = remote.run(remote.step("read"), remote.step("again"))
        assert (succeeded(summary), summary.failed) == (6, 0)
        assert remote.are_read("again", "a", "b", "c")
        assert sorted(remote.served.asked) == [(f"/{name}.jpg", 200) for name in "abc"]
        (item, *_) = remote.workshop.items("read")
        assert item["image"] == "/work/fetch/a/image.jpg"
        assert not (remote.workshop.out / "work/fetch").exists(), "the run folder has none"
        assert not list((remote.cache / "views").iterdir()), "the instances have ended"

    def test_what_has_not_changed_is_neither_asked_for_nor_worked_on_again(self, remote: Remote) -> None:
        remote.table("a", "b")
        remote.run()
        asked = len(remote.served.asked)
        remote.run()
        assert len(remote.served.asked) == asked
        with closing(sqlite3.connect(remote.workshop.out / "journal.db")) as journal:
            assert journal.execute("SELECT COUNT(*) FROM attempts").fetchone() == (2,)

    def test_one_machine_and_a_cluster_go_on_where_the_other_was(self, remote: Remote) -> None:
        remote.table("a", "b")
        remote.run()
        again = remote.run(local=True)
        assert succeeded(again) == 4
        with closing(sqlite3.connect(remote.workshop.out / "journal.db")) as journal:
            query = "SELECT COUNT(*) FROM attempts WHERE task LIKE 'read/%'"
            assert journal.execute(query).fetchone() == (2,)

    def test_a_change_is_noticed_when_it_is_fetched_again(self, remote: Remote) -> None:
        remote.table("a", "b")
        remote.run()
        remote.served.bodies["/a.jpg"] = b"another"
        more = remote.run(remote.step("read"), remote.step("again"))
        assert any(
            "1 images are others than when they were fetched before" in str(one) for one in more.findings
        )
        assert [task for task in remote.ran() if task.startswith("read")] == []
        mended = remote.run(remote.step("read"), remote.step("again"))
        assert remote.are_read("read", "a", "b")
        assert remote.are_read("again", "a", "b")
        assert remote.ran() == ["again/a", "read/a"]
        assert not any("others" in str(one) for one in mended.findings)

    def test_what_the_batch_says_of_an_image_makes_a_new_one_of_it(self, remote: Remote) -> None:
        remote.table("a", etag="v1")
        remote.run()
        remote.served.bodies["/a.jpg"] = b"another"
        remote.table("a", etag="v2")
        remote.run()
        assert remote.are_read("read", "a")

    def test_what_cannot_be_fetched_fails_and_the_others_do_not(self, remote: Remote) -> None:
        remote.table("a", "cut", "gone")
        del remote.served.bodies["/gone.jpg"]
        remote.served.cut.add("/cut.jpg")
        summary = remote.run()
        assert succeeded(summary) == 1
        failed = {
            failure.unit: (str(failure.error.kind), failure.error.message) for failure in summary.failures
        }
        assert failed["gone"][0] == "bad_input"
        assert "gone.jpg: the server said 404" in failed["gone"][1]
        assert failed["cut"][0] == "internal"
        assert "1500 of 3000 bytes arrived" in failed["cut"][1]
        assert remote.served.codes("gone.jpg") == [404]
        assert remote.served.codes("cut.jpg") == [200] * 3

    def test_a_cache_that_is_too_small_is_told_and_does_not_stop_anything(self, remote: Remote) -> None:
        remote.table(*(f"r{number}" for number in range(6)))
        summary = remote.run(size="1k")
        assert (succeeded(summary), summary.failed) == (6, 0)

    def test_a_step_that_reads_none_has_none_fetched(self, remote: Remote) -> None:
        remote.table("a")
        blind = remote.step("blind", command=[sys.executable, "-c", BLIND], reads=False)
        assert succeeded(remote.run(blind)) == 1
        assert remote.served.asked == []

    def test_a_cache_that_cannot_be_written_is_refused_by_name(self, remote: Remote) -> None:
        remote.table("a")
        remote.cache.touch()
        with pytest.raises(ClusterError, match=r"node .* cannot keep images: '.*cache' is no folder"):
            remote.run()
        assert not remote.workshop.out.exists()


BLIND = """
import json, sys
for line in sys.stdin:
    request = json.loads(line)
    print(json.dumps({"task": request["task"], "items": request["items"]}), flush=True)
"""
