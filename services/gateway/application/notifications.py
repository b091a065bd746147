"""Pages of notifications, and the people and posts that notifications show."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

import orjson

from services.chassis.security.caller import Caller
from services.chassis.storage.window import Window
from services.clients.base import gather_all
from services.clients.json_types.accounts import AccountJson
from services.clients.json_types.posts import PostViewJson
from services.clients.notifications import GroupFilter
from services.clients.posts import PostsClient
from services.clients.services import ServiceClients
from services.contracts.invalidations import account_document, post_document, reader_document
from services.contracts.notifications import NotificationGroup
from services.gateway.application.posts import PostPresenter
from services.gateway.application.ready_pages import DocumentChanges
from services.gateway.application.rendered_entities import RenderedEntities, RenderedEntity
from services.gateway.presentation.entities import notifications as entities
from services.gateway.presentation.renderer import (
    EntityRenderer,
    Row,
    author_ids_of,
    posts_of,
    product_ids_of,
)

MAX_PAGES = 3
"""How many pages are searched for one with something that the caller may see."""

Shown = TypeVar("Shown")
AccountsByIds = Callable[[Sequence[str]], Awaitable[dict[str, AccountJson]]]


@dataclass(frozen=True, slots=True)
class VisiblePage(Generic[Shown]):
    """What is shown of a page. `first` is where the search began, `found` the last page read."""

    shown: Shown
    first: str
    found: Mapping[str, Any]


async def first_visible_page(
    window: Window,
    fetch: Callable[[Window], Awaitable[Any]],
    show: Callable[[Any], Awaitable[tuple[Shown, bool]]],
    is_last: Callable[[Window, Any], bool],
) -> VisiblePage[Shown]:
    """The first page with something to show, out of at most `MAX_PAGES`.

    `show` says what it shows of a page, and whether that is anything.
    """
    first = ""
    for _ in range(MAX_PAGES):
        found = await fetch(window)
        shown, is_something = await show(found)
        first = first or found["first"]
        if is_something or is_last(window, found):
            break
        window = next_window(window, found)
    return VisiblePage(shown, first, found)


def next_window(window: Window, found: Mapping[str, Any]) -> Window:
    """The window that continues where a page ends."""
    if window.ascending:
        return Window(window.limit, window.max_id, window.since_id, found["first"])
    return Window(window.limit, found["last"], window.since_id, window.min_id)


async def people_and_posts(
    posts: PostsClient,
    accounts_by_ids: AccountsByIds,
    caller: Caller,
    account_ids: Iterable[str],
    post_ids: Iterable[str | None],
) -> tuple[dict[str, AccountJson], dict[str, PostViewJson]]:
    """People and posts by id, without suspended people and their posts. Costs two calls at once.

    Each post is the caller's own, or of one of the accounts.
    """
    wanted = list(dict.fromkeys(id for id in post_ids if id))
    people = list(dict.fromkeys([*account_ids, *([caller.user_id] if wanted else [])]))
    rows, views = await gather_all(accounts_by_ids(people), _views(posts, caller, wanted))
    found = {id: row for id, row in rows.items() if not row["profile"]["suspended"]}
    return found, {view["post"]["id"]: view for view in views if view["post"]["author"] in found}


async def _views(posts: PostsClient, caller: Caller, ids: Sequence[str]) -> list[PostViewJson]:
    return await posts.notified(ids, caller) if ids else []


class RenderedNotifications(NamedTuple):
    """Entities Notification, and when the reading of their oldest part began.

    `has_products`: they show products, of whose changes no message comes.
    """

    entities: list[bytes]
    oldest: float
    has_products: bool


class NotificationPresenter:
    """Renders notifications with the people and posts that they are about."""

    def __init__(
        self,
        services: ServiceClients,
        posts: PostPresenter,
        renderer: EntityRenderer,
        changes: DocumentChanges,
        max_bytes: int,
    ) -> None:
        self._services = services
        self._posts = posts
        self._renderer = renderer
        self._changes = changes
        self.cache = RenderedEntities(changes, max_bytes)

    async def render(self, caller: Caller, rows: Sequence[Row]) -> RenderedNotifications:
        """The entities Notification, without those whose person or post the caller cannot see.

        No call if all of these people and posts were shown to the caller lately, else two at once.
        """
        keyed = [(row, _keys(caller, row)) for row in rows]
        found = self.cache.get_many(key for _, keys in keyed for key in keys)
        missing = [row for row, keys in keyed if not found.keys() >= set(keys)]
        oldest, has_products = self.cache.oldest(found), False
        if missing:
            oldest = min(oldest, self._changes.now())
            loaded, has_products = await self._load(caller, missing)
            found |= loaded
        rendered = []
        for row, keys in keyed:
            if found.keys() >= set(keys):
                account, status = found[keys[0]], found[keys[1]] if keys[1:] else b"null"
                body = orjson.dumps(entities.notification(row))[:-1]
                rendered.append(b'%b,"account":%b,"status":%b}' % (body, account, status))
        return RenderedNotifications(rendered, oldest, has_products)

    async def _load(
        self, caller: Caller, rows: Sequence[Row]
    ) -> tuple[dict[Hashable, bytes], bool]:
        """What rows show, rendered, and whether it shows products."""
        read_at, loaded = self._changes.now(), dict[Hashable, bytes]()
        people, views = await self._about(
            caller, [row["account"] for row in rows], [row["post"] for row in rows]
        )
        cards = await self._posts.product_cards(list(views.values()))
        for id, person in people.items():
            key = account_document(id)
            loaded[key] = self._renderer.account(person)
            self.cache.put(key, RenderedEntity(loaded[key], (key,), read_at))
        for id, view in views.items():
            loaded[caller.user_id, id] = body = self._renderer.status(view, people, cards)
            if not product_ids_of([view]):
                documents = _documents(caller, view)
                self.cache.put((caller.user_id, id), RenderedEntity(body, documents, read_at))
        return loaded, bool(product_ids_of(list(views.values())))

    async def group_page(
        self, caller: Caller, window: Window, chosen: GroupFilter, *, partial_accounts: bool
    ) -> VisiblePage[bytes]:
        """A page of the entity GroupedNotificationsResults."""

        async def fetch(part: Window) -> Any:
            return await self._services.notifications.groups(caller, part, chosen)

        async def show(found: Any) -> tuple[bytes, bool]:
            shown, count = await self.render_groups(
                caller, found["groups"], partial_accounts=partial_accounts
            )
            return shown, count > 0

        return await first_visible_page(window, fetch, show, lambda _, found: not found["last"])

    async def render_groups(
        self, caller: Caller, rows: Sequence[Row], *, partial_accounts: bool
    ) -> tuple[bytes, int]:
        """The entity GroupedNotificationsResults, and how many groups are in it.

        All accounts are rendered in full, also if the client asks for partial ones.
        """
        sampled = [id for row in rows for id in row["accounts"]]
        people, views = await self._about(caller, sampled, [row["post"] for row in rows])
        groups = []
        for row in rows:
            accounts = [id for id in row["accounts"] if id in people]
            if accounts and (not row["post"] or row["post"] in views):
                source = NotificationGroup.model_validate({**row, "accounts": accounts})
                groups.append(entities.group(source))
        seen = {id for group in groups for id in group["sample_account_ids"]}
        posts = {group["status_id"] for group in groups}
        shown = [views[id] for id in views if id in posts]
        cards = await self._posts.product_cards(shown)
        parts = {
            "accounts": self._renderer.accounts(people[id] for id in people if id in seen),
            "statuses": self._renderer.statuses(shown, people, cards),
            "notification_groups": orjson.dumps(groups),
        }
        if partial_accounts:
            parts["partial_accounts"] = b"[]"
        body = b",".join(b'"%b":%b' % (name.encode(), part) for name, part in parts.items())
        return b"{%b}" % body, len(groups)

    async def _about(
        self, caller: Caller, account_ids: Iterable[str], post_ids: Iterable[str | None]
    ) -> tuple[dict[str, AccountJson], dict[str, PostViewJson]]:
        lookup = self._services.users.accounts
        return await people_and_posts(self._services.posts, lookup, caller, account_ids, post_ids)


def _keys(caller: Caller, row: Row) -> list[Hashable]:
    """The keys of the account and the post of a notification, if it has a post."""
    account: Hashable = account_document(row["account"])
    return [account, (caller.user_id, row["post"])] if row["post"] else [account]


def _documents(caller: Caller, view: PostViewJson) -> tuple[str, ...]:
    """On what the rendered post depends."""
    posts = [post_document(post["id"]) for post in posts_of(view)]
    accounts = [account_document(author) for author in author_ids_of(view)]
    return (reader_document(caller.user_id), *posts, *accounts)
