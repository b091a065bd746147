"""Failures that carry their HTTP status and code; one renderer per edge gives them their shape.

ServiceError
├── Invalid (422)          the input breaks a rule
├── Unauthenticated (401)  no token, or one that is not valid
├── Forbidden (403)        known, but not allowed
├── NotFound (404)         not there, or not visible to the caller
├── Gone (410)
├── Duplicate (409)        it exists already, or was changed by somebody else
├── PreconditionFailed (412)    it is not any more what the caller has read
├── TooLarge (413)
├── PreconditionRequired (428)  the caller must say what they have read
├── TooMany (429)          slow down
├── Unavailable (503)      a part we need did not take the request: nothing happened
└── OutcomeUnknown (504)   a part we need did not answer: it may or may not have happened
"""

from __future__ import annotations

from typing import Any


class ServiceError(Exception):
    """A failure a caller should see: a sentence for people, a code for programs, a status."""

    status = 500
    code = "internal"

    def __init__(self, message: str, *, code: str | None = None, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.details = details

    def body(self) -> dict[str, Any]:
        """The shape in which services tell one another of a failure."""
        return {"code": self.code, "message": self.message, **self.details}


class Invalid(ServiceError):
    status, code = 422, "invalid"


class Unauthenticated(ServiceError):
    status, code = 401, "unauthenticated"


class Forbidden(ServiceError):
    status, code = 403, "forbidden"


class NotFound(ServiceError):
    status, code = 404, "not_found"


class Gone(ServiceError):
    status, code = 410, "gone"


class Conflict(ServiceError):
    status, code = 409, "duplicate"


class PreconditionFailed(ServiceError):
    status, code = 412, "changed"


class TooLarge(ServiceError):
    status, code = 413, "too_large"


class PreconditionRequired(ServiceError):
    status, code = 428, "condition_missing"


class RateLimited(ServiceError):
    status, code = 429, "too_many"


class Unavailable(ServiceError):
    status, code = 503, "unavailable"


class OutcomeUnknown(ServiceError):
    status, code = 504, "outcome_unknown"


_BY_STATUS: dict[int, type[ServiceError]] = {
    kind.status: kind
    for kind in (
        *(Invalid, Unauthenticated, Forbidden, NotFound, Gone, Conflict),
        *(PreconditionFailed, TooLarge, PreconditionRequired),
        *(RateLimited, Unavailable, OutcomeUnknown),
    )
}


def from_status(status: int, message: str, code: str | None = None, **details: Any) -> ServiceError:
    """The failure that another service answered with; an unknown 4xx keeps its status."""
    kind = _BY_STATUS.get(status)
    if kind is None:
        failure = ServiceError(message, code=code or "refused", **details)
        failure.status = status
        return failure
    return kind(message, code=code, **details)
