"""What auth says: somebody registered, or stands otherwise now. It hears only itself."""

from __future__ import annotations

from typing import Any

from services.chassis.publishing.outbox import Outbox
from services.chassis.service import Service
from services.contracts.events import LOGIN_REGISTERED

PERSON = "person"
"""The kind of document that is told; it is keyed by user id, so that is the event's subject."""


def outbox(service: Service) -> Outbox:
    """The outbox of `logins`."""
    return service.outbox(LOGIN_REGISTERED.topic).publishes(PERSON, LOGIN_REGISTERED.name, tell)


def tell(_: str, user: dict[str, Any]) -> dict[str, Any]:
    """What others may know of a person: neither the address nor anything of the password."""
    told = {field: user[field] for field in ("user_id", "username", "created_at", "deleted")}
    return {
        **told,
        "role": user.get("role", ""),
        "suspended": user.get("suspended", False),
        "locale": user.get("locale", ""),
    }
