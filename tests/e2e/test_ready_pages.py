"""Pages that the gateway has ready: as fresh as the read model, on real sidecars and brokers."""

from __future__ import annotations

import time
from typing import Any

import requests

from services.gateway.application.ready_pages import MAX_AGE
from tests.system import LoggedInUser, System, wait_until

HOME, NOTIFICATIONS = "/api/v1/timelines/home", "/api/v1/notifications"
_ROUNDS = 5


class Readers:
    """Requests of one user to every replica of the gateway."""

    def __init__(self, system: System, person: LoggedInUser) -> None:
        ports = [row.app_port for row in system.ps().values() if row.app_id == "gateway"]
        self._gateways = [f"http://127.0.0.1:{port}" for port in ports]
        self._http = requests.Session()
        self._http.headers["authorization"] = f"Bearer {person.token}"

    def pages(self, path: str) -> list[list[Any]]:
        """The page at every replica."""
        answers = [self._http.get(f"{gateway}{path}", timeout=60) for gateway in self._gateways]
        assert [each.status_code for each in answers] == [200] * len(answers)
        return [each.json() for each in answers]

    def await_ids(self, path: str, expected: list[str]) -> None:
        """Wait until every replica shows these posts and no other."""

        def are_there() -> bool:
            for page in self.pages(path):
                assert [each["id"] for each in page] == expected
            return True

        wait_until(are_there)


def test_a_page_that_somebody_keeps_asking_for_shows_a_post_long_before_it_is_too_old(
    system: System, anna: LoggedInUser, ben: LoggedInUser
) -> None:
    ben.client.account_follow(anna.id)
    readers, shown, seconds = Readers(system, ben), list[str](), list[float]()
    for number in range(_ROUNDS):
        began = time.monotonic()
        shown.insert(0, str(anna.client.status_post(f"post {number}").id))
        readers.await_ids(HOME, shown)
        seconds.append(time.monotonic() - began)
    # Each page was read anew when it showed the last post: only an invalidation changes it so soon.
    assert min(seconds[1:]) < MAX_AGE / 2, seconds


def test_what_is_deleted_or_blocked_leaves_the_pages_of_every_gateway(
    system: System, anna: LoggedInUser, ben: LoggedInUser
) -> None:
    ben.client.account_follow(anna.id)
    first, second = (str(anna.client.status_post(f"post {n}").id) for n in range(2))
    readers, account = Readers(system, ben), f"/api/v1/accounts/{anna.id}/statuses"
    for path in (HOME, account):
        readers.await_ids(path, [second, first])
    anna.client.status_delete(first)
    for path in (HOME, account):
        readers.await_ids(path, [second])
    anna.client.account_block(ben.id)
    for path in (HOME, account):
        readers.await_ids(path, [])


def test_notifications_come_and_go_on_every_gateway(
    system: System, anna: LoggedInUser, ben: LoggedInUser
) -> None:
    readers = Readers(system, anna)
    assert readers.pages(NOTIFICATIONS)[0] == []
    ben.client.account_follow(anna.id)

    def number_is(expected: int) -> bool:
        return all(len(page) == expected for page in readers.pages(NOTIFICATIONS))

    wait_until(lambda: number_is(1))
    anna.client.notifications_clear()
    assert anna.client.notifications() == []  # at the gateway that wrote: at once
    wait_until(lambda: number_is(0))
