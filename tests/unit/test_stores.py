"""Images by s3:// and gs://: from a server that speaks S3 if the packages are there, else what is said of it."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from coordinator.contract import ErrorKind, TaskError
from coordinator.core.tasks import RemoteImage
from coordinator.runners import fetch, sources
from coordinator.runners.fetch import Fetched
from coordinator.runners.imagecache import ImageCache
from coordinator.session.options import RunOptions
from coordinator.session.preflight import PreflightError
from coordinator.session.run import run

NEVER = threading.Event()
MISSING = [name for name in ("moto", "s3fs", "flask") if importlib.util.find_spec(name) is None]


def image(url: str, size: int | None = None) -> RemoteImage:
    return RemoteImage(path="/work/fetch/a/image.jpg", url=url, size=size)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A bucket at a server of this machine, found as a real one is: by the environment."""
    if MISSING:
        pytest.skip(f"needs {', '.join(MISSING)}: pip install s3fs 'moto[server]'")
    import boto3  # type: ignore[import-not-found,unused-ignore]
    from moto.server import ThreadedMotoServer  # type: ignore[import-not-found,unused-ignore]

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    _forget_stores()
    client = boto3.client("s3")
    client.create_bucket(Bucket="town")
    yield client
    server.stop()
    _forget_stores()


def test_an_image_comes_from_s3(bucket: Any, tmp_path: Path) -> None:
    body = bytes(range(256)) * 50_000
    bucket.put_object(Bucket="town", Key="a b/a.jpg", Body=body)
    came = fetch.fetch(image("s3://town/a b/a.jpg", size=len(body)), tmp_path / "a.jpg", NEVER)
    assert isinstance(came, Fetched)
    assert came.tag is not None
    assert (tmp_path / "a.jpg").read_bytes() == body


def test_what_s3_has_not_is_bad_input(bucket: Any, tmp_path: Path) -> None:
    came = fetch.fetch(image("s3://town/gone.jpg"), tmp_path / "a.jpg", NEVER)
    assert isinstance(came, TaskError)
    assert came.kind is ErrorKind.BAD_INPUT
    assert came.message.startswith("s3://town/gone.jpg: the store said FileNotFoundError")
    assert not list(tmp_path.iterdir())


def test_a_store_that_cannot_be_reached_is_tried_again(
    bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    _forget_stores()
    came = fetch.fetch(image("s3://town/a.jpg"), tmp_path / "a.jpg", NEVER)
    assert isinstance(came, TaskError)
    assert came.kind is ErrorKind.INTERNAL


def test_another_run_sees_whether_it_has_changed_in_s3(bucket: Any, tmp_path: Path) -> None:
    bucket.put_object(Bucket="town", Key="a.jpg", Body=b"first")
    stamps = []
    for number, body in enumerate((b"first", b"first", b"second")):
        bucket.put_object(Bucket="town", Key="a.jpg", Body=body)
        _forget_stores()
        cache = ImageCache(tmp_path / "cache", 10**6, f"run {number}")
        stamps.append(cache.bring(image("s3://town/a.jpg"), NEVER))
        assert (cache.view / "a/image.jpg").read_bytes() == body
        cache.close()
    assert all(isinstance(stamp, str) for stamp in stamps)
    assert stamps[0] == stamps[1] != stamps[2]


def _forget_stores() -> None:
    """As in another process: fsspec keeps its connections and listings."""
    import s3fs  # type: ignore[import-untyped,import-not-found,unused-ignore]

    s3fs.S3FileSystem.clear_instance_cache()


class TestWithoutThePackages:
    @pytest.fixture(autouse=True)
    def nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sources, "_NEEDED", {"s3": "no_such_s3fs", "gs": "no_such_gcsfs"})

    def test_a_fetch_says_what_to_install(self, tmp_path: Path) -> None:
        came = fetch.fetch(image("gs://town/a.jpg"), tmp_path / "a.jpg", NEVER)
        assert isinstance(came, TaskError)
        assert came.kind is ErrorKind.BAD_INPUT
        assert came.message == (
            "gs://town/a.jpg needs no_such_gcsfs, not installed here; pip install 'coordinator[remote]'"
        )

    def test_a_run_is_refused_before_anything_is_written(self, tmp_path: Path) -> None:
        (tmp_path / "batch").mkdir()
        (tmp_path / "batch/recordings.jsonl").write_text('{"image": "s3://town/a.jpg"}\n')
        pipeline = "name: p\nsteps: [{name: s, image_ref: none, rung: process, command: [python3, -c, pass]}]"
        (tmp_path / "pipeline.yaml").write_text(pipeline)
        options = RunOptions(
            batch=tmp_path / "batch", out=tmp_path / "run", pipeline=str(tmp_path / "pipeline.yaml")
        )
        with pytest.raises(PreflightError, match=r"need no_such_s3fs, .*pip install 'coordinator\[remote\]'"):
            run(options, "a test")
        assert not (tmp_path / "run").exists()
