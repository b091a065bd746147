"""What auth adds to the archive that a user may request."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter

from services.auth.application.session_registry import ListedSession, SessionRegistry
from services.auth.repository import Repository
from services.chassis.data_export import create_export_router, single_page
from services.chassis.errors import NotFound
from services.chassis.ids import timestamp

_EXPORTED = ("username", "email", "locale", "role", "created_at")


def create_router(repository: Repository, registry: SessionRegistry) -> APIRouter:
    """Return the export route. It gives the user's login and sessions, without secrets."""

    async def login(user_id: str, _: str) -> dict[str, Any]:
        user = await repository.users.get(user_id)
        if user is None or user.deleted:
            raise NotFound("There is no such account.")
        record = {"id": user.user_id} | {name: getattr(user, name) for name in _EXPORTED}
        return single_page([record])

    async def sessions(user_id: str, _: str) -> dict[str, Any]:
        return single_page([_session(one) for one in await registry.list_sessions(user_id)])

    return create_export_router({"login": login, "sessions": sessions})


def _session(listed: ListedSession) -> dict[str, Any]:
    """Return a session without its id, which is that of a token."""
    record, app = listed.record, listed.app
    return {
        "kind": record.kind,
        "app": app.name if app else "",
        "created_at": _time(record.created_at),
        "expires_at": _time(record.expires_at),
        "user_agent": record.user_agent,
    }


def _time(seconds: int) -> str:
    return timestamp(datetime.fromtimestamp(seconds, UTC))
