"""Shows a story with the name of its author. Each is in another service."""

from __future__ import annotations

from services.chassis.dapr.client import DaprClient


async def story_page(sidecar: DaprClient, id: str) -> dict[str, str]:
    """Return `text` and `author` of a story."""
    story = (await sidecar.invoke("stories", f"/stories/{id}")).json()
    author = (await sidecar.invoke("people", f"/people/{story['author']}")).json()
    return {"text": story["text"], "author": author["name"]}
