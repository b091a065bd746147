"""How a service is put together.

    service = Service(Settings())
    posts = service.collection("post", Post, publishes=POST_CHANGED)
    service.on(MARK_CHANGED, projections.on_mark_changed)
    service.every(900.0, sweep)
    app = service.create_app(router)

Nothing happens at import, and nothing waits for the sidecar at start: with an app port set, the
sidecar waits for the app.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from typing import Any, TypeVar

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.telemetry import TelemetryConfig
from starlette.exceptions import HTTPException

from services.chassis import service_metrics, telemetry
from services.chassis.cache import DocumentCache
from services.chassis.consuming import routes as consuming_routes
from services.chassis.consuming.dead_letters import COUNT_INTERVAL as DEAD_LETTER_INTERVAL
from services.chassis.consuming.dead_letters import DeadLetters
from services.chassis.consuming.events import EventHandler, Handlers
from services.chassis.consuming.inbox import Inbox
from services.chassis.consuming.producers import Producers
from services.chassis.dapr.client import DaprClient
from services.chassis.dapr.observed_state import ObservedState
from services.chassis.dapr.state import StateStore
from services.chassis.errors import ServiceError
from services.chassis.exporting import Exporting
from services.chassis.http import batch, server
from services.chassis.http.changes import create_changes_router
from services.chassis.http.fast_routes import accelerate
from services.chassis.http.health import create_health_router
from services.chassis.http.metrics_route import create_metrics_router
from services.chassis.http.middleware import SidecarMiddleware
from services.chassis.http.request_metrics import MeasuredApp
from services.chassis.http.responses import ErrorRenderer, exception_handler, render_error
from services.chassis.http.route_index import index_routes
from services.chassis.http.shared_port import GrpcPort
from services.chassis.metrics import Metrics
from services.chassis.periodic import MAX_BACKOFF, BackgroundWork, Work
from services.chassis.publishing.head_watch import (
    ALONE_INTERVAL,
    REFRESH_INTERVAL,
    HeadWatch,
)
from services.chassis.publishing.invalidations import InvalidationPublisher
from services.chassis.publishing.journal import SETTLED_AFTER
from services.chassis.publishing.outbox import EventMapper, Outbox
from services.chassis.security.access_rules import ServiceAccess, read_access
from services.chassis.security.route_guards import AccessMismatch, check_topics, guard_routes
from services.chassis.security.token_verifier import REVOCATION_INTERVAL, TokenVerifier
from services.chassis.settings import Settings
from services.chassis.storage.collection import Collection
from services.chassis.storage.documents import Upgrade
from services.chassis.storage.segmented_list import SegmentedLists
from services.contracts.events import EventType
from services.contracts.invalidations import Invalidation

_NO_NATIVE_TELEMETRY: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "auto_configure": False,
}
"""FastAPI's own spans follow any client's `traceparent`, and its logs have what was sent."""

T = TypeVar("T")
M = TypeVar("M")


class Service:
    """One service in one process: its sidecar, documents, events, background work and app."""

    def __init__(self, settings: Settings, sidecar: DaprClient | None = None) -> None:
        self.settings = settings
        self.name = settings.app_id
        self.metrics = Metrics()
        self.sidecar = sidecar or DaprClient(
            settings.dapr_http_port, settings.dapr_api_token.get_secret_value(), self.metrics
        )
        self.state: StateStore = self.sidecar
        """The state store for documents and lists. `publish_invalidations` observes it."""
        self.documents = DocumentCache(self.sidecar)
        """What this service reads often. It has the writes that pass `publish_invalidations`."""
        self.invalidations: InvalidationPublisher | None = None
        self.token_verifier = TokenVerifier(self.sidecar)
        self.grpc_port: GrpcPort | None = None
        """Where a gRPC server of this process takes the connections of HTTP/2 (`chassis/rpc`)."""
        self.dead_letters = DeadLetters(self.sidecar)
        self.outboxes: dict[str, Outbox] = {}
        self.heads = HeadWatch(self.outboxes)
        producers = Producers(self.sidecar, self.outboxes, self.heads)
        self.inbox = Inbox(self.sidecar, producers, self.dead_letters.add, self.metrics)
        self._work: list[BackgroundWork] = []
        self._at_start: set[BackgroundWork] = set()
        self._resources: list[Any] = []
        self._broadcasts: dict[str, Handlers] = {}
        self._shutdown_callbacks: list[Callable[[], None]] = []
        self.background(self.token_verifier.watch, max_backoff=REVOCATION_INTERVAL)

    # ── documents and what they publish ─────────────────────────────────────────────────────

    def outbox(self, topic: str) -> Outbox:
        """The outbox of a topic that this service produces."""
        if topic not in self.outboxes:
            outbox = Outbox(topic, self.name, self.state, self.sidecar)
            outbox.on_change = self.heads.wake
            self.outboxes[topic] = outbox
        return self.outboxes[topic]

    def collection(
        self,
        kind: str,
        model: type[T],
        *,
        publishes: EventType[Any] | None = None,
        to_event: EventMapper | None = None,
        upgrades: Mapping[int, Upgrade] | None = None,
        ttl: int | None = None,
        publishes_if: Callable[[T], bool] | None = None,
    ) -> Collection[T]:
        """The documents of one kind that this service owns.

        Each change of one is published as an event of the type `publishes`; `to_event` makes the
        event's data of the document, or None for no event. `publishes_if` spares the journal the
        values without one, see `Collection`. `ttl` is in seconds.
        """
        return Collection(
            self.state,
            kind,
            model,
            outbox=self._publisher(kind, publishes, to_event),
            upgrades=upgrades,
            ttl=ttl,
            publishes_if=publishes_if,
        )

    def lists(
        self,
        kind: str,
        *,
        publishes: EventType[Any] | None = None,
        to_event: EventMapper | None = None,
        max_rows: int | None = None,
        segment_size: int | None = None,
        sum_column: int | None = None,
    ) -> SegmentedLists:
        """The long lists of one kind that this service owns; see `SegmentedLists`."""
        outbox = self._publisher(kind, publishes, to_event)
        return SegmentedLists(
            self.state,
            kind,
            outbox=outbox,
            max_rows=max_rows,
            segment_size=segment_size,
            sum_column=sum_column,
        )

    def _publisher(
        self, kind: str, event_type: EventType[Any] | None, to_event: EventMapper | None
    ) -> Outbox | None:
        if event_type is None:
            return None
        if event_type.producer != self.name:
            raise ValueError(f"{event_type.name} is published by {event_type.producer} only.")
        outbox = self.outbox(event_type.topic)
        return outbox.publishes(kind, event_type.name, to_event, private=event_type.private)

    def publish_invalidations(
        self, event_type: EventType[Invalidation], document_of: Callable[[str], str]
    ) -> InvalidationPublisher:
        """Publish from now on which documents are written, for caches in other services.

        `document_of` makes a document's name of its key in the state store, or an empty string for
        a key that no cache depends on. Call this before `collection` and `lists`.
        """
        documents = self.documents
        publisher = InvalidationPublisher(
            event_type, self.sidecar, self.name, lambda: documents.last_read
        )

        @contextmanager
        def writing(values: Mapping[str, Any]) -> Iterator[None]:
            try:
                with documents.writing(values):
                    yield
            finally:
                publisher.add(name for name in map(document_of, values) if name)

        self.state = ObservedState(self.sidecar, writing)
        self.invalidations = publisher
        self.manage(publisher)
        self.background(publisher.run)
        return publisher

    # ── events ──────────────────────────────────────────────────────────────────────────────

    def on(
        self, event_type: EventType[M], handler: EventHandler[M], *, spread: bool = False
    ) -> None:
        """Call a handler for every event of a type, at least once.

        Several handlers may handle one type, and several types share a topic. The service's own
        events are handled in the process that made them; with `spread` the broker spreads them
        over all replicas.
        """
        self.inbox.subscribe(event_type, handler).spread |= spread

    def on_broadcast(self, event_type: EventType[M], handler: EventHandler[M]) -> None:
        """Call a handler, in every replica, for events that are published while it runs.

        They come by the component `broadcast`, at most once: nothing is kept or fetched later.
        """
        self._broadcasts.setdefault(event_type.topic, Handlers()).add(event_type, handler)

    # ── lifetime ────────────────────────────────────────────────────────────────────────────

    def on_shutdown(self, callback: Callable[[], None]) -> None:
        """Call something when the server begins to stop, before it waits for open requests."""
        self._shutdown_callbacks.append(callback)

    def background(self, work: Work, *, name: str = "", max_backoff: float = MAX_BACKOFF) -> None:
        """Run something for as long as the service runs.

        It is started again if it fails, after a pause that grows up to `max_backoff` seconds.
        """
        self._work.append(BackgroundWork(name or _name_of(work), work, max_backoff=max_backoff))

    def every(
        self,
        interval: float,
        work: Work,
        *,
        name: str = "",
        at_start: bool = False,
        max_backoff: float = MAX_BACKOFF,
        idle_interval: float | None = None,
    ) -> None:
        """Call something every `interval` seconds, for as long as the service runs.

        It survives failures, with a pause that grows up to `max_backoff` seconds. The first call
        comes after one interval, or `at_start`. After a call that returned False, because it found
        nothing to do, the next one comes after `idle_interval`.
        """
        periodic = BackgroundWork(
            name or _name_of(work), work, interval, max_backoff, idle_interval
        )
        self._work.append(periodic)
        if at_start:
            self._at_start.add(periodic)

    def manage(self, resource: Any) -> None:
        """Enter an async context manager at start, and leave it at stop."""
        self._resources.append(resource)

    def failing_work(self) -> list[str]:
        """The names of background work that keeps failing."""
        return sorted(work.name for work in self._work if work.is_failing)

    # ── the app ─────────────────────────────────────────────────────────────────────────────

    def create_app(
        self,
        *routers: APIRouter,
        render: ErrorRenderer = render_error,
        title: str = "",
        access: ServiceAccess | None = None,
    ) -> FastAPI:
        """The service's HTTP app: its routes, health, events, and the changes of its outboxes.

        The access file says who may call each route; tests may give other rules. Raises
        `AccessMismatch` if the service has routes or topics that the rules do not name, or lacks
        some that they do.
        """
        access = access or self.access()
        app = MeasuredApp(
            metrics=self.metrics,
            title=title or f"Microgram {self.name}",
            version="1",
            lifespan=self._lifespan,
            redirect_slashes=False,
            # These pages run scripts of other hosts, at the gateway on the origin of the login.
            docs_url=None,
            redoc_url=None,
            openapi_url="/openapi.json" if access.is_public else None,
            telemetry=_NO_NATIVE_TELEMETRY,
        )
        for producer in sorted(self.inbox.producers):
            self.background(partial(self.inbox.watch, producer), name=f"inbox of {producer}")
        if self.outboxes:
            self.every(SETTLED_AFTER, self._recover_outboxes)
            self.every(
                REFRESH_INTERVAL,
                self.heads.refresh,
                max_backoff=REFRESH_INTERVAL,
                idle_interval=ALONE_INTERVAL,
            )
            self.on_shutdown(self.heads.close)
        app.state.token_verifier = self.token_verifier
        app.state.service = self
        # Not `include_router`: that would build each route a second time.
        for router in (*routers, *self._own_routers(access)):
            for route in router.routes:
                accelerate(route)
            app.router.routes.extend(router.routes)
        topics = self._topics_from_broker()
        consuming_routes.subscribe(
            app, self.name, self.inbox, topics, self._broadcasts, self.metrics
        )
        self._measure()
        check_topics(self._published_topics(), {*topics, *self._broadcasts}, access)
        guard_routes(app.routes, access, self.sidecar.secret)
        index_routes(app.router)
        handle = exception_handler(render)
        for kind in (ServiceError, HTTPException, RequestValidationError):
            app.add_exception_handler(kind, handle)
        app.add_middleware(
            SidecarMiddleware,
            token=self.settings.app_api_token.get_secret_value(),
            public=access.is_public,
            insecure=self.settings.microgram_insecure,
            handle=handle,
        )
        return app

    def run(self, app: FastAPI) -> None:
        """Serve until a signal says stop. Without tokens it exits at once."""
        self.settings.require_tokens()
        telemetry.configure_logging(self.name, self.settings.microgram_log_level)
        self._resources.insert(0, Exporting(self.name))
        shared = self.settings.public_listener()
        listener = server.PublicListener(shared, self.sidecar.is_ready) if shared else None
        address = str(self.settings.microgram_listen_address)
        port = self.settings.app_port
        server.serve(app, address, port, self._shutdown_callbacks, listener, self.grpc_port)

    def _measure(self) -> None:
        """Measure what the service has. What it does not have has no metrics."""
        service_metrics.measure_work(self.metrics, self._work)
        self.metrics.measure_cache("tokens", self.token_verifier)
        if self.inbox.subscriptions:
            service_metrics.measure_inbox(self.metrics, self.inbox)
            self.every(DEAD_LETTER_INTERVAL, self.dead_letters.count)
            service_metrics.measure_dead_letters(self.metrics, self.dead_letters, self.inbox)
        if self._published_topics():
            service_metrics.measure_outboxes(self.metrics, self.outboxes, self.invalidations)

    def access(self) -> ServiceAccess:
        """The rules of this service in the access file. Raises `AccessMismatch` without any."""
        access = read_access().get(self.name)
        if access is None:
            raise AccessMismatch(f'services/access.yaml has no service "{self.name}": add it.')
        return access

    def _own_routers(self, access: ServiceAccess) -> list[APIRouter]:
        routers = [
            create_health_router(self.name, self.sidecar, self.failing_work),
            create_metrics_router(self.metrics),
            consuming_routes.create_dead_letter_router(self.dead_letters, self.inbox),
        ]
        if access.publishes:
            routers.append(create_changes_router(self.outboxes, self.heads, access.subscribers))
        if not access.is_public:
            routers.append(batch.create_router())
        return routers

    def _published_topics(self) -> set[str]:
        """The topics that this service sends to the broker."""
        topics = {outbox.topic for outbox in self.outboxes.values() if not outbox.is_private}
        return topics | ({self.invalidations.topic} if self.invalidations else set())

    @asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.sidecar)
            for resource in self._resources:
                await stack.enter_async_context(resource)
            tasks = [
                asyncio.ensure_future(work.run(at_start=work in self._at_start))
                for work in self._work
            ]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                await asyncio.gather(*(outbox.close() for outbox in self.outboxes.values()))

    def _topics_from_broker(self) -> list[str]:
        """The topics that the sidecar delivers. The outbox delivers the others in this process."""
        topics: list[str] = []
        for subscription in self.inbox.subscriptions.values():
            outbox = self.outboxes.get(subscription.topic)
            if outbox is None or subscription.spread:
                topics.append(subscription.topic)
            else:
                outbox.deliver_locally(partial(self.inbox.receive_local, subscription.topic))
        return topics

    async def _recover_outboxes(self) -> None:
        recoveries = (outbox.recover() for outbox in self.outboxes.values())
        for outcome in await asyncio.gather(*recoveries, return_exceptions=True):
            if isinstance(outcome, BaseException):  # a failing topic delays no other
                raise outcome


def _name_of(work: Work) -> str:
    return getattr(work, "__qualname__", type(work).__qualname__)
