"""Filters of notifications from the query string."""

from __future__ import annotations

import re
from typing import Any, cast

from fastapi import Request

from services.clients.notifications import GroupFilter, NotificationFilter
from services.clients.paths import numeric_id
from services.contracts.notifications import TYPES
from services.gateway.http.form_fields import params_of

_NAME = re.compile(r"[^\s,;'\"\[\](){}]+")


def notification_filter(request: Request) -> NotificationFilter:
    """The filter in the query string.

    A filter of unknown types only selects nothing.
    """
    query = params_of(request.query_params.multi_items())
    account = query.string("account_id")
    types, excluded = _names(query.get("types")), _names(query.get("exclude_types"))
    chosen: NotificationFilter = {}
    if types:
        chosen["types"] = _known_types(types)
    if excluded:
        chosen["exclude_types"] = _known_types(excluded)
    if account:
        chosen["account_id"] = numeric_id(account)
    return chosen


def _names(value: Any) -> set[str]:
    """The names in a list, or in strings with lists: JSON, or separated by commas."""
    items = value if isinstance(value, list) else [value]
    return {name for item in items if isinstance(item, str) for name in _NAME.findall(item)}


def _known_types(names: set[str]) -> str:
    """The known ones of some types.

    Unknown types are ignored, as in Mastodon: clients send all types of any server.
    """
    return ",".join(sorted(TYPES & names))


def group_filter(request: Request) -> GroupFilter:
    """The same, and which types are grouped: all by default, none with an empty list."""
    query = params_of(request.query_params.multi_items())
    chosen = cast(GroupFilter, notification_filter(request))
    if "grouped_types" in query:
        chosen["grouped_types"] = _known_types(_names(query["grouped_types"]))
    return chosen
