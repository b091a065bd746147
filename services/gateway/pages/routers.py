"""All routers of the web pages."""

from __future__ import annotations

from fastapi import APIRouter

from services.gateway.container import Gateway
from services.gateway.pages import (
    account_deletion,
    archive,
    digest_unsubscribe,
    oauth,
    public,
    shop,
)
from services.gateway.pages.renderer import PageRenderer


def create_routers(gateway: Gateway, pages: PageRenderer) -> list[APIRouter]:
    """The routers of all pages."""
    modules = (oauth, account_deletion, archive, digest_unsubscribe, shop, public)
    return [module.create_router(gateway, pages) for module in modules]
