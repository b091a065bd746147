"""Creates and edits shops."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from services.catalog.application.access import require_condition
from services.catalog.application.views import shop_view
from services.catalog.domain import shops as rules
from services.catalog.domain.shops import NO_SUCH_SHOP, ShopEdit, ShopRecord
from services.catalog.repository import CreationIntent, Repository
from services.chassis.errors import Conflict
from services.chassis.http.preconditions import Condition
from services.chassis.idempotency import fingerprint, first_intent
from services.chassis.ids import id_time, timestamp
from services.chassis.security.caller import Caller
from services.chassis.storage.list_head import ListFull
from services.chassis.storage.window import normalize_or_missing
from services.contracts import limits
from services.contracts.catalog import EditedShop, NewShop

_CREATION_TIMEOUT = timedelta(minutes=1)
"""A shop that does not exist so long after its id was generated will never exist."""


class ShopService:
    """Creates and edits shops. `ids` generates ids, `now` returns the current time."""

    def __init__(
        self, repository: Repository, *, ids: Callable[[], str], now: Callable[[], str]
    ) -> None:
        self._repository = repository
        self._ids = ids
        self._now = now

    async def create(self, new: NewShop, caller: Caller) -> dict[str, Any]:
        """Create a shop and return its `ShopView`.

        Four state calls, five with an idempotency key. Raises `Conflict` (`too_many_shops`).
        """

        def shop(id: str) -> ShopRecord:
            return rules.create_shop(
                id=id,
                owner=caller.user_id,
                name=new.name,
                description=new.description,
                currency=new.currency,
                now=timestamp(id_time(id)),
                fingerprint=fingerprint(new) if new.idempotency_key else "",
            )

        intent = CreationIntent(self._ids())
        shop(intent.id)  # validates before anything is written
        intents = self._repository.intents
        id = (await first_intent(intents, caller.user_id, new.idempotency_key, intent)).id
        try:
            await self._list(caller.user_id, id)
        except ListFull as full:
            message = f"You can have at most {limits.MAX_SHOPS} shops."
            raise Conflict(message, code="too_many_shops") from full
        made = await self._repository.shops.update(
            id, lambda kept: rules.create_once(kept, shop(id)), expect_absent=True
        )
        return shop_view(made or shop(id))

    async def _list(self, user: str, shop: str) -> None:
        """Insert a shop into its owner's bounded list before it exists.

        So only one of two concurrent requests gets the last entry. An entry whose shop was never
        created, because the process died, is removed when the list is full. Raises `ListFull`.
        """
        by_owner = self._repository.shops_by_owner
        try:
            await by_owner.insert(user, [[shop]], max_total=limits.MAX_SHOPS)
        except ListFull:
            ids = [row[0] for row in await by_owner.all(user)]
            existing = await self._repository.shops.get_many(ids)
            now = self._now()
            await by_owner.remove(
                user, [id for id in ids if id not in existing and _is_abandoned(id, now)]
            )
            await by_owner.insert(user, [[shop]], max_total=limits.MAX_SHOPS)

    async def edit(
        self, id: str, wanted: EditedShop, seen: Condition | None, caller: Caller
    ) -> dict[str, Any]:
        """Edit, close or reopen a shop and return its `ShopView`. Two state calls."""
        id, base = normalize_or_missing(id, NO_SUCH_SHOP), require_condition(seen)
        change, now = ShopEdit(wanted.name, wanted.description, wanted.archived), self._now()
        made = await self._repository.shops.update(
            id, lambda kept: rules.edit(kept, change, user=caller.user_id, seen=base, now=now)
        )
        return shop_view(rules.require_own(made, caller.user_id))


def _is_abandoned(id: str, now: str) -> bool:
    """Whether a shop with this id would exist by now if its request had succeeded."""
    return timestamp(id_time(id) + _CREATION_TIMEOUT) < now
