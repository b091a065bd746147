"""The routes on which the sidecar delivers events, and those of the dead letters."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import Response

from services.chassis.consuming import handling
from services.chassis.consuming.dapr_subscriptions import DaprSubscriptions, Endpoint
from services.chassis.consuming.dead_letters import DeadLetters
from services.chassis.consuming.event_metrics import DROPPED, OK, EventMetrics
from services.chassis.consuming.events import (
    Handlers,
    PoisonMessage,
    parse_cloud_event,
    parse_message,
)
from services.chassis.consuming.inbox import Inbox
from services.chassis.errors import ServiceError
from services.chassis.http.responses import OrjsonResponse
from services.chassis.metrics import Metrics

log = logging.getLogger(__name__)


def subscribe(
    app: FastAPI,
    service: str,
    inbox: Inbox,
    topics: Sequence[str],
    broadcasts: Mapping[str, Handlers],
    metrics: Metrics,
) -> None:
    """Tell the sidecar which topics to deliver, with a dead-letter topic for what fails."""
    dapr = DaprSubscriptions(app)
    dead = f"{service}-dead"
    for topic in topics:
        endpoint = _event_endpoint(inbox, topic)
        dapr.add("pubsub", topic, f"/events/{topic}", endpoint, dead_letters=dead)
    if topics:
        endpoint = _dead_letter_endpoint(inbox)
        dapr.add("pubsub", dead, "/events-dead", endpoint)
    for topic, handlers in broadcasts.items():
        endpoint = _broadcast_endpoint(topic, handlers, metrics)
        dapr.add("broadcast", topic, f"/events-broadcast/{topic}", endpoint)


def create_dead_letter_router(dead_letters: DeadLetters, inbox: Inbox) -> APIRouter:
    """`/deadletters`: the events that could not be handled, and their replay."""
    router = APIRouter(tags=["dead letters"])

    @router.get("/deadletters", summary="Events that could not be handled.")
    async def letters() -> Response:
        return OrjsonResponse(await dead_letters.all())

    @router.post("/deadletters/replay", summary="Handle them again.")
    async def replay() -> Response:
        replayed, failed = await dead_letters.replay(inbox.receive_event)
        return OrjsonResponse({"replayed": replayed, "failed": failed})

    return router


def _event_endpoint(inbox: Inbox, topic: str) -> Endpoint:
    async def receive(request: Request) -> Response:
        try:
            await inbox.receive(topic, _loads(await request.body()))
        except PoisonMessage as poison:
            log.error("poison message", extra={"topic": topic, "why": poison.message})  # noqa: TRY400
            return _status("DROP")
        except ServiceError as failure:
            log.warning("will retry a message", extra={"topic": topic, "why": failure.message})
            return _status("RETRY")
        except Exception:
            log.exception("will retry a message", extra={"topic": topic})
            return _status("RETRY")
        return _status("SUCCESS")

    return receive


def _dead_letter_endpoint(inbox: Inbox) -> Endpoint:
    """Handles once more what the broker gave up, and keeps it where that fails too."""

    async def handle(topic: str, event: Any) -> None:
        if topic not in inbox.subscriptions:
            why = f'This service does not consume the topic "{topic}".'
            await inbox.dead_letter(topic, event, why)
            return
        try:
            await inbox.receive_event(topic, event)
        except Exception as error:
            await inbox.dead_letter(topic, event, str(error))

    async def receive(request: Request) -> Response:
        raw = await request.body()
        try:
            message = orjson.loads(raw)
        except orjson.JSONDecodeError:
            message = {"raw": raw.decode(errors="replace")}
        topic = str(message.get("topic", "")) if isinstance(message, dict) else ""
        try:
            events = parse_message(message)
        except PoisonMessage as poison:
            await inbox.dead_letter(topic, message, poison.message)
        else:
            await asyncio.gather(*(handle(topic, event) for event in events))
        return _status("SUCCESS")

    return receive


def _broadcast_endpoint(topic: str, handlers: Handlers, metrics: Metrics) -> Endpoint:
    counts = EventMetrics(metrics)

    async def receive(request: Request) -> Response:
        try:
            events = parse_message(_loads(await request.body()))
        except PoisonMessage as poison:
            log.error("invalid broadcast", extra={"topic": topic, "why": poison.message})  # noqa: TRY400
            return _status("SUCCESS")
        for body in events:
            try:
                event = parse_cloud_event(body)
                await handling.handle(topic, handlers, event)
                counts.count(topic, OK)
                counts.observe_age(topic, event)
            except Exception:  # one bad event must not stop those after it
                counts.count(topic, DROPPED)
                log.exception("could not handle a broadcast event", extra={"topic": topic})
        return _status("SUCCESS")

    return receive


def _status(status: str) -> Response:
    return OrjsonResponse({"status": status})


def _loads(raw: bytes) -> Any:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise PoisonMessage("The message is not JSON.") from error
