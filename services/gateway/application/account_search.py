"""Searches for accounts."""

from __future__ import annotations

from collections.abc import Sequence

from services.chassis.security.caller import Caller
from services.clients.base import BATCH_SIZE
from services.clients.json_types.accounts import AccountJson
from services.clients.users import UsersClient


class AccountSearch:
    """Searches accounts by name."""

    def __init__(self, users: UsersClient, host: str) -> None:
        self._users = users
        self._host = host

    async def search(
        self, typed: str, caller: Caller | None, limit: int, offset: int = 0
    ) -> list[AccountJson]:
        """Accounts whose name begins with what was typed, an exact match first.

        Without a signed-in user only exact usernames are found.
        """
        typed = typed.strip()
        name = local_username(typed, self._host)
        if caller is None or not caller.user_id:
            exact = await self._users.accounts_named([name]) if name and not offset else {}
            return [row for row in exact.values() if not row["profile"]["suspended"]]
        if not typed:
            return []
        return await self._users.search(
            (name or typed)[:100],
            caller,
            limit=max(1, min(limit, BATCH_SIZE)),
            offset=max(0, min(offset, 1000)),
        )

    async def only_followed(self, rows: Sequence[AccountJson], caller: Caller) -> list[AccountJson]:
        """Those accounts that the caller follows."""
        if not rows:
            return []
        ids = [row["profile"]["id"] for row in rows]
        found = await self._users.relationships(ids, caller)
        followed = {relationship["id"] for relationship in found if relationship["following"]}
        return [row for row in rows if row["profile"]["id"] in followed]


def local_username(acct: str, host: str) -> str:
    """The username in `name`, `@name` or `name@host`; empty for another host or no valid name."""
    name, at, where = acct.strip().removeprefix("@").partition("@")
    if at and where.lower() != host.lower():
        return ""
    return name if name.replace("_", "a").isalnum() and name.isascii() and len(name) <= 30 else ""
