"""All routers of the web app."""

from __future__ import annotations

from fastapi import APIRouter

from services.gateway.container import Gateway
from services.gateway.web import (
    account_deletion,
    account_recovery,
    archive,
    assets,
    atom,
    cart,
    checkout,
    compose,
    digest_unsubscribe,
    explore,
    follow_lists,
    home,
    messages,
    notifications,
    oauth,
    orders,
    people,
    post_changes,
    posts,
    profiles,
    reports,
    selling,
    selling_new_product,
    selling_product,
    selling_shops,
    sessions,
    settings,
    settings_account,
    settings_privacy,
    settings_profile,
    settings_second_factor,
    shop,
    tags,
)
from services.gateway.web.renderer import PageRenderer


def create_routers(gateway: Gateway, pages: PageRenderer) -> list[APIRouter]:
    """The routers of all pages."""
    modules = (
        home,
        explore,
        notifications,
        messages,
        people,
        reports,
        settings,
        settings_profile,
        settings_privacy,
        settings_account,
        settings_second_factor,
        follow_lists,  # before `posts`, whose ids are any last part of an address
        sessions,
        oauth,
        account_deletion,
        account_recovery,
        archive,
        digest_unsubscribe,
        shop,
        compose,
        atom,
        post_changes,  # before `posts`, whose actions are any last part of an address
        cart,
        checkout,
        orders,
        selling,
        selling_shops,
        selling_new_product,
        selling_product,
        posts,
        profiles,
        tags,
    )
    files = assets.create_router(pages, gateway.settings.microgram_title)
    return [files, *(m.create_router(gateway, pages) for m in modules)]
