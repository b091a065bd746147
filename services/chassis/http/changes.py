"""The routes by which consumers ask a producer for what the broker did not deliver."""

from __future__ import annotations

from collections.abc import Mapping, Set

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from services.chassis.errors import Forbidden, NotFound
from services.chassis.http.responses import OrjsonResponse
from services.chassis.publishing.journal import SEGMENT_SIZE
from services.chassis.publishing.outbox import Outbox, read_heads
from services.chassis.security.route_guards import CALLING_APP


def create_changes_router(
    outboxes: Mapping[str, Outbox], subscribers: Mapping[str, Set[str]]
) -> APIRouter:
    """`/changes`: the last numbers of streams, and the events after a number.

    Each topic is for its `subscribers` alone.
    """
    router = APIRouter(tags=["changes"])

    def outbox(request: Request, topic: str) -> Outbox:
        if topic not in outboxes:
            raise NotFound(f'This service does not produce the topic "{topic}".')
        if request.scope[CALLING_APP] not in subscribers.get(topic, ()):
            raise Forbidden(f'The caller does not subscribe to the topic "{topic}".')
        return outboxes[topic]

    @router.get("/changes", summary="The last sequence number of each stream of some topics.")
    async def heads(
        request: Request, topics: str = Query(max_length=500)
    ) -> dict[str, dict[str, int]]:
        return await read_heads({topic: outbox(request, topic) for topic in topics.split(",")})

    @router.get("/changes/{topic}/{stream}", summary="The events of a stream after a number.")
    async def changes(
        request: Request,
        topic: str,
        stream: str,
        after: int = Query(ge=0),
        limit: int = Query(default=SEGMENT_SIZE, ge=1, le=SEGMENT_SIZE),
    ) -> Response:
        events, settled = await outbox(request, topic).changes_since(stream, after, limit)
        return OrjsonResponse({"events": events, "settled": settled})

    return router
