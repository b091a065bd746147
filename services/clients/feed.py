"""The feed service: timelines, trends, hashtags, conversations, audiences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from services.chassis.security.caller import Caller
from services.chassis.storage.window import Window
from services.clients.base import NOT_CACHED, CacheAge, ExportingClient, given
from services.clients.json_types.posts import (
    AudienceJson,
    ConversationPageJson,
    PageJson,
    TagUseJson,
)
from services.clients.paths import numeric_id, quoted
from services.contracts.audiences import AudienceRequest


@dataclass(frozen=True, slots=True)
class Timeline:
    """Which timeline: its path, and the query parameters that choose among its posts."""

    path: str
    filters: tuple[tuple[str, str], ...] = ()
    author: str = ""
    """Whose posts it shows, if it is that of an account."""


HOME = Timeline("timelines/home")


def public_timeline(*, only_media: bool = False) -> Timeline:
    """The public posts of everybody."""
    return _timeline("timelines/public", only_media=only_media)


def account_timeline(
    id: str,
    *,
    only_media: bool = False,
    exclude_replies: bool = False,
    exclude_reblogs: bool = False,
    tagged: str = "",
) -> Timeline:
    """The posts of an account."""
    timeline = _timeline(
        f"timelines/accounts/{numeric_id(id)}",
        only_media=only_media,
        exclude_replies=exclude_replies,
        exclude_reblogs=exclude_reblogs,
        tagged=tagged,
    )
    return replace(timeline, author=id)


def tag_timeline(
    name: str,
    *,
    only_media: bool = False,
    or_with: Sequence[str] = (),
    with_all: Sequence[str] = (),
    with_none: Sequence[str] = (),
) -> Timeline:
    """The public posts with a hashtag or one of `or_with`, with all and none of some others."""
    return _timeline(
        f"timelines/tags/{quoted(name)}",
        only_media=only_media,
        or_with=",".join(or_with),
        with_all=",".join(with_all),
        with_none=",".join(with_none),
    )


def _timeline(path: str, **filters: Any) -> Timeline:
    return Timeline(path, tuple(given(**filters).items()))


class FeedClient(ExportingClient):
    """Routes of the feed service."""

    app_id = "feed"

    async def ping(self) -> None:
        """Probe the path through both sidecars."""
        await self._send(dict[str, str], "GET", "healthz", None, deadline=2.0)

    # ── posts ───────────────────────────────────────────────────────────────────────────────

    async def timeline(
        self,
        timeline: Timeline,
        caller: Caller | None,
        window: Window,
        *,
        known: str = "",
        cache_age: CacheAge = NOT_CACHED,
    ) -> PageJson:
        """A page of a timeline; `known` is the tag of a page that the reader has already.

        `cache_age` counts for the home and for those of accounts.
        """
        params = {**window.params(), **dict(timeline.filters)}
        if timeline.author or timeline == HOME:
            params |= cache_age.params()
        if known:
            params["known"] = known
        return await self._get(PageJson, timeline.path, caller, params)

    async def own_posts(self, q: str, caller: Caller, *, limit: int, offset: int) -> PageJson:
        """The caller's own posts, and those they interacted with, that contain some words."""
        params = {"q": q, "limit": str(limit), "offset": str(offset)}
        return await self._get(PageJson, "own", caller, params)

    async def trending_posts(self, caller: Caller | None, *, limit: int, offset: int) -> PageJson:
        """The posts with most interactions at present."""
        params = {"limit": str(limit), "offset": str(offset)}
        return await self._get(PageJson, "trends/posts", caller, params)

    async def audience(self, question: AudienceRequest) -> AudienceJson:
        """Which of those who are connected a post is for."""
        return await self._post(AudienceJson, "audiences", json=question)

    # ── hashtags ────────────────────────────────────────────────────────────────────────────

    async def trending_hashtags(self, *, limit: int, offset: int) -> list[TagUseJson]:
        """The hashtags that most people use at present."""
        params = {"limit": str(limit), "offset": str(offset)}
        return await self._get(list[TagUseJson], "trends/hashtags", params=params)

    async def find_hashtags(self, q: str, *, limit: int, offset: int) -> list[TagUseJson]:
        """Hashtags in use by their beginning."""
        params = {"q": q, "limit": str(limit), "offset": str(offset)}
        return await self._get(list[TagUseJson], "hashtags", params=params)

    async def hashtags(self, names: Sequence[str]) -> list[TagUseJson]:
        """The use of some hashtags, also of those that nobody used yet."""
        return await self._post(list[TagUseJson], "hashtags", json={"names": list(names)})

    # ── conversations ───────────────────────────────────────────────────────────────────────

    async def conversations(self, caller: Caller, window: Window) -> ConversationPageJson:
        """The caller's conversations, the one with the newest post first."""
        return await self._get(ConversationPageJson, "conversations", caller, window.params())

    async def mark_conversation(
        self, id: str, caller: Caller, *, read: bool
    ) -> ConversationPageJson:
        """Mark a conversation as read or unread."""
        path, body = f"conversations/{numeric_id(id)}/mark", {"read": read}
        return await self._post(ConversationPageJson, path, caller, json=body)

    async def remove_conversation(self, id: str, caller: Caller) -> None:
        """Remove a conversation for the caller alone, until something is written in it."""
        await self._send(dict[str, Any], "DELETE", f"conversations/{numeric_id(id)}", caller)
