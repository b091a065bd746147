"""What several services' routes ask of a request alike: windows on lists, and versions seen.

Without `annotations` from the future: FastAPI could not see the bounds that a function closes over.
The dependencies are coroutines, which FastAPI runs in place and not in a thread.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Header, Path, Query

from services.chassis.errors import NotFound
from services.chassis.http.preconditions import Condition, EntityTags
from services.chassis.ids import is_id
from services.chassis.storage.window import Window, normalize_id

MAX_CONDITION_LENGTH = 1_000
"""The sidecar reads 4 KiB of a request's first line and its headers; a token takes a third."""

Tagged = Annotated[str | None, Header(max_length=MAX_CONDITION_LENGTH)]


def window(default: int = 20, most: int = 81) -> Callable[..., Awaitable[Window]]:
    """A dependency: the window that the client API's four parameters ask for.

    `default` and `most` are how many rows there are at once: one more than any client is given, so
    that who asks for a page can tell whether there is another.
    """

    async def asked(
        limit: Annotated[int, Query(ge=1, le=most)] = default,
        max_id: str | None = None,
        since_id: str | None = None,
        min_id: str | None = None,
    ) -> Window:
        return Window.of(limit, max_id, since_id, min_id)

    return asked


def path_id(
    not_found: Callable[[], NotFound], max_length: int = 40
) -> Callable[..., Awaitable[str]]:
    """Return a dependency: the normalized `id` of a path, or `not_found` for what cannot be one."""

    async def parse(
        id: Annotated[str, Path(max_length=max_length, examples=["116548273934401537"])],
    ) -> str:
        if not is_id(id):
            raise not_found()
        return normalize_id(id)

    return parse


async def _condition(if_match: Tagged = None, if_none_match: Tagged = None) -> Condition | None:
    if if_match is None and if_none_match is None:
        return None
    given = (None if text is None else EntityTags.of(text) for text in (if_match, if_none_match))
    return Condition(*given)


IfMatchVersion = Annotated[Condition | None, Depends(_condition)]
"""The versions that `If-Match` and `If-None-Match` allow a change to build on, if one is sent."""
