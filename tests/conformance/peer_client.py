"""What tests tell a stand-in, and the streams of events that it plays."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import requests

from services.chassis.dapr.pubsub import encode_event, event_message
from services.chassis.ids import timestamp
from services.contracts.events import EventType

TIMEOUT = 60.0
"""Seconds in which whatever is asked answers."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of a service."""

    status: int
    headers: Mapping[str, str]
    text: str

    def json(self) -> Any:
        return json.loads(self.text)

    def error(self) -> str:
        """The code of an error, after a check of its shape."""
        body = self.json()
        assert isinstance(body, dict), body
        assert isinstance(body.get("code"), str), body
        assert isinstance(body.get("message"), str), body
        return str(body["code"])


class PeerClient:
    """Tells a stand-in what to do, and asks what it has received."""

    def __init__(self, app_id: str, port: int, token: str) -> None:
        self.app_id = app_id
        self._base = f"http://127.0.0.1:{port}/peer"
        self._headers = {"dapr-api-token": token}

    def tell(self, **told: Any) -> None:
        """Set `answers` by method and path, or add to `streams`, `revoked` or `deleted`."""
        requests.post(
            f"{self._base}/tell", json=told, headers=self._headers, timeout=TIMEOUT
        ).raise_for_status()

    def call(self, app: str, route: str, **told: Any) -> Answer:
        """Call a route of another service through the sidecars."""
        method, _, path = route.partition(" ")
        return self._send(method=method, path=f"/invoke/{app}/method{path}", **told)

    def publish(self, pubsub: str, topic: str, body: str) -> Answer:
        """Publish a message as it is."""
        headers = {"content-type": "application/cloudevents+json"}
        path = f"/publish/{pubsub}/{topic}"
        return self._send(method="POST", path=path, body=body, headers=headers)

    @property
    def events(self) -> list[dict[str, Any]]:
        """All events that it has received, in the order of their arrival."""
        return list(self._received()["events"])

    @property
    def messages(self) -> list[dict[str, Any]]:
        """All messages that brought events, with the `number` of these instead of them."""
        return list(self._received()["messages"])

    @property
    def requests(self) -> list[dict[str, Any]]:
        """All requests that it has received, but those of events."""
        return list(self._received()["requests"])

    def _received(self) -> dict[str, Any]:
        answer = requests.get(f"{self._base}/received", headers=self._headers, timeout=TIMEOUT)
        found: dict[str, Any] = answer.json()
        return found

    def _send(self, **told: Any) -> Answer:
        answer = requests.post(
            f"{self._base}/send", json=told, headers=self._headers, timeout=TIMEOUT
        ).json()
        return Answer(answer["status"], {}, answer["body"])


@dataclass
class Stream:
    """The stream of events of one process of a producer, which a stand-in plays."""

    peer: PeerClient
    topic: str
    name: str = field(default_factory=lambda: secrets.token_hex(5))
    trace: str = field(default_factory=lambda: secrets.token_hex(16))
    """The id of the trace of all its changes."""
    sequence: int = 0

    def event(
        self, kind: EventType[Any], subject: str, version: int, data: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The next event of the stream."""
        self.sequence += 1
        return {
            "specversion": "1.0",
            "id": f"{kind.producer}:{kind.name}:{subject}@{version}",
            "source": kind.producer,
            "type": kind.name,
            "subject": subject,
            "time": timestamp(),
            "datacontenttype": "application/json",
            "traceparent": f"00-{self.trace}-{secrets.token_hex(8)}-00",
            "topic": self.topic,
            "stream": self.name,
            "sequence": self.sequence,
            "entityversion": version,
            "schemaversion": 1,
            "data": dict(data),
        }

    def keep(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Have `/changes` of the producer give these events."""
        self.peer.tell(streams={self.topic: {self.name: list(events)}})

    def deliver(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Publish events in one message."""
        body = event_message([encode_event(event) for event in events]).decode()
        answer = self.peer.publish("pubsub", self.topic, body)
        assert answer.status == 204, answer
