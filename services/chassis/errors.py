"""Failures that carry their HTTP status and code; one renderer per edge gives them their shape.

Failure
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


class Failure(Exception):
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


class Invalid(Failure):
    status, code = 422, "invalid"


class Unauthenticated(Failure):
    status, code = 401, "unauthenticated"


class Forbidden(Failure):
    status, code = 403, "forbidden"


class NotFound(Failure):
    status, code = 404, "not_found"


class Gone(Failure):
    status, code = 410, "gone"


class Duplicate(Failure):
    status, code = 409, "duplicate"


class PreconditionFailed(Failure):
    status, code = 412, "changed"


class TooLarge(Failure):
    status, code = 413, "too_large"


class PreconditionRequired(Failure):
    status, code = 428, "condition_missing"


class TooMany(Failure):
    status, code = 429, "too_many"


class Unavailable(Failure):
    status, code = 503, "unavailable"


class OutcomeUnknown(Failure):
    status, code = 504, "outcome_unknown"


_BY_STATUS: dict[int, type[Failure]] = {
    kind.status: kind
    for kind in (
        *(Invalid, Unauthenticated, Forbidden, NotFound, Gone, Duplicate),
        *(PreconditionFailed, TooLarge, PreconditionRequired),
        *(TooMany, Unavailable, OutcomeUnknown),
    )
}


def from_status(status: int, message: str, code: str | None = None, **details: Any) -> Failure:
    """The failure that another service answered with; an unknown 4xx keeps its status."""
    kind = _BY_STATUS.get(status)
    if kind is None:
        failure = Failure(message, code=code or "refused", **details)
        failure.status = status
        return failure
    return kind(message, code=code, **details)
