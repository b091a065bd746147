"""Sends posts to a system of which parts may die."""

from __future__ import annotations

import time
import uuid

import requests

TIMEOUT = 10.0
"""Seconds that one try may take."""

GIVE_UP_AFTER, PAUSE = 60.0, 0.5
"""Seconds for all tries together, and between two of them."""


def send(url: str, token: str, text: str) -> str:
    """Post a text once, and return the id of the post. `url` is that of the gateway."""
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": str(uuid.uuid4())}
    give_up_at = time.monotonic() + GIVE_UP_AFTER
    while True:
        try:
            answer = requests.post(
                f"{url}/api/v1/statuses", data={"status": text}, headers=headers, timeout=TIMEOUT
            )
            if answer.status_code < 500 or time.monotonic() > give_up_at:
                answer.raise_for_status()
                return str(answer.json()["id"])
        except (requests.ConnectionError, requests.Timeout):
            if time.monotonic() > give_up_at:
                raise
        time.sleep(PAUSE)
