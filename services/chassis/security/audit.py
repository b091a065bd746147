"""The security log: one structured line for each event that an investigator asks for.

Lines go to the log of the service, under the logger `microgram.security`, whatever the log level
is. `docs/security.md` lists the events and the fields. The fields are fixed, so no secret can be
added by accident: no password, token, code, e-mail address, or login as typed.
"""

from __future__ import annotations

import logging
from typing import Literal

SecurityEvent = Literal[
    "login_succeeded",
    "login_failed",
    "role_changed",
    "account_suspended",
    "account_unsuspended",
    "account_deleted",
    "password_changed",
    "password_reset",
    "password_link_issued",
    "email_change_requested",
    "email_confirmed",
    "second_factor_enabled",
    "second_factor_disabled",
    "recovery_code_used",
    "token_revoked",
    "sessions_ended",
    "code_replayed",
    "refresh_token_reused",
    "service_call_refused",
]
Outcome = Literal["success", "failure"]

_MAX_CHARACTERS = 200
"""Of one field. Some come from request headers."""

_FAILURES = frozenset(
    {"login_failed", "code_replayed", "refresh_token_reused", "service_call_refused"}
)

log = logging.getLogger("microgram.security")
log.setLevel(logging.INFO)


def security_event(
    event: SecurityEvent,
    *,
    subject: str = "",
    actor: str = "",
    client_id: str = "",
    caller: str = "",
    route: str = "",
    reason: str = "",
) -> None:
    """Log an event, once it has taken effect or was refused. Every line has all fields.

    `subject` is the id of the user whose account it concerns, empty if there is none. `actor` is
    the id of the user who acts; an empty one is the subject, or the operator. `client_id` is the
    app, `caller` the app id of the calling service, `route` the path template of the route, and
    `reason` a fixed code, never a text from outside.
    """
    fields = {
        "event": event,
        "outcome": _outcome(event),
        "subject": subject,
        "actor": actor,
        "client_id": client_id,
        "caller": caller,
        "route": route,
        "reason": reason,
    }
    log.info(
        "security event", extra={name: text[:_MAX_CHARACTERS] for name, text in fields.items()}
    )


def _outcome(event: SecurityEvent) -> Outcome:
    return "failure" if event in _FAILURES else "success"
