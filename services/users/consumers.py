"""What the users service hears. Every handler may run twice, late, or out of order."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import ValidationError

from services.chassis.consuming.events import CloudEvent, PoisonMessage, RawHandler
from services.chassis.jobs import JobQueue
from services.chassis.service import Service
from services.chassis.storage.window import normalize_id
from services.contracts import events
from services.contracts.accounts import Model
from services.contracts.events import EventType
from services.contracts.logins import Login
from services.contracts.posts import AuthoredCount
from services.users.application.followed_tags import FollowedTagService
from services.users.application.name_index import NameIndex
from services.users.application.profile_bootstrap import apply_login
from services.users.application.relationships import RelationshipService
from services.users.application.statistics import StatisticsService
from services.users.application.suggestions import SuggestionService
from services.users.domain.edges import edge_accounts
from services.users.repository import AuthorPostCount, Repository

M = TypeVar("M", bound=Model)


ERASURE = "erasure"


def subscribe(service: Service, handlers: UsersConsumers) -> None:
    """Hear of registrations, of posts, and of what this service itself commits."""
    _hear(service, events.LOGIN_REGISTERED, handlers.on_login_registered)
    _hear(service, events.ACCOUNT_CHANGED, handlers.on_account_changed)
    _hear(service, events.EDGE_CHANGED, handlers.on_edge_changed)
    _hear(service, events.POSTS_COUNTED, handlers.on_posts_counted)


def _hear(service: Service, type: EventType[Any], handle: RawHandler) -> None:
    async def handle_type(event: CloudEvent) -> None:
        if event.type == type.name:  # another is not for us, perhaps a newer one
            await handle(event)

    service.on_topic(type.topic, type.producer, handle_type)


def _read(model: type[M], event: CloudEvent) -> M:
    try:
        return model.model_validate(event.data)
    except ValidationError as error:
        raise PoisonMessage(f"{event.type} {event.subject}: {error.errors()[0]['msg']}") from error


def _id(value: Any) -> str:
    """An id in an event, of which keys are made. Raises `PoisonMessage`."""
    try:
        return normalize_id(str(value))
    except Exception as error:
        raise PoisonMessage(f"«{str(value)[:40]}» is not an id.") from error


class UsersConsumers:
    """One method for each type of event."""

    def __init__(
        self,
        repository: Repository,
        relationships: RelationshipService,
        index: NameIndex,
        suggestions: SuggestionService,
        tags: FollowedTagService,
        statistics: StatisticsService,
        jobs: JobQueue,
    ) -> None:
        self._repository = repository
        self._relationships = relationships
        self._index = index
        self._suggestions = suggestions
        self._tags = tags
        self._statistics = statistics
        self._errands = jobs

    async def on_login_registered(self, event: CloudEvent) -> None:
        """Somebody registered, stands otherwise now, or their login was deleted."""
        login = _read(Login, event)
        await apply_login(self._repository, _id(login.user_id), login, event.entityversion)

    async def on_account_changed(self, event: CloudEvent) -> None:
        """A profile changed: they are found by other names, need no longer be asked, or left."""
        id = _id(event.subject)
        await self._index.reconcile(id)
        await self._suggestions.reconcile(id)
        await self._statistics.reconcile(id)
        if event.data.get("deleted"):
            await self._tags.clear(id)
            await self._errands.enqueue(ERASURE, id)
        elif not event.data.get("locked", True):
            await self._relationships.accept_pending(id)

    async def on_edge_changed(self, event: CloudEvent) -> None:
        """Somebody stands otherwise to somebody: all lists follow."""
        source, target = edge_accounts(event.subject)
        await self._relationships.reconcile(_id(source), _id(target))

    async def on_posts_counted(self, event: CloudEvent) -> None:
        """Somebody has more posts, or fewer. Four state calls."""
        count = _read(AuthoredCount, event)
        account = _id(count.account)
        heard = AuthorPostCount(count.total, count.last_post, event.entityversion)
        posted = await self._repository.post_counts.update(
            account,
            lambda kept: heard if kept is None or kept.version < heard.version else kept,
        )
        await self._statistics.apply_post_count(account, posted or heard)
