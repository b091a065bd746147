"""Registration by apps and on the web page, with the same errors by field."""

from __future__ import annotations

from services.chassis.errors import Invalid, ServiceError
from services.contracts.logins import RegistrationRequest
from services.gateway.http.params import RequestParams

_ERROR_CODES = (
    ("blank", "ERR_BLANK"),
    ("too long", "ERR_TOO_LONG"),
    ("too short", "ERR_TOO_SHORT"),
    ("taken", "ERR_TAKEN"),
    ("reserved", "ERR_RESERVED"),
    ("accepted", "ERR_ACCEPTED"),
)


def new_registration(form: RequestParams, user_agent: str = "") -> RegistrationRequest:
    """A `RegistrationRequest`, truncated to its bounds. The auth service validates it.

    `user_agent` is listed with the token that an app gets for the user.
    """
    return RegistrationRequest(
        username=form.string("username").strip()[:100],
        email=form.string("email").strip()[:320],
        password=form.string("password")[:1000],
        agreement=bool(form.boolean("agreement")),
        locale=form.language("locale") or "en",
        user_agent=user_agent,
    )


def field_errors(failure: ServiceError) -> dict[str, list[str]]:
    """The errors by field, with auth's messages; empty if the error is not about fields."""
    details = failure.details.get("details")
    return details if isinstance(details, dict) else {}


def validation_error(failure: ServiceError) -> ServiceError:
    """An error in the format of the client API: for each field a code and a description."""
    by_field = field_errors(failure)
    if not by_field:
        return failure
    details = {
        field: [{"error": _error_code(text), "description": text} for text in texts]
        for field, texts in by_field.items()
    }
    return Invalid(failure.message, details=details)


def _error_code(text: str) -> str:
    return next((code for words, code in _ERROR_CODES if words in text), "ERR_INVALID")
