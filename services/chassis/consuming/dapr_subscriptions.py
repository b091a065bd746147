"""The routes that a sidecar delivers messages to, and the list in which it finds them.

`DaprApp` of dapr-ext-fastapi does the same, but to import it imports the whole SDK with gRPC and
protobuf: memory of each service, of which only orders uses any.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import Response

Endpoint = Callable[[Request], Awaitable[Response]]


class DaprSubscriptions:
    """The programmatic subscriptions of one app: `GET /dapr/subscribe`."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._subscriptions: list[dict[str, Any]] = []
        self._add_route("/dapr/subscribe", self._get_subscriptions, "GET")

    def add(
        self, pubsub: str, topic: str, route: str, endpoint: Endpoint, *, dead_letters: str = ""
    ) -> None:
        """Have the messages of a topic delivered to an endpoint.

        `dead_letters` is the topic of messages that the sidecar gives up.
        """
        subscription = {"pubsubname": pubsub, "topic": topic, "route": route}
        if dead_letters:
            subscription["deadLetterTopic"] = dead_letters
        self._subscriptions.append(subscription)
        self._add_route(route, endpoint, "POST")

    def _add_route(self, path: str, endpoint: Callable[..., Any], method: str) -> None:
        self._app.add_api_route(path, endpoint, methods=[method], tags=["events"])

    async def _get_subscriptions(self) -> Any:
        return self._subscriptions
