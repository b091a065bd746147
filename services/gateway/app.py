"""How the gateway is put together."""

from __future__ import annotations

from fastapi import FastAPI

from services.chassis.service import Service
from services.contracts import events
from services.gateway.application.archive_download import ArchiveDownloads
from services.gateway.desk import Desk, Invoker
from services.gateway.graphql import router as graphql
from services.gateway.http.errors import error_response
from services.gateway.middleware.rate_limit import EdgeMiddleware, create_limiters
from services.gateway.pages import account_deletion as goodbye
from services.gateway.pages import archive, public
from services.gateway.pages import digest_unsubscribe as unsubscribing
from services.gateway.pages import oauth as forms
from services.gateway.pages import shop as shop_pages
from services.gateway.pages.renderer import PageRenderer
from services.gateway.ratelimit.sync import RateLimitSync
from services.gateway.rest import (
    account_deletion,
    accounts,
    admin,
    apps,
    conversations,
    digests,
    directory,
    exports,
    hashtags,
    instance,
    media,
    notifications,
    oauth,
    oembed,
    reports,
    search,
    status_context,
    statuses,
    streaming,
    stubs,
    suggestions,
    timelines,
    webhooks,
    wellknown,
)
from services.gateway.rest.shop import catalog as shop_catalog
from services.gateway.rest.shop import orders as shop_orders
from services.gateway.settings import VERSION, GatewaySettings
from services.gateway.streaming.dispatcher import StreamDispatcher
from services.gateway.streaming.hub import StreamHub


def create_service(settings: GatewaySettings) -> Service:
    """The gateway's own service: a sidecar and an identity, and nothing kept but counters."""
    return Service(settings)


def create_app(service: Service, services: Invoker | None = None) -> FastAPI:
    """The gateway on its sidecar, or on a fake of the other services.

    Timelines come first, since routes are tried in order.
    """
    settings = service.settings
    if not isinstance(settings, GatewaySettings):
        raise TypeError("The gateway needs GatewaySettings.")
    counted = create_limiters(settings)
    ledger = RateLimitSync(service.sidecar, list(counted.values()))
    service.manage(ledger)
    service.background(ledger.run)
    desk = Desk(settings, services or service.sidecar)
    hub = _stream(service, settings, desk)
    paper = PageRenderer(settings.microgram_title, settings.public_url)
    downloads = ArchiveDownloads(desk)
    app = service.create_app(
        timelines.create_router(desk),
        instance.create_router(desk),
        account_deletion.create_router(desk),
        exports.create_router(desk, downloads),
        accounts.create_router(desk),
        status_context.create_router(desk),
        statuses.create_router(desk),
        oembed.create_router(desk),
        media.create_router(desk),
        digests.create_router(desk),
        notifications.create_router(desk),
        conversations.create_router(desk),
        apps.create_router(desk),
        oauth.create_router(desk),
        wellknown.create_router(desk),
        search.create_router(desk),
        admin.create_router(desk),
        streaming.create_router(hub),
        hashtags.create_router(desk),
        directory.create_router(desk),
        reports.create_router(desk),
        suggestions.create_router(desk),
        graphql.create_router(graphql.GraphqlEndpoint(desk, hub)),
        shop_catalog.create_router(desk),
        shop_orders.create_router(desk),
        webhooks.create_router(desk),
        stubs.create_router(),
        forms.create_router(desk, paper),
        goodbye.create_router(desk, paper),
        archive.create_router(desk, paper, downloads),
        unsubscribing.create_router(desk, paper),
        shop_pages.create_router(desk, paper),
        public.create_router(desk, paper),
        render=paper.html_errors(error_response),
        title=f"{settings.microgram_title} gateway",
        public=True,
    )
    app.version = VERSION
    token = settings.app_api_token.get_secret_value()
    app.add_middleware(
        EdgeMiddleware,
        limiters=counted,
        identity=service.identity,
        token=token,
        over_tls=settings.public_url.startswith("https://"),
    )
    return app


def _stream(service: Service, settings: GatewaySettings, desk: Desk) -> StreamHub:
    """Hear what is broadcast, and tell whoever is connected."""
    hub = StreamHub(
        service.identity,
        at_most=settings.microgram_streams,
        each_at_most=settings.microgram_streams_user,
    )
    newsroom = StreamDispatcher(hub, desk, notifications.render_notifications)
    service.on_broadcast(events.POST_CHANGED.topic, newsroom.post_changed)
    service.on_broadcast(events.NOTIFICATION_CHANGED.topic, newsroom.notification_changed)
    service.on_broadcast(events.ACCOUNT_CHANGED.topic, newsroom.account_changed)
    service.background(newsroom.run)
    service.background(hub.maintain)
    service.on_shutdown(hub.stop)
    return hub
