"""Why a request is not carried out: what is wrong, in which field, and the HTTP status that says so."""

from __future__ import annotations

from http import HTTPStatus


class Refused(Exception):
    """A request is refused; ``field`` names what of it is to blame (``actions.operations[1]``, ``files[0]``)."""

    def __init__(
        self,
        field: str,
        message: str,
        status: HTTPStatus = HTTPStatus.UNPROCESSABLE_ENTITY,
        retry_after: int | None = None,
    ) -> None:
        """``retry_after`` is in seconds."""
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message
        self.status = status
        self.retry_after = retry_after


TOO_LARGE = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
TOO_SLOW = HTTPStatus.REQUEST_TIMEOUT
BAD_HEADER = HTTPStatus.BAD_REQUEST
FOREIGN = HTTPStatus.FORBIDDEN
MISDIRECTED = HTTPStatus.MISDIRECTED_REQUEST
