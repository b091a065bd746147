"""The login fields that several forms share."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import Response

from services.chassis.errors import ServiceError
from services.gateway.http.params import RequestParams

_STATUS_BY_CODE = {"wrong_login": 422, "suspended": 403, "second_factor_required": 422}


def login_credentials(form: RequestParams) -> dict[str, str]:
    """Login and password from the fields of `login_fields.html`, truncated to auth's bounds."""
    return {"login": form.string("login").strip()[:320], "password": form.string("password")[:256]}


def retry_form(failure: ServiceError, form: Callable[..., Response]) -> Response | None:
    """The form with the error of a rejected login; `None` for any other failure.

    `form` takes an `error` and a `status`.
    """
    if failure.code not in _STATUS_BY_CODE and failure.status != 429:
        return None
    page = form(error=failure.message, status=_STATUS_BY_CODE.get(failure.code, 429))
    if "retry_after" in failure.details:
        page.headers["retry-after"] = str(failure.details["retry_after"])
    return page


def code_credentials(form: RequestParams) -> dict[str, str]:
    """Ticket and code of the second step of a login; empty in its first step."""
    return {
        "ticket": form.string("ticket")[:100],
        "second_factor": form.string("second_factor").strip()[:40],
    }


def code_form(failure: ServiceError, ticket: str, form: Callable[..., Response]) -> Response | None:
    """The form of the second step: after the first, or once more after a wrong code.

    `form` takes a `ticket`, an `error` and a `status`.
    """
    asked = str(failure.details.get("ticket", ""))
    if failure.code == "second_factor_required" and asked:
        return form(ticket=asked, error="", status=200)
    if ticket and (failure.code == "invalid_code" or failure.status == 429):
        return form(ticket=ticket, error=failure.message, status=failure.status)
    return None
