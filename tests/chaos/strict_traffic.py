"""Clients that repeat no request: one that is lost or answered with a 5xx is a failure."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle

import requests

from tests.system import DEADLINE, LoggedInUser

_PAUSE = 0.02
"""Seconds between two requests of one client: the system is shared with the rest of the test."""


@dataclass
class StrictTraffic:
    """Reads, likes and bookmarks of some users, half of them on a connection that they keep."""

    users: Sequence[LoggedInUser]
    post: str
    """The id of a post that all may see."""
    answered: int = 0
    failures: list[str] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator[StrictTraffic]:
        """Send requests while the block runs."""
        stop = threading.Event()
        with ThreadPoolExecutor(len(self.users)) as pool:
            running = [
                pool.submit(self._send_requests, user, stop, keeps=number % 2 == 0)
                for number, user in enumerate(self.users)
            ]
            try:
                yield self
            finally:
                stop.set()
                for future in running:
                    future.result(DEADLINE)

    def _send_requests(self, user: LoggedInUser, stop: threading.Event, *, keeps: bool) -> None:
        status = f"/api/v1/statuses/{self.post}"
        requested = cycle(
            (
                ("GET", "/api/v1/timelines/home"),
                ("POST", f"{status}/bookmark"),
                ("GET", status),
                ("GET", f"/api/v1/accounts/{user.id}"),
                ("GET", "/api/v1/notifications"),
                ("POST", f"{status}/unbookmark"),
            )
        )
        with requests.Session() as session:
            session.headers["Authorization"] = f"Bearer {user.token}"
            if not keeps:
                session.headers["Connection"] = "close"
            while not stop.wait(_PAUSE):
                self._send(session, *next(requested), f"{user.base}")

    def _send(self, session: requests.Session, method: str, path: str, base: str) -> None:
        try:
            answer = session.request(method, f"{base}{path}", timeout=DEADLINE)
        except requests.RequestException as error:
            self.failures.append(f"{method} {path}: {error}")
            return
        self.answered += 1
        if answer.status_code >= 500:
            self.failures.append(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
