"""Files that people name, and what may be there instead: nothing is waited for, and it is told what is there."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from coordinator.batch.folder import open_batch
from coordinator.batch.geojson import read_geojson
from coordinator.checkstep.requests import question
from coordinator.errors import CoordinatorError
from coordinator.formats import gpxfile, kittiraw, table, voc
from coordinator.formats.detections import read as read_detections
from coordinator.formats.tally import Tally
from coordinator.pipeline import load_pipeline
from coordinator.plainfile import NoFile, check_file, open_file, read_file
from coordinator.plan.machines import load_machines
from coordinator.record.sheet import read_sheet
from coordinator.runners.address import Address, Tls, engine_address
from coordinator.runners.line import Line


def ignore(_: object) -> None: ...


def over_tls(path: Path) -> None:
    Line(Address("tcp://box:2376", "DOCKER_HOST", Tls(path.parent)))


READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "pipeline": ("p.yaml", lambda path: load_pipeline(str(path))),
    "machines": ("m.yaml", load_machines),
    "request": ("r.json", lambda path: question(path.parent, request=str(path), item=None, params=None)),
    "review": ("review.csv", lambda path: read_sheet(path, ["id"], ["id"])),
    "truth": ("truth.geojson", read_geojson),
    "batch.yaml": ("batch.yaml", lambda path: open_batch(path.parent)),
    "table": ("recordings.csv", lambda path: table.find(path.parent)),
    "detections": ("detections.json", lambda path: read_detections(path.parent, ignore)),
    "VOC": ("a.xml", lambda path: voc.read(path.parent, ignore)),
    "track": ("track.gpx", lambda path: list(gpxfile.read_points(path, Tally()))),
    "KITTI": ("timestamps.txt", kittiraw.lines),
    "docker's config": ("config.json", lambda path: engine_address({"DOCKER_CONFIG": str(path.parent)})),
    "TLS": ("ca.pem", over_tls),
}
"""What reads a file that a user names, or lays where its name counts; and what that file may be called."""


@pytest.fixture(params=READERS)
def reader(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Callable[[Path], object]]:
    name, read = READERS[request.param]
    return tmp_path / name, read


@pytest.fixture
def pipe() -> Iterator[Callable[[Path], None]]:
    """Makes a pipe of which a reader, if one comes, finds the end at once: a test that is to fail must not hang."""
    made: list[tuple[Path, threading.Thread]] = []

    def make(path: Path) -> None:
        os.mkfifo(path)
        writer = threading.Thread(target=lambda: path.open("wb").close())
        writer.start()
        made.append((path, writer))

    yield make
    for path, writer in made:
        end = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        writer.join()
        os.close(end)


def refused(path: Path, read: Callable[[Path], object], kind: str) -> None:
    with pytest.raises(CoordinatorError, match=f"it is no file, but {kind}") as told:
        read(path)
    assert path.name in str(told.value)


def test_a_pipe(reader: tuple[Path, Callable[[Path], object]], pipe: Callable[[Path], None]) -> None:
    pipe(reader[0])
    refused(*reader, "a pipe")


def test_a_device(reader: tuple[Path, Callable[[Path], object]]) -> None:
    reader[0].symlink_to(os.devnull)
    refused(*reader, "a device")


def test_a_folder(reader: tuple[Path, Callable[[Path], object]]) -> None:
    reader[0].mkdir()
    refused(*reader, "a folder")


def test_a_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path may have a hundred letters
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("s")
    with pytest.raises(NoFile, match="a socket"):
        check_file(Path("s"))


def test_a_file_and_a_link_to_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"all")
    (tmp_path / "link").symlink_to("file")
    assert read_file(tmp_path / "link") == b"all"
    with open_file(tmp_path / "file") as file:
        assert file.read() == b"all"


def test_nothing_at_all(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_file(tmp_path / "none")


def test_what_a_shell_hands_over_is_read() -> None:
    """``--pipeline <(sed ... pipeline.yaml)``: somebody does write into that pipe."""
    end, far = os.pipe()
    os.write(far, b"all")
    os.close(far)
    try:
        assert read_file(Path(f"/dev/fd/{end}")) == b"all"
    finally:
        os.close(end)
