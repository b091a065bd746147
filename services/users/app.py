"""How the users service is put together."""

from __future__ import annotations

from fastapi import FastAPI

from services.chassis.jobs import JobQueue
from services.chassis.service import Service
from services.users import belongings, discovery, reporting
from services.users.api import create_router
from services.users.census import Registry
from services.users.endings import Endings
from services.users.erasure import Erasure
from services.users.events import ERASURE, Handlers, subscribe
from services.users.index import Index
from services.users.lists import Lists
from services.users.newcomers import Newcomers
from services.users.people import People
from services.users.reports import Reports
from services.users.stances import Stances
from services.users.store import Store
from services.users.suggestions import Suggestions
from services.users.tags import Tags


def create_app(service: Service) -> FastAPI:
    """The users service on its sidecar."""
    store = Store(service)
    index = Index(store)
    stances = Stances(store)
    suggestions = Suggestions(store)
    newcomers = Newcomers(store, service.sidecar)
    people = People(store, index, newcomers, service.settings.public_host)
    tags, registry = Tags(store), Registry(store)
    errands = JobQueue(service)
    errands.register(ERASURE, Erasure(store, stances).erase)
    handlers = Handlers(store, stances, index, suggestions, tags, registry, errands)
    subscribe(service, handlers)
    service.background(Endings(store).watch)
    return service.create_app(
        create_router(people, stances, Lists(store), suggestions),
        discovery.create_router(tags, registry),
        reporting.create_router(Reports(store)),
        belongings.create_router(store),
    )
