"""Edits of posts together with the descriptions of their pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.chassis.errors import Invalid
from services.chassis.security.caller import Caller
from services.clients.json_types.posts import PostViewJson
from services.clients.posts import PostsClient
from services.contracts import limits
from services.contracts.posts import EditedPost
from services.gateway.application.media import MediaUploads


@dataclass(frozen=True, slots=True)
class PictureChange:
    """The new description and focal point of a picture. `None` leaves one as it is."""

    id: str
    description: str | None = None
    focus: list[float] | None = None


class PostEdits:
    """Changes posts and their pictures."""

    def __init__(self, posts: PostsClient, uploads: MediaUploads) -> None:
        self._posts = posts
        self._uploads = uploads

    async def edit(
        self,
        id: str,
        wanted: EditedPost,
        pictures: Sequence[PictureChange],
        caller: Caller,
        version: int | None = None,
    ) -> PostViewJson:
        """Edit the caller's post. One call, two more with pictures, and one for each of them.

        A post keeps the descriptions that its pictures had when it claimed them, so it claims them
        again. Whatever fails in between, the same edit can be repeated. Raises `PreconditionFailed`
        if the post has another `version`, unless the edit changes nothing.
        """
        if len(pictures) > limits.MAX_PICTURES:
            raise Invalid(f"A post can have at most {limits.MAX_PICTURES} pictures.")
        for picture in pictures:
            await self._uploads.describe(caller, picture.id, picture.description, picture.focus)
        if pictures and wanted.media_ids is None:
            post = (await self._posts.post(id, caller))["post"]
            shown = [picture["id"] for picture in post["attachments"]]
            wanted = wanted.model_copy(update={"media_ids": shown})
        return await self._posts.edit(id, wanted, caller, version)
