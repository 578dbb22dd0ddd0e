"""What the OpenAPI document says of requests and answers. The service's own checks are stricter and say more."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from coordinator.service.orders import BLURS, MAX_OPERATIONS, OUTPUTS

Document = dict[str, Any]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Progress(_Answer):
    """Tasks of the job."""

    done: int
    expected: int


class Links(_Answer):
    """Where the rest of the job is found."""

    self: str
    events: str
    files: str
    zip: str


class FileError(_Answer):
    """Why a file has no results."""

    kind: str
    message: str


class JobFile(_Answer):
    """One image of the job; its results and original are there once the job has ended."""

    name: str = Field(description="as the client named it")
    original: str | None = Field(description="none of a file that was no image")
    results: list[str]
    error: FileError | None


class JobDocument(_Answer):
    """A job."""

    id: str = Field(pattern="^[0-9a-f]{16}$")
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    created: str = Field(json_schema_extra={"format": "date-time"})
    finished: str | None
    operations: list[list[Any]]
    output: Literal["jpg", "png", "webp"]
    progress: Progress
    links: Links
    files: list[JobFile]


class _Blame(_Answer):
    field: str
    message: str


class ErrorDocument(_Answer):
    """Why a request was refused, and what of it is to blame."""

    error: _Blame


class Health(_Answer):
    """Whether the service takes requests."""

    status: Literal["ok", "starting", "stopping"]
    workers: int


_NAME_AND_VALUE = (
    (
        "resize",
        {
            "type": "string",
            "pattern": "^([1-9][0-9]{0,4}x([1-9][0-9]{0,4})?|x[1-9][0-9]{0,4}|[1-9][0-9]{0,2}%)$",
        },
    ),
    ("split", {"const": True}),
    ("blur", {"enum": list(BLURS)}),
    ("fit", {"type": "string", "pattern": "^([1-9][0-9]{0,4}x([1-9][0-9]{0,4})?|x[1-9][0-9]{0,4})$"}),
    ("crop", {"type": "string", "pattern": "^[1-9][0-9]{0,4}x[1-9][0-9]{0,4}([+][0-9]{1,5}[+][0-9]{1,5})?$"}),
    ("quality", {"type": "integer", "minimum": 1, "maximum": 100}),
)
_ACTIONS: Document = {
    "type": "object",
    "required": ["operations", "output"],
    "additionalProperties": False,
    "properties": {
        "operations": {
            "type": "array",
            "maxItems": MAX_OPERATIONS,
            "items": {
                "oneOf": [
                    {
                        "type": "array",
                        "prefixItems": [{"const": name}, value],
                        "minItems": 2,
                        "maxItems": 2,
                    }
                    for name, value in _NAME_AND_VALUE
                ]
            },
        },
        "output": {"enum": list(OUTPUTS)},
        "bad_files": {
            "enum": ["refuse", "fail"],
            "description": "whether a file that is no image has the request refused, or fails by itself",
        },
        "paths": {
            "type": "array",
            "items": {"type": "string", "minLength": 1},
            "description": "images below the folder that the operator configured",
        },
    },
    "example": {
        "operations": [["resize", "200x300"], ["split", True], ["blur", "gaussian"]],
        "output": "jpg",
    },
}
BODY: Document = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["actions", "files"],
                    "properties": {
                        "actions": _ACTIONS,
                        "files": {
                            "type": "array",
                            "minItems": 1,
                            "items": {
                                "type": "string",
                                "format": "binary",
                                "description": "JPEG, PNG, WebP, GIF, AVIF, HEIC",
                            },
                        },
                    },
                },
                "encoding": {
                    "actions": {"contentType": "application/json"},
                    "files": {
                        "contentType": "image/jpeg, image/png, image/webp, image/gif, image/avif, image/heic"
                    },
                },
            }
        },
    }
}
EVENT: Document = {
    "type": "object",
    "required": ["event", "data"],
    "properties": {
        "event": {"enum": ["progress", "end"]},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "description": "the job's state and progress; at the end, the whole job",
        },
    },
}
_BYTES: Document = {"schema": {"type": "string", "format": "binary"}}
PICTURE: dict[int | str, Document] = {
    200: {
        "description": "the picture",
        "content": {f"image/{kind}": _BYTES for kind in ("jpeg", "png", "webp")},
        "headers": {"ETag": {"schema": {"type": "string"}}},
    },
    304: {"description": "the client has it (If-None-Match)"},
}
URL_OF_PICTURE: Document = {
    "parameters": [
        {
            "name": "path",
            "in": "path",
            "required": True,
            "description": "SIGNATURE/OPERATION/.../plain/SOURCE@OUTPUT; its slashes stay as they are",
            "schema": {"type": "string", "minLength": 1},
            "example": "unsafe/fit:400x300/quality:80/plain/photo.jpg@webp",
        },
        {
            "name": "If-None-Match",
            "in": "header",
            "description": "the ETag of a picture that the client has",
            "schema": {"type": "string"},
        },
    ]
}
_RETRY_AFTER: Document = {"Retry-After": {"schema": {"type": "integer"}, "description": "seconds"}}
_REASONS = {
    403: "the signature is wrong, or the operator allows no such source",
    404: "there is no such thing",
    408: "the body came too slowly",
    409: "the job was cancelled while it was waited for, or has not ended yet",
    410: "the URL has expired",
    413: "too large: bytes, pixels, files or results",
    415: "not multipart/form-data",
    422: "a field is wrong; the answer says which, and why",
    429: "as many jobs wait as may; come again later",
    502: "the source's server fails",
    503: "the service is being stopped; come again later",
    504: "the source's server is too slow",
    507: "the service has no room to store the request",
}


def refusals(*statuses: int, text: bool = False) -> dict[int | str, Document]:
    """The refusals of a route, for its ``responses``; with ``text``, they come as plain text, too."""
    found: dict[int | str, Document] = {}
    for status in statuses:
        found[status] = {"model": ErrorDocument, "description": _REASONS[status]}
        if text:
            found[status]["content"] = {"text/plain": {"schema": {"type": "string"}}}
        if status in (429, 503):
            found[status]["headers"] = _RETRY_AFTER
    return found
