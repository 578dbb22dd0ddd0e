"""The settings of ``serve`` as flags: one table for the command line, its help, and the environment.

Nothing heavy is imported here: the table is read for ``serve --help``, which needs none of the optional extra.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from coordinator.service.rendered.prefixes import prefixes, private_prefixes

PREFIX = "COORDINATOR_"
_UNITS = {"k": 1024, "m": 1024**2, "g": 1024**3}


def given(text: str) -> str:
    """Any text but none. Raises ValueError: who sets something to nothing may have meant a variable that is empty."""
    if not text:
        raise ValueError("is empty; leave it out to go without")
    return text


def folder(text: str) -> Path:
    """A folder that is there. Raises ValueError."""
    path = Path(given(text)).resolve()
    if not path.is_dir():
        raise ValueError(f"{text!r} is no folder")
    return path


def size(text: str) -> int:
    """Bytes from ``1000`` or ``64m`` (powers of 1024). Raises ValueError."""
    unit = _UNITS.get(text[-1:].lower(), 1)
    try:
        return count(text[:-1] if unit > 1 else text) * unit
    except ValueError as error:
        forms = "a whole number from 1 on, of bytes, or of k, m or g as in 10g"
        raise ValueError(f"{text!r} is not a size: {forms}") from error


def count(text: str) -> int:
    """A whole number from 1 on. Raises ValueError."""
    if not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise ValueError(f"{text!r} is not a whole number from 1 on")
    return int(text)


def port(text: str) -> int:
    """0 (a free one) to 65535. Raises ValueError."""
    if not text.isascii() or not text.isdecimal() or int(text) > 65535:
        raise ValueError(f"{text!r} is not a port")
    return int(text)


def duration(text: str) -> float:
    """A number greater than 0. Raises ValueError."""
    value = float(text)
    if not 0 < value < 1e9:
        raise ValueError(f"{text!r} is not a length of time")
    return value


def switch(text: str) -> bool:
    """Yes or no. Raises ValueError."""
    if text not in ("yes", "no"):
        raise ValueError(f"{text!r} is neither yes nor no")
    return text == "yes"


def names(text: str) -> tuple[str, ...]:
    """Names of hosts from ``a.example, b``. Raises ValueError for one that has a port or is none."""
    found = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in found:
        if not re.fullmatch(r"[A-Za-z0-9_.-]+", name):
            raise ValueError(f"{name!r} is not the name of a host, without a port")
    return found


def rung(text: str) -> str:
    """Raises ValueError for a rung that keeps no worker warm."""
    if text not in ("resident", "process"):
        raise ValueError(f"{text!r} is neither resident nor process")
    return text


class Flag(NamedTuple):
    """One setting. ``default`` is the text that stands for it; None is a setting that may be absent."""

    name: str
    parse: Callable[[str], object]
    default: str | None
    metavar: str
    help: str

    @property
    def option(self) -> str:
        """As it is written on the command line."""
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """As it is named in the environment."""
        return PREFIX + self.name.upper()


FLAGS = (
    Flag("host", str, "127.0.0.1", "ADDRESS", "address to listen on"),
    Flag("port", port, "8000", "PORT", "port to listen on, 0 for a free one"),
    Flag(
        "hosts",
        names,
        "",
        "NAMES",
        "further names of this machine, separated by commas, by which it may be asked",
    ),
    Flag("token", given, None, "TOKEN", "what a caller must know, to see and do everything"),
    Flag("keys", given, None, "FILE", "names and keys of callers, each of whom sees only their own jobs"),
    Flag("data", str, "data", "DIR", "folder of all jobs and results"),
    Flag("rung", rung, "resident", "RUNG", "how workers run: resident (containers) or process"),
    Flag("image_ref", str, "coordinator/imaging", "IMAGE_REF", "the workers' container image"),
    Flag("workers", count, None, "N", "workers; without it, one per CPU"),
    Flag("worker_memory", size, "2g", "SIZE", "memory of one worker's container"),
    Flag("task_timeout", duration, "120", "S", "maximum number of seconds that a worker takes for one task"),
    Flag(
        "running",
        count,
        "8",
        "N",
        "maximum number of small jobs at work at a time, and half as many large ones",
    ),
    Flag(
        "waiting", count, "128", "N", "maximum number of further jobs that wait; beyond it requests get 429"
    ),
    Flag("max_files", count, "64", "N", "maximum number of images in one request"),
    Flag("max_results", count, "4096", "N", "maximum number of results of one request"),
    Flag("max_file_bytes", size, "64m", "SIZE", "maximum size of one image's file"),
    Flag("max_request_bytes", size, "512m", "SIZE", "maximum size of one request"),
    Flag("max_pixels", count, "100000000", "N", "maximum number of pixels of one image"),
    Flag(
        "max_work", duration, "600", "S", "maximum number of seconds of a worker for one request, by estimate"
    ),
    Flag(
        "upload_rate", size, "1k", "SIZE", "least number of bytes a second of an upload, in every 30 s of it"
    ),
    Flag("upload_time", duration, "3600", "S", "maximum number of seconds that an upload takes"),
    Flag("images", folder, None, "DIR", "folder whose images may be named by path; without it, none may"),
    Flag("sign_key", given, None, "KEY", "what signs URLs of pictures (/image/)"),
    Flag("sign_keys", given, None, "FILE", "names and keys, each of which signs URLs of pictures"),
    Flag("unsigned", switch, "no", "YES", "yes: /image/unsafe/ is open, without a signature"),
    Flag(
        "sources",
        prefixes,
        "",
        "URLS",
        "prefixes of URLs, separated by commas, below which sources may lie",
    ),
    Flag(
        "private_sources",
        private_prefixes,
        "",
        "URLS",
        "the same for hosts whose addresses may be private",
    ),
    Flag(
        "source_time", duration, "10", "S", "maximum number of seconds in which a source comes from its URL"
    ),
    Flag("image_age", duration, "3600", "S", "seconds for which caches may use a picture without asking"),
    Flag("keep_rendered", size, "1g", "SIZE", "maximum size of kept pictures and fetched sources"),
    Flag(
        "keep_metadata",
        switch,
        "no",
        "YES",
        "yes: originals keep places, serial numbers and all other metadata",
    ),
    Flag("keep", duration, "24", "H", "hours after which a finished job is removed"),
    Flag(
        "keep_bytes",
        size,
        "10g",
        "SIZE",
        "maximum size of all finished jobs; beyond it the oldest are removed",
    ),
    Flag(
        "grace", duration, "30", "S", "maximum number of seconds that running jobs take to end after SIGTERM"
    ),
)


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Every setting as an option of ``parser``; what is not given stays None."""
    for flag in FLAGS:
        default = f"default: {flag.default}; " if flag.default else ""
        alone: dict[str, Any] = {"nargs": "?", "const": "yes"} if flag.parse is switch else {}
        text = f"{flag.help} ({default}{flag.variable})"
        parser.add_argument(flag.option, metavar=flag.metavar, help=text, **alone)
