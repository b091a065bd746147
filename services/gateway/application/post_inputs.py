"""New and edited posts, as REST and GraphQL send them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from services.chassis.security.caller import Caller
from services.clients.base import gather_all
from services.clients.json_types.accounts import AccountJson
from services.clients.paths import numeric_id
from services.clients.users import UsersClient
from services.contracts.posts import EditedPost, NewPost
from services.gateway.application.client_apps import ClientApps


@dataclass(frozen=True, slots=True, kw_only=True)
class PostInput:
    """The content of a new post. The author's profile has the defaults of the last three fields."""

    text: str = ""
    media_ids: Sequence[str] = ()
    product_ids: Sequence[str] = ()
    in_reply_to_id: str | None = None
    spoiler_text: str = ""
    visibility: str | None = None
    sensitive: bool | None = None
    language: str | None = None


class PostInputs:
    """Completes inputs with the defaults of their authors and the names of their apps."""

    def __init__(self, users: UsersClient, client_apps: ClientApps) -> None:
        self._users = users
        self._client_apps = client_apps

    async def complete(
        self, given: PostInput, caller: Caller, idempotency_key: str
    ) -> tuple[NewPost, AccountJson | None]:
        """The new post and its author. The posts service validates it."""
        people, app = await gather_all(
            self._users.accounts([caller.user_id]), self._client_apps.of(caller)
        )
        author: AccountJson | None = people.get(caller.user_id)
        fields = _with_defaults(given, author["profile"] if author else {})
        key = idempotency_key[:200]
        return NewPost.model_construct(None, **fields, **app, idempotency_key=key), author


def edited_post(
    *,
    text: str | None,
    media_ids: Sequence[str] | None,
    product_ids: Sequence[str] | None,
    sensitive: bool | None,
    spoiler_text: str | None,
    language: str | None,
) -> EditedPost:
    """The changes of a post. The posts service validates them."""
    return EditedPost.model_construct(
        text=text,
        media_ids=None if media_ids is None else [numeric_id(id) for id in media_ids],
        product_ids=None if product_ids is None else [numeric_id(id) for id in product_ids],
        sensitive=sensitive,
        spoiler_text=spoiler_text,
        language=language,
    )


def _with_defaults(given: PostInput, profile: Any) -> dict[str, Any]:
    """The fields of a new post. A client that sends no visibility must not make a post public."""
    sensitive = profile.get("default_sensitive") if given.sensitive is None else given.sensitive
    language = given.language or profile.get("default_language") or profile.get("locale")
    return {
        "text": given.text,
        "media_ids": [numeric_id(id) for id in given.media_ids],
        "product_ids": [numeric_id(id) for id in given.product_ids],
        "in_reply_to_id": given.in_reply_to_id or None,
        "visibility": given.visibility or profile.get("default_visibility"),
        "sensitive": bool(sensitive),
        "spoiler_text": given.spoiler_text,
        "language": language or None,
    }
