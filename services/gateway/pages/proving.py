"""What the forms have in common by which somebody proves who they are."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import Response

from services.chassis.errors import ServiceError
from services.gateway.bodies import Said

_REFUSED = {"wrong_login": 422, "suspended": 403}


def proof(form: Said) -> dict[str, str]:
    """Login and password, in auth's bounds, from the fields of `proof.html`."""
    return {"login": form.words("login").strip()[:320], "password": form.words("password")[:256]}


def try_again(failure: ServiceError, form: Callable[..., Response]) -> Response | None:
    """The form once more, with why auth let nobody in; `None` where it is something else.

    `form` takes an `error` and a `status`.
    """
    if failure.code not in _REFUSED and failure.status != 429:
        return None
    page = form(error=failure.message, status=_REFUSED.get(failure.code, 429))
    if "retry_after" in failure.details:
        page.headers["retry-after"] = str(failure.details["retry_after"])
    return page
