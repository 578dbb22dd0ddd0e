"""What lies in a batch's folder and is not read, by kind, with what to do about it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from coordinator.core.paths import IMAGE_SUFFIXES
from coordinator.findings import Finding, Level, named

_ADVICE = {
    "convert them to JPEG, for example with `heif-convert` or ImageMagick's `magick mogrify -format jpg`": {
        ".heic", ".heif", ".avif", ".jp2", ".j2k", ".jxl", ".gif", ".tga", ".psd", ".ppm", ".pgm", ".exr", ".hdr",
    },
    "develop them to JPEG or TIFF first": {
        ".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".raw", ".pef", ".srw",
    },
    "cut them into frames first, for example with `mapillary_tools sample_video` or ffmpeg": {
        ".mp4", ".mov", ".avi", ".mkv", ".m4v", ".mts", ".360", ".insv", ".lrv", ".webm",
    },
    "stitch them to panoramas first": {".insp"},
    "save a table as recordings.csv": {".xlsx", ".xls", ".ods", ".numbers"},
    "unpack them first": {".zip", ".tar", ".gz", ".tgz", ".7z", ".rar", ".bz2", ".xz", ".zst"},
}  # fmt: skip
_TABLE_LIKE = frozenset({
    ".csv", ".tsv", ".jsonl", ".json", ".geojson", ".xml", ".gpx", ".nmea", ".kml", ".fit",
    ".shp", ".gpkg", ".parquet", ".sqlite", ".db", ".yaml", ".yml", ".ndjson",
})  # fmt: skip
"""What most likely says something of the recordings."""
_OWN = frozenset({"batch.yaml", "regions.geojson", "truth.geojson"})
_PASSED_OVER = frozenset({"thumbs.db", "desktop.ini"})
_MAX_NAMES = 1000


@dataclass
class _Seen:
    images: int = 0
    others: Counter[str] = field(default_factory=Counter)
    """By suffix."""
    tables: list[str] = field(default_factory=list)


def unread(folder: Path, read: Collection[Path], *, listed: int | None) -> Iterator[Finding]:
    """What there is to say of the files below ``folder``; ``read`` are those that count beside the images.

    ``listed`` is the number of images that a table names and that are there, None if every image is a recording.
    """
    seen = _Seen()
    for inner, name, suffix in _files(folder):
        if suffix in IMAGE_SUFFIXES:
            seen.images += 1
        elif (
            name not in _OWN
            and name.lower() not in _PASSED_OVER
            and not _is_read(path := Path(inner, name), read)
        ):
            if suffix not in _TABLE_LIKE:
                seen.others[suffix or "without a suffix"] += 1
            elif len(seen.tables) < _MAX_NAMES:
                seen.tables.append(path.relative_to(folder).as_posix())
    yield from _findings(seen, listed)


def _is_read(path: Path, read: Collection[Path]) -> bool:
    return any(path == one or one in path.parents for one in read)


def _files(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Every file: its folder, its name and its suffix in lower case; hidden ones are passed over."""
    for inner, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                yield inner, name, os.path.splitext(name)[1].lower()  # noqa: PTH122 (asked of every file)


def _findings(seen: _Seen, listed: int | None) -> Iterator[Finding]:
    for advice, suffixes in _ADVICE.items():
        counts = {suffix: seen.others.pop(suffix) for suffix in sorted(suffixes) if seen.others[suffix]}
        if counts:
            text = f"not read: {_counted(counts)}; {advice}"
            yield Finding(kind="files-not-read", level=Level.WARNING, text=text)
    if seen.tables:
        advice = "name a table of recordings recordings.csv; docs/running.md lists what else is read"
        text = f"not read: {named(seen.tables)}; {advice}"
        yield Finding(kind="tables-not-read", level=Level.WARNING, text=text)
    others = {suffix: count for suffix, count in seen.others.items() if count}
    if others:
        yield Finding(kind="other-files", level=Level.NOTE, text=f"not read: {_counted(others)}")
    if listed is not None and seen.images > listed:
        text = f"{seen.images - listed:,} of {seen.images:,} image files are in no row of the table, and take no part"
        yield Finding(kind="images-not-listed", level=Level.WARNING, text=text)


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(
        f"{count:,} {suffix}" for suffix, count in sorted(counts.items(), key=lambda pair: -pair[1])
    )
