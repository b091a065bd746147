"""Dependencies that routes of several services share: paging windows and preconditions.

No `from __future__ import annotations` here: FastAPI could not resolve the limits that the nested
functions use. Dependencies are coroutines, because FastAPI runs plain functions in a thread.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Header, Path, Query, Request

from services.chassis.cache import DEFAULT_TTL, MAX_KEPT, MaxAge
from services.chassis.errors import NotFound
from services.chassis.http.preconditions import Condition, EntityTags
from services.chassis.ids import is_id
from services.chassis.storage.window import Window, normalize_id

MAX_CONDITION_LENGTH = 1_000
"""The sidecar reads at most 4 KiB of request line and headers; a token takes a third of that."""

EntityTagHeader = Annotated[str | None, Header(max_length=MAX_CONDITION_LENGTH)]


async def _cache_age(
    request: Request,
    max_age: Annotated[int, Query(ge=0, le=int(DEFAULT_TTL * 1000))] = 0,
    writer: Annotated[str, Query(max_length=40)] = "",
    written: Annotated[int, Query(ge=0, le=int(DEFAULT_TTL * 1000))] = 0,
    alone: Annotated[int, Query(ge=0, le=int(MAX_KEPT * 1000))] = 0,
) -> MaxAge:
    invalidations = request.app.state.service.invalidations
    stream = invalidations.stream if invalidations is not None else None
    own = max_age if stream is not None and writer in ("", stream) else min(max_age, written)
    sole = alone if writer == stream else 0
    return MaxAge(max(own, sole) / 1000, max(DEFAULT_TTL, sole / 1000))


CacheAge = Annotated[MaxAge, Depends(_cache_age)]
"""For how long documents may have been cached when they are shown.

A caller who follows the invalidations says in `max_age` for how many milliseconds it has heard of
no change of the reader's documents, but for one of the process `writer`, `written` milliseconds
ago. That process has it in its cache. Without it nothing cached of the reader is used. `alone` says
for how many milliseconds no process but `writer` has changed anything: what that one has had in its
cache for no longer is what is stored.
"""


def window(default: int = 20, max_limit: int = 81) -> Callable[..., Awaitable[Window]]:
    """A dependency: the window of the client API's four paging parameters.

    `default` and `max_limit` are numbers of rows. The limit is one more than a client gets, so that
    the gateway can tell whether there is another page.
    """

    async def parse(
        limit: Annotated[int, Query(ge=1, le=max_limit)] = default,
        max_id: str | None = None,
        since_id: str | None = None,
        min_id: str | None = None,
    ) -> Window:
        return Window.of(limit, max_id, since_id, min_id)

    return parse


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


async def _condition(
    if_match: EntityTagHeader = None, if_none_match: EntityTagHeader = None
) -> Condition | None:
    if if_match is None and if_none_match is None:
        return None
    fields = (None if text is None else EntityTags.of(text) for text in (if_match, if_none_match))
    return Condition(*fields)


IfMatchVersion = Annotated[Condition | None, Depends(_condition)]
"""The precondition of the headers `If-Match` and `If-None-Match`; None if neither is sent."""
