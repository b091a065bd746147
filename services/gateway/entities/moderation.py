"""What admins see: Admin::Account."""

from __future__ import annotations

from typing import Any

from services.contracts.accounts import Account
from services.contracts.logins import LoginDetails
from services.gateway.content import Writer
from services.gateway.entities import people
from services.gateway.entities.addresses import Addresses

Entity = dict[str, Any]


def account(source: Account, login: LoginDetails, at: Addresses, writer: Writer) -> Entity:
    """The entity Admin::Account. Whether they are suspended auth knows before users does."""
    standing = {"suspended": login.suspended, "role": login.role}
    profile = source.profile.model_copy(update=standing)
    shown = source.model_copy(update={"profile": profile})
    return {
        "id": profile.id,
        "username": profile.username,
        "domain": None,
        "created_at": login.created_at,
        "email": login.email,
        "ip": None,
        "ips": [],
        "locale": login.locale,
        "invite_request": None,
        "role": people.role(profile),
        "confirmed": True,
        "approved": True,
        "disabled": False,
        "silenced": False,
        "suspended": login.suspended,
        "sensitized": False,
        "account": people.account(shown, at, writer),
        "created_by_application_id": None,
        "invited_by_account_id": None,
    }
