"""From a request's body to a job whose images lie, checked and synced, in its upload folder."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from coordinator.record.permissions import let_in
from coordinator.service.driver import LiveJob
from coordinator.service.jobs import File, Job
from coordinator.service.naming import stems
from coordinator.service.orders import Order, parse_order
from coordinator.service.pace import PaceLimits
from coordinator.service.photographs import examine
from coordinator.service.refusal import TOO_LARGE, Refused
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
    write_all,
)


class Intake:
    """Receives what clients send, within the settings' limits."""

    def __init__(self, settings: Settings, store: Store, idle_workers: Callable[[], int]) -> None:
        self._settings = settings
        self._store = store
        self._idle_workers = idle_workers
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
        if promised.isdecimal() and int(promised) > self._limits.request_bytes:
            raise too_long(self._limits)
        boundary = boundary_of(headers.get("content-type", ""))
        job_id = secrets.token_hex(8)
        with self._removed_on_failure(job_id):
            place = partial(self._store.upload, job_id)
            form = await receive(chunks, boundary, place, self._limits)

        def finish() -> LiveJob:  # goes on to its end even if nobody waits for it any more
            with self._removed_on_failure(job_id):
                job = replace(self._make_job(job_id, form), owner=owner)
                images = {
                    file.original: self._store.upload(job_id, number) for number, file in enumerate(job.files)
                }
                known = {
                    file.original: upload.content
                    for file, upload in zip(job.files, form.uploads, strict=False)
                }
                with secured(images, known) as held:
                    return accept(job, held)

        # To lend a thread takes longer than a small image; it is written to the page cache, and not synced here.
        return finish() if _is_small(form) else await asyncio.to_thread(finish)

    def _make_job(self, job_id: str, form: Form) -> Job:
        order = parse_order(form.actions)
        self._check_number(order, len(form.uploads) + len(order.paths))
        sources = [self._source(number, path) for number, path in enumerate(order.paths)]
        sent = (upload for upload in form.uploads if upload.content is None)
        self._check_bytes(upload.path for upload in (*sent, *sources))
        named = [
            _copied(self._store.upload(job_id, len(form.uploads) + number), number, source)
            for number, source in enumerate(sources)
        ]
        uploads = (*form.uploads, *named)
        fields = [f"{FILES}[{number}]" for number in range(len(form.uploads))]
        fields += [f"actions.paths[{number}]" for number in range(len(named))]
        return Job(
            id=job_id,
            created=time.time(),
            operations=order.operations,
            output=order.output,
            workers=self._idle_workers(),
            files=tuple(self._files(uploads, fields)),
        )

    @contextmanager
    def _removed_on_failure(self, job_id: str) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._store.drop_uploads(job_id, self._settings.max_files)
            raise

    def _check_number(self, order: Order, images: int) -> None:
        if not images:
            raise Refused(FILES, "missing; send at least one JPEG or PNG image")
        if images > self._settings.max_files:
            raise Refused("actions.paths", f"more than {self._settings.max_files} images", TOO_LARGE)
        if images * order.results > self._settings.max_results:
            results = f"{images} x {order.results:,} results"
            raise Refused(
                "actions.operations",
                f"{results}; at most {self._settings.max_results:,} are allowed",
                TOO_LARGE,
            )

    def _files(self, uploads: Sequence[Upload], fields: Sequence[str]) -> list[File]:
        """Examines the images, and gives them their names."""
        files = []
        for upload, stem, field in zip(
            uploads, stems(upload.name for upload in uploads), fields, strict=True
        ):
            if upload.content is not None:
                with upload.path.open("wb", buffering=0) as written:
                    write_all(written, upload.content)
            let_in(upload.path)
            found = examine(upload.path, field, self._settings.max_pixels)
            file = File(
                name=upload.name, stem=stem, suffix=found.suffix, width=found.width, height=found.height
            )
            files.append(file)
        return files

    def _check_bytes(self, images: Iterable[Path]) -> None:
        """Images that are named count as if they had been sent: they will be copied."""
        if sum(image.stat().st_size for image in images) > self._limits.request_bytes:
            message = f"the images have more than {self._limits.request_bytes:,} bytes together"
            raise Refused("actions.paths", message, TOO_LARGE)

    def _source(self, number: int, path: str) -> Upload:
        """An image below the configured folder, within all limits, where it lies."""
        field = f"actions.paths[{number}]"
        root = self._settings.images
        if root is None:
            raise Refused(field, "this service takes no images by path; send them as files")
        try:
            source = (root / path).resolve()
            if not source.is_relative_to(root) or not source.is_file():
                raise Refused(field, "names no image below the configured folder")
            if source.stat().st_size > self._settings.max_file_bytes:
                raise Refused(field, f"is larger than {self._settings.max_file_bytes:,} bytes", TOO_LARGE)
            examine(source, field, self._settings.max_pixels)
        except (OSError, ValueError) as error:
            raise Refused(field, "names no image that can be read") from error
        return Upload(name=source.name, path=source)


def _is_small(form: Form) -> bool:
    """Whether all that a request brought is in memory, and it names nothing else."""
    return (
        b'"paths"' not in form.actions
        and sum(SMALL + 1 if upload.content is None else len(upload.content) for upload in form.uploads)
        <= SMALL
    )


def _copied(target: Path, number: int, source: Upload) -> Upload:
    """A named image among the job's own: what becomes of it elsewhere later does not touch the job."""
    try:
        copy = Path(shutil.copyfile(source.path, target))
    except FileNotFoundError as error:
        raise Refused(f"actions.paths[{number}]", "names no image that can be read") from error
    return replace(source, path=copy)
