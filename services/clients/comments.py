"""The comments service: threads."""

from __future__ import annotations

from services.chassis.security.caller import Caller
from services.clients.base import ServiceClient
from services.clients.json_types.posts import ThreadJson
from services.clients.paths import numeric_id


class CommentsClient(ServiceClient):
    """Routes of the comments service."""

    app_id = "comments"

    async def thread(
        self, id: str, caller: Caller | None, *, descendants: int | None = None
    ) -> ThreadJson:
        """The ids of the posts around a post; `descendants` is how many below it at most."""
        params = None if descendants is None else {"descendants": str(descendants)}
        return await self._get(ThreadJson, f"threads/{numeric_id(id)}", caller, params)
