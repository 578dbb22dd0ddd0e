"""The log of accepted jobs: a row and small images of a job in one piece, which one sync makes last.

Two files of fixed size take turns, and neither is ever made longer where it can be helped: to overwrite what is there
needs no entry in the file system's own journal, so its sync is as quick as the disk allows. Each record carries the
generation in which it was written. Those of the generation that ``jobs.db`` names, and of the next one, count: what
an earlier one told is in ``jobs.db`` by the time that its file is written over.

    length of the rest, CRC-32 of the rest (8 bytes) | generation (8 bytes) | header as JSON, newline | images
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_LENGTH = 8 * 1024 * 1024
_FRAME, _GENERATION = struct.Struct("<II"), struct.Struct("<Q")


@dataclass(frozen=True, kw_only=True)
class Record:
    """That a job was accepted, as the registry keeps it, with its images by name; or, without both, removed."""

    job_id: str
    job: str | None
    originals: Mapping[str, bytes]


class AcceptLog:
    """The log of one data folder. The caller lets one thread in at a time, but for :meth:`sync`."""

    def __init__(self, folder: Path) -> None:
        """Opens or makes both files. Raises OSError."""
        self._files = [
            os.open(folder / f"accepted.{number}", os.O_RDWR | os.O_CREAT, 0o600) for number in range(2)
        ]
        for descriptor in self._files:
            if missing := _LENGTH - os.fstat(descriptor).st_size:
                _write(descriptor, bytes(max(0, missing)), _LENGTH - missing)
                os.fsync(descriptor)
        self._generation = 0
        self._end = 0

    def close(self) -> None:
        """Nothing may be asked of it afterwards."""
        for descriptor in self._files:
            os.close(descriptor)

    @property
    def is_full(self) -> bool:
        """Whether the other file should take its turn."""
        return self._end > _LENGTH // 2

    def records(self, generation: int) -> Iterator[Record]:
        """What was written in a generation, and in the next one, in order."""
        for each in (generation, generation + 1):
            yield from _records(self._files[each % 2], each)

    def begin(self, generation: int) -> None:
        """Begins a generation in the file of the one before the last."""
        descriptor = self._files[generation % 2]
        os.ftruncate(descriptor, _LENGTH)
        self._generation, self._end = generation, 0

    def append(self, record: Record) -> None:
        """Writes a record; it lasts once :meth:`sync` has been called. Raises OSError."""
        lengths = {name: len(content) for name, content in record.originals.items()}
        header = _encode({"id": record.job_id, "job": record.job, "originals": lengths})
        rest = b"".join(
            (_GENERATION.pack(self._generation), header.encode(), b"\n", *record.originals.values())
        )
        data = _FRAME.pack(len(rest), zlib.crc32(rest)) + rest
        _write(self._files[self._generation % 2], data, self._end)
        self._end += len(data)

    def sync(self, generation: int) -> None:
        """Makes all records of a generation last. Raises OSError."""
        os.fdatasync(self._files[generation % 2])

    @property
    def generation(self) -> int:
        """The generation that records are written in."""
        return self._generation


_encode = json.JSONEncoder(ensure_ascii=False).encode


def _records(descriptor: int, generation: int) -> Iterator[Record]:
    end = 0
    while len(frame := os.pread(descriptor, _FRAME.size, end)) == _FRAME.size:
        length, checksum = _FRAME.unpack(frame)
        rest = os.pread(descriptor, length, end + _FRAME.size)
        # What follows the last record is what an earlier generation, or a write that was cut short, has left.
        if length < _GENERATION.size or len(rest) < length or zlib.crc32(rest) != checksum:
            return
        if _GENERATION.unpack_from(rest)[0] != generation:
            return
        yield _record(rest[_GENERATION.size :])
        end += _FRAME.size + length


def _record(data: bytes) -> Record:
    header, _, content = data.partition(b"\n")
    told = json.loads(header)
    originals, start = {}, 0
    for name, length in told["originals"].items():
        originals[name] = content[start : start + length]
        start += length
    return Record(job_id=told["id"], job=told["job"], originals=originals)


def _write(descriptor: int, data: bytes, start: int) -> None:
    left = memoryview(data)
    while left:
        written = os.pwrite(descriptor, left, start)
        left, start = left[written:], start + written
