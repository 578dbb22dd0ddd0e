"""All results of a job as one zip file, made while it is sent: no more than a piece of it is in memory."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

_PIECE = 256 * 1024


class _Sink(io.RawIOBase):
    """Takes what the archive writes until it is fetched. It cannot be wound back, so the archive needs not to be."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        piece = bytes(data)  # type: ignore[call-overload]
        self._pieces.append(piece)
        return len(piece)

    def fetch(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


def zipped(files: Iterable[tuple[str, Path]]) -> Iterator[bytes]:
    """The bytes of a zip file of these names and files, which images are not compressed in: they are already.

    Raises OSError for a file that is gone, as when its job is removed meanwhile: what was sent by then is no whole zip.
    """
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED, strict_timestamps=False) as archive:
        for name, path in files:
            entry = zipfile.ZipInfo.from_file(path, name, strict_timestamps=False)
            with path.open("rb") as source, archive.open(entry, "w") as into:
                while piece := source.read(_PIECE):
                    into.write(piece)
                    yield sink.fetch()
    yield sink.fetch()
