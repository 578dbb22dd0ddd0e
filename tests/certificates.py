"""Certificates for TLS to this machine, made for one test."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path


def certificates(folder: Path) -> Path:
    """A folder with ``ca.pem``, ``cert.pem`` and ``key.pem`` for 127.0.0.1: one certificate, which signs itself."""
    folder.mkdir(parents=True)
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"),
            *(
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-addext",
                "subjectAltName=IP:127.0.0.1",
            ),
            *("-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")),
        ],
        check=True,
        capture_output=True,
    )
    shutil.copy(folder / "cert.pem", folder / "ca.pem")
    return folder
