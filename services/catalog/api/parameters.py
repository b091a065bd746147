"""The parameters and guards that several routes of catalog share."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Path, Query

from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.caller import Caller
from services.chassis.security.guards import optional_user, require_user
from services.chassis.storage.window import Window

PathId = Annotated[str, Path(max_length=40, examples=["116548273934401537"])]
OptionalReader = Annotated[Caller | None, Depends(optional_user("read:shop"))]
Reader = Annotated[Caller, Depends(require_user("read:shop"))]
Writer = Annotated[Caller, Depends(require_user("write:shop"))]


async def _page_window(
    limit: Annotated[int, Query(ge=1, le=80)] = 20, max_id: str | None = None
) -> Window:
    return Window.of(limit, max_id, None, None)


PageWindow = Annotated[Window, Depends(_page_window)]


def viewer_id(caller: Caller | None) -> str:
    """Return the id of the caller, empty for an anonymous one."""
    return caller.user_id if caller else ""


def with_etag(view: dict[str, Any]) -> OrjsonResponse:
    """Return a response whose ETag is the version of the view."""
    return OrjsonResponse(view, headers={"etag": f'"{view["version"]}"'})
