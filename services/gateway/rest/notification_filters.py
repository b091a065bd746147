"""Filters of notifications from the query string."""

from __future__ import annotations

import re
from typing import Any

from fastapi import Request

from services.contracts.notifications import TYPES
from services.gateway.application.identifiers import numeric_id
from services.gateway.http.form_fields import params_of

_NAME = re.compile(r"[^\s,;'\"\[\](){}]+")


def notification_filter(request: Request) -> dict[str, str]:
    """What of the address chooses among notifications, for the service's address.

    Who wants nothing but types that are not known here gets nothing.
    """
    query = params_of(request.query_params.multi_items())
    account = query.string("account_id")
    named = {name: _names(query.get(name)) for name in ("types", "exclude_types")}
    chosen = {name: _known_types(names) for name, names in named.items() if names}
    return chosen | ({"account_id": numeric_id(account)} if account else {})


def _names(value: Any) -> set[str]:
    """The names in a list, or in texts that hold lists: as JSON, or separated by commas."""
    items = value if isinstance(value, list) else [value]
    return {name for item in items if isinstance(item, str) for name in _NAME.findall(item)}


def _known_types(names: set[str]) -> str:
    """Those of some types that there are here, for the service's address.

    Others do nothing, as in Mastodon: clients name all types that any server has.
    """
    return ",".join(sorted(TYPES & names))


def group_filter(request: Request) -> dict[str, str]:
    """Which types are to be grouped: all where nothing is said, none with an empty list."""
    query = params_of(request.query_params.multi_items())
    if "grouped_types" not in query:
        return {}
    return {"grouped_types": _known_types(_names(query["grouped_types"]))}
