"""How the users service is put together."""

from __future__ import annotations

from fastapi import FastAPI

from services.chassis.app import Service
from services.users.api import create_router
from services.users.events import subscribe
from services.users.index import Index
from services.users.lists import Lists
from services.users.people import People
from services.users.stances import Stances
from services.users.store import Store


def create_app(service: Service) -> FastAPI:
    """The users service on its sidecar."""
    store = Store(service)
    index = Index(store)
    stances = Stances(store)
    subscribe(service, store, stances, index)
    return service.create_app(create_router(People(store, index), stances, Lists(store)))
