"""What several services' routes ask of a request alike: windows on lists, and versions seen.

Without `annotations` from the future: FastAPI could not see the bounds that a function closes over.
The dependencies are coroutines, which FastAPI runs in place and not in a thread.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Header, Query

from services.chassis.errors import PreconditionFailed
from services.chassis.paging import Window

_ETAG = re.compile(r'"(\d{1,15})"')


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


async def _seen(if_match: Annotated[str | None, Header(max_length=100)] = None) -> int | None:
    if if_match is None:
        return None
    match = _ETAG.fullmatch(if_match.strip())
    if match is None:
        raise PreconditionFailed('If-Match must be the ETag of what you read, such as "3".')
    return int(match[1])


Seen = Annotated[int | None, Depends(_seen)]
"""The version in `If-Match`, if one is sent. Raises `PreconditionFailed` for what is no ETag."""
