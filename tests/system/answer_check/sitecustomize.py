"""Checks every response in a client's own process, as `CheckedSession` does.

Python imports this module at its start when the folder is on PYTHONPATH. It writes what it finds to
the file that MICROGRAM_FAULTS names; the client notices nothing.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import requests

from tests.mastodon.answers import fault_of

_FAULTS = Path(os.environ["MICROGRAM_FAULTS"])
_send = requests.Session.send


def _sending(self: requests.Session, request: Any, **given: Any) -> requests.Response:
    response = _send(self, request, **given)
    fault = fault_of(response)
    if fault:
        with _FAULTS.open("a") as faults:
            faults.write(fault + "\n")
    return response


requests.Session.send = _sending  # type: ignore[method-assign]
