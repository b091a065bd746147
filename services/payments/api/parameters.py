"""The parameters and guards that several routes of payments share."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path

from services.chassis.security.caller import Caller
from services.chassis.security.guards import require_user
from services.chassis.storage.window import normalize_or_missing

Reader = Annotated[Caller, Depends(require_user("read:shop"))]


async def _order_id(
    order: Annotated[str, Path(max_length=40, examples=["116548290000001537"])],
) -> str:
    return normalize_or_missing(order, "There is no such order.")


OrderId = Annotated[str, Depends(_order_id)]
