"""Which files of a batch tell of its recordings: the first format that is there, or the one that was asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from coordinator.batch.imagefiles import image_files
from coordinator.batch.recording import BadRecording
from coordinator.errors import BatchError, UsageError
from coordinator.findings import Finding, Level, Tell
from coordinator.formats import table
from coordinator.formats.format import File, Format
from coordinator.formats.recordings import NAMES, TABLE, formats_found
from coordinator.formats.row import Entry

PHOTOGRAPHS = "photographs"
"""The format of a batch in which no file but the images themselves tells of its recordings."""
FORMAT_NAMES = (*NAMES, PHOTOGRAPHS)


@dataclass(frozen=True, kw_only=True)
class Source:
    """What tells of a batch's recordings. ``path`` is None if only the photographs do; ``others`` are not read."""

    folder: Path
    format: Format | None
    path: Path | None
    projected: bool = False
    """Whether the batch names a CRS, in which poses without longitude and latitude may be."""
    others: tuple[tuple[Format, Path], ...] = ()

    @property
    def name(self) -> str:
        return self.format.name if self.format else PHOTOGRAPHS

    def entries(self, tell: Tell) -> Iterator[Entry | BadRecording]:
        """What is told of each recording, one at a time. Raises BatchError for a file that cannot be read at all."""
        if self.format is not None and self.path is not None:
            yield from self.format.read(File(self.path, self.folder, self.projected), tell)
            return
        for path in image_files(self.folder):
            if isinstance(path, BadRecording):
                yield path
            else:
                name = path.relative_to(self.folder).as_posix()
                yield name, {"image": name}

    def findings(self) -> Iterator[Finding]:
        """The other files that would tell of recordings."""
        if not self.others:
            return
        listed = ", ".join(f"{path.name} ({known.name})" for known, path in self.others)
        advice = "remove it" if len(self.others) == 1 else "remove them"
        counts = self.path.name if self.path else "only the photographs"
        yield Finding(
            kind="source-not-read",
            level=Level.WARNING,
            text=f"not read: {listed}, because {counts} counts; {advice}, or choose with --format",
        )


def choose(folder: Path, wanted: str | None, *, projected: bool) -> Source:
    """The source of a batch's recordings.

    Raises UsageError for a format that does not exist, BatchError if there is no file of the one that was asked for.
    """
    if wanted is not None and wanted not in FORMAT_NAMES:
        raise UsageError(f"no format {wanted!r}; there are {', '.join(FORMAT_NAMES)}")
    found = formats_found(folder)
    twins = [(TABLE, path) for path in table.candidates(folder)[1:]]
    if wanted == PHOTOGRAPHS or (wanted is None and not found):
        return Source(folder=folder, format=None, path=None, others=(*found, *twins))
    chosen = next((pair for pair in found if wanted in (None, pair[0].name)), None)
    if chosen is None:
        raise BatchError(f"batch {str(folder)!r} holds nothing in the format {wanted!r}")
    others = (*(pair for pair in found if pair is not chosen), *twins)
    return Source(folder=folder, format=chosen[0], path=chosen[1], projected=projected, others=others)
