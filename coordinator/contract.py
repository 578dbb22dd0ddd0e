"""The step contract: what goes into a step's stdin and what must come out of its stdout.

One task is one line of JSON in and one line of JSON out (JSON Lines, UTF-8). The models here are the
contract: the published JSON Schema is made from them, and every response is checked by them.
"""

from __future__ import annotations

from enum import StrEnum
from json import JSONDecodeError
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
)

from coordinator.strictjson import Json, decode, encode_line, offset, readable

PROTOCOL: Literal[1] = 1
MAX_RESPONSE_BYTES = 256 * 1024 * 1024
"""Maximum size of a response: a larger one is the step's error."""
MAX_METRES = 100_000_000
"""Maximum of a projected coordinate: beyond it is no place on Earth, and arithmetic overflows."""


def _check_items(items: list[Json]) -> list[Json]:
    seen: set[str] = set()
    for number, item in enumerate(items):
        item_id = item.get("id")
        if not isinstance(item_id, str) or not item_id:
            raise ValueError(f"item {number} has no id (a non-empty string)")
        if item_id in seen:
            raise ValueError(f"two items have the id {item_id!r}")
        seen.add(item_id)
        for name in ("position", "pose"):
            place = item.get(name)
            if isinstance(place, dict) and any(_is_off_the_globe(place.get(axis)) for axis in "xyz"):
                raise ValueError(
                    f"item {number} has a {name} more than {MAX_METRES:,} m from the CRS's origin"
                )
    return items


def _is_off_the_globe(value: Any) -> bool:
    return isinstance(value, int | float) and abs(value) > MAX_METRES


_ITEM_SCHEMA = {
    "type": "object",
    "properties": {"id": {"type": "string", "minLength": 1}},
    "required": ["id"],
    "additionalProperties": True,
}
Items = Annotated[
    list[Json],
    AfterValidator(_check_items),
    WithJsonSchema({"type": "array", "items": _ITEM_SCHEMA, "description": "ids are unique in the list"}),
]


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RegionMessage(_Message):
    """A region as a step sees it: coordinates are metres in the batch's projected CRS."""

    id: str
    core: Json = Field(description="GeoJSON Polygon or MultiPolygon; half-open, so that cores never overlap")
    halo: float = Field(ge=0, description="metres around the core whose recordings are in the request, too")


class Request(_Message):
    """One task: a step applied to one item, or to all the items of one region or of the batch."""

    protocol: Literal[1] = PROTOCOL
    task: str = Field(min_length=1)
    step: str
    params: Json
    items: Items
    region: RegionMessage | None = Field(
        description="null unless a step runs per region, and if all is one region"
    )
    work_dir: str = Field(description="the only folder the step may write to")

    def line(self) -> bytes:
        """The request as one line of UTF-8 JSON. Raises ValueError for a number that is not finite."""
        # By hand, because model_dump would copy every item of a large region.
        return encode_line(
            {
                "protocol": self.protocol,
                "task": self.task,
                "step": self.step,
                "params": self.params,
                "items": self.items,
                "region": self.region.model_dump() if self.region else None,
                "work_dir": self.work_dir,
            }
        )


class StepErrorMessage(_Message):
    """Why a step could not do its task; ``bad_input`` is never tried again."""

    kind: Literal["bad_input", "internal"]
    message: str


class Success(_Message):
    """The items that replace the request's; metrics are kept in the journal and never compared."""

    task: str
    items: Items
    metrics: dict[str, float] = Field(default_factory=dict)


class Failure(_Message):
    """A task the step itself says it could not do."""

    task: str
    error: StepErrorMessage


Response = Success | Failure
_RESPONSE: TypeAdapter[Response] = TypeAdapter(Response)
_SUCCESS = TypeAdapter(Success).validator


class ErrorKind(StrEnum):
    """Who or what a task failed of; the rule in core/retries.py goes by it."""

    BAD_INPUT = "bad_input"
    INTERNAL = "internal"
    CRASH = "crash"
    TIMEOUT = "timeout"
    PROTOCOL = "protocol"
    ENGINE = "engine"
    LOST = "lost"
    NODE = "node"
    CANCELLED = "cancelled"


def first_reason(error: ValidationError) -> str:
    """What is wrong with a document, and where: the first of a validation's complaints, readable."""
    problem = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in problem["loc"])
    return readable(f"{where}: {problem['msg']}, got {problem['input']!r}" if where else problem["msg"])


class TaskError(BaseModel):
    """Why one attempt at a task failed: a value that travels to the journal, never an exception.

    The message is made :func:`readable`; what the step really said is in the attempt's evidence.
    """

    model_config = ConfigDict(frozen=True)

    kind: ErrorKind
    message: Annotated[str, AfterValidator(readable)]


def schema() -> Json:
    """The step contract as one JSON Schema document (draft 2020-12) with a request and a response."""
    request = Request.model_json_schema(ref_template="#/$defs/{model}")
    response = _RESPONSE.json_schema(ref_template="#/$defs/{model}")
    definitions = {**request.pop("$defs", {}), **response.pop("$defs", {})}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "coordinator step contract",
        "description": "One request line on stdin, one response line on stdout; JSON Lines, UTF-8.",
        "$defs": {**definitions, "Request": request, "Response": response},
        "anyOf": [{"$ref": "#/$defs/Request"}, {"$ref": "#/$defs/Response"}],
    }


def parse_response(raw: bytes, task_id: str) -> Success | TaskError:
    """What a step answered to task ``task_id``, checked.

    Everything that is not exactly one valid response to that task is a :class:`TaskError` of kind
    ``protocol`` that says what is wrong, at which byte, and shows a sample.
    """
    response = parse_any_response(raw)
    if isinstance(response, TaskError):
        return response
    if response.task != task_id:
        return wrong_task(response.task, task_id)
    return response if isinstance(response, Success) else said_by_step(response)


def parse_any_response(raw: bytes) -> Response | TaskError:
    """The same, whichever task the response is for."""
    body = raw.strip()
    if not body:
        return _protocol_error("the step ended without a response; one line of JSON on stdout is due")
    try:
        document = decode(body)
    except ValueError as error:
        return _protocol_error(_unread(error, body))
    return _check_response(document, body)


def said_by_step(failure: Failure) -> TaskError:
    """The error a step itself tells of."""
    return TaskError(kind=ErrorKind(failure.error.kind), message=failure.error.message)


def wrong_task(answered: str, asked: str) -> TaskError:
    """The complaint about a response to another task than the one that was asked."""
    return _protocol_error(f"the response is for task {answered!r}, task {asked!r} was asked")


def _unread(error: ValueError, body: bytes) -> str:
    """Why a response could not be read, at which byte, with a sample from there."""
    at = offset(error, body)
    what = f"refused, at byte {at}: {error}"
    if isinstance(error, UnicodeDecodeError):
        what = f"not UTF-8 at byte {at}"
    elif isinstance(error, JSONDecodeError):
        reason = "two documents where one is due" if error.msg == "Extra data" else error.msg
        what = f"not one JSON document, at byte {at}: {reason}"
    return f"the response is {what}: {_sample(body, at)}"


def _check_response(document: Any, body: bytes) -> Response | TaskError:
    # Nearly all are successes, and what is one is no failure.
    try:
        success: Success = _SUCCESS.validate_python(document)
    except ValidationError:
        return _check_further(document, body)
    return success


def _check_further(document: Any, body: bytes) -> Response | TaskError:
    try:
        response = _RESPONSE.validate_python(document)
    except ValidationError as error:
        reasons = _reasons(error, document)
        return _protocol_error(f"the response breaks the contract: {reasons}: {_sample(body, 0)}")
    return response


def _reasons(error: ValidationError, document: Any) -> str:
    """The validation errors of the kind of response that was meant, without pydantic's union noise."""
    meant = "Failure" if isinstance(document, dict) and "error" in document else "Success"
    reasons = []
    for problem in error.errors(include_url=False):
        where = [str(part) for part in problem["loc"]]
        if where[:1] == [meant]:
            reasons.append(f"{'.'.join(where[1:]) or 'document'}: {problem['msg']}")
    return "; ".join(reasons[:3])


def _protocol_error(message: str) -> TaskError:
    return TaskError(kind=ErrorKind.PROTOCOL, message=message)


def _sample(body: bytes, at: int) -> str:
    return repr(body[max(0, at - 20) : at + 60])[1:]
