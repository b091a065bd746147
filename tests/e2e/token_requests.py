"""Token requests."""

from __future__ import annotations

import requests

from tests.system import System
from tests.system.checked_session import CheckedSession


def request_token(
    system: System, session: CheckedSession, body: dict[str, str]
) -> requests.Response:
    """Request a token."""
    return session.post(f"{system.base}/oauth/token", data=body, timeout=60)
