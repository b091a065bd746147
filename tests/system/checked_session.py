"""A session that looks at every answer: the shape of errors, the request id, each entity whole."""

from __future__ import annotations

from typing import Any

import requests

from tests.mastodon.answers import fault_of


class CheckedSession(requests.Session):
    """As `requests.Session`, and fails on any answer of the API that no client should have to bear.

    What it finds is also kept in `faults`, because Mastodon.py wraps what is raised in here.
    """

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.hooks["response"].append(self._look)

    def _look(self, response: requests.Response, *_: Any, **__: Any) -> None:
        fault = fault_of(response)
        if fault:
            self.faults.append(fault)
            raise AssertionError(fault)
