"""Parameters and guards that several routes share."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Path

from services.chassis.errors import Invalid
from services.chassis.http.dependencies import window
from services.chassis.http.openapi import responses
from services.chassis.security.caller import Caller
from services.chassis.security.guards import optional_user, require_user
from services.chassis.storage.window import Window
from services.contracts.posts import PostList, PostView
from services.posts.application.queries import parse_post_id

MAX_IDS = 100
"""How many posts one request may ask for."""

PathId = Annotated[str, Path(max_length=40, examples=["116548273934401537"])]
OptionalReader = Annotated[Caller | None, Depends(optional_user("read:statuses"))]
Writer = Annotated[Caller, Depends(require_user("write:statuses"))]
PageWindow = Annotated[Window, Depends(window())]

POST_RESPONSES = responses(PostView, "The post as the caller sees it.", 401, 403, 404, 422)
CHANGE_RESPONSES = responses(PostView, "The post after the change.", 401, 403, 404, 422, 503)
EDIT_RESPONSES = responses(PostView, "The post after the edit.", 401, 403, 404, 412, 422, 503)
LIST_RESPONSES = responses(PostList, "A page, newest reaction first.", 401, 403, 422)


def parse_ids(ids: str) -> list[str]:
    """Return the normalized ids of a comma-separated list. Raises `NotFound` or `Invalid`."""
    wanted = [parse_post_id(id) for id in ids.split(",") if id]
    if len(wanted) > MAX_IDS:
        raise Invalid(f"You can ask for at most {MAX_IDS} posts at once.")
    return wanted


def many_posts(description: str, *errors: int) -> dict[int | str, dict[str, Any]]:
    """Return the responses of a route that returns several posts."""
    return responses(list[PostView], description, *errors)
