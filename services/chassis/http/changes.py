"""The routes by which consumers ask a producer for what the broker did not deliver."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from services.chassis.errors import NotFound
from services.chassis.http.responses import OrjsonResponse
from services.chassis.publishing.journal import SEGMENT_SIZE
from services.chassis.publishing.outbox import Outbox, read_heads
from services.chassis.security.guards import require_any_service


def create_changes_router(service: str, outboxes: Mapping[str, Outbox]) -> APIRouter:
    """`/changes`: the last numbers of streams, and the events after a number."""
    router = APIRouter(tags=["changes"], dependencies=[Depends(require_any_service)])

    def outbox(topic: str) -> Outbox:
        if topic not in outboxes:
            raise NotFound(f'{service} does not produce the topic "{topic}".')
        return outboxes[topic]

    @router.get("/changes", summary="The last sequence number of each stream of some topics.")
    async def heads(topics: str = Query(max_length=500)) -> dict[str, dict[str, int]]:
        return await read_heads({topic: outbox(topic) for topic in topics.split(",")})

    @router.get("/changes/{topic}/{stream}", summary="The events of a stream after a number.")
    async def changes(
        topic: str,
        stream: str,
        after: int = Query(ge=0),
        limit: int = Query(default=SEGMENT_SIZE, ge=1, le=SEGMENT_SIZE),
    ) -> Response:
        events, settled = await outbox(topic).changes_since(stream, after, limit)
        return OrjsonResponse({"events": events, "settled": settled})

    return router
