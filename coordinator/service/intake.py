"""From a request's body to a job whose images lie, checked and synced, in its upload folder."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import BinaryIO

from coordinator.contract import ErrorKind, TaskError
from coordinator.record.permissions import let_in
from coordinator.service.budget import Budget
from coordinator.service.costs import Cost, estimate
from coordinator.service.driver import LiveJob
from coordinator.service.folder import Missing, opened, pieces
from coordinator.service.holding import Holding, Share
from coordinator.service.jobs import File, Job
from coordinator.service.naming import stems
from coordinator.service.orders import Order, parse_order
from coordinator.service.outcome import check_outcome
from coordinator.service.pace import PaceLimits
from coordinator.service.photographs import Photograph, examine
from coordinator.service.privacy import in_public, make_public
from coordinator.service.rasters import raster
from coordinator.service.refusal import TOO_LARGE, Refused
from coordinator.service.room import check_room
from coordinator.service.securing import SMALL, Images, secured
from coordinator.service.settings import Settings
from coordinator.service.store import Store
from coordinator.service.uploads import (
    FILES,
    Form,
    Upload,
    UploadLimits,
    boundary_of,
    receive,
    too_long,
    write_new,
)

Examined = tuple[Photograph, Cost]
_NOTHING = Cost(seconds=0, memory=0)
_SHORT = 4096
"""Bytes of an order that is kept in mind."""


class Intake:
    """Receives what clients send, within the settings' limits."""

    def __init__(
        self, settings: Settings, store: Store, idle_workers: Callable[[], int], budget: Budget
    ) -> None:
        self._settings = settings
        self._budget = budget
        self._store = store
        self._idle_workers = idle_workers
        self._holding = Holding()
        self._limits = UploadLimits(
            files=settings.max_files,
            file_bytes=settings.max_file_bytes,
            request_bytes=settings.max_request_bytes,
            pace=PaceLimits(rate=settings.upload_rate, seconds=settings.upload_time),
        )

    async def take(
        self,
        headers: Mapping[str, str],
        chunks: AsyncIterator[bytes],
        accept: Callable[[Job, Images], LiveJob],
        owner: str | None = None,
    ) -> LiveJob:
        """Has the job that a request of ``owner`` asks for accepted. Raises Refused, and leaves nothing behind then."""
        promised = headers.get("content-length", "")
        if promised.isdecimal():
            if int(promised) > self._limits.request_bytes:
                raise too_long(self._limits)
            check_room(self._store.path, int(promised))
        boundary = boundary_of(headers.get("content-type", ""), headers.get("content-encoding", ""))
        with Share(self._holding) as share:
            return await self._received(chunks, boundary, accept, owner, share)

    async def _received(
        self,
        chunks: AsyncIterator[bytes],
        boundary: bytes,
        accept: Callable[[Job, Images], LiveJob],
        owner: str | None,
        share: Share,
    ) -> LiveJob:
        job_id = secrets.token_hex(8)
        with self._removed_on_failure(job_id):
            place = partial(self._store.upload, job_id)
            form = await receive(chunks, boundary, place, self._limits, share)

        def finish() -> LiveJob:  # goes on to its end even if nobody waits for it any more
            with self._removed_on_failure(job_id):
                job, uploads = self._make_job(job_id, form, owner)
                images = {
                    file.original: upload
                    for file, upload in zip(job.files, uploads, strict=True)
                    if file.is_image
                }
                with secured(images) as held:
                    return accept(job, held)

        # To lend a thread takes longer than a small image; it is written to the page cache, and not synced here.
        return finish() if _is_small(form) else await asyncio.to_thread(finish)

    def _make_job(self, job_id: str, form: Form, owner: str | None) -> tuple[Job, list[Upload]]:
        """The job, and its images as they lie in the store now."""
        order = _order(form.actions)
        self._check_number(order, len(form.uploads) + len(order.paths))
        fields = [f"{FILES}[{number}]" for number in range(len(form.uploads))]
        fields += [_of_path(number) for number in range(len(order.paths))]
        uploads = list(form.uploads)
        found = [self._examined(upload, field, order) for upload, field in zip(uploads, fields, strict=False)]
        if order.paths:
            # All that can be told is told before they are copied; and then of what has been copied.
            size = self._check_bytes(form, order.paths)
            seen = [self._seen(number, path, order) for number, path in enumerate(order.paths)]
            self._check_costs([*found, *seen], fields)
            check_room(self._store.path, size)
            for number, path in enumerate(order.paths):
                upload = self._copied(self._store.upload(job_id, len(uploads)), number, path)
                uploads.append(upload)
                found.append(self._examined(upload, _of_path(number), order))
        self._check_costs(found, fields)
        job = Job(
            id=job_id,
            created=time.time(),
            operations=order.operations,
            output=order.output,
            workers=self._idle_workers(),
            files=self._files(uploads, fields, found),
            owner=owner,
        )
        return job, uploads

    @contextmanager
    def _removed_on_failure(self, job_id: str) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._store.drop_uploads(job_id, self._settings.max_files)
            raise

    def _check_number(self, order: Order, images: int) -> None:
        if not images:
            raise Refused(FILES, "missing; send at least one image")
        if images > self._settings.max_files:
            raise Refused("actions.paths", f"more than {self._settings.max_files} images", TOO_LARGE)
        if images * order.results > self._settings.max_results:
            results = f"{images} x {order.results:,} results"
            raise Refused(
                "actions.operations",
                f"{results}; at most {self._settings.max_results:,} are allowed",
                TOO_LARGE,
            )

    def _check_costs(self, found: Sequence[Examined | Refused], fields: Sequence[str]) -> None:
        self._budget.check([_NOTHING if isinstance(one, Refused) else one[1] for one in found], fields)

    def _files(
        self, uploads: list[Upload], fields: Sequence[str], found: Sequence[Examined | Refused]
    ) -> tuple[File, ...]:
        """Gives the images their names, and stores them without metadata."""
        files = []
        for number, stem in enumerate(stems(upload.name for upload in uploads)):
            one, upload = found[number], uploads[number]
            if isinstance(one, Refused):
                upload.path.write_bytes(b"")  # its place is not left: files are counted by it
                files.append(_failed(upload.name, stem, one))
            else:
                uploads[number] = self._stored(upload, one[0], fields[number])
                files.append(_file(upload.name, stem, *one))
        return tuple(files)

    def _examined(self, upload: Upload, field: str, order: Order) -> Examined | Refused:
        """What a file is, and what it costs, or why it fails, if it may do so without the others.

        Raises Refused if it may not.
        """
        with upload.data() as data:
            try:
                photograph = examine(data, field, self._settings.max_pixels)
                check_outcome(photograph, order, field)
            except Refused as refused:
                if not order.lets_files_fail:
                    raise
                return refused
            promised = raster(data, photograph.suffix, photograph.width, photograph.height, photograph.parts)
        return photograph, estimate(promised, order.operations, order.output)

    def _stored(self, upload: Upload, photograph: Photograph, field: str) -> Upload:
        """The image in its place, as everybody may see it."""
        keeps_all = self._settings.keep_metadata
        if upload.content is None:
            if not keeps_all:
                make_public(upload.path, photograph, field)
        else:
            content = upload.content if keeps_all else in_public(upload.content, photograph, field)
            upload = replace(upload, content=content)
            write_new(upload.path, content)
        let_in(upload.path)
        return upload

    def _check_bytes(self, form: Form, paths: Sequence[str]) -> int:
        """The bytes of images that are named, which count as if they had been sent: they will be copied."""
        sent = sum(upload.path.stat().st_size for upload in form.uploads if upload.content is None)
        size = 0
        for number, path in enumerate(paths):
            with self._source(number, path) as file:
                size += os.fstat(file.fileno()).st_size
        if sent + size > self._limits.request_bytes:
            message = f"the images have more than {self._limits.request_bytes:,} bytes together"
            raise Refused("actions.paths", message, TOO_LARGE)
        return size

    def _seen(self, number: int, path: str, order: Order) -> Examined | Refused:
        """What a named image is where it lies. It is read, and not mapped: others may cut it short meanwhile."""
        field = _of_path(number)
        with self._source(number, path) as file:
            content = b"".join(pieces(file, field, self._settings.max_file_bytes))
            return self._examined(Upload(name=path, path=Path(file.name), content=content), field, order)

    def _copied(self, target: Path, number: int, path: str) -> Upload:
        """A named image among the job's own: what becomes of it elsewhere later does not touch the job."""
        with self._source(number, path) as file, target.open("wb") as copy:
            copy.writelines(pieces(file, _of_path(number), self._settings.max_file_bytes))
            return Upload(name=Path(file.name).name, path=target)

    @contextmanager
    def _source(self, number: int, path: str) -> Iterator[BinaryIO]:
        """An image below the configured folder, where it lies. Raises Refused."""
        field, root = _of_path(number), self._settings.images
        if root is None:
            raise Refused(field, "this service takes no images by path; send them as files")
        try:
            with opened(root, path, field, self._settings.max_file_bytes) as file:
                yield file
        except Missing as error:
            raise Refused(field, str(error)) from error


def _of_path(number: int) -> str:
    """What is blamed for an image that is named."""
    return f"actions.paths[{number}]"


def _order(actions: bytes) -> Order:
    """The order; of short ones, which clients repeat, the last ones are known. Raises Refused."""
    return _known_order(actions) if len(actions) <= _SHORT else parse_order(actions)


_known_order = lru_cache(maxsize=64)(parse_order)


def _failed(name: str, stem: str, why: Refused) -> File:
    error = TaskError(kind=ErrorKind.BAD_INPUT, message=why.message)
    return File(name=name, stem=stem, suffix="", width=0, height=0, error=error)


def _file(name: str, stem: str, photograph: Photograph, cost: Cost) -> File:
    return File(
        name=name,
        stem=stem,
        suffix=photograph.suffix,
        width=photograph.width,
        height=photograph.height,
        seconds=cost.seconds,
        memory=cost.memory,
    )


def _is_small(form: Form) -> bool:
    """Whether all that a request brought is in memory, and it names nothing else, as far as plain letters tell."""
    return (
        b'"paths"' not in form.actions
        and b"\\" not in form.actions
        and sum(SMALL + 1 if upload.content is None else len(upload.content) for upload in form.uploads)
        <= SMALL
    )
