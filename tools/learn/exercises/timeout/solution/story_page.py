"""Shows a story with the name of its author. Each is in another service."""

from __future__ import annotations

from services.chassis.dapr.client import DaprClient
from services.chassis.errors import ServiceError

STORY_DEADLINE, NAME_DEADLINE = 0.5, 0.3
"""Seconds. Their sum is what a page may take."""


async def story_page(sidecar: DaprClient, id: str) -> dict[str, str]:
    """Return `text` and `author` of a story; `author` is empty if `people` does not say.

    Raises what `stories` raises.
    """
    answer = await sidecar.invoke("stories", f"/stories/{id}", deadline=STORY_DEADLINE)
    story = answer.json()
    return {"text": story["text"], "author": await _name(sidecar, story["author"])}


async def _name(sidecar: DaprClient, person: str) -> str:
    try:
        answer = await sidecar.invoke("people", f"/people/{person}", deadline=NAME_DEADLINE)
    except ServiceError:
        return ""
    return str(answer.json()["name"])
