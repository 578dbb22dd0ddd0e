"""A registry of one image on this machine: as much of the registry protocol as a pull needs."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import docker

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG = "application/vnd.docker.container.image.v1+json"
_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


@dataclass
class Registry:
    """What is served, by digest; ``withheld`` are blobs of which only a half is sent."""

    address: str = ""
    manifest: bytes = b""
    blobs: dict[str, bytes] = field(default_factory=dict)
    withheld: set[str] = field(default_factory=set)

    def offer(self, client: docker.DockerClient, image_ref: str) -> str:
        """Serves the image that the engine has under a reference; returns the reference to pull."""
        saved = io.BytesIO(b"".join(client.images.get(image_ref).save()))
        with tarfile.open(fileobj=saved) as archive:
            files = {member.name: archive.extractfile(member) for member in archive}
            contents = {name: file.read() for name, file in files.items() if file is not None}
        (described,) = json.loads(contents["manifest.json"])
        config = self._keep(contents[described["Config"]])
        layers = [self._keep(gzip.compress(contents[name], mtime=0)) for name in described["Layers"]]
        parts = {
            "config": {"mediaType": _CONFIG, **config},
            "layers": [{"mediaType": _LAYER, **layer} for layer in layers],
        }
        self.manifest = json.dumps({"schemaVersion": 2, "mediaType": _MANIFEST, **parts}).encode()
        return f"{self.address}/offered:latest"

    def _keep(self, blob: bytes) -> dict[str, object]:
        digest = f"sha256:{hashlib.sha256(blob).hexdigest()}"
        self.blobs[digest] = blob
        return {"digest": digest, "size": len(blob)}


@contextmanager
def registry() -> Iterator[Registry]:
    """A registry on the loopback, which engines trust without TLS."""
    served = Registry()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.rpartition("/")[2]
            if self.path == "/v2/":
                self._send(b"{}", "application/json")
            elif self.path.startswith("/v2/offered/manifests/") and served.manifest:
                self._send(served.manifest, _MANIFEST)
            elif name in served.blobs:
                self._send(served.blobs[name], "application/octet-stream", half=name in served.withheld)
            else:
                fault = {"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}
                self._send(json.dumps({"errors": [fault]}).encode(), "application/json", status=404)

        do_HEAD = do_GET

        def _send(self, body: bytes, kind: str, *, half: bool = False, status: int = 200) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Docker-Content-Digest", f"sha256:{hashlib.sha256(body).hexdigest()}")
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body[: len(body) // 2] if half else body)

        def log_message(self, format: str, *arguments: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.address = f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
