"""Files that are there whole or not at all, and folders that are gone altogether."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO


def write_json(path: Path, document: object) -> None:
    """Writes a readable JSON file so that it is there whole or not at all."""
    write_text(path, json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Writes a UTF-8 file so that it is there whole or not at all."""
    with written_aside(path) as file:
        file.write(text)


@contextmanager
def written_aside(path: Path) -> Iterator[TextIO]:
    """A UTF-8 file to write to that takes the place of ``path``, synced, when the block ends well."""
    aside = path.with_name(f".{path.name}.part")
    try:
        with aside.open("w", encoding="utf-8", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    sync(path.parent)


@contextmanager
def made_aside(path: Path) -> Iterator[Path]:
    """Where to make a file of any kind that takes the place of ``path``, synced, when the block ends well."""
    aside = path.with_name(f".{path.name}.part")
    aside.unlink(missing_ok=True)
    try:
        yield aside
        sync(aside)
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    sync(path.parent)


def remove_half_written(folder: Path) -> None:
    """Removes the files in ``folder`` that a process was writing when it died; the caller holds the lock."""
    for path in folder.glob(".*.part"):
        path.unlink()


def remove_tree(folder: Path) -> None:
    """Removes a folder that a step wrote to; what cannot be removed stays."""
    with suppress(RecursionError):
        shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():  # a step may nest folders more deeply than Python, or its open files, can follow
        subprocess.run(["rm", "-rf", "--", folder], check=False, stderr=subprocess.DEVNULL)


def sync(path: Path) -> None:
    """Makes a file's bytes, or the names in a folder, last through a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
