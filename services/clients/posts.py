"""The posts service: posts, boosts, favourites, bookmarks, pins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from services.chassis.security.caller import Caller
from services.chassis.storage.window import Window
from services.clients.base import ExportingClient, JsonRequest, given, if_match
from services.clients.json_types.posts import (
    PostListJson,
    PostMarksJson,
    PostVersionJson,
    PostViewJson,
    ReactorsJson,
)
from services.clients.paths import numeric_id
from services.contracts.posts import EditedPost, NewPost

Interaction = Literal[
    "favourite", "unfavourite", "bookmark", "unbookmark", "pin", "unpin", "unreblog"
]


def views_request(ids: Sequence[str], around: str | None = None) -> JsonRequest:
    """The posts that the caller may see of some; `around` a post as parts of its thread."""
    body = {"ids": list(ids)} | ({"around": around} if around else {})
    return JsonRequest("posts/views", method="POST", json=body)


class PostsClient(ExportingClient):
    """Routes of the posts service."""

    app_id = "posts"

    # ── reading ─────────────────────────────────────────────────────────────────────────────

    async def post(self, id: str, caller: Caller | None) -> PostViewJson:
        """One post as the caller may see it. Raises `NotFound`."""
        return await self._get(PostViewJson, f"posts/{numeric_id(id)}", caller)

    async def posts(self, ids: Sequence[str], caller: Caller | None) -> list[PostViewJson]:
        """Those of at most 80 posts that the caller may see."""
        return await self._get(list[PostViewJson], "posts", caller, {"ids": ",".join(ids)})

    async def views(
        self, ids: Sequence[str], caller: Caller | None, *, around: str | None = None
    ) -> list[PostViewJson]:
        """Those of many posts that the caller may see; `around` a post as parts of its thread."""
        return await self._request(list[PostViewJson], views_request(ids, around), caller)

    async def notified(self, ids: Sequence[str], caller: Caller) -> list[PostViewJson]:
        """The posts that the caller's notifications are about."""
        return await self._get(list[PostViewJson], "notified", caller, {"ids": ",".join(ids)})

    async def reported(self, ids: Sequence[str], caller: Caller) -> list[PostViewJson]:
        """At most 80 reported posts, as an admin sees them."""
        return await self._get(list[PostViewJson], "reported", caller, {"ids": ",".join(ids)})

    async def pins(self, account: str, caller: Caller | None) -> list[PostViewJson]:
        """What an account pinned, the newest pin first."""
        return await self._get(list[PostViewJson], f"accounts/{numeric_id(account)}/pins", caller)

    async def history(self, id: str, caller: Caller | None) -> list[PostVersionJson]:
        """All versions of a post, the oldest first."""
        return await self._get(list[PostVersionJson], f"posts/{numeric_id(id)}/history", caller)

    async def favourites(self, caller: Caller, window: Window) -> PostListJson:
        """What the caller favourited, the newest favourite first."""
        return await self._get(PostListJson, "favourites", caller, window.params())

    async def bookmarks(self, caller: Caller, window: Window) -> PostListJson:
        """What the caller bookmarked, the newest bookmark first."""
        return await self._get(PostListJson, "bookmarks", caller, window.params())

    async def favourited_by(self, id: str, caller: Caller | None, window: Window) -> ReactorsJson:
        """Who favourited a post."""
        path = f"posts/{numeric_id(id)}/favourited_by"
        return await self._get(ReactorsJson, path, caller, window.params())

    async def reblogged_by(self, id: str, caller: Caller | None, window: Window) -> ReactorsJson:
        """Who boosted a post."""
        path = f"posts/{numeric_id(id)}/reblogged_by"
        return await self._get(ReactorsJson, path, caller, window.params())

    async def marks(self, post: str, author: str, users: Sequence[str]) -> dict[str, PostMarksJson]:
        """What some users did with a post, without those who did nothing."""
        body = {"post": post, "author": author, "users": list(users)}
        return await self._post(dict[str, PostMarksJson], "marks", json=body)

    # ── changing ────────────────────────────────────────────────────────────────────────────

    async def create(self, new: NewPost, caller: Caller) -> PostViewJson:
        """Post. The same `idempotency_key` makes the same post for an hour."""
        return await self._post(PostViewJson, "posts", caller, json=new)

    async def edit(
        self, id: str, wanted: EditedPost, caller: Caller, version: int | None = None
    ) -> PostViewJson:
        """Change the caller's own post. Raises `PreconditionFailed` if it has another `version`."""
        path, headers = f"posts/{numeric_id(id)}", if_match(version)
        return await self._send(PostViewJson, "PUT", path, caller, json=wanted, headers=headers)

    async def delete(self, id: str, caller: Caller, *, delete_media: bool) -> PostViewJson:
        """Delete a post; the response is what it was."""
        path, params = f"posts/{numeric_id(id)}", given(delete_media=delete_media)
        return await self._send(PostViewJson, "DELETE", path, caller, params=params)

    async def boost(self, id: str, visibility: str | None, caller: Caller) -> PostViewJson:
        """Boost a post; `None` is public. A repeat makes the same boost."""
        path, body = f"posts/{numeric_id(id)}/reblog", {"visibility": visibility}
        return await self._post(PostViewJson, path, caller, json=body)

    async def interact(self, id: str, action: Interaction, caller: Caller) -> PostViewJson:
        """Favourite, bookmark or pin a post, or undo one of these or a boost."""
        return await self._post(PostViewJson, f"posts/{numeric_id(id)}/{action}", caller)
