"""One box for everything: people, posts by address or id, hashtags."""

from __future__ import annotations

import re
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends

from services.chassis.app import JSON
from services.chassis.errors import NotFound
from services.chassis.identity import Caller, anyone
from services.gateway.api.accounts import find_people
from services.gateway.api.hashtags import tags
from services.gateway.content import normal_tag
from services.gateway.desk import Desk
from services.gateway.documents import gives

_MOST = 40
_ACCOUNT = re.compile(r"/(?:@|users/)(\w+)")
_POST = re.compile(r"/(?:@\w+|users/\w+/statuses|statuses)/(\d{1,20})")
_ID = re.compile(r"\d{15,20}")


def create_router(desk: Desk) -> APIRouter:
    """Routes that find."""
    router = APIRouter(prefix="/api", tags=["search"])

    @router.get("/v2/search", responses=gives({"accounts": [], "statuses": [], "hashtags": []}))
    async def search(
        caller: Annotated[Caller | None, Depends(anyone("read:search"))],
        q: str = "",
        type: str = "",
        limit: int = 20,
        offset: int = 0,
        resolve: bool = False,
    ) -> JSON:
        """Find people by name, posts by address or id, hashtags by their exact name.

        `resolve` makes no difference: nothing has to be fetched from elsewhere.
        """
        most = max(1, min(limit, _MOST))
        typed = q.strip()[:500]

        def wanted(kind: str) -> bool:
            return bool(typed) and type in ("", kind)

        people = await _people(desk, caller, typed, most, offset) if wanted("accounts") else []
        statuses = await _statuses(desk, caller, typed) if wanted("statuses") else b"[]"
        found = await _tags(desk, caller, typed, most, offset) if wanted("hashtags") else []
        return JSON(
            {
                "accounts": orjson.Fragment(desk.rendered.accounts(people)),
                "statuses": orjson.Fragment(statuses if not offset else b"[]"),
                "hashtags": found,
            }
        )

    return router


def _local(desk: Desk, typed: str) -> str:
    """The path of an address here; empty for anything else."""
    path = typed.removeprefix(desk.at.public_url)
    return path if path != typed else ""


async def _people(
    desk: Desk, caller: Caller | None, typed: str, limit: int, offset: int
) -> list[Any]:
    path = _local(desk, typed)
    if path:
        match = _ACCOUNT.fullmatch(path)
        return list((await desk.named([match[1]])).values()) if match else []
    if typed.startswith(("#", "http://", "https://")):
        return []
    if caller is not None and not caller.may("read:accounts"):
        caller = None
    return await find_people(desk, caller, typed, limit, offset)


async def _statuses(desk: Desk, caller: Caller | None, typed: str) -> bytes:
    match = _POST.fullmatch(_local(desk, typed))
    id = match[1] if match else typed if _ID.fullmatch(typed) else ""
    if not id:
        return b"[]"
    if caller is not None and not caller.may("read:statuses"):
        caller = None
    try:
        return b"[%b]" % await desk.status(await desk.post(id, caller))
    except NotFound:
        return b"[]"


async def _tags(
    desk: Desk, caller: Caller | None, typed: str, limit: int, offset: int
) -> list[dict[str, Any]]:
    """Hashtags in use that begin so."""
    name = normal_tag(typed.removeprefix("#"))
    if not name:
        return []
    params = {"q": name, "limit": str(limit), "offset": str(offset)}
    return await tags(desk, await desk.ask("feed", "hashtags", params=params), caller)
