"""How a service is put together: `Service` owns its clients, `create_app` gives it its HTTP face.

    service = Service(Settings())
    posts = service.collection("post", Post, outbox=service.outbox("posts"))
    service.on("marks", "posts", project_marks)
    app = service.create_app(router)

Nothing happens at import, and nothing waits for the sidecar at start: with an app port set, the
sidecar waits for the app.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from hmac import compare_digest
from typing import Any, TypeVar

import orjson
from dapr.ext.fastapi import DaprApp
from fastapi import APIRouter, Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.chassis import telemetry
from services.chassis.consuming.dead_letters import DeadLetters
from services.chassis.consuming.inbox import EventHandler, Inbox, PoisonMessage, parse_event
from services.chassis.dapr.client import DaprClient
from services.chassis.errors import (
    Forbidden,
    Invalid,
    NotFound,
    ServiceError,
    Unauthenticated,
    from_status,
)
from services.chassis.http import batch, server
from services.chassis.publishing.outbox import SETTLED_AFTER, Outbox
from services.chassis.security.token_verifier import TokenVerifier
from services.chassis.settings import Settings
from services.chassis.storage.collection import Collection, Upgrade

T = TypeVar("T")
ErrorRenderer = Callable[[HTTPConnection, ServiceError], Response]
"""Shows a failure to whoever asked."""

ExceptionHandler = Callable[[HTTPConnection, Exception], Awaitable[Response]]

log = logging.getLogger(__name__)


class OrjsonResponse(Response):
    """A response of anything orjson can write: dicts, dataclasses, and rows as they were read."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content)


def render_error(_: HTTPConnection, failure: ServiceError) -> Response:
    """A failure, as services tell one another."""
    return OrjsonResponse(failure.body(), failure.status)


class Service:
    """One service in one process: its sidecar, its documents, what it says and what it hears."""

    def __init__(self, settings: Settings, sidecar: DaprClient | None = None) -> None:
        self.settings = settings
        self.name = settings.app_id
        self.sidecar = sidecar or DaprClient(
            settings.dapr_http_port, settings.dapr_api_token.get_secret_value()
        )
        self.identity = TokenVerifier(self.sidecar)
        self.dead_letters = DeadLetters(self.sidecar)
        self.inbox = Inbox(self.sidecar, self.sidecar, self.dead_letters.add)
        self.outboxes: dict[str, Outbox] = {}
        self._background: list[Callable[[], Awaitable[None]]] = [self.identity.watch]
        self._resources: list[Any] = []
        self._broadcast_handlers: dict[str, EventHandler] = {}
        self._shutdown_callbacks: list[Callable[[], None]] = []

    def outbox(self, topic: str) -> Outbox:
        """The outbox of a topic that this service produces."""
        if topic not in self.outboxes:
            self.outboxes[topic] = Outbox(topic, self.name, self.sidecar, self.sidecar)
        return self.outboxes[topic]

    def collection(
        self,
        kind: str,
        model: type[T],
        *,
        outbox: Outbox | None = None,
        upgrades: Mapping[int, Upgrade] | None = None,
        ttl: int | None = None,
    ) -> Collection[T]:
        """A kind of document that this service owns."""
        return Collection(self.sidecar, kind, model, outbox=outbox, upgrades=upgrades, ttl=ttl)

    def on(self, topic: str, producer: str, handle: EventHandler) -> None:
        """Have a handler called for every event of a topic that a service produces."""
        self.inbox.subscribe(topic, producer, handle)

    def on_broadcast(self, topic: str, handle: EventHandler) -> None:
        """Have a handler called, in every replica, for what is said on a topic while it runs.

        By the component `broadcast`: nothing is kept, asked for again, or tried a second time.
        """
        self._broadcast_handlers[topic] = handle

    def on_shutdown(self, tell: Callable[[], None]) -> None:
        """Call something when the server is told to stop, before it waits for open requests."""
        self._shutdown_callbacks.append(tell)

    def background(self, run: Callable[[], Awaitable[None]]) -> None:
        """Run something for as long as the service lives."""
        self._background.append(run)

    def manage(self, resource: Any) -> None:
        """Enter an async context manager at start, and leave it at stop."""
        self._resources.append(resource)

    def create_app(
        self,
        *routers: APIRouter,
        render: ErrorRenderer = render_error,
        title: str = "",
        public: bool = False,
    ) -> FastAPI:
        """The service's HTTP face: its routes, health, events, what others ask of its outboxes.

        All callers but the sidecar are refused, unless the service is `public`.
        """
        app = FastAPI(
            title=title or f"Microgram {self.name}",
            version="1",
            lifespan=self._lifespan,
            redirect_slashes=False,
        )
        app.state.identity = self.identity
        app.state.service = self.name
        app.state.chassis = self
        own = [self._health_routes(), self._change_routes(), self._dead_letter_routes()]
        if not public:
            own.append(batch.create_router(Depends(_require_sidecar_caller)))
        # Not `include_router`: that would build each route a second time.
        for router in (*routers, *own):
            app.router.routes.extend(router.routes)
        self._subscribe(app)
        failed = exception_handler(render)
        for kind in (ServiceError, HTTPException, RequestValidationError):
            app.add_exception_handler(kind, failed)
        app.add_middleware(
            SidecarMiddleware,
            name=self.name,
            token=self.settings.app_api_token.get_secret_value(),
            public=public,
            failed=failed,
        )
        return app

    def run(self, app: FastAPI) -> None:
        """Serve until a signal says stop."""
        telemetry.configure_logging(self.name, self.settings.microgram_log_level)
        server.serve(app, self.settings.app_port, self._shutdown_callbacks)

    # ── parts ───────────────────────────────────────────────────────────────────────────────

    @asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        runs = list(self._background)
        if self.inbox.subscriptions:
            runs.append(self.inbox.watch)
        if self.outboxes:
            runs.append(self._recover)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.sidecar)
            for resource in self._resources:
                await stack.enter_async_context(resource)
            tasks = [asyncio.ensure_future(_supervised(run)) for run in runs]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                await asyncio.gather(*(outbox.close() for outbox in self.outboxes.values()))

    async def _recover(self) -> None:
        while True:
            await asyncio.sleep(SETTLED_AFTER)
            for outbox in self.outboxes.values():
                try:
                    await outbox.recover()
                except ServiceError as failure:
                    log.warning("could not recover", extra={"why": failure.message})

    def _health_routes(self) -> APIRouter:
        router = APIRouter(tags=["health"])

        @router.get("/healthz", summary="Is the process alive? Open to everybody.")
        async def live() -> dict[str, str]:
            return {"status": "ok", "service": self.name}

        @router.get("/readyz", summary="Can it work? Open to everybody.")
        async def ready() -> Response:
            is_ready = await self.sidecar.is_ready()
            body = {"status": "ok" if is_ready else "no sidecar", "service": self.name}
            return OrjsonResponse(body, 200 if is_ready else 503)

        return router

    def _change_routes(self) -> APIRouter:
        router = APIRouter(tags=["changes"], dependencies=[Depends(_require_sidecar_caller)])

        @router.get("/changes", summary="How far the streams of some topics have come.")
        async def heads(topics: str = Query(max_length=500)) -> dict[str, dict[str, int]]:
            return {
                topic: {head.stream: head.last for head in await self._topic(topic).heads()}
                for topic in topics.split(",")
            }

        @router.get("/changes/{topic}/{stream}", summary="What a stream told after a number.")
        async def since(
            topic: str,
            stream: str,
            after: int = Query(ge=0),
            limit: int = Query(default=64, ge=1, le=64),
        ) -> Response:
            events, settled = await self._topic(topic).changes_since(stream, after, limit)
            return OrjsonResponse({"events": events, "settled": settled})

        return router

    def _topic(self, topic: str) -> Outbox:
        if topic not in self.outboxes:
            raise NotFound(f"{self.name} does not produce the topic «{topic}».")
        return self.outboxes[topic]

    def _dead_letter_routes(self) -> APIRouter:
        router = APIRouter(tags=["dead letters"], dependencies=[Depends(_require_own_sidecar)])

        @router.get("/deadletters", summary="Events that could not be handled.")
        async def letters() -> Response:
            return OrjsonResponse(await self.dead_letters.all())

        @router.post("/deadletters/replay", summary="Handle them again.")
        async def replay() -> Response:
            replayed, failed = await self.dead_letters.replay(self.inbox.receive)
            return OrjsonResponse({"replayed": replayed, "failed": failed})

        return router

    def _subscribe(self, app: FastAPI) -> None:
        """Tell the sidecar what to bring; with a dead-letter topic for what cannot be handled."""
        dapr = DaprApp(app, router_tags=["events"])
        dead = f"{self.name}-dead"
        for topic in self.inbox.subscriptions:
            dapr.subscribe(
                "pubsub", topic, metadata={}, route=f"/events/{topic}", dead_letter_topic=dead
            )(self._event_endpoint(topic))
        if self.inbox.subscriptions:
            dapr.subscribe("pubsub", dead, metadata={}, route="/events-dead")(
                self._dead_letter_endpoint()
            )
        for topic, handle in self._broadcast_handlers.items():
            dapr.subscribe("broadcast", topic, metadata={}, route=f"/events-broadcast/{topic}")(
                _broadcast_endpoint(topic, handle)
            )

    def _event_endpoint(self, topic: str) -> Callable[[Request], Awaitable[Response]]:
        async def receive(request: Request) -> Response:
            try:
                await self.inbox.receive(topic, _loads(await request.body()))
            except PoisonMessage as poison:
                log.error("poison", extra={"topic": topic, "why": poison.message})  # noqa: TRY400
                return OrjsonResponse({"status": "DROP"})
            except ServiceError as failure:
                log.warning("will retry", extra={"topic": topic, "why": failure.message})
                return OrjsonResponse({"status": "RETRY"})
            except Exception:
                log.exception("will retry", extra={"topic": topic})
                return OrjsonResponse({"status": "RETRY"})
            return OrjsonResponse({"status": "SUCCESS"})

        return receive

    def _dead_letter_endpoint(self) -> Callable[[Request], Awaitable[Response]]:
        async def bury(request: Request) -> Response:
            raw = await request.body()
            try:
                event = orjson.loads(raw)
            except orjson.JSONDecodeError:
                event = {"raw": raw.decode(errors="replace")}
            topic = str(event.get("topic", "")) if isinstance(event, dict) else ""
            try:
                await self.inbox.receive(topic, event)
                why = ""
            except KeyError:
                why = f"nobody here hears the topic «{topic}»"
            except Exception as error:
                why = str(error)
            if why:
                await self.dead_letters.add(topic, event, why)
            return OrjsonResponse({"status": "SUCCESS"})

        return bury


def _broadcast_endpoint(
    topic: str, handle: EventHandler
) -> Callable[[Request], Awaitable[Response]]:
    async def listen(request: Request) -> Response:
        try:
            event = parse_event(_loads(await request.body()))
            telemetry.start_trace({"traceparent": event.traceparent})
            await handle(event)
        except Exception:
            log.exception("could not make use of what was said", extra={"topic": topic})
        return OrjsonResponse({"status": "SUCCESS"})

    return listen


async def _supervised(run: Callable[[], Awaitable[None]]) -> None:
    try:
        await run()
    except Exception:
        log.exception("a background task has ended")


async def _require_sidecar_caller(request: Request) -> None:
    if not request.headers.get("dapr-caller-app-id"):
        raise from_status(403, "This route is for other services, through their sidecars.")


async def _require_own_sidecar(request: Request) -> None:
    service: str = request.app.state.service
    if request.headers.get("dapr-caller-app-id") != service:
        raise from_status(403, "This route is for the operator, through the service's own sidecar.")


def _loads(raw: bytes) -> Any:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise PoisonMessage("This is not JSON.") from error


def exception_handler(render: ErrorRenderer) -> ExceptionHandler:
    """The handler that turns every exception into a response of one shape."""

    async def failed(connection: HTTPConnection, error: Exception) -> Response:
        failure = error if isinstance(error, ServiceError) else _as_failure(error)
        if failure.status >= 500:
            log.error(failure.message, exc_info=error, extra={"code": failure.code})
        response = render(connection, failure)
        if isinstance(error, HTTPException):
            response.headers.update(error.headers or {})
            if error.status_code == 405:
                response.headers["allow"] = ", ".join(_methods(connection))
        if "retry_after" in failure.details:
            response.headers["retry-after"] = str(failure.details["retry_after"])
        return response

    return failed


def _methods(connection: HTTPConnection) -> list[str]:
    """What there is a route for at an address."""
    routes, scope = connection.app.routes, connection.scope
    return [
        method
        for method in _METHODS
        if any(route.matches({**scope, "method": method})[0] is Match.FULL for route in routes)
    ]


def _as_failure(error: Exception) -> ServiceError:
    """What the framework refuses, as one of ours."""
    if isinstance(error, RequestValidationError):
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][1:])
        return Invalid(f"{where}: {first['msg']}" if where else str(first["msg"]))
    if isinstance(error, HTTPException):
        return from_status(error.status_code, str(error.detail))
    return ServiceError("Something went wrong on our side.")


class SidecarMiddleware:
    """What every request passes: the sidecar's token is checked, the trace is picked up.

    What nobody else caught ends here, so that its answer has the request's id too. A public service
    lets in requests without the token too, but not to the routes that are for sidecars, and without
    the headers by which a sidecar vouches for a caller.
    """

    OPEN = frozenset({"/healthz", "/readyz"})
    INTERNAL = ("/dapr/", "/events", "/changes", "/deadletters")

    def __init__(
        self, app: ASGIApp, name: str, token: str, *, public: bool, failed: ExceptionHandler
    ) -> None:
        self._app = app
        self._name = name.encode()
        self._token = token.encode()
        self._public = public
        self._failed = failed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        given = headers.get(b"dapr-api-token", b"")
        vouched = not self._token or compare_digest(given, self._token)
        if not vouched:
            scope["headers"] = [(k, v) for k, v in scope["headers"] if not k.startswith(b"dapr-")]
        elif b"dapr-caller-app-id" not in headers:  # what a service asks of itself
            scope["headers"] = [*scope["headers"], (b"dapr-caller-app-id", self._name)]
        trace = telemetry.start_trace(
            {name: headers.get(name.encode(), b"").decode("latin-1") for name in _TRACE}
        )
        request_id = (b"x-request-id", trace.request_id.encode())

        started = False

        async def answer(message: Message) -> None:
            nonlocal started
            if message["type"] in _STARTS:
                started = True
                message["headers"] = [*message.get("headers", ()), request_id]
            await send(message)

        try:
            self._check(scope, vouched=vouched)
            await self._app(scope, receive, answer)
        except Exception as error:
            if started:
                raise
            response = await self._failed(HTTPConnection(scope), error)
            await response(scope, receive, answer)

    def _check(self, scope: Scope, *, vouched: bool) -> None:
        if not vouched and not self._lets_in(scope["path"]):
            raise Unauthenticated("This is for the sidecar.")
        # A sidecar hands on a name that its caller made up, beside the true one.
        if sum(name == b"dapr-caller-app-id" for name, _ in scope["headers"]) > 1:
            raise Forbidden("The caller has more than one name.")

    def _lets_in(self, path: str) -> bool:
        return path in self.OPEN or (self._public and not path.startswith(self.INTERNAL))


_METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")
_TRACE = ("traceparent", "tracestate", "x-request-id")
_STARTS = frozenset({"http.response.start", "websocket.http.response.start", "websocket.accept"})
