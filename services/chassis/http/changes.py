"""The routes by which consumers ask a producer for what the broker did not deliver."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from services.chassis.errors import Forbidden, NotFound
from services.chassis.http.responses import OrjsonResponse
from services.chassis.metrics import mark_as_stream
from services.chassis.publishing.head_watch import HeadWatch
from services.chassis.publishing.journal import SEGMENT_SIZE
from services.chassis.publishing.outbox import Outbox
from services.chassis.security.route_guards import CALLING_APP

_JSON = "application/json"

MAX_WAIT = 25.0
"""Seconds for which a consumer may wait for news at most."""


def create_changes_router(
    outboxes: Mapping[str, Outbox], heads: HeadWatch, subscribers: Mapping[str, Set[str]]
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

    @router.get(
        "/changes",
        summary="The last sequence number of each stream of some topics.",
        response_model=dict[str, dict[str, int]],
    )
    async def read_heads(
        request: Request,
        topics: Annotated[str, Query(max_length=500)],
        known: Annotated[str, Query(max_length=64)] = "",
        wait: Annotated[float, Query(ge=0, le=MAX_WAIT)] = 0,
    ) -> Response:
        """Wait up to some seconds while the answer has the tag `known`; see `Heads.tag`."""
        names = topics.split(",")
        for topic in names:
            outbox(request, topic)
        if wait:
            mark_as_stream(request.scope)
        return Response((await heads.read(names, known=known, wait=wait)).raw, media_type=_JSON)

    @router.get("/changes/{topic}/{stream}", summary="The events of a stream after a number.")
    async def changes(
        request: Request,
        topic: str,
        stream: str,
        after: Annotated[int, Query(ge=0)],
        limit: Annotated[int, Query(ge=1, le=SEGMENT_SIZE)] = SEGMENT_SIZE,
    ) -> Response:
        events, settled = await outbox(request, topic).changes_since(stream, after, limit)
        return OrjsonResponse({"events": events, "settled": settled})

    return router
