"""The parameters and guards that several routes of the users service share."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query

from services.chassis.errors import Invalid
from services.chassis.http.dependencies import path_id, window
from services.chassis.ids import is_id
from services.chassis.security.caller import Caller
from services.chassis.security.guards import optional_user, require_user
from services.chassis.storage.window import Window, normalize_id
from services.users.domain.profiles import account_not_found

MAX_IDS = 80
"""Ids in one request."""


async def _query_ids(
    ids: Annotated[str, Query(max_length=4_000, examples=["1,2"])],
) -> list[str]:
    """The ids in a query, each once, without invalid ones. Raises `Invalid` for too many."""
    given = [id for id in ids.split(",") if is_id(id)]
    if len(given) > MAX_IDS:
        raise Invalid(f"A request can have at most {MAX_IDS} ids.")
    return list(dict.fromkeys(map(normalize_id, given)))


PathId = Annotated[str, Depends(path_id(account_not_found, max_length=100))]
QueryIds = Annotated[list[str], Depends(_query_ids)]
PageWindow = Annotated[Window, Depends(window(40))]
OptionalReader = Annotated[Caller | None, Depends(optional_user("read:accounts"))]
Reader = Annotated[Caller, Depends(require_user("read:accounts"))]
Writer = Annotated[Caller, Depends(require_user("write:accounts"))]
FollowReader = Annotated[Caller, Depends(require_user("read:follows"))]
FollowWriter = Annotated[Caller, Depends(require_user("write:follows"))]


def viewer_id(caller: Caller | None) -> str:
    """Return the id of the caller, empty for an anonymous one."""
    return caller.user_id if caller else ""
