"""Claims: uploaded pictures become part of what shows them."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import TypeAdapter

from services.chassis.dapr.client import DaprClient
from services.chassis.security.caller import Caller
from services.shared.pictures import Picture

_PICTURES = TypeAdapter(tuple[Picture, ...])


async def claim(
    sidecar: DaprClient, id: str, pictures: Sequence[str], caller: Caller
) -> tuple[Picture, ...]:
    """Have pictures of the caller's belong to what has this id, in this order; again is harmless.

    Raises `Invalid` for one that is not theirs or belongs to something else. One call of media,
    without pictures none.
    """
    if not pictures:
        return ()
    reply = await sidecar.invoke(
        "media",
        "claims",
        method="POST",
        json={"post_id": id, "ids": list(pictures)},
        token=caller.token,
    )
    return _PICTURES.validate_python(reply.json())
