"""A cluster of services in one process, each beside a fake sidecar."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import inspect
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from typing import Any, TypeVar
from unittest import mock

from fastapi import FastAPI

from services.chassis import service as chassis_service
from services.chassis.publishing.local_delivery import LocalDelivery, LocalHandler
from services.chassis.security.access_rules import (
    METRICS_SECRET,
    OPERATOR_HEADER,
    OPERATOR_SECRET,
    Access,
)
from services.chassis.service import Service
from services.chassis.settings import Settings
from services.chassis.workflows import workflows
from tests.fakes import asgi
from tests.fakes.access import open_access
from tests.fakes.asgi import Response
from tests.fakes.auth import FakeAuth
from tests.fakes.broker import Deliver, FakeBroker, message_of
from tests.fakes.faults import IN_BACKGROUND, ProcessDied
from tests.fakes.sidecar import APP_TOKEN, FakeNetwork, FakeSidecar, SentMail
from tests.fakes.state import FakeState
from tests.fakes.workflows import FakeEngine, WorkflowHistory

T = TypeVar("T")
OPERATOR_TOKEN = "the-token-of-the-operator"
METRICS_TOKEN = "the-token-of-metrics"
Create = Callable[[Any], Any]
"""A service's `create_app(settings)`, or `create_service(settings)` if it needs no routers."""


class RunningReplica:
    """One replica of a service in a `FakeCluster`: call, inspect, stop or kill it."""

    def __init__(
        self, cluster: FakeCluster, app: FastAPI, service: Service, sidecar: FakeSidecar
    ) -> None:
        self._cluster = cluster
        self.app = app
        self.service = service
        self.sidecar = sidecar
        self.name = service.name
        self.alone = f"{self.name}, replica {id(self)}"
        """Its subscriber name on topics where every replica gets its own copy."""
        self._life = AsyncExitStack()

    async def call(
        self,
        method: str,
        target: str,
        *,
        token: str = "",
        caller: str = "gateway",
        headers: Mapping[str, str] | None = None,
        **content: Any,
    ) -> Response:
        """Call a route as another service through its sidecar: `json`, `data`, `form`, `params`.

        Without a caller it is the service's own sidecar that calls. Returns what was answered, also
        where that is an error.
        """
        sent = {"dapr-api-token": APP_TOKEN, **(headers or {})}
        if caller:
            sent["dapr-caller-app-id"] = caller
        if token:
            sent["authorization"] = f"Bearer {token}"
        return await asgi.call(self.app, method, target, headers=sent, **content)

    async def operate(
        self, method: str, target: str, *, token: str = OPERATOR_TOKEN, **content: Any
    ) -> Response:
        """Call a route as the operator, with the operator's token, through its own sidecar."""
        headers = {OPERATOR_HEADER: token} if token else {}
        return await self.call(method, target, caller="", headers=headers, **content)

    async def public(self, method: str, target: str, *, token: str = "", **rest: Any) -> Response:
        """Call a route from outside, without a sidecar."""
        headers = {"host": self.service.settings.public_host, **(rest.pop("headers", None) or {})}
        if token:
            headers["authorization"] = f"Bearer {token}"
        return await asgi.call(self.app, method, target, headers=headers, **rest)

    async def deliver(self, topic: str, *events: dict[str, Any]) -> str:
        """Deliver events in one message; return SUCCESS, RETRY or DROP, or raise what failed."""
        message = message_of(events) | {"topic": topic}
        outbox = self.service.outboxes.get(topic)
        if outbox is not None and outbox.local is not None:
            await self.service.inbox.receive(topic, message)
            return "SUCCESS"
        headers = {"content-type": "application/cloudevents+json"}
        route = f"/events/{topic}"
        answer = await self.call(
            "POST", route, caller="", headers=headers, json=message, deadline=60.0
        )
        return str(answer.json()["status"])

    async def run_work(self, name: str) -> None:
        """Do once what the replica does in the background under a name."""
        (work,) = (each for each in self.service._work if each.name == name)
        await work._work()

    async def stop(self) -> None:
        """Stop the replica as a signal would."""
        await self._cluster.forget(self)
        await self._life.aclose()

    async def kill(self) -> None:
        """Stop the replica as `kill -9` would: it sends no further call, and finishes nothing."""
        self.sidecar.kill()
        self._cluster.killed.append(self)
        await self._cluster.forget(self)

    async def release(self) -> None:
        """End the waiting tasks of a killed replica."""
        self.sidecar.release()
        with contextlib.suppress(ProcessDied):
            await self._life.aclose()

    async def while_alive(self, work: Coroutine[Any, Any, T]) -> T | None:
        """Return what some work of this replica gives; None if it is dead, or dies meanwhile."""
        if self.sidecar.faults.dead.is_set():
            work.close()
            return None
        task = asyncio.ensure_future(work)
        died = asyncio.ensure_future(self.sidecar.faults.dead.wait())
        await asyncio.wait({task, died}, return_when=asyncio.FIRST_COMPLETED)
        died.cancel()
        if not task.done():  # killed in the middle: the connection breaks
            task.cancel()
            return None
        return task.result()

    def deliver_to(self, deliver: Deliver, topic: str, event: dict[str, Any]) -> None:
        """Deliver an event to one subscriber alone, with the faults of the broker."""
        self._cluster.broker.deliver_to(deliver, topic, event)

    async def _live(self) -> None:
        for outbox in self.service.outboxes.values():
            if outbox.local is not None:
                outbox.local = _LocalDelivery(self, outbox.topic, outbox.local.handle)
        self._cluster.network.add(self.name, self.app)
        before = IN_BACKGROUND.set(True)  # what the tasks that begin here inherit
        await self._life.enter_async_context(self.app.router.lifespan_context(self.app))
        IN_BACKGROUND.reset(before)
        listing = await self.call("GET", "/dapr/subscribe", caller="")
        for subscription in listing.json():
            shared = subscription["pubsubname"] == "pubsub"
            self._cluster.broker.subscribe(
                subscription["topic"],
                self.name if shared else self.alone,
                _Delivery(self, subscription["route"]),
                dead_letter_topic=subscription.get("deadLetterTopic", ""),
            )


class _Delivery:
    """Delivers the messages of a topic to one replica."""

    def __init__(self, running: RunningReplica, route: str) -> None:
        self._running = running
        self._route = route

    async def __call__(self, message: dict[str, Any]) -> str:
        headers = {"content-type": "application/cloudevents+json"}
        response = await self._running.while_alive(
            self._running.call(
                "POST", self._route, caller="", headers=headers, json=message, deadline=60.0
            )
        )
        if response is None:
            return "RETRY"
        if response.status == 404:
            return "DROP"
        return str(response.json().get("status", "RETRY")) if response.status == 200 else "RETRY"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Delivery) and other._running is self._running

    def __hash__(self) -> int:
        return hash(self._running)


class _LocalDelivery(LocalDelivery):
    """Delivers the events of a process to itself, as late, as often and as little as the broker."""

    def __init__(self, running: RunningReplica, topic: str, handle: LocalHandler) -> None:
        super().__init__(handle)
        self._running = running
        self._topic = topic

    def enqueue(self, event: dict[str, Any]) -> None:
        async def deliver(message: dict[str, Any]) -> str:
            await self._running.while_alive(self.handle(message["data"]["events"]))
            return "SUCCESS"

        self._running.deliver_to(deliver, self._topic, event)


class FakeCluster:
    """A network, a broker, a database per service, and a fake auth service.

    Start the real auth service, and it takes the fake one's place.
    """

    def __init__(self, *, like: str = "sqlite", access: Access | None = None) -> None:
        self._access = access or {}
        self.network = FakeNetwork()
        self.broker = FakeBroker()
        self.auth = FakeAuth()
        self.secrets = {
            OPERATOR_SECRET: hashlib.sha256(OPERATOR_TOKEN.encode()).hexdigest(),
            METRICS_SECRET: hashlib.sha256(METRICS_TOKEN.encode()).hexdigest(),
        }
        self.blobs: dict[str, bytes] = {}
        self.mails: list[SentMail] = []
        self.states: dict[str, FakeState] = {}
        self.running: list[RunningReplica] = []
        self.killed: list[RunningReplica] = []
        self.histories: dict[str, WorkflowHistory] = {}
        self._like = like

    async def __aenter__(self) -> FakeCluster:
        self.network.add("auth", self.auth)
        return self

    async def __aexit__(self, *_: object) -> None:
        for running in reversed([*self.running]):
            await (running.kill() if running.sidecar.faults.dead.is_set() else running.stop())
        for running in self.killed:
            await running.release()
        await self.broker.abort()

    def state(self, app_id: str) -> FakeState:
        """Return the database of a service."""
        return self.states.setdefault(app_id, FakeState(self._like))

    def history(self, app_id: str) -> WorkflowHistory:
        """Return the workflow history of a service."""
        return self.histories.setdefault(app_id, WorkflowHistory())

    def _engines(self, sidecar: FakeSidecar) -> Callable[..., FakeEngine]:
        def make(_: Service, *registered: Any) -> FakeEngine:
            return FakeEngine(self.history(sidecar.app_id), sidecar.faults, *registered)

        return make

    def sidecar(self, app_id: str) -> FakeSidecar:
        """Return a new sidecar for an app-id on this network."""
        return FakeSidecar(
            app_id,
            state=self.state(app_id).replica(),
            broker=self.broker.replica(),
            network=self.network,
            secrets=self.secrets,
            blobs=self.blobs,
            mails=self.mails,
            access=self._access.get(app_id),
        )

    async def start(self, create: Create, app_id: str = "", **settings: Any) -> RunningReplica:
        """Start a replica of a service. The default app-id is the name of its package.

        `create` gets `Settings`, or what its parameter's annotation says, made of `settings`.
        """
        app_id = app_id or create.__module__.split(".")[1]
        sidecar = self.sidecar(app_id)
        before = IN_BACKGROUND.set(True)  # what timers and tasks that begin here inherit
        # Services make their sidecar where they make their `Service`: this is the only door to it.
        with (
            mock.patch.object(chassis_service, "DaprClient", _giving(sidecar)),
            mock.patch.object(workflows, "make_engine", self._engines(sidecar)),
        ):
            made = create(_settings(create, app_id, settings))
        app: FastAPI = (
            made.create_app(access=open_access(made)) if isinstance(made, Service) else made
        )
        IN_BACKGROUND.reset(before)
        running = RunningReplica(self, app, app.state.service, sidecar)
        if app_id == "auth" and self.auth in self.network:
            self.network.remove("auth", self.auth)
        self.running.append(running)
        await running._live()
        return running

    async def forget(self, running: RunningReplica) -> None:
        """Remove a replica from the network and the broker."""
        if running in self.running:
            self.running.remove(running)
            self.network.remove(running.name, running.app)
            self.broker.unsubscribe(running.name, _Delivery(running, ""))
            self.broker.dismiss(running.alone)

    async def settle(self, rounds: int = 2) -> None:
        """Wait until all events are published and handled, including lost ones.

        Each round is a poll of every inbox; what the broker lost is there after two.
        """
        await self._quiet()
        for _ in range(rounds):
            for running in [*self.running]:
                await running.service.inbox.catch_up()
            await self._quiet()

    def token(self, user_id: str = "", scopes: str = "read write follow push", **more: Any) -> str:
        """Return a token of a user, or of an app without a `user_id`."""
        return self.auth.token(user_id, scopes, **more)

    async def _quiet(self) -> None:
        for _ in range(1000):
            await self.broker.idle()
            outboxes = [o for r in self.running for o in r.service.outboxes.values()]
            publishers = [r.service.invalidations for r in self.running if r.service.invalidations]
            waits = any(o.backlog for o in outboxes) or any(each.is_pending for each in publishers)
            is_published = self.broker.down or not waits
            if is_published and all(outbox.is_delivered for outbox in outboxes):
                await asyncio.sleep(0)
                if self.broker.is_idle:
                    return
            await asyncio.sleep(0.002)


def _giving(sidecar: FakeSidecar) -> Callable[..., FakeSidecar]:
    return lambda *_: sidecar  # a mock takes as long to make as a hundred routes


def _settings(create: Create, app_id: str, values: dict[str, Any]) -> Settings:
    """Return the settings of a service, by the annotation of its first parameter."""
    parameters = inspect.signature(create, eval_str=True).parameters.values()
    kind = next(iter(parameters)).annotation
    kind = kind if isinstance(kind, type) and issubclass(kind, Settings) else Settings
    own = {"app_id": app_id, "app_port": 1, "app_api_token": APP_TOKEN, "dapr_api_token": "-"}
    made: Settings = kind(**{**own, **values})
    return made
