"""Where steps find files, as text: the names that images, tasks and their folders have inside containers. Pure."""

from __future__ import annotations

import hashlib
import re
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

MOUNT = PurePosixPath("/batch")
"""Where every step finds the batch, read-only."""
WORK_MOUNT = PurePosixPath("/work")
"""Where every step finds the files that steps wrote."""
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp"})
"""The endings of image files' names, in lower case."""
FETCH = "fetch"
"""The name under which images given as URLs are fetched, as if by a step before the first."""
REPLAY = "replay"
"""Below the work folder, the folders of tasks that are run again by hand, each with a lock of its own."""
APART = ".apart"
"""Below the work folder, what instances on a cluster have written and nobody has taken over yet; no step's name."""
FETCHED = WORK_MOUNT / FETCH
"""Where steps find the images that the batch names by URL."""
_FETCHED = f"{FETCHED}/"
SCHEMES = frozenset({"http", "https", "s3", "gs"})
"""How URLs of images begin that are fetched."""
_URLS = tuple(f"{scheme}://" for scheme in SCHEMES)
_MAX_NAME = 120
_PLAIN = re.compile(r"(?=.*[^.])[A-Za-z0-9_.~-]{1,120}")
"""Ids that are folder names as they are, which most are."""


def mounted(image: str) -> str:
    """The path at which steps find an image that the batch has as ``image``."""
    # On text, because it is asked for every row and path objects take ten times as long.
    if not image or image[0] == "." or image[-1] == "/" or "//" in image or "/." in image:
        return str(MOUNT / image)
    return f"{MOUNT}/{image}"


def unmounted(path: str) -> str:
    """What the batch calls the image that steps find at ``path``."""
    return path.removeprefix(f"{MOUNT}/")


def is_url(image: str) -> bool:
    """Whether an image is to be fetched, and does not lie in the batch."""
    return image.startswith(_URLS)


def scheme(url: str) -> str:
    """How a URL begins: ``http``, ``https``, ``s3`` or ``gs``."""
    return url.partition(":")[0]


def is_fetched(path: str) -> bool:
    """Whether an image that steps find at ``path`` is one that the batch names by URL."""
    return path.startswith(_FETCHED)


def unit_folder(unit_id: str) -> str:
    """A folder name for any id: unique, a maximum of 120 characters, safe in a path and on a command line."""
    if _PLAIN.fullmatch(unit_id):
        return unit_id
    name = quote(unit_id, safe="")
    if set(name) == {"."}:
        name = name.replace(".", "%2E")
    if len(name) > _MAX_NAME:
        name = f"{name[:100]}~{hashlib.sha256(unit_id.encode()).hexdigest()[:16]}"
    return name


def task_mount(step: str, unit: str, work: PurePosixPath = WORK_MOUNT) -> str:
    """A task's own folder below the mounted ``work``."""
    return f"{work}/{step}/{unit_folder(unit)}"


def image_paths(value: Any) -> list[str]:
    """Every path that stands under an ``image`` key anywhere in an item, in the item's order."""
    found: list[str] = []
    _collect(value, found)
    return found


def _collect(value: Any, found: list[str]) -> None:
    # By exact types, which JSON has: this is asked of every item that comes and goes.
    kind = type(value)
    if kind is dict:
        for name, part in value.items():
            if name == "image" and type(part) is str:
                found.append(part)
            elif type(part) in _HOLDERS:
                _collect(part, found)
    elif kind is list:
        for part in value:
            if type(part) in _HOLDERS:
                _collect(part, found)


_HOLDERS = (dict, list)
