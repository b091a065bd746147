"""Search for accounts, posts and hashtags."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from services.chassis.errors import NotFound
from services.chassis.security.caller import Caller
from services.clients.json_types.accounts import AccountJson
from services.clients.services import ServiceClients
from services.gateway.application.account_search import AccountSearch
from services.gateway.application.hashtags import HashtagPresenter
from services.gateway.application.posts import PostPresenter
from services.gateway.presentation.renderer import EntityRenderer
from services.gateway.presentation.urls import PublicUrls
from services.shared.hashtags import normal_tag

_ACCOUNT = re.compile(r"/(?:@|users/)(\w+)")
_POST = re.compile(r"/(?:@\w+|users/\w+/statuses|statuses)/(\d{1,20})")
_ID = re.compile(r"\d{15,20}")


class Search:
    """Finds accounts by name, hashtags by prefix, and the caller's own posts by words.

    A post is also found by its URL or id, and an account by its URL.
    """

    def __init__(
        self,
        services: ServiceClients,
        accounts: AccountSearch,
        posts: PostPresenter,
        hashtags: HashtagPresenter,
        renderer: EntityRenderer,
        urls: PublicUrls,
    ) -> None:
        self._services = services
        self._accounts = accounts
        self._posts = posts
        self._hashtags = hashtags
        self._renderer = renderer
        self._urls = urls

    async def accounts(
        self, typed: str, caller: Caller | None, limit: int, offset: int = 0
    ) -> Sequence[AccountJson]:
        """Accounts, an exact match first. Strangers find exact usernames only."""
        if caller is not None and not caller.may("read:accounts"):
            caller = None
        path = self._local_path(typed)
        if path:
            match = _ACCOUNT.fullmatch(path)
            if match is None or offset:
                return []
            rows = await self._accounts.search(f"@{match[1]}", caller, limit)
            return [row for row in rows if row["profile"]["username"].lower() == match[1].lower()]
        if typed.startswith(("#", "http://", "https://")):
            return []
        return await self._accounts.search(typed, caller, limit, offset)

    async def followed_accounts(
        self, typed: str, caller: Caller | None, limit: int, offset: int = 0
    ) -> Sequence[AccountJson]:
        """Those of them that the caller follows."""
        if caller is None or not caller.user_id or not caller.may("read:follows"):
            return []
        rows = await self.accounts(typed, caller, limit, offset)
        return await self._accounts.only_followed(rows, caller)

    async def statuses(
        self, typed: str, caller: Caller | None, limit: int, offset: int = 0
    ) -> bytes:
        """A list of Status: the post with this URL or id, or the caller's own posts by words."""
        path = self._local_path(typed)
        match = _POST.fullmatch(path)
        id = match[1] if match else typed if _ID.fullmatch(typed) else ""
        if caller is not None and not caller.may("read:statuses"):
            caller = None
        if not id:
            if caller is None or not caller.user_id or path:
                return b"[]"
            page = await self._services.feed.own_posts(typed, caller, limit=limit, offset=offset)
            cards = await self._posts.product_cards(page["views"])
            return self._renderer.statuses(page["views"], page["accounts"], cards)
        if offset:
            return b"[]"
        try:
            return b"[%b]" % await self._posts.render(await self._posts.get(id, caller))
        except NotFound:
            return b"[]"

    async def hashtags(
        self, typed: str, caller: Caller | None, limit: int, offset: int = 0
    ) -> list[dict[str, Any]]:
        """The entities Tag of hashtags in use with a prefix."""
        name = normal_tag(typed.removeprefix("#"))
        if not name:
            return []
        uses = await self._services.feed.find_hashtags(name, limit=limit, offset=offset)
        return await self._hashtags.render(uses, caller)

    def _local_path(self, typed: str) -> str:
        """The path of a URL of this server; empty for anything else."""
        path = typed.removeprefix(self._urls.public_url)
        return path if path != typed else ""
