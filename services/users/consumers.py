"""The events that the users service handles. Each handler can run twice, late or out of order."""

from __future__ import annotations

from services.chassis.consuming.events import Event, require_id
from services.chassis.jobs import JobQueue
from services.chassis.service import Service
from services.clients.deletions import confirm_deletions
from services.contracts import events
from services.contracts.accounts import Edge, Profile
from services.contracts.logins import Login
from services.contracts.posts import AuthoredCount
from services.users.application.edge_reconciliation import EdgeReconciler
from services.users.application.followed_tags import FollowedTagService
from services.users.application.name_index import NameIndex
from services.users.application.profile_bootstrap import ProfileBootstrap
from services.users.application.statistics import StatisticsService
from services.users.application.suggestions import SuggestionService
from services.users.domain.edges import edge_accounts
from services.users.domain.statistics import AuthorPostCount

ERASURE = "erasure"
"""The job that erases a deleted account."""


class UsersConsumers:
    """One handler for each type of event."""

    def __init__(
        self,
        bootstrap: ProfileBootstrap,
        edges: EdgeReconciler,
        index: NameIndex,
        suggestions: SuggestionService,
        tags: FollowedTagService,
        statistics: StatisticsService,
        jobs: JobQueue,
    ) -> None:
        self._bootstrap = bootstrap
        self._edges = edges
        self._index = index
        self._suggestions = suggestions
        self._tags = tags
        self._statistics = statistics
        self._jobs = jobs

    def subscribe(self, service: Service) -> None:
        """Subscribe to registrations, post counts, and the service's own changes."""
        on_login = confirm_deletions(service.sidecar, self.on_login_registered)
        service.on(events.LOGIN_REGISTERED, on_login)
        service.on(events.ACCOUNT_CHANGED, self.on_account_changed)
        service.on(events.EDGE_CHANGED, self.on_edge_changed)
        service.on(events.POSTS_COUNTED, self.on_posts_counted)

    async def on_login_registered(self, event: Event[Login]) -> None:
        """Create, update or delete the profile of a login."""
        id = require_id(event.data.user_id)
        await self._bootstrap.apply_login(id, event.data, event.version)

    async def on_account_changed(self, event: Event[Profile]) -> None:
        """Update what is derived from a profile. Erase a deleted account."""
        id = event.subject_id
        await self._index.reconcile(id)
        await self._suggestions.reconcile(id)
        await self._statistics.reconcile(id)
        if event.data.deleted:
            await self._tags.clear(id)
            await self._jobs.enqueue(ERASURE, id)
        elif not event.data.locked:
            await self._edges.accept_pending(id)

    async def on_edge_changed(self, event: Event[Edge]) -> None:
        """Update what is derived from an edge."""
        source, target = edge_accounts(event.subject)
        await self._edges.reconcile(require_id(source), require_id(target))

    async def on_posts_counted(self, event: Event[AuthoredCount]) -> None:
        """Store the number of an account's posts. Two state calls."""
        count = AuthorPostCount(event.data.total, event.data.last_post, event.version)
        await self._statistics.apply_post_count(require_id(event.data.account), count)
