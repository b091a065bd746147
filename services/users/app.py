"""How the users service is put together."""

from __future__ import annotations

from fastapi import FastAPI

from services.chassis.app import Service
from services.users.api import create_router
from services.users.endings import Endings
from services.users.events import subscribe
from services.users.index import Index
from services.users.lists import Lists
from services.users.people import People
from services.users.stances import Stances
from services.users.store import Store
from services.users.suggestions import Suggestions


def create_app(service: Service) -> FastAPI:
    """The users service on its sidecar."""
    store = Store(service)
    index = Index(store)
    stances = Stances(store)
    suggestions = Suggestions(store)
    subscribe(service, store, stances, index, suggestions)
    service.background(Endings(store).watch)
    return service.create_app(
        create_router(People(store, index), stances, Lists(store), suggestions)
    )
