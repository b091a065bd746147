"""How the gateway is put together."""

from __future__ import annotations

from fastapi import FastAPI

from services.chassis.service import Service
from services.contracts import events
from services.gateway.api import (
    accounts,
    admin,
    apps,
    conversations,
    digests,
    directory,
    embeds,
    empties,
    exports,
    hashtags,
    instance,
    leaving,
    media,
    notifications,
    oauth,
    reports,
    search,
    statuses,
    streaming,
    suggestions,
    threads,
    timelines,
    webhooks,
    wellknown,
)
from services.gateway.api.shop import catalog as shop_catalog
from services.gateway.api.shop import orders as shop_orders
from services.gateway.desk import Desk, Invoker
from services.gateway.door import PublicDoor, limiters
from services.gateway.downloads import Downloads
from services.gateway.errors import refusal
from services.gateway.graphql import http as graphql
from services.gateway.ledger import Ledger
from services.gateway.pages import archive, public
from services.gateway.pages import digests as unsubscribing
from services.gateway.pages import leaving as goodbye
from services.gateway.pages import oauth as forms
from services.gateway.pages import shop as shop_pages
from services.gateway.pages.paper import Paper
from services.gateway.settings import VERSION, GatewaySettings
from services.gateway.streaming.hub import Hub
from services.gateway.streaming.newsroom import Newsroom


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
    counted = limiters(settings)
    ledger = Ledger(service.sidecar, list(counted.values()))
    service.manage(ledger)
    service.background(ledger.run)
    desk = Desk(settings, services or service.sidecar)
    hub = _stream(service, settings, desk)
    paper = Paper(settings.microgram_title, settings.public_url)
    downloads = Downloads(desk)
    app = service.create_app(
        timelines.create_router(desk),
        instance.create_router(desk),
        leaving.create_router(desk),
        exports.create_router(desk, downloads),
        accounts.create_router(desk),
        threads.create_router(desk),
        statuses.create_router(desk),
        embeds.create_router(desk),
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
        graphql.create_router(graphql.Graph(desk, hub)),
        shop_catalog.create_router(desk),
        shop_orders.create_router(desk),
        webhooks.create_router(desk),
        empties.create_router(),
        forms.create_router(desk, paper),
        goodbye.create_router(desk, paper),
        archive.create_router(desk, paper, downloads),
        unsubscribing.create_router(desk, paper),
        shop_pages.create_router(desk, paper),
        public.create_router(desk, paper),
        render=paper.for_browsers(refusal),
        title=f"{settings.microgram_title} gateway",
        public=True,
    )
    app.version = VERSION
    token = settings.app_api_token.get_secret_value()
    app.add_middleware(
        PublicDoor,
        limiters=counted,
        identity=service.identity,
        token=token,
        over_tls=settings.public_url.startswith("https://"),
    )
    return app


def _stream(service: Service, settings: GatewaySettings, desk: Desk) -> Hub:
    """Hear what is broadcast, and tell whoever is connected."""
    hub = Hub(
        service.identity,
        at_most=settings.microgram_streams,
        each_at_most=settings.microgram_streams_user,
    )
    newsroom = Newsroom(hub, desk, notifications.show)
    service.on_broadcast(events.POST_CHANGED.topic, newsroom.post_changed)
    service.on_broadcast(events.NOTIFICATION_CHANGED.topic, newsroom.notification_changed)
    service.on_broadcast(events.ACCOUNT_CHANGED.topic, newsroom.account_changed)
    service.background(newsroom.work)
    service.background(hub.watch)
    service.on_shutdown(hub.stop)
    return hub
