"""All routers of the REST API."""

from __future__ import annotations

from fastapi import APIRouter

from services.gateway.container import Gateway
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
    markers,
    media,
    notification_groups,
    notification_policy,
    notifications,
    oauth,
    oembed,
    profile,
    relationships,
    reports,
    search,
    status_context,
    status_interactions,
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
from services.gateway.streaming.hub import StreamHub


def create_routers(gateway: Gateway, hub: StreamHub) -> list[APIRouter]:
    """The routers, in the order in which routes are matched: timelines come first."""
    return [
        timelines.create_router(gateway),
        instance.create_router(gateway),
        account_deletion.create_router(gateway),
        exports.create_router(gateway),
        profile.create_router(gateway),
        accounts.create_router(gateway),
        relationships.create_router(gateway),
        status_context.create_router(gateway),
        statuses.create_router(gateway),
        status_interactions.create_router(gateway),
        oembed.create_router(gateway),
        media.create_router(gateway),
        digests.create_router(gateway),
        notification_policy.create_router(gateway),
        notifications.create_router(gateway),
        notification_groups.create_router(gateway),
        markers.create_router(gateway),
        conversations.create_router(gateway),
        apps.create_router(gateway),
        oauth.create_router(gateway),
        wellknown.create_router(gateway),
        search.create_router(gateway),
        admin.create_router(gateway),
        streaming.create_router(hub),
        hashtags.create_router(gateway),
        directory.create_router(gateway),
        reports.create_router(gateway),
        suggestions.create_router(gateway),
        shop_catalog.create_router(gateway),
        shop_orders.create_router(gateway),
        webhooks.create_router(gateway),
        stubs.create_router(),
    ]
