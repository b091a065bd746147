"""Queries of posts. This is the only place where the visibility of posts is enforced."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from services.chassis.errors import Forbidden
from services.chassis.ids import is_id
from services.chassis.security.caller import Caller
from services.chassis.storage.window import normalize_id
from services.clients.users import UsersClient
from services.posts.application.author_relationships import AuthorRelationships
from services.posts.application.suspended_accounts import SuspendedAccounts
from services.posts.application.visible_posts import VisiblePost, with_original
from services.posts.domain.posts import PostRecord, post_not_found
from services.posts.domain.visibility import (
    Access,
    AuthorRelationship,
    check_access,
    is_shown_in_thread,
    is_visible_to,
)
from services.posts.repository import PostDetails, Repository


class PostQueries:
    """Reads posts as a caller may see them."""

    def __init__(
        self, repository: Repository, users: UsersClient, suspended_accounts: SuspendedAccounts
    ) -> None:
        self._repository = repository
        self._users = users
        self.suspended_accounts = suspended_accounts

    async def get(
        self, id: str, caller: Caller | None, relationships: AuthorRelationships | None = None
    ) -> VisiblePost:
        """Return a post. Raises `NotFound`.

        One state call, two for a boost. One invocation if a user asks for another user's post.
        """
        id = parse_post_id(id)
        seen = await self.get_many([id], caller, relationships)
        if id not in seen:
            raise post_not_found()
        return seen[id]

    async def get_own(self, id: str, caller: Caller) -> VisiblePost:
        """Return a post of the caller. Raises `NotFound`, or `Forbidden` for another's post."""
        seen = await self.get(id, caller)
        if seen.post.author != caller.user_id:
            raise Forbidden("This is somebody else's post.")
        return seen

    async def get_original(
        self, id: str, caller: Caller | None, relationships: AuthorRelationships | None = None
    ) -> VisiblePost:
        """Return a post as `get` does, but for a boost the original post."""
        seen = await self.get(id, caller, relationships)
        return seen.reblog or seen

    async def get_answered(self, id: str, caller: Caller) -> PostRecord:
        """Return the post that a reply answers: for a boost the original. Raises `NotFound`.

        As `get_original`, but without reading what only a view shows.
        """
        id = parse_post_id(id)
        details = await _load([id], self._repository.posts_alone)
        seen = (await self._visible([id], details, caller)).get(id)
        if seen is None:
            raise post_not_found()
        return (seen.reblog or seen).post

    async def get_reactable(self, id: str, caller: Caller) -> VisiblePost:
        """Return a post as `get_original` does. Raises `Forbidden` if the caller blocks its author.

        A blocked author must not receive public reactions.
        """
        relationships = AuthorRelationships(self._users, caller)
        seen = await self.get_original(id, caller, relationships)
        known = await relationships.load([])
        if known.get(seen.post.author, AuthorRelationship()).blocking:
            raise Forbidden("You block the author of this post.")
        return seen

    async def get_many(
        self,
        ids: Sequence[str],
        caller: Caller | None,
        relationships: AuthorRelationships | None = None,
    ) -> dict[str, VisiblePost]:
        """Return the visible ones of some posts, in the given order.

        One state call, two if there are boosts among them; at most one invocation.
        """
        read = partial(self._repository.post_details, viewer=_viewer(caller))
        return await self._visible(ids, await _load(ids, read), caller, relationships)

    async def _visible(
        self,
        ids: Sequence[str],
        details: Mapping[str, PostDetails],
        caller: Caller | None,
        relationships: AuthorRelationships | None = None,
    ) -> dict[str, VisiblePost]:
        viewer = _viewer(caller)
        suspended = await self.suspended_accounts.ids()
        found = {
            id: (doc, each)
            for id, each in details.items()
            if (doc := each.doc) and doc.value.author not in suspended
        }
        access = {id: check_access(doc.value, viewer) for id, (doc, _) in found.items()}
        undecided = [
            doc.value.author for id, (doc, _) in found.items() if access[id] is Access.DEPENDS
        ]
        known = await (relationships or AuthorRelationships(self._users, caller)).load(undecided)
        seen = {
            id: VisiblePost(doc.value, doc.version, each)
            for id, (doc, each) in found.items()
            if access[id] is Access.ALLOWED
            or (
                access[id] is Access.DEPENDS
                and is_visible_to(doc.value, viewer, known[doc.value.author])
            )
        }
        return {id: whole for id in ids if (whole := with_original(id, seen))}

    async def get_thread(
        self, id: str, ids: Sequence[str], caller: Caller | None
    ) -> list[VisiblePost]:
        """Return a post and the posts of its thread that the caller may and wants to see.

        Raises `NotFound`. One state call; for a user at most two invocations if others take part.
        """
        relationships = AuthorRelationships(self._users, caller)
        seen = await self.get_many([id, *ids], caller, relationships)
        if id not in seen:
            raise post_not_found()
        me = caller.user_id if caller else ""
        known = await relationships.load({one.post.author for one in seen.values()} - {me})
        return [
            seen[each]
            for each in dict.fromkeys(ids)
            if each == id
            or (each in seen and is_shown_in_thread(known.get(seen[each].post.author)))
        ]

    async def get_unrestricted(self, ids: Sequence[str]) -> list[VisiblePost]:
        """Return existing posts whatever their visibility, for administrators. One state call."""
        details = await self._repository.post_details(list(dict.fromkeys(ids)), "")
        return [
            VisiblePost(doc.value, doc.version, each)
            for each in details.values()
            if (doc := each.doc) and not doc.value.deleted
        ]

    async def history(self, id: str, caller: Caller | None) -> list[Any]:
        """Return all versions of a post, oldest first. Two state calls."""
        seen = await self.get_original(id, caller)
        return await self._repository.versions(seen.post)


async def _load(
    ids: Sequence[str], read: Callable[[list[str]], Awaitable[dict[str, PostDetails]]]
) -> dict[str, PostDetails]:
    """Load posts and the originals of the boosts among them."""
    details = await read(list(dict.fromkeys(ids)))
    posts = [each.post for each in details.values()]
    originals = {post.reblog_of_id for post in posts if post and post.reblog_of_id}
    missing = sorted(originals - details.keys())
    return details | await read(missing) if missing else details


def _viewer(caller: Caller | None) -> str:
    return caller.user_id if caller else ""


def parse_post_id(id: str) -> str:
    """Return a normalized post id. Raises `NotFound` for a string that cannot be one."""
    if not is_id(id):
        raise post_not_found()
    return normalize_id(id)
