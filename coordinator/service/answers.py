"""Answers in the form that a client asks for: a job as text or JSON, errors likewise, folders as lists. Pure."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Iterator, Mapping

from coordinator.service.jobs import Job, JobState
from coordinator.service.naming import quoted
from coordinator.service.refusal import TOO_SLOW, Refused
from coordinator.strictjson import Json

JSON, TEXT = "application/json", "text/plain"


def prefers_json(accept: str) -> bool:
    """Whether an Accept header ranks JSON above plain text; a client that takes anything is a plain one.

    Of two that it ranks alike, it is the one that it names, and of two that it names, the first.
    """
    ranks = dict(_ranks(accept))
    as_json = _rank(ranks, JSON)
    return as_json[0] > 0 and as_json > _rank(ranks, TEXT)


def _rank(ranks: Mapping[str, float], kind: str) -> tuple[float, int, int]:
    """How much a type is wanted; then, how closely it is named; then, how early."""
    for farness, name in enumerate((kind, f"{kind.partition('/')[0]}/*", "*/*")):
        if name in ranks:
            return ranks[name], -farness, -list(ranks).index(name)
    return 0.0, 0, 0


def _ranks(accept: str) -> Iterator[tuple[str, float]]:
    for entry in accept.split(","):
        kind, *parameters = (part.strip().lower() for part in entry.split(";"))
        rank = next((text[2:] for text in parameters if text.startswith("q=")), "1")
        try:
            yield kind, float(rank)
        except ValueError:
            yield kind, 0.0


def error_json(field: str, message: str) -> Json:
    """A refusal as JSON: which field is to blame, and why."""
    return {"error": {"field": field, "message": message}}


def refusal_headers(refused: Refused) -> dict[str, str]:
    """When to come again, in seconds, if the refusal says so; and the connection's end, if its body still drips.

    No cache keeps it: what is wrong now may be right soon.
    """
    headers = {"Cache-Control": "no-store"}
    if refused.retry_after is not None:
        headers["Retry-After"] = str(refused.retry_after)
    return {**headers, "Connection": "close"} if refused.status is TOO_SLOW else headers


def plain(job: Job) -> str:
    """``OK``, or what went wrong with which file, a line each."""
    if job.state is JobState.DONE:
        return "OK"
    return "".join(
        f"files[{number}] {json.dumps(file.name, ensure_ascii=False)}: {file.error.kind}: {file.error.message}\n"
        for number, file in enumerate(job.files)
        if file.error
    )


def job_headers(job: Job) -> dict[str, str]:
    """Where a job is found, for clients that do not read its document."""
    return {"Location": f"/jobs/{job.id}", "X-Job-ID": job.id}


def event(name: str, document: Json) -> bytes:
    """One server-sent event."""
    return f"event: {name}\ndata: {json.dumps(document, ensure_ascii=False)}\n\n".encode()


def listing(title: str, names: Iterable[str]) -> str:
    """A folder as a page of links; the names of folders end with a slash."""
    links = "".join(
        f'<li><a href="{quoted(name)}">{html.escape(name)}</a></li>\n' for name in ("../", *names)
    )
    shown = html.escape(title)
    return f'<!doctype html>\n<meta charset="utf-8">\n<title>{shown}</title>\n<h1>{shown}</h1>\n<ul>\n{links}</ul>\n'
