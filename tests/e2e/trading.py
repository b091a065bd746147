"""Codes for tokens."""

from __future__ import annotations

import requests

from tests.system import System
from tests.system.wire import CheckedSession


def trade(system: System, session: CheckedSession, body: dict[str, str]) -> requests.Response:
    """Ask for a token."""
    return session.post(f"{system.base}/oauth/token", data=body, timeout=60)
