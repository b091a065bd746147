"""Report, Admin::Account, Admin::Report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from services.contracts.accounts import Account
from services.contracts.logins import LoginDetails
from services.contracts.moderation import Report
from services.gateway.presentation.entities import people
from services.gateway.presentation.html import HtmlWriter
from services.gateway.presentation.urls import PublicUrls

Entity = dict[str, Any]


def admin_account(
    source: Account, login: LoginDetails, at: PublicUrls, writer: HtmlWriter
) -> Entity:
    """The entity Admin::Account. Role and suspension are the login's: auth is ahead of users."""
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


def report(source: Report, target: Entity) -> Entity:
    """The entity Report, for its author; `target` is an Account."""
    return {
        **_common_fields(source),
        "status_ids": source.statuses,
        "rule_ids": source.rules,
        "target_account": target,
    }


def _common_fields(source: Report) -> Entity:
    return {
        "id": source.id,
        "action_taken": source.resolved_at is not None,
        "action_taken_at": source.resolved_at,
        "category": source.category,
        "comment": source.comment,
        "forwarded": False,
        "created_at": source.created_at,
    }


def admin_report(
    source: Report,
    people: Mapping[str, Entity],
    statuses: Mapping[str, Entity],
    rules: Sequence[Entity],
) -> Entity:
    """The entity Admin::Report; `people` are Admin::Accounts by id, `statuses` Statuses by id."""
    return {
        **_common_fields(source),
        "updated_at": source.updated_at,
        "account": people[source.account],
        "target_account": people[source.target],
        "assigned_account": people.get(source.assigned),
        "action_taken_by_account": people.get(source.resolved_by),
        "statuses": [statuses[id] for id in source.statuses if id in statuses],
        "rules": [rule for rule in rules if rule["id"] in source.rules],
    }
