"""How the users service is put together."""

from __future__ import annotations

from fastapi import FastAPI

from services.chassis.jobs import JobQueue
from services.chassis.service import Service
from services.users.api import data_export, discovery, reports
from services.users.api.accounts import create_router
from services.users.application.account_erasure import AccountEdgeErasure
from services.users.application.followed_tags import FollowedTagService
from services.users.application.mute_expiry import MuteExpiry
from services.users.application.name_index import NameIndex
from services.users.application.profile_bootstrap import ProfileBootstrap
from services.users.application.profiles import ProfileService
from services.users.application.relationship_queries import RelationshipQueries
from services.users.application.relationships import RelationshipService
from services.users.application.reports import ReportService
from services.users.application.statistics import StatisticsService
from services.users.application.suggestions import SuggestionService
from services.users.consumers import ERASURE, UsersConsumers, subscribe
from services.users.repository import Repository


def create_app(service: Service) -> FastAPI:
    """The users service on its sidecar."""
    repository = Repository(service)
    index = NameIndex(repository)
    relationships = RelationshipService(repository)
    suggestions = SuggestionService(repository)
    profile_bootstrap = ProfileBootstrap(repository, service.sidecar)
    people = ProfileService(repository, index, profile_bootstrap, service.settings.public_host)
    tags, statistics = FollowedTagService(repository), StatisticsService(repository)
    jobs = JobQueue(service)
    jobs.register(ERASURE, AccountEdgeErasure(repository, relationships).erase_batch)
    handlers = UsersConsumers(repository, relationships, index, suggestions, tags, statistics, jobs)
    subscribe(service, handlers)
    service.background(MuteExpiry(repository).run)
    return service.create_app(
        create_router(people, relationships, RelationshipQueries(repository), suggestions),
        discovery.create_router(tags, statistics),
        reports.create_router(ReportService(repository)),
        data_export.create_router(repository),
    )
