"""Commands that delete posts."""

from __future__ import annotations

from typing import Any

from services.chassis.errors import Forbidden, NotFound
from services.chassis.security.caller import Caller
from services.clients.media import MediaClient
from services.posts.application.boosts import BoostService
from services.posts.application.picture_release import release_pictures
from services.posts.application.queries import PostQueries, parse_post_id
from services.posts.application.visible_posts import post_view
from services.posts.domain.changes import can_delete, delete_post
from services.posts.domain.posts import PostRecord, post_not_found
from services.posts.repository import Repository

MODERATION_SCOPE = "admin:write:reports"
"""The scope that permits the deletion of any post."""


class PostDeletion:
    """Deletes posts, comments and boosts."""

    def __init__(
        self,
        repository: Repository,
        queries: PostQueries,
        boosts: BoostService,
        media: MediaClient,
    ) -> None:
        self._repository = repository
        self._queries = queries
        self._boosts = boosts
        self._media = media

    async def delete(self, id: str, caller: Caller, *, delete_media: bool) -> dict[str, Any]:
        """Delete a post and return the `PostView` it had, or of its tombstone for a repetition.

        The author may use its pictures in another post for a day, unless `delete_media` is set.
        Administrators may delete any post, also one that they cannot see. Replies to a comment
        stay, except where a user deletes another user's comment below their own post.
        """
        if caller.may(MODERATION_SCOPE):
            return await self._delete_as_moderator(
                parse_post_id(id), caller, delete_media=delete_media
            )
        try:
            seen = await self._queries.get(id, caller)
        except NotFound:
            return await self._delete_hidden(parse_post_id(id), caller, delete_media=delete_media)
        if not can_delete(seen.post, caller.user_id):
            raise Forbidden("This is somebody else's post.")
        if seen.post.reblog_of_id:
            await self._boosts.delete_post(seen.post)
            return seen.view()
        await self._delete(seen.post, caller, delete_media=delete_media)
        return seen.view()

    async def _delete(self, post: PostRecord, caller: Caller, *, delete_media: bool) -> None:
        """Write the tombstone first. Its event also reaches media, so a crash loses nothing."""
        by = caller.user_id
        deleted = await self._repository.posts.update(
            post.id,
            lambda there: delete_post(there, by, delete_media=delete_media) if there else None,
        )
        if deleted is not None and deleted.pictures_kept and post.attachments:
            await release_pictures(self._media, post.id)

    async def _delete_as_moderator(
        self, id: str, caller: Caller, *, delete_media: bool
    ) -> dict[str, Any]:
        doc = await self._repository.posts.load(id)
        if doc is None:
            raise post_not_found()
        await self._delete(doc.value, caller, delete_media=delete_media)
        return post_view(doc.value, doc.version)

    async def _delete_hidden(
        self, id: str, caller: Caller, *, delete_media: bool
    ) -> dict[str, Any]:
        """Delete what its author cannot see: a tombstone, or a boost of a hidden post."""
        doc = await self._repository.posts.load(id)
        if doc is None or not can_delete(doc.value, caller.user_id):
            raise post_not_found()
        if doc.value.reblog_of_id:
            await self._boosts.delete_post(doc.value)
        elif not doc.value.deleted:
            raise post_not_found()
        else:
            await self._delete(doc.value, caller, delete_media=delete_media)
        return post_view(doc.value, doc.version)
