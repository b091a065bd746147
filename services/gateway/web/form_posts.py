"""Posts that forms make, once for each form."""

from __future__ import annotations

from services.chassis.errors import ServiceError
from services.chassis.security.caller import Caller
from services.clients.json_types.posts import PostViewJson
from services.gateway.application.post_inputs import PostInput
from services.gateway.container import Gateway


async def create_from_form(
    gateway: Gateway, given: PostInput, viewer: Caller, key: str
) -> PostViewJson:
    """Create a post. Two clicks, or a form that is sent again, make one.

    A form that was changed before it was sent again, for example after Back, makes another one.
    """
    new, _ = await gateway.post_inputs.complete(given, viewer, key)
    try:
        return await gateway.services.posts.create(new, viewer)
    except ServiceError as failure:
        if failure.code != "key_reused":
            raise
    changed = new.model_copy(update={"idempotency_key": ""})
    return await gateway.services.posts.create(changed, viewer)
