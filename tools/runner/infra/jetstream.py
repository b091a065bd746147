"""Creates the streams of JetStream, and recreates consumers if the broker lost its data.

Dapr's component never creates a stream, and creates its consumers once, when a sidecar starts. So
the runner creates the streams. It updates durable consumers of an earlier start to the component's
settings (the component refuses one that differs). If the broker comes back empty, it creates all
consumers again under their old delivery subjects, to which the sidecars still listen. Messages do
not pass through the runner, and sidecars do not depend on it unless the broker fails.
"""

import asyncio
import contextlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from tools.runner.infra.nats_client import NatsClient

_API = "$JS.API"
_SECOND = 10**9
_INVALIDATIONS = "-invalidations"


class JetStreamManager:
    """Manages streams and consumers over one connection to the NATS server.

    `settings` are the required settings of every consumer, in the server's terms: `ack_wait` in
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
        """Start; `ready` is set when the streams exist."""
        self._task = asyncio.create_task(self._run(), name="jetstream")

    async def stop(self) -> None:
        """Stop, and wait for the end."""
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
        """Redeliver at once the messages that a killed sidecar had not acknowledged.

        Otherwise each would wait for its `ack_wait`. Unacknowledged messages of another replica
        are delivered a second time, too; consumers are idempotent.
        """
        for stream, name in list(self._consumers):
            if name == consumer and self._client:
                with contextlib.suppress(OSError, TimeoutError):
                    await _refuse_pending(self._client, stream, name)

    async def pending_messages(self) -> list[tuple[str, str, int]]:
        """Return service, topic and how many messages its durable consumer has not acknowledged.

        One request for each topic. Empty while the server is away.
        """
        client = self._client
        if client is None:
            return []
        try:
            found = [_pending(client, topic) for topic in sorted(self._topics)]
            return [each for pending in await asyncio.gather(*found) for each in pending]
        except (OSError, TimeoutError):
            return []

    async def _create_stream(self, client: NatsClient, topic: str) -> set[str]:
        """Create the stream of a topic; return the delivery subjects of its consumers."""
        await _make_stream(client, topic)
        return await self._load_consumers(client, topic)

    async def _load_consumers(self, client: NatsClient, topic: str) -> set[str]:
        """Remember the durable consumers of a stream, with the current settings.

        Returns the delivery subjects of all its consumers.
        """
        stream = stream_name(topic)
        answer = await client.request(f"{_API}.CONSUMER.LIST.{stream}", {"offset": 0})
        found = [consumer["config"] for consumer in answer.get("consumers") or []]
        for config in found:
            if name := config.get("durable_name"):
                self._consumers[stream, name] = config | self._settings
        return {config.get("deliver_subject", "") for config in found}

    def _observe_requests(self, client: NatsClient) -> None:
        """Observe the requests of sidecars to JetStream."""

        async def created(_subject: str, _reply: str, payload: bytes) -> None:
            request = json.loads(payload)
            config = request["config"]
            self._consumers[request["stream_name"], _name(config)] = config

        async def looked_up(_subject: str, _reply: str, payload: bytes) -> None:
            topic = json.loads(payload or b"{}").get("subject")
            if topic and topic not in self._topics:  # of a test; the sidecar retries
                await _make_stream(client, topic)
                self._topics.add(topic)

        client.subscribe(f"{_API}.CONSUMER.CREATE.>", created)
        client.subscribe(f"{_API}.STREAM.NAMES", looked_up)


def stream_name(topic: str) -> str:
    """Return the name of a topic's stream, without dots, which are not allowed."""
    return topic.replace(".", "_")


def stream_config(topic: str) -> dict[str, Any]:
    """Return the stream of one topic: on disk, for a week, at most 256 MB.

    There is one stream per topic: JetStream drops an event id that a stream had in the last two
    minutes, and an event keeps its id on its way to a dead-letter topic. And the component knows
    only one durable name, which is unique within a stream.

    Invalidations are only broadcast, to whoever listens now: in memory, for two minutes, 8 MB.
    """
    is_broadcast = topic.endswith(_INVALIDATIONS)
    return {
        "name": stream_name(topic),
        "subjects": [topic],
        "storage": "memory" if is_broadcast else "file",
        "retention": "limits",
        "discard": "old",
        "max_age": (120 if is_broadcast else 7 * 24 * 3600) * _SECOND,
        "max_bytes": 8_000_000 if is_broadcast else 256_000_000,
        "duplicate_window": 120 * _SECOND,
        "num_replicas": 1,
    }


async def _make_stream(client: NatsClient, topic: str) -> None:
    config = stream_config(topic)
    answer = await client.request(f"{_API}.STREAM.CREATE.{config['name']}", config)
    if "error" in answer:
        await client.request(f"{_API}.STREAM.UPDATE.{config['name']}", config)


async def _pending(client: NatsClient, topic: str) -> list[tuple[str, str, int]]:
    answer = await client.request(f"{_API}.CONSUMER.LIST.{stream_name(topic)}", {"offset": 0})
    return [
        (name, topic, consumer["num_pending"] + consumer["num_ack_pending"])
        for consumer in answer.get("consumers") or []
        if (name := consumer["config"].get("durable_name"))
    ]


async def _refuse_pending(client: NatsClient, stream: str, consumer: str) -> None:
    info = await client.request(f"{_API}.CONSUMER.INFO.{stream}.{consumer}", {})
    if not info.get("num_ack_pending"):
        return
    delivered, floor = info["delivered"], info["ack_floor"]
    first = max(floor["stream_seq"] + 1, delivered["stream_seq"] - 10_000)
    for sequence in range(first, delivered["stream_seq"] + 1):
        # Delivery count, stream sequence, any valid consumer sequence, time, pending.
        token = f"1.{sequence}.{delivered['consumer_seq']}.0.0"
        client.publish(f"$JS.ACK.{stream}.{consumer}.{token}", b"-NAK")


async def _make_consumer(client: NatsClient, stream: str, config: dict[str, Any]) -> None:
    config = {**config, "name": _name(config)}
    subject = f"{_API}.CONSUMER.CREATE.{stream}.{config['name']}"
    if config.get("filter_subject"):
        subject += f".{config['filter_subject']}"
    await client.request(subject, {"stream_name": stream, "config": config})


def _name(config: Mapping[str, Any]) -> str:
    """Return a consumer's name; one that is not durable is named by its delivery subject."""
    return str(config.get("durable_name") or config["deliver_subject"].rpartition(".")[2])
