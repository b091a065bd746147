"""Parameters and guards that several routes share."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Query

from services.chassis.http.dependencies import path_id, window
from services.chassis.security.caller import Caller
from services.chassis.security.guards import require_user
from services.chassis.storage.window import Window, normalize_id
from services.notifications.application.queries import (
    notification_not_found,
)
from services.notifications.domain.groups import GROUPED_TYPES
from services.notifications.domain.notifications import (
    SHOP_TYPES,
    NotificationCriteria,
)

MAX_COUNTED = 1_000
"""Up to which number unread notifications are counted, as in Mastodon."""

DEFAULT_COUNTED = 100

Reader = Annotated[Caller, Depends(require_user("read:notifications"))]
Writer = Annotated[Caller, Depends(require_user("write:notifications"))]
TypeNames = Annotated[str, Query(max_length=2_000)]
OptionalTypeNames = Annotated[str | None, Query(max_length=2_000)]
GroupKey = Annotated[str, Path(max_length=100, examples=["favourite-116548273934401537-20552"])]


async def query_filter(
    types: OptionalTypeNames = None,
    exclude_types: TypeNames = "",
    account_id: Annotated[str, Query(max_length=20, pattern=r"^\d*$")] = "",
) -> NotificationCriteria:
    """Return the filter of the query parameters. Names are separated by commas.

    An empty list of types asks for none. What Mastodon does not have is only given to who asks for
    it by its name: clients know their types, and show nonsense for others.
    """
    account = normalize_id(account_id) if account_id else ""
    if types is None:
        return NotificationCriteria(None, _split_names(exclude_types) | SHOP_TYPES, account)
    return NotificationCriteria(_split_names(types), _split_names(exclude_types), account)


async def grouped_types(grouped_types: OptionalTypeNames = None) -> frozenset[str]:
    """Return which types are grouped. By default, all that can be."""
    return GROUPED_TYPES if grouped_types is None else _split_names(grouped_types)


PageWindow = Annotated[Window, Depends(window(40))]
QueryFilter = Annotated[NotificationCriteria, Depends(query_filter)]
GroupedTypes = Annotated[frozenset[str], Depends(grouped_types)]
PathId = Annotated[str, Depends(path_id(notification_not_found, max_length=20))]
CountLimit = Annotated[int, Query(ge=1, le=MAX_COUNTED)]


def _split_names(written: str) -> frozenset[str]:
    return frozenset(name for name in written.split(",") if name)
