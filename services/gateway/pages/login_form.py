"""What the forms have in common by which somebody proves who they are."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import Response

from services.chassis.errors import ServiceError
from services.gateway.http.params import RequestParams

_STATUS_BY_CODE = {"wrong_login": 422, "suspended": 403}


def login_credentials(form: RequestParams) -> dict[str, str]:
    """Login and password, in auth's bounds, from the fields of `proof.html`."""
    return {"login": form.string("login").strip()[:320], "password": form.string("password")[:256]}


def retry_form(failure: ServiceError, form: Callable[..., Response]) -> Response | None:
    """The form once more, with why auth let nobody in; `None` where it is something else.

    `form` takes an `error` and a `status`.
    """
    if failure.code not in _STATUS_BY_CODE and failure.status != 429:
        return None
    page = form(error=failure.message, status=_STATUS_BY_CODE.get(failure.code, 429))
    if "retry_after" in failure.details:
        page.headers["retry-after"] = str(failure.details["retry_after"])
    return page
