"""What the users service hears. Every handler may run twice, late, or out of order."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import ValidationError

from services.chassis.consuming.inbox import Event, EventHandler, PoisonMessage
from services.chassis.jobs import JobQueue
from services.chassis.service import Service
from services.chassis.storage.window import normalize_id
from services.contracts import events
from services.contracts.accounts import Model
from services.contracts.events import EventType
from services.contracts.logins import Login
from services.contracts.posts import AuthoredCount
from services.users.census import Registry
from services.users.domain.edges import ends
from services.users.index import Index
from services.users.newcomers import follow_login
from services.users.stances import Stances
from services.users.store import Posted, Store
from services.users.suggestions import Suggestions
from services.users.tags import Tags

M = TypeVar("M", bound=Model)


ERASURE = "erasure"


def subscribe(service: Service, handlers: Handlers) -> None:
    """Hear of registrations, of posts, and of what this service itself commits."""
    _hear(service, events.LOGIN_REGISTERED, handlers.login_registered)
    _hear(service, events.ACCOUNT_CHANGED, handlers.account_changed)
    _hear(service, events.EDGE_CHANGED, handlers.edge_changed)
    _hear(service, events.POSTS_COUNTED, handlers.posts_counted)


def _hear(service: Service, type: EventType, handle: EventHandler) -> None:
    async def handle_type(event: Event) -> None:
        if event.type == type.name:  # another is not for us, perhaps a newer one
            await handle(event)

    service.on(type.topic, type.producer, handle_type)


def _read(model: type[M], event: Event) -> M:
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


class Handlers:
    """One method for each type of event."""

    def __init__(
        self,
        store: Store,
        stances: Stances,
        index: Index,
        suggestions: Suggestions,
        tags: Tags,
        registry: Registry,
        errands: JobQueue,
    ) -> None:
        self._store = store
        self._stances = stances
        self._index = index
        self._suggestions = suggestions
        self._tags = tags
        self._registry = registry
        self._errands = errands

    async def login_registered(self, event: Event) -> None:
        """Somebody registered, stands otherwise now, or their login was deleted."""
        login = _read(Login, event)
        await follow_login(self._store, _id(login.user_id), login, event.entityversion)

    async def account_changed(self, event: Event) -> None:
        """A profile changed: they are found by other names, need no longer be asked, or left."""
        id = _id(event.subject)
        await self._index.agree(id)
        await self._suggestions.agree(id)
        await self._registry.agree(id)
        if event.data.get("deleted"):
            await self._tags.forget(id)
            await self._errands.enqueue(ERASURE, id)
        elif not event.data.get("locked", True):
            await self._stances.open(id)

    async def edge_changed(self, event: Event) -> None:
        """Somebody stands otherwise to somebody: all lists follow."""
        source, target = ends(event.subject)
        await self._stances.agree(_id(source), _id(target))

    async def posts_counted(self, event: Event) -> None:
        """Somebody has more posts, or fewer. Four state calls."""
        count = _read(AuthoredCount, event)
        account = _id(count.account)
        heard = Posted(count.total, count.last_post, event.entityversion)
        posted = await self._store.posted.update(
            account,
            lambda kept: heard if kept is None or kept.version < heard.version else kept,
        )
        await self._registry.counted(account, posted or heard)
