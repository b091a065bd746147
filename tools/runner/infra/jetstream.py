"""Keeps JetStream fit for Dapr: streams before sidecars, and consumers that outlive a lost broker.

Dapr's component never makes a stream, and makes its consumers once, when a sidecar starts. So the
runner makes the streams, brings durable consumers of an earlier start in line with the component's
settings (the component refuses one that differs), and, should the broker come back empty, makes
all of them again under their old delivery addresses, to which the sidecars still listen.
Messages do not pass through here, and sidecars do not depend on it while nothing breaks.
"""

import asyncio
import contextlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from tools.runner.infra.nats_client import NatsClient

_API = "$JS.API"
_SECOND = 10**9


class JetStreamManager:
    """Keeps one connection to the NATS server, for as long as it runs.

    `settings` are what every consumer must have, in the words of the server: `ack_wait` in
    nanoseconds, `max_ack_pending`.
    """

    def __init__(
        self,
        address: tuple[int, str, str],
        topics: Iterable[str],
        settings: Mapping[str, Any],
    ) -> None:
        self._address = address
        self._topics = set(topics)
        self._settings = settings
        self._consumers: dict[tuple[str, str], dict[str, Any]] = {}
        self._task: asyncio.Task[None] | None = None
        self._client: NatsClient | None = None
        self.ready = asyncio.Event()

    def start(self) -> None:
        """Begin; `ready` tells when the streams are there."""
        self._task = asyncio.create_task(self._run(), name="jetstream")

    async def stop(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(OSError, EOFError, TimeoutError):
                await self._session()
            self.ready.clear()
            await asyncio.sleep(0.1)

    async def _session(self) -> None:
        client = await NatsClient.connect(*self._address)
        reading = asyncio.create_task(client.run())
        try:
            found = [self._create_stream(client, topic) for topic in sorted(self._topics)]
            served = set[str]().union(*await asyncio.gather(*found))
            made = [
                _make_consumer(client, stream, config)
                for (stream, _), config in self._consumers.items()
                if config.get("durable_name") or config["deliver_subject"] not in served
            ]
            await asyncio.gather(*made)
            self._observe_requests(client)
            self._client = client
            self.ready.set()
            await reading
        finally:
            self._client = None
            reading.cancel()
            await client.close()

    async def redeliver_pending(self, consumer: str) -> None:
        """Have messages delivered at once that a sidecar had in hand when it was killed.

        Else each would wait for the end of its `ack_wait`. What another replica has in hand is
        delivered a second time, too, which consumers take in their stride.
        """
        for stream, name in list(self._consumers):
            if name == consumer and self._client:
                with contextlib.suppress(OSError, TimeoutError):
                    await _refuse_pending(self._client, stream, name)

    async def _create_stream(self, client: NatsClient, topic: str) -> set[str]:
        """Make the stream of a topic; returns where its consumers deliver to."""
        await _make_stream(client, topic)
        return await self._load_consumers(client, topic)

    async def _load_consumers(self, client: NatsClient, topic: str) -> set[str]:
        """Remember the durable consumers that a stream has, with today's settings.

        Returns where any of its consumers deliver to.
        """
        stream = stream_name(topic)
        answer = await client.request(f"{_API}.CONSUMER.LIST.{stream}", {"offset": 0})
        found = [consumer["config"] for consumer in answer.get("consumers") or []]
        for config in found:
            if name := config.get("durable_name"):
                self._consumers[stream, name] = config | self._settings
        return {config.get("deliver_subject", "") for config in found}

    def _observe_requests(self, client: NatsClient) -> None:
        """Overhear what sidecars ask of JetStream."""

        async def created(_subject: str, _reply: str, payload: bytes) -> None:
            request = json.loads(payload)
            config = request["config"]
            self._consumers[request["stream_name"], _name(config)] = config

        async def looked_up(_subject: str, _reply: str, payload: bytes) -> None:
            topic = json.loads(payload or b"{}").get("subject")
            if topic and topic not in self._topics:  # a test's, say; the sidecar will ask again
                await _make_stream(client, topic)
                self._topics.add(topic)

        client.subscribe(f"{_API}.CONSUMER.CREATE.>", created)
        client.subscribe(f"{_API}.STREAM.NAMES", looked_up)


def stream_name(topic: str) -> str:
    """Return the name of a topic's stream, which may not have dots."""
    return topic.replace(".", "_")


def stream_config(topic: str) -> dict[str, Any]:
    """Return the stream of one topic: on disk, for a week, at most 256 MB.

    One for each topic, because JetStream drops an event id that a stream had in the last two
    minutes, and an event that goes to a dead-letter topic keeps its id; and because a consumer's
    durable name, of which the component knows only one, is a name within a stream.
    """
    return {
        "name": stream_name(topic),
        "subjects": [topic],
        "storage": "file",
        "retention": "limits",
        "discard": "old",
        "max_age": 7 * 24 * 3600 * _SECOND,
        "max_bytes": 256_000_000,
        "duplicate_window": 120 * _SECOND,
        "num_replicas": 1,
    }


async def _make_stream(client: NatsClient, topic: str) -> None:
    config = stream_config(topic)
    answer = await client.request(f"{_API}.STREAM.CREATE.{config['name']}", config)
    if "error" in answer:
        await client.request(f"{_API}.STREAM.UPDATE.{config['name']}", config)


async def _refuse_pending(client: NatsClient, stream: str, consumer: str) -> None:
    info = await client.request(f"{_API}.CONSUMER.INFO.{stream}.{consumer}", {})
    if not info.get("num_ack_pending"):
        return
    delivered, floor = info["delivered"], info["ack_floor"]
    first = max(floor["stream_seq"] + 1, delivered["stream_seq"] - 10_000)
    for sequence in range(first, delivered["stream_seq"] + 1):
        # Delivery count, stream sequence, a consumer sequence that is within range, time, pending.
        token = f"1.{sequence}.{delivered['consumer_seq']}.0.0"
        client.publish(f"$JS.ACK.{stream}.{consumer}.{token}", b"-NAK")


async def _make_consumer(client: NatsClient, stream: str, config: dict[str, Any]) -> None:
    config = {**config, "name": _name(config)}
    subject = f"{_API}.CONSUMER.CREATE.{stream}.{config['name']}"
    if config.get("filter_subject"):
        subject += f".{config['filter_subject']}"
    await client.request(subject, {"stream_name": stream, "config": config})


def _name(config: Mapping[str, Any]) -> str:
    """Return a consumer's name; one that is not durable gets one by where it delivers to."""
    return str(config.get("durable_name") or config["deliver_subject"].rpartition(".")[2])
