"""Accounts by id and by username."""

from __future__ import annotations

from collections.abc import Sequence

from services.chassis.errors import NotFound
from services.chassis.security.caller import Caller
from services.gateway.application.concurrency import gather_all
from services.gateway.application.identifiers import numeric_id
from services.gateway.invocation import Asker
from services.gateway.presentation.renderer import Row

_BATCH_SIZE = 80  # ids in one path: the sidecar reads 4 KiB of request line and headers


class AccountLookup:
    """Reads accounts from the users service, without the caller's token."""

    def __init__(self, services: Asker, host: str) -> None:
        self._services = services
        self._host = host

    async def by_ids(self, ids: Sequence[str]) -> dict[str, Row]:
        """Accounts by id, without those that do not exist."""
        wanted = list(dict.fromkeys(ids))
        batches = [wanted[at : at + _BATCH_SIZE] for at in range(0, len(wanted), _BATCH_SIZE)]
        requests = [
            self._services.ask("users", "accounts", params={"ids": ",".join(batch)})
            for batch in batches
        ]
        found: dict[str, Row] = {}
        for accounts in await gather_all(*requests):
            found |= accounts
        return found

    async def by_id(self, id: str) -> Row:
        """One account. Raises `NotFound`."""
        row: Row = await self._services.ask("users", f"accounts/{numeric_id(id)}")
        return row

    async def by_usernames(self, usernames: Sequence[str]) -> dict[str, Row]:
        """Accounts by username, without those that do not exist."""
        if not usernames:
            return {}
        found: dict[str, Row] = await self._services.ask(
            "users", "lookups", method="POST", json={"usernames": list(usernames)}
        )
        return found

    async def by_username(self, username: str) -> Row:
        """One account by its username in any case. Raises `NotFound`."""
        found = await self.by_usernames([username])
        for row in found.values():
            if row["profile"]["username"].lower() == username.lower():
                return row
        raise NotFound("There is no account with this username.")

    async def search(
        self, typed: str, caller: Caller | None, limit: int, offset: int = 0
    ) -> list[Row]:
        """Accounts whose name begins with what was typed, an exact match first.

        Without a signed-in user only exact usernames are found.
        """
        typed = typed.strip()
        name = local_username(typed, self._host)
        if caller is None or not caller.user_id:
            exact = await self.by_usernames([name]) if name and not offset else {}
            return [row for row in exact.values() if not row["profile"]["suspended"]]
        if not typed:
            return []
        params = {
            "q": (name or typed)[:100],
            "limit": str(max(1, min(limit, _BATCH_SIZE))),
            "offset": str(max(0, min(offset, 1000))),
        }
        rows: list[Row] = await self._services.ask("users", "search", caller, params=params)
        return rows

    async def only_followed(self, rows: Sequence[Row], caller: Caller) -> list[Row]:
        """Those accounts that the caller follows."""
        if not rows:
            return []
        ids = ",".join(row["profile"]["id"] for row in rows)
        found = await self._services.ask("users", "relationships", caller, params={"ids": ids})
        followed = {relationship["id"] for relationship in found if relationship["following"]}
        return [row for row in rows if row["profile"]["id"] in followed]


def local_username(acct: str, host: str) -> str:
    """The username in `name`, `@name` or `name@host`; empty for another host or no valid name."""
    name, at, where = acct.strip().removeprefix("@").partition("@")
    if at and where.lower() != host.lower():
        return ""
    return name if name.replace("_", "a").isalnum() and name.isascii() and len(name) <= 30 else ""
