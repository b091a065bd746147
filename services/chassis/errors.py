"""Errors with an HTTP status and a code. Each public API renders them in its own shape.

ServiceError
├── Invalid (422)          the input breaks a rule
├── Unauthenticated (401)  no token, or an invalid one
├── Forbidden (403)        the caller is known, but not allowed to do this
├── NotFound (404)         it does not exist, or the caller may not see it
├── Gone (410)             it was deleted
├── Conflict (409)         it exists already, or conflicts with the current state
├── PreconditionFailed (412)    it changed since the caller read it
├── TooLarge (413)
├── PreconditionRequired (428)  the caller must send the version that they read
├── RateLimited (429)      too many requests
├── Unavailable (503)      a dependency did not accept the request: nothing happened
└── OutcomeUnknown (504)   a dependency did not answer: it may or may not have happened
"""

from __future__ import annotations

from typing import Any


class ServiceError(Exception):
    """An error for the caller: a sentence for people, a code for programs, a status."""

    status = 500
    code = "internal"

    def __init__(self, message: str, *, code: str | None = None, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.details = details

    def body(self) -> dict[str, Any]:
        """The JSON shape of the error between services."""
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
    """The error for another service's answer; an unknown 4xx keeps its status."""
    kind = _BY_STATUS.get(status)
    if kind is None:
        failure = ServiceError(message, code=code or "refused", **details)
        failure.status = status
        return failure
    return kind(message, code=code, **details)
