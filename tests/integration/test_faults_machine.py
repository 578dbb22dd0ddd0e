"""How the machine is set up against a run: strict permissions, and an engine that sees other folders.

docs/faults.md lists these tests.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from coordinator.errors import ExitCode
from coordinator.runners.engine import Engine
from tests.integration.conftest import Workshop
from tests.integration.ran import ROOT

UMASKS = (0o027, 0o077)
RUNGS = ("fresh", "exec", "resident")
as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root's steps run as somebody else")
in_a_room = pytest.mark.skipif(
    os.getuid() != 0 or shutil.which("unshare") is None,
    reason="mounting what the engine does not see takes root",
)


def coordinator(*words: str | Path, umask: int = 0o022, before: str = "") -> tuple[int, str]:
    """Exit code and output of the command line, under a umask; ``before`` is done first, where only it sees mounts."""
    command = [sys.executable, "-m", "coordinator", *map(str, words)]
    if before:
        room = ["unshare", "--mount", "--propagation", "private"]
        command = [*room, "sh", "-ec", f'{before}; exec "$@"', "sh", *command]
    ended = subprocess.run(
        command, cwd=ROOT, umask=umask, capture_output=True, text=True, timeout=300, check=False
    )
    return ended.returncode, ended.stdout + ended.stderr


def steps(image_ref: str, *names: str) -> list[dict[str, Any]]:
    """Steps that each write a file, and read the one of the step before."""
    return [{"name": name, "image_ref": image_ref} for name in names]


def run(workshop: Workshop, *steps: dict[str, Any], rung: str = "fresh", **room: Any) -> tuple[int, str]:
    pipeline = workshop.pipeline(*steps)
    return coordinator(
        "run", workshop.batch, "--out", workshop.out, "--pipeline", pipeline, "--rung", rung, **room
    )


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The URL of a file that is what the survey's steps take for whole."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """It keeps no log."""

    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(hashlib.sha256(b"body").hexdigest().encode() + b"\nbody")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as found:
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{found.server_port}/a.jpg"
        found.shutdown()


@pytest.mark.usefixtures("engine")
class TestPermissions:
    @pytest.mark.parametrize("umask", UMASKS, ids="{:03o}".format)
    @pytest.mark.parametrize("rung", RUNGS)
    def test_a_strict_umask(self, workshop: Workshop, survey_image: str, rung: str, umask: int) -> None:
        """What steps need is open to them; the rest of the run folder is as the umask wants it."""
        workshop.photographs("a.jpg", "b.jpg")
        code, seen = run(workshop, *steps(survey_image, "detect", "recognise"), rung=rung, umask=umask)
        assert code == ExitCode.DONE, seen
        assert len(workshop.items("recognise")) == 2
        for path in (workshop.out, workshop.out / "failures", workshop.out / "journal.db"):
            assert mode(path) & umask == 0, path

    def test_images_fetched_under_a_strict_umask(
        self, workshop: Workshop, survey_image: str, server: str
    ) -> None:
        rows = f'{{"id": "a", "image": "{server}", "width": 8, "height": 4}}\n'
        (workshop.batch / "recordings.jsonl").write_text(rows)
        code, seen = run(workshop, *steps(survey_image, "recognise"), umask=0o077)
        assert code == ExitCode.DONE, seen

    @as_root
    def test_a_default_acl_that_closes_what_is_made(self, workshop: Workshop, survey_image: str) -> None:
        entries = ((0x01, 7, -1), (0x04, 5, -1), (0x20, 0, -1))  # owner rwx, group r-x, others nothing
        closed = b"".join(struct.pack("<HHi", *entry) for entry in entries)
        workshop.out.mkdir()
        try:
            os.setxattr(workshop.out, "system.posix_acl_default", struct.pack("<I", 2) + closed)
        except OSError:
            pytest.skip("this file system has no ACLs")
        workshop.photographs("a.jpg")
        code, seen = run(workshop, *steps(survey_image, "detect", "recognise"))
        assert code == ExitCode.DONE, seen
        assert mode(workshop.out / "failures") & 0o007 == 0

    def test_replay_under_a_strict_umask(self, workshop: Workshop, survey_image: str) -> None:
        """The task fails of its photograph again, and not of its folder."""
        workshop.photographs("a.jpg")
        assert run(workshop, *steps(survey_image, "recognise"), umask=0o077)[0] == ExitCode.SOME_FAILED
        code, seen = coordinator("replay", workshop.out, "recognise/a.jpg", umask=0o077)
        assert code == ExitCode.SOME_FAILED
        assert "PermissionError" not in seen
        assert "crash" in seen

    def test_check_step_under_a_strict_umask(self, tmp_path: Path, echo_image: str) -> None:
        code, seen = coordinator("check-step", echo_image, umask=0o077)
        assert code == ExitCode.DONE, seen

    @as_root
    def test_a_batch_that_steps_may_not_enter(self, workshop: Workshop, echo_image: str) -> None:
        workshop.photographs("a.jpg")
        workshop.batch.chmod(0o700)
        code, seen = run(workshop, *steps(echo_image, "echo"))
        assert code == ExitCode.REFUSED
        assert "steps run as user 65534 and group 65534, nobody" in seen
        assert f"may not enter '{workshop.batch}' (drwx------, user 0, group 0); chmod -R o+rX" in seen
        assert not workshop.out.exists()

    @as_root
    def test_photographs_that_steps_may_not_read(self, workshop: Workshop, echo_image: str) -> None:
        workshop.photographs("a.jpg", "b.jpg")
        (workshop.batch / "a.jpg").chmod(0o600)
        code, seen = run(workshop, *steps(echo_image, "echo"))
        assert code == ExitCode.DONE
        assert "1 of the first 2 photographs may not be read by the user whom steps run as" in seen
        (workshop.batch / "b.jpg").chmod(0o600)
        code, seen = run(workshop, *steps(echo_image, "echo"))
        assert code == ExitCode.REFUSED
        assert f"may not read the photographs: '{workshop.batch / 'a.jpg'}' (-rw-------" in seen


@in_a_room
class TestWhatTheEngineSees:
    """The coordinator is in a room of its own, where more is mounted than the engine sees."""

    def refused(self, workshop: Workshop, echo_image: str, before: str) -> str:
        code, seen = run(workshop, *steps(echo_image, "echo"), before=before)
        assert code == ExitCode.REFUSED, seen
        assert "the engine at unix://" in seen
        assert "unset DOCKER_HOST" in seen
        assert not (workshop.out / "journal.db").exists()
        return seen

    def test_no_such_batch(self, workshop: Workshop, echo_image: str, engine: Engine) -> None:
        """Half of the disk is mounted here alone."""
        workshop.photographs("a.jpg")
        moved, workshop.batch = workshop.batch, workshop.folder / "disk" / "batch"
        workshop.batch.parent.mkdir()
        seen = self.refused(
            workshop,
            echo_image,
            f"mount -t tmpfs none {workshop.batch.parent}; cp -r {moved} {workshop.batch}",
        )
        assert "does not see the folders of this run: POST /containers/create" in seen
        assert f"does not exist: {workshop.batch}" in seen

    def test_another_batch_in_its_place(self, workshop: Workshop, echo_image: str, engine: Engine) -> None:
        workshop.photographs("a.jpg")
        copy = f"cp -r {workshop.batch} {workshop.folder}/copy"
        mount = f"mount -t tmpfs none {workshop.batch}; cp {workshop.folder}/copy/* {workshop.batch}"
        seen = self.refused(workshop, echo_image, f"{copy}; sleep 0.1; {mount}")
        assert f"does not see '{workshop.batch}' as this machine has it" in seen

    def test_a_disk_below_the_batch(self, workshop: Workshop, echo_image: str, engine: Engine) -> None:
        workshop.photographs("in/a.jpg")
        inner = workshop.batch / "in"
        copy = f"cp {inner}/a.jpg {workshop.folder}"
        seen = self.refused(
            workshop,
            echo_image,
            f"{copy}; mount -t tmpfs none {inner}; cp {workshop.folder}/a.jpg {inner}/b.jpg",
        )
        assert f"does not see '{workshop.batch}' as this machine has it" in seen

    def test_another_disk_for_the_run_folder(
        self, workshop: Workshop, echo_image: str, engine: Engine
    ) -> None:
        workshop.photographs("a.jpg")
        workshop.out = workshop.folder / "disk" / "run"
        workshop.out.parent.mkdir()
        seen = self.refused(workshop, echo_image, f"sleep 0.1; mount -t tmpfs none {workshop.out.parent}")
        assert f"does not see '{workshop.out.parent}' as this machine has it" in seen
