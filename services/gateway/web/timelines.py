"""Pages of timelines as templates show them: entities Status as the client API has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

import orjson
from fastapi import Query

from services.chassis.security.caller import Caller
from services.chassis.storage.window import Window
from services.clients.feed import Timeline
from services.gateway.container import Gateway

Entity = dict[str, Any]

MaxId = Annotated[str, Query(max_length=20, pattern=r"^\d*$")]
"""The cursor of a page: only items older than this id."""


class StatusPage(NamedTuple):
    """A page of Status, the cursor of older ones (empty at the end), and what it depends on."""

    statuses: list[Entity]
    older: str
    documents: Sequence[str]


async def status_page(
    gateway: Gateway, timeline: Timeline, caller: Caller | None, limit: int, max_id: str = ""
) -> StatusPage:
    """A page of a timeline. Posts that cannot be shown are left out, so it may be shorter."""
    page = await gateway.timelines.get(timeline, caller, Window.of(limit, max_id, None, None))
    found: list[Entity] = orjson.loads(page.body)
    shown = [status for status in found if _is_shown(status)]
    return StatusPage(shown, page.more, page.documents)


def _is_shown(status: Entity) -> bool:
    """Whether there is anything to show: a boost of a post that is hidden is empty."""
    return bool(status["reblog"] or status["content"] or status["media_attachments"])
