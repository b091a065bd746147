"""Sends posts to a system of which parts may die."""

from __future__ import annotations

import requests

TIMEOUT = 10.0
"""Seconds that one try may take."""


def send(url: str, token: str, text: str) -> str:
    """Post a text, and return the id of the post. `url` is that of the gateway."""
    answer = requests.post(
        f"{url}/api/v1/statuses",
        data={"status": text},
        headers={"Authorization": f"Bearer {token}"},
        timeout=TIMEOUT,
    )
    answer.raise_for_status()
    return str(answer.json()["id"])
