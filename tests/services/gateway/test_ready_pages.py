"""Ready pages: whose they are, what drops them, and what does not."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from services.chassis.cache import DEFAULT_TTL
from services.gateway.application.ready_pages import MAX_AGE, ReadyPages
from services.gateway.middleware.ready_pages import ReadyPageMiddleware
from tests.fakes import RunningReplica
from tests.services.gateway.deployment import (
    GatewayDeployment,
    SignedInUser,
    deploy,
    feed_app,
    gateway_app,
    notifications_app,
)

HOME, NOTIFICATIONS = "/api/v1/timelines/home", "/api/v1/notifications"


class Clock:
    """Time that passes only on purpose, but for a little between any two moments."""

    def __init__(self) -> None:
        self.time = time.monotonic() + 60  # the gateway has run for a minute

    def __call__(self) -> float:
        self.time += 1e-6
        return self.time


def pages_of(gateway: RunningReplica) -> ReadyPages:
    added = gateway.app.user_middleware[-1]
    assert added.cls.__name__ == ReadyPageMiddleware.__name__  # type: ignore[attr-defined]
    pages = added.kwargs["pages"]
    assert isinstance(pages, ReadyPages)
    return pages


def stop_the_clock(gateway: RunningReplica) -> Clock:
    pages, clock = pages_of(gateway), Clock()
    pages.now = pages.changes.now = clock
    pages.drop_all()
    return clock


@pytest.fixture
def clock(deployment: GatewayDeployment) -> Clock:
    return stop_the_clock(deployment.gateway)


def posts_of(person: SignedInUser) -> str:
    return f"/api/v1/accounts/{person.id}/statuses"


class Views:
    """First pages as somebody sees them, by a name."""

    def __init__(self, deployment: GatewayDeployment, **views: tuple[str, str]) -> None:
        self._gateway = deployment.gateway
        self._views = views

    async def read(self) -> set[str]:
        """Request all. The names of those that the gateway had to ask other services for."""
        return {name for name in self._views if await self.is_read_again(name)}

    async def is_read_again(self, name: str) -> bool:
        path, token = self._views[name]
        calls = self._gateway.sidecar.faults.calls
        before = len(calls)
        answer = await self._gateway.public("GET", path, token=token)
        assert answer.status == 200, answer.text
        return len(calls) > before


async def people(deployment: GatewayDeployment, *names: str) -> list[SignedInUser]:
    return [await deployment.register(name) for name in names]


async def test_every_kind_of_change_drops_the_pages_that_show_it_and_no_other(
    deployment: GatewayDeployment, clock: Clock
) -> None:
    ada, ben, cleo, dan, eve = await people(deployment, "ada", "ben", "cleo", "dan", "eve")
    await ada.post(f"accounts/{ben.id}/follow")
    await cleo.post(f"accounts/{dan.id}/follow")
    post = (await ben.post("statuses", {"status": "@ada look"}))["id"]
    other = (await dan.post("statuses", {"status": "elsewhere"}))["id"]
    await deployment.cluster.settle()
    views = Views(
        deployment,
        ada_home=(HOME, ada.token),
        ada_notifications=(NOTIFICATIONS, ada.token),
        cleo_home=(HOME, cleo.token),
        cleo_notifications=(NOTIFICATIONS, cleo.token),
        eve_at_ben=(posts_of(ben), eve.token),
        anybody_at_ben=(posts_of(ben), ""),
        cleo_at_dan=(posts_of(dan), cleo.token),
    )
    of_ben = {"ada_home", "ada_notifications", "eve_at_ben", "anybody_at_ben"}
    of_dan = {"cleo_home", "cleo_at_dan"}
    of_cleo = {"cleo_home", "cleo_notifications", "cleo_at_dan"}

    async def profile() -> None:
        changed = await ben.ask(
            "PATCH", "/api/v1/accounts/update_credentials", json={"display_name": "Ben"}
        )
        assert changed.status == 200

    async def edit() -> None:
        changed = await ben.ask("PUT", f"/api/v1/statuses/{post}", json={"status": "@ada look!"})
        assert changed.status == 200

    async def delete() -> None:
        assert (await ben.ask("DELETE", f"/api/v1/statuses/{post}")).status == 200

    changes: list[tuple[Callable[[], Awaitable[Any]], set[str]]] = [
        (profile, of_ben),
        (edit, of_ben),
        (lambda: eve.post(f"statuses/{post}/favourite"), of_ben),
        (lambda: eve.post(f"statuses/{post}/reblog"), of_ben),
        (lambda: dan.post("statuses", {"status": "mm", "in_reply_to_id": post}), of_ben | of_dan),
        (lambda: ben.post(f"statuses/{post}/pin"), set()),  # only he sees that it is pinned
        (lambda: ben.post("statuses", {"status": "more"}), of_ben),
        (lambda: cleo.post(f"accounts/{dan.id}/note", {"comment": "hm"}), of_cleo),
        (lambda: cleo.post(f"statuses/{other}/bookmark"), of_cleo),
        (lambda: dan.post(f"accounts/{cleo.id}/block"), of_cleo),
        (lambda: ada.post(f"accounts/{ben.id}/mute"), {"ada_home", "ada_notifications"}),
        # Ada's home does not depend on ben's posts any more. Dan's answer is deleted too.
        (delete, of_ben - {"ada_home"} | {"cleo_at_dan"}),
    ]
    await views.read()
    assert await views.read() == set()
    for number, (change, dropped) in enumerate(changes):
        await change()
        await deployment.cluster.settle()
        assert await views.read() == dropped, number
        assert await views.read() == set(), number


async def test_a_page_shows_what_changed_as_soon_as_the_read_model_knows(
    deployment: GatewayDeployment, clock: Clock
) -> None:
    ada, ben = await people(deployment, "ada", "ben")
    await ada.post(f"accounts/{ben.id}/follow")
    post = (await ben.post("statuses", {"status": "look"}))["id"]
    await deployment.cluster.settle()
    assert [each["id"] for each in await ada.get("timelines/home")] == [post]
    await ben.ask("DELETE", f"/api/v1/statuses/{post}")
    await deployment.cluster.settle()
    assert await ada.get("timelines/home") == []
    newer = (await ben.post("statuses", {"status": "again"}))["id"]
    await deployment.cluster.settle()
    assert [each["id"] for each in await ada.get("timelines/home")] == [newer]
    await ben.post(f"accounts/{ada.id}/block")
    await deployment.cluster.settle()
    assert await ada.get("timelines/home") == []


async def test_a_ready_page_is_the_same_response_and_counts_for_the_rate_limit(
    deployment: GatewayDeployment, clock: Clock
) -> None:
    (ada,) = await people(deployment, "ada")
    await ada.post("statuses", {"status": "look"})
    await deployment.cluster.settle()
    first = await ada.ask("GET", HOME, params={"limit": "5"})
    second = await ada.ask("GET", HOME, params={"limit": "5"})
    assert second.body == first.body
    changing = {"x-request-id", "x-ratelimit-remaining", "x-ratelimit-reset"}
    assert {k: v for k, v in first.headers.items() if k not in changing} == {
        k: v for k, v in second.headers.items() if k not in changing
    }
    assert second.headers.keys() == first.headers.keys()
    assert "limit=5" in second.headers["link"]
    remaining = [int(each.headers["x-ratelimit-remaining"]) for each in (first, second)]
    assert remaining[1] == remaining[0] - 1
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


async def test_nobody_gets_the_page_of_another_or_without_the_scope(
    deployment: GatewayDeployment, clock: Clock
) -> None:
    ada, ben = await people(deployment, "ada", "ben")
    post = (await ada.post("statuses", {"status": "mine", "visibility": "private"}))["id"]
    await deployment.cluster.settle()
    for path in (HOME, posts_of(ada), NOTIFICATIONS):
        assert (await ada.ask("GET", path)).status == 200
        assert (await ada.ask("GET", path)).status == 200
    assert await ben.get("timelines/home") == []
    assert (await ben.ask("GET", posts_of(ada))).json() == []
    assert (await deployment.ask("GET", posts_of(ada))).json() == []
    assert [each["id"] for each in (await ada.ask("GET", posts_of(ada))).json()] == [post]
    narrow = await deployment.log_in("ada", "write:statuses")
    for path in (HOME, posts_of(ada), NOTIFICATIONS):
        assert (await deployment.ask("GET", path, narrow)).status == 403
        assert (await deployment.ask("GET", path, "nonsense")).status == 401
    for path in (HOME, NOTIFICATIONS):
        assert (await deployment.ask("GET", path)).status == 401
    app = await deployment.app_token(await deployment.app())
    assert (await deployment.ask("GET", HOME, app)).status == 401
    other = await deployment.log_in("ada", "read:statuses")
    assert (await deployment.ask("GET", HOME, other)).status == 200
    assert (await deployment.ask("GET", NOTIFICATIONS, other)).status == 403


async def test_a_revoked_token_gets_no_ready_page(
    deployment: GatewayDeployment, clock: Clock
) -> None:
    (ada,) = await people(deployment, "ada")
    app = await deployment.app("read")
    token = await deployment.log_in("ada", "read")
    assert (await deployment.ask("GET", HOME, token)).status == 200
    verifier = deployment.gateway.service.token_verifier
    caller = await verifier.verify(token)
    verifier._add_revocations([caller.token_id])
    assert (await deployment.ask("GET", HOME, token)).status == 401
    assert (await deployment.ask("GET", HOME, ada.token)).status == 200
    assert app


async def test_each_query_has_its_own_page_and_further_pages_are_not_kept(
    deployment: GatewayDeployment, clock: Clock
) -> None:
    (ada,) = await people(deployment, "ada")
    for text in ("one", "two", "three"):
        await ada.post("statuses", {"status": text})
    await deployment.cluster.settle()
    assert len(await ada.get("timelines/home", limit="1")) == 1
    assert len(await ada.get("timelines/home", limit="2")) == 2
    assert len(await ada.get("timelines/home", limit="1")) == 1
    last = (await ada.get("timelines/home", limit="2"))[-1]["id"]
    kept = len(pages_of(deployment.gateway))
    assert len(await ada.get("timelines/home", max_id=last)) == 1
    assert len(pages_of(deployment.gateway)) == kept


async def test_who_writes_reads_again_before_any_news(
    deployment: GatewayDeployment, clock: Clock
) -> None:
    ada, ben = await people(deployment, "ada", "ben")
    await ben.post("statuses", {"status": "@ada look"})
    await deployment.cluster.settle()
    views = Views(deployment, notifications=(NOTIFICATIONS, ada.token), home=(HOME, ben.token))
    (notification,) = (await ada.ask("GET", NOTIFICATIONS)).json()
    assert await views.read() == {"home"}
    deployment.cluster.broker.hold()
    await ada.post(f"notifications/{notification['id']}/dismiss")
    assert (await ada.ask("GET", NOTIFICATIONS)).json() == []
    assert not await views.is_read_again("home")
    query = 'mutation { createPost(post: {text: "more"}) { id } }'
    made = await deployment.ask("POST", "/graphql", ben.token, json={"query": query})
    assert made.status == 200, made.text
    assert await views.is_read_again("home")
    deployment.cluster.broker.release()


async def test_a_query_by_graphql_drops_nothing(
    deployment: GatewayDeployment, clock: Clock
) -> None:
    (ada,) = await people(deployment, "ada")
    await deployment.cluster.settle()
    views = Views(deployment, home=(HOME, ada.token))
    await views.read()
    asked = await deployment.ask("POST", "/graphql", ada.token, json={"query": "{ __typename }"})
    assert asked.status == 200
    assert await views.read() == set()


async def test_a_page_that_is_read_while_it_changes_is_not_kept(
    deployment: GatewayDeployment, clock: Clock
) -> None:
    ada, ben = await people(deployment, "ada", "ben")
    await ada.post(f"accounts/{ben.id}/follow")
    await deployment.cluster.settle()
    feed = next(each for each in deployment.cluster.running if each.name == "feed")
    made: list[str] = []

    async def post_meanwhile(_: Any) -> None:
        feed.sidecar.state.faults.after.clear()
        made.append((await ben.post("statuses", {"status": "now"}))["id"])
        await deployment.cluster.settle()

    feed.sidecar.state.faults.after.append(post_meanwhile)
    assert await ada.get("timelines/home") == []  # it had been read before
    assert [each["id"] for each in await ada.get("timelines/home")] == made


async def test_lost_news_cost_some_seconds_or_what_is_kept_until_the_next(
    deployment: GatewayDeployment, clock: Clock
) -> None:
    ada, ben, cleo = await people(deployment, "ada", "ben", "cleo")
    await ada.post(f"accounts/{ben.id}/follow")
    await deployment.cluster.settle()
    views = Views(deployment, ada=(HOME, ada.token), cleo=(HOME, cleo.token))
    await views.read()
    clock.time += DEFAULT_TTL
    await views.read()
    broker = deployment.cluster.broker
    broker.loses = lambda event: event["type"].endswith(".invalidated")
    await ben.post("statuses", {"status": "now"})
    await deployment.cluster.settle()
    assert await views.read() == set()
    clock.time += MAX_AGE
    assert await views.read() == {"ada", "cleo"}
    await ben.post("statuses", {"status": "and now"})
    await deployment.cluster.settle()
    broker.loses = lambda _: False
    assert await views.read() == set()
    await ben.post(f"accounts/{cleo.id}/note", {"comment": "hm"})
    await cleo.post("statuses", {"status": "I too"})  # the message that shows the gap
    await deployment.cluster.settle()
    assert await views.read() == {"ada", "cleo"}


async def test_another_feed_in_its_place_drops_everything(
    deployment: GatewayDeployment, clock: Clock
) -> None:
    (ada,) = await people(deployment, "ada")
    await deployment.cluster.settle()
    views = Views(deployment, home=(HOME, ada.token), notifications=(NOTIFICATIONS, ada.token))
    await views.read()
    feed = next(each for each in deployment.cluster.running if each.name == "feed")
    await feed.kill()
    await deployment.cluster.start(feed_app, "feed")
    await deployment.cluster.settle()
    assert await views.read() == {"home", "notifications"}


async def test_the_news_reach_every_gateway() -> None:
    async with deploy() as deployment:
        other = GatewayDeployment(
            deployment.cluster, await deployment.cluster.start(gateway_app, "gateway")
        )
        for gateway in (deployment.gateway, other.gateway):
            stop_the_clock(gateway)
        ada, ben = await people(deployment, "ada", "ben")
        await ada.post(f"accounts/{ben.id}/follow")
        await deployment.cluster.settle()
        here, there = (
            Views(each, ada=(HOME, ada.token), ben=(HOME, ben.token))
            for each in (deployment, other)
        )
        assert await here.read() == await there.read() == {"ada", "ben"}
        assert await here.read() == await there.read() == set()
        await ben.post("statuses", {"status": "now"})
        await deployment.cluster.settle()
        assert await here.read() == await there.read() == {"ada", "ben"}


FURTHER = {"max_id": "9" * 18}
"""The newest posts, as a page that no ready page answers."""

_READS = 6
"""So many that each of two replicas answers some."""


async def test_no_replica_of_the_feed_shows_what_another_one_has_changed() -> None:
    async with deploy() as deployment:
        await deployment.cluster.start(feed_app, "feed")
        ada, ben = await people(deployment, "ada", "ben")
        await ada.post(f"accounts/{ben.id}/follow")
        await ben.post("statuses", {"status": "look"})
        await deployment.cluster.settle()

        async def shown() -> set[str]:
            pages = [await ada.get("timelines/home", **FURTHER) for _ in range(_READS)]
            return {status["content"] for page in pages for status in page} | {
                str(len(page)) for page in pages
            }

        assert await shown() == {"<p>look</p>", "1"}
        await ben.post(f"accounts/{ada.id}/block")
        await deployment.cluster.settle()
        assert await shown() == {"0"}
        await ben.post(f"accounts/{ada.id}/unblock")
        await ada.post(f"accounts/{ben.id}/follow")
        await deployment.cluster.settle()
        assert await shown() == {"<p>look</p>", "1"}
        await ada.post(f"accounts/{ben.id}/unfollow")
        await deployment.cluster.settle()
        assert await shown() == {"0"}


async def test_no_replica_shows_a_notification_that_was_dismissed_at_another_one() -> None:
    async with deploy() as deployment:
        await deployment.cluster.start(notifications_app, "notifications")
        ada, ben = await people(deployment, "ada", "ben")
        await ben.post("statuses", {"status": "@ada look"})
        await deployment.cluster.settle()
        for _ in range(_READS):
            (notification,) = await ada.get("notifications", **FURTHER)
        deployment.cluster.broker.hold()
        await ada.post(f"notifications/{notification['id']}/dismiss")
        for _ in range(_READS):
            assert await ada.get("notifications", **FURTHER) == []
        deployment.cluster.broker.release()


async def test_a_page_of_notifications_asks_only_for_what_is_new_on_it(
    deployment: GatewayDeployment, clock: Clock
) -> None:
    ada, ben, cleo = await people(deployment, "ada", "ben", "cleo")
    post = (await ada.post("statuses", {"status": "look"}))["id"]
    await ben.post(f"statuses/{post}/favourite")
    await deployment.cluster.settle()
    clock.time += DEFAULT_TTL
    await ada.get("notifications", **FURTHER)
    called = deployment.gateway.sidecar.faults.calls

    async def apps() -> set[str]:
        called.clear()
        await ada.get("notifications", **FURTHER)
        names = ("notifications", "posts", "users")
        return {app for call in called for app in names if app in call.about}

    assert await apps() == {"notifications"}
    await cleo.post(f"accounts/{ada.id}/follow")
    await deployment.cluster.settle()
    assert await apps() == {"notifications", "posts", "users"}
    clock.time += DEFAULT_TTL
    await apps()
    assert await apps() == {"notifications"}
    changed = await ada.ask("PUT", f"/api/v1/statuses/{post}", json={"status": "look here"})
    assert changed.status == 200
    await deployment.cluster.settle()
    texts = [each["status"]["content"] for each in await ada.get("notifications") if each["status"]]
    assert texts == ["<p>look here</p>"]


async def test_a_page_that_changed_is_sent_without_what_the_gateway_knows(
    deployment: GatewayDeployment, clock: Clock
) -> None:
    ada, ben = await people(deployment, "ada", "ben")
    await ada.post(f"accounts/{ben.id}/follow")
    for text in ("one", "two"):
        await ben.post("statuses", {"status": text})
    await deployment.cluster.settle()
    assert len(await ada.get("timelines/home")) == 2
    post = (await ben.post("statuses", {"status": "three"}))["id"]
    await ada.post(f"statuses/{post}/favourite")
    await deployment.cluster.settle()
    called = deployment.gateway.sidecar.faults.calls
    called.clear()
    page = await ada.get("timelines/home")
    assert [(each["content"], each["favourited"], each["favourites_count"]) for each in page] == [
        ("<p>three</p>", True, 1),
        ("<p>two</p>", False, 0),
        ("<p>one</p>", False, 0),
    ]
    assert page[0]["account"]["statuses_count"] == 3
    assert len(called) == 1, "the contents came with the events"
