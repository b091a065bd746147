"""The composition of the gateway."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import FastAPI
from starlette.middleware import Middleware

from services.chassis.consuming.events import Event
from services.chassis.http.responses import ErrorRenderer
from services.chassis.service import Service
from services.clients.base import Invoker
from services.contracts import events
from services.contracts.accounts import Profile
from services.contracts.invalidations import account_document, post_document
from services.contracts.posts import Post
from services.gateway.container import Gateway
from services.gateway.graphql import router as graphql
from services.gateway.http.errors import error_response
from services.gateway.http.own_hosts import OwnHosts
from services.gateway.metrics import measure_caches, measure_rate_limits, measure_streams
from services.gateway.middleware.compression import CompressionMiddleware
from services.gateway.middleware.cors import CorsMiddleware
from services.gateway.middleware.host import HostMiddleware
from services.gateway.middleware.normalization import NormalizationMiddleware
from services.gateway.middleware.rate_limit import RateLimitMiddleware
from services.gateway.middleware.ready_pages import ReadyPageMiddleware
from services.gateway.middleware.security_headers import SecurityHeadersMiddleware
from services.gateway.middleware.session import SessionMiddleware
from services.gateway.ratelimit.limiter import RateLimiter
from services.gateway.ratelimit.limiters import create_limiters
from services.gateway.ratelimit.sync import MAX_BACKOFF, SYNC_INTERVAL, RateLimitSync
from services.gateway.rest.routers import create_routers as rest_routers
from services.gateway.settings import VERSION, GatewaySettings
from services.gateway.streaming.dispatcher import StreamDispatcher
from services.gateway.streaming.hub import TOKEN_CHECK_INTERVAL, StreamHub
from services.gateway.web.renderer import PageRenderer
from services.gateway.web.routers import create_routers as page_routers


def create_service(settings: GatewaySettings) -> Service:
    """The gateway's service. It stores nothing but the counts of rate limits."""
    return Service(settings)


def create_app(service: Service, services: Invoker | None = None) -> FastAPI:
    """The gateway's app on its sidecar, or on a fake of the other services."""
    settings = service.settings
    if not isinstance(settings, GatewaySettings):
        raise TypeError("The gateway needs GatewaySettings.")
    limiters = create_limiters(settings)
    sync = RateLimitSync(service.sidecar, list(limiters.values()))
    service.manage(sync)
    service.every(SYNC_INTERVAL, sync.run, at_start=True, max_backoff=MAX_BACKOFF)
    gateway = Gateway(settings, services or service.sidecar)
    hub = _stream(service, settings, gateway)
    measure_streams(service.metrics, hub)
    measure_rate_limits(service.metrics, limiters)
    _keep_up(service, gateway)
    hosts = OwnHosts(settings.public_url, settings.app_port, settings.public_port)
    title, has_mail = settings.microgram_title, settings.microgram_mail
    pages = PageRenderer(title, settings.public_url, hosts, has_mail=has_mail)
    measure_caches(service.metrics, gateway, pages)
    render = pages.html_errors(error_response)
    app = service.create_app(
        *rest_routers(gateway, hub),
        graphql.create_router(graphql.GraphqlEndpoint(gateway, hub)),
        *page_routers(gateway, pages),
        render=render,
        title=f"{settings.microgram_title} gateway",
    )
    app.version = VERSION
    _add_middleware(app, service, settings, limiters, render, hosts)
    # The innermost one: behind the rate limit, and with the request's id in its responses.
    app.user_middleware.append(
        Middleware(
            ReadyPageMiddleware, pages=gateway.ready_pages, token_verifier=service.token_verifier
        )
    )
    return app


def _add_middleware(
    app: FastAPI,
    service: Service,
    settings: GatewaySettings,
    limiters: Mapping[str, RateLimiter],
    render: ErrorRenderer,
    hosts: OwnHosts,
) -> None:
    """Add the middleware of public requests. What is added last is the outermost."""
    app_token = settings.app_api_token.get_secret_value()
    app.add_middleware(
        RateLimitMiddleware,
        limiters=limiters,
        token_verifier=service.token_verifier,
        render=render,
        app_token=app_token,
    )
    app.add_middleware(SessionMiddleware, token_verifier=service.token_verifier, hosts=hosts)
    app.add_middleware(CorsMiddleware)
    app.add_middleware(
        HostMiddleware, hosts=hosts, public_url=settings.public_url, app_token=app_token
    )
    over_tls = settings.public_url.startswith("https://")
    app.add_middleware(SecurityHeadersMiddleware, over_tls=over_tls)
    app.add_middleware(CompressionMiddleware)
    app.add_middleware(NormalizationMiddleware)


def _keep_up(service: Service, gateway: Gateway) -> None:
    """Drop pages by invalidations of read models, and by events of what owners are asked for.

    New contents are kept for the pages that will show them.
    """
    pages, contents = gateway.ready_pages, gateway.renderer.contents

    async def post_changed(event: Event[Post]) -> None:
        pages.changed([post_document(event.data.id)])
        contents.add_post(event.payload, event.version)

    async def account_changed(event: Event[Profile]) -> None:
        pages.changed([account_document(event.data.id)])
        contents.add_profile(event.payload, event.version)

    service.on_broadcast(events.FEED_INVALIDATED, pages.invalidated)
    service.on_broadcast(events.NOTIFICATIONS_INVALIDATED, pages.invalidated)
    service.on_broadcast(events.POST_CHANGED, post_changed)
    service.on_broadcast(events.ACCOUNT_CHANGED, account_changed)


def _stream(service: Service, settings: GatewaySettings, gateway: Gateway) -> StreamHub:
    """Send broadcast events to connected clients."""
    hub = StreamHub(
        service.token_verifier,
        at_most=settings.microgram_streams,
        each_at_most=settings.microgram_streams_user,
    )
    dispatcher = StreamDispatcher(hub, gateway)
    service.on_broadcast(events.POST_CHANGED, dispatcher.post_changed)
    service.on_broadcast(events.NOTIFICATION_CHANGED, dispatcher.notification_changed)
    service.on_broadcast(events.ACCOUNT_CHANGED, dispatcher.account_changed)
    service.background(dispatcher.run)
    service.manage(hub)
    service.every(TOKEN_CHECK_INTERVAL, hub.maintain, max_backoff=TOKEN_CHECK_INTERVAL)
    service.on_shutdown(hub.stop)
    return hub
