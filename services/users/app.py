"""Composition of the users service."""

from __future__ import annotations

from fastapi import FastAPI

from services.chassis.ids import SnowflakeGenerator
from services.chassis.jobs import JobQueue
from services.chassis.service import Service
from services.clients.auth import AuthClient
from services.users.api import (
    accounts,
    data_export,
    hashtags,
    relationship_lists,
    relationships,
    reports,
    statistics,
    suggestions,
)
from services.users.application.account_erasure import AccountEdgeErasure
from services.users.application.edge_reconciliation import EdgeReconciler
from services.users.application.followed_tags import FollowedTagService
from services.users.application.mute_expiry import EXPIRY_INTERVAL, MuteExpiry
from services.users.application.name_index import NameIndex
from services.users.application.profile_bootstrap import ProfileBootstrap
from services.users.application.profiles import ProfileService
from services.users.application.relationship_queries import RelationshipQueries
from services.users.application.relationships import RelationshipService
from services.users.application.reports import ReportService
from services.users.application.statistics import StatisticsService
from services.users.application.suggestions import SuggestionService
from services.users.consumers import ERASURE, UsersConsumers
from services.users.repository import Repository


def create_app(service: Service) -> FastAPI:
    """Return the users service on its sidecar."""
    repository, new_id = Repository(service), SnowflakeGenerator().next
    index = NameIndex(repository)
    bootstrap = ProfileBootstrap(repository, AuthClient(service.sidecar))
    edges = EdgeReconciler(repository, new_id)
    mute_expiry = MuteExpiry(repository)
    tag_service = FollowedTagService(repository, new_id)
    statistics_service = StatisticsService(repository)
    suggestion_service = SuggestionService(repository)
    jobs = JobQueue(service)
    jobs.register(ERASURE, AccountEdgeErasure(repository, edges).erase_batch)
    UsersConsumers(
        bootstrap, edges, index, suggestion_service, tag_service, statistics_service, jobs
    ).subscribe(service)
    service.every(EXPIRY_INTERVAL, mute_expiry.run)
    return service.create_app(
        accounts.create_router(
            ProfileService(repository, index, bootstrap, service.settings.public_host)
        ),
        relationships.create_router(RelationshipService(repository, mute_expiry, new_id)),
        relationship_lists.create_router(RelationshipQueries(repository)),
        suggestions.create_router(suggestion_service),
        hashtags.create_router(tag_service),
        statistics.create_router(statistics_service),
        reports.create_router(ReportService(repository, new_id)),
        data_export.create_router(repository),
    )
