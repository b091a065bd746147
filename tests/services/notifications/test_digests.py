"""Digests tell exactly the unread notifications, once, whichever replica fails."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass

import pytest

from services.chassis.errors import Invalid, NotFound, OutcomeUnknown, Unavailable
from services.chassis.ids import timestamp
from services.chassis.service import Service
from services.notifications.application import digest_scheduler as sending
from services.notifications.application.digest_scheduler import DigestScheduler
from services.notifications.application.digest_settings import DigestSettings
from services.notifications.application.queries import NotificationQueries
from services.notifications.domain import digests as rules
from services.notifications.repository import Repository
from services.notifications.settings import NotificationsSettings
from tests.fakes import FakeCluster
from tests.fakes.sidecar import FakeSidecar, SentMail
from tests.fakes.waiting import until
from tests.services.notifications.harness import NotificationsHarness, NotificationsUser

DAY = 24 * 3600


class Clock:
    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


@dataclass
class Replica:
    """The use cases of one replica."""

    settings: DigestSettings
    scheduler: DigestScheduler

    async def send_due(self) -> None:
        await self.scheduler.send_due()


@dataclass
class Post:
    """Replicas that send digests, and the sent mails."""

    harness: NotificationsHarness
    clock: Clock

    @property
    def mails(self) -> list[SentMail]:
        return self.harness.cluster.mails

    def replica(self, hours: float = 24) -> tuple[Replica, FakeSidecar]:
        settings = NotificationsSettings(
            app_id="notifications", app_port=1, microgram_digest_hours=hours
        )
        sidecar = self.harness.cluster.sidecar("notifications")
        service = Service(settings, sidecar)
        store = Repository(service)
        reading = NotificationQueries(store, now=timestamp)
        scheduler = DigestScheduler(store, reading, sidecar, settings, now=self.clock)
        return Replica(DigestSettings(store, settings, now=self.clock), scheduler), sidecar

    async def day(self, *replicas: Replica) -> list[SentMail]:
        """Return what is sent within the next day, with retries."""
        before = len(self.mails)
        self.clock.now += DAY
        for _ in range(3):
            await asyncio.gather(*(replica.send_due() for replica in replicas))
            self.clock.now += 121
        return self.mails[before:]


@pytest.fixture
async def post(harness: NotificationsHarness) -> Post:
    return Post(harness, Clock())


async def liked(
    harness: NotificationsHarness, by: NotificationsUser, author: NotificationsUser, count: int = 1
) -> None:
    for _ in range(count):
        await by.react(await author.create_post())
    await harness.cluster.settle()


def lines(mail: SentMail) -> list[str]:
    return [re.sub("<[^>]+>", "", line) for line in re.findall("<li>(.*)</li>", mail.html)]


async def test_unread_notifications_are_mailed_once(
    harness: NotificationsHarness, post: Post
) -> None:
    ada, bob, cyd = await harness.add_users(3)
    one, _ = post.replica()
    await one.settings.set_enabled(ada.id, on=True)
    await liked(harness, bob, ada)
    await cyd.set_relationship(ada, "follow")
    await harness.cluster.settle()
    (mail,) = await post.day(one)
    assert mail.to == f"{ada.name}@example.org"
    assert mail.subject == "2 new notifications at Microgram"
    assert lines(mail) == [f"{cyd.name} follows you", f"{bob.name} likes your post"]
    assert await post.day(one) == []
    await liked(harness, cyd, ada)
    (mail,) = await post.day(one)
    assert lines(mail) == [f"{cyd.name} likes your post"]
    assert mail.subject == "1 new notification at Microgram"


async def test_read_and_dismissed_notifications_are_not_in_a_digest(
    harness: NotificationsHarness, post: Post
) -> None:
    ada, bob = await harness.add_users(2)
    one, _ = post.replica()
    await one.settings.set_enabled(ada.id, on=True)
    await liked(harness, bob, ada, 2)
    marker = {"notifications": {"last_read_id": (await ada.ids())[0]}}
    await ada.request_ok(harness.notifications, "POST", "/markers", json=marker)
    assert await post.day(one) == []
    await liked(harness, bob, ada, 2)
    await ada.dismiss(f"notifications/{(await ada.ids())[0]}/dismiss")
    await harness.cluster.settle()
    (mail,) = await post.day(one)
    assert len(lines(mail)) == 1


async def test_only_who_wants_it_gets_mail(harness: NotificationsHarness, post: Post) -> None:
    ada, bob, cyd = await harness.add_users(3)
    one, _ = post.replica()
    for person in (ada, bob):
        await liked(harness, cyd, person)
        await one.settings.set_enabled(person.id, on=True)
    await liked(harness, ada, cyd)
    await one.settings.set_enabled(bob.id, on=False)
    assert [mail.to for mail in await post.day(one)] == [f"{ada.name}@example.org"]


async def test_a_digest_is_bounded(
    harness: NotificationsHarness, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, bob = await harness.add_users(2)
    one, _ = post.replica()
    await one.settings.set_enabled(ada.id, on=True)
    monkeypatch.setattr("services.notifications.adapters.digest_email.MAX_LISTED", 2)
    monkeypatch.setattr(sending, "MAX_NOTIFICATIONS", 4)
    await liked(harness, bob, ada, 6)
    (mail,) = await post.day(one)
    assert mail.subject == "4+ new notifications at Microgram"
    assert lines(mail)[2:] == ["… and 2+ more"]
    assert await post.day(one) == []


async def test_of_several_replicas_one_sends(harness: NotificationsHarness, post: Post) -> None:
    *people, bob = await harness.add_users(5)
    replicas = [post.replica()[0] for _ in range(3)]
    for person in people:
        await replicas[0].settings.set_enabled(person.id, on=True)
        await liked(harness, bob, person)
    mails = await post.day(*replicas)
    assert sorted(mail.to for mail in mails) == sorted(f"{p.name}@example.org" for p in people)


async def test_a_server_that_is_away_is_tried_again_later_and_later(
    harness: NotificationsHarness, post: Post
) -> None:
    ada, bob = await harness.add_users(2)
    one, sidecar = post.replica()
    await one.settings.set_enabled(ada.id, on=True)
    await liked(harness, bob, ada)
    sidecar.faults.fail("send_mail", error=Unavailable("dial tcp: refused"), times=4)
    post.clock.now += DAY + 1
    waits = []
    while not post.mails:
        tried, since = sidecar.faults.count("send_mail"), post.clock.now
        await one.send_due()
        while sidecar.faults.count("send_mail") == tried:
            post.clock.now += 5
            await one.send_due()
        waits.append(round((post.clock.now - since) / 60))
    assert waits == [0, 1, 2, 4, 8]
    assert lines(post.mails[0]) == [f"{bob.name} likes your post"]
    assert await post.day(one) == []


async def test_a_server_that_is_away_keeps_nobody_waiting_longer(
    harness: NotificationsHarness, post: Post
) -> None:
    *people, bob = await harness.add_users(4)
    one, sidecar = post.replica()
    for person in people:
        await one.settings.set_enabled(person.id, on=True)
        await liked(harness, bob, person)
    sidecar.faults.fail("send_mail", error=Unavailable("dial tcp: refused"), times=1)
    post.clock.now += DAY + 1
    await one.send_due()
    assert sidecar.faults.count("send_mail") == 1  # and not three: it waits for the next look
    await one.send_due()
    assert len(post.mails) == 2
    post.clock.now += 61
    await one.send_due()
    assert len({mail.to for mail in post.mails}) == len(post.mails) == 3


@pytest.mark.parametrize("after", [False, True])
async def test_what_is_in_doubt_is_not_sent_again_and_not_lost(
    harness: NotificationsHarness, post: Post, after: bool
) -> None:
    """The connection broke, so the outcome is unknown."""
    ada, bob, cyd = await harness.add_users(3)
    one, sidecar = post.replica()
    await one.settings.set_enabled(ada.id, on=True)
    await liked(harness, bob, ada)
    sidecar.faults.fail("send_mail", error=OutcomeUnknown("EOF"), after=after)
    assert len(await post.day(one)) == after
    assert await post.day(one) == []
    await liked(harness, cyd, ada)
    sidecar.faults.fail("send_mail", error=Unavailable("550 no"))
    (mail,) = await post.day(one)
    assert lines(mail) == [f"{cyd.name} likes your post", f"{bob.name} likes your post"]
    assert await post.day(one) == []


@pytest.mark.parametrize(
    ("call", "about", "nth", "after"),
    [
        ("compare_and_set", "digest:", 1, False),
        ("compare_and_set", "digest:", 1, True),
        ("compare_and_set", "digest:", 2, True),
        ("send_mail", "", 1, False),
        ("send_mail", "", 1, True),
        ("compare_and_set", "digests-due:", 1, True),
        ("compare_and_set", "digest:", 3, False),
        ("compare_and_set", "digest:", 3, True),
        ("compare_and_set", "digests-due:", 2, False),
        ("compare_and_set", "digests-due:", 2, True),
    ],
)
async def test_after_a_crash_no_digest_is_sent_twice(
    harness: NotificationsHarness, post: Post, call: str, about: str, nth: int, after: bool
) -> None:
    ada, bob, cyd = await harness.add_users(3)
    one, sidecar = post.replica()
    await one.settings.set_enabled(ada.id, on=True)
    await liked(harness, bob, ada)
    faults = sidecar.faults if call == "send_mail" else sidecar.state.faults
    faults.crash(call, about=about, nth=nth, after=after)
    post.clock.now += DAY
    working = asyncio.ensure_future(one.send_due())
    async with asyncio.timeout(30):
        await faults.dead.wait()
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    other, _ = post.replica()
    await other.send_due()  # the lease of who died is not over
    first = len(post.mails)
    post.clock.now += rules.LEASE_TTL + 1
    await post.day(other)
    assert len(post.mails) <= 1
    assert first <= 1
    await liked(harness, cyd, ada)
    (mail,) = await post.day(other)
    mailed = [line for sent in post.mails for line in lines(sent)]
    assert {f"{bob.name} likes your post", f"{cyd.name} likes your post"} == set(mailed)
    assert lines(mail)[0] == f"{cyd.name} likes your post"
    assert await post.day(other) == []


async def test_it_is_switched_off_by_the_link_of_a_mail(
    harness: NotificationsHarness, post: Post
) -> None:
    ada, bob = await harness.add_users(2)
    one, _ = post.replica()
    await one.settings.set_enabled(ada.id, on=True)
    await liked(harness, bob, ada)
    (mail,) = await post.day(one)
    found = re.search(r"/digests/stop\?of=(\d+)&amp;key=([\w-]+)", mail.html)
    assert found
    with pytest.raises(NotFound):
        await one.settings.disable_by_link(found[1], "x" * len(found[2]))
    await one.settings.disable_by_link(found[1], found[2])
    assert (await one.settings.get(ada.id))["enabled"] is False
    with pytest.raises(NotFound):
        await one.settings.disable_by_link(found[1], found[2])
    await liked(harness, bob, ada)
    assert await post.day(one) == []


async def test_a_deleted_account_gets_no_digest(harness: NotificationsHarness, post: Post) -> None:
    ada, bob = await harness.add_users(2)
    one, sidecar = post.replica()
    await one.settings.set_enabled(ada.id, on=True)
    await liked(harness, bob, ada)
    await one.settings.delete(ada.id)
    assert await post.day(one) == []
    assert sidecar.state.peek(f"digest:{ada.id}")["data"]["key"] == ""


async def test_digests_are_unavailable_without_an_interval(
    harness: NotificationsHarness, post: Post
) -> None:
    (ada,) = await harness.add_users(1)
    none, _ = post.replica(hours=0)
    with pytest.raises(Invalid, match="sends no e-mail"):
        await none.settings.set_enabled(ada.id, on=True)
    await none.send_due()
    assert post.mails == []
    answer = await ada.request(harness.notifications, "PUT", "/digest", json={"enabled": True})
    assert answer.status == 422
    assert (await ada.page("digest")) == {
        "enabled": False,
        "available": False,
        "interval_hours": 0.0,
    }


async def test_names_cannot_write_html(harness: NotificationsHarness, post: Post) -> None:
    ada, bob = await harness.add_users(2)
    change = {"display_name": '<img src="x">&'}
    await bob.request_ok(harness.users, "PATCH", "/accounts/me", json=change)
    one, _ = post.replica()
    await one.settings.set_enabled(ada.id, on=True)
    await liked(harness, bob, ada)
    (mail,) = await post.day(one)
    assert "<img" not in mail.html
    assert "&lt;img src=&#34;x&#34;&gt;&amp;" in mail.html


async def test_a_running_service_sends_by_itself() -> None:
    async with FakeCluster() as cluster:
        harness = await NotificationsHarness.start(cluster, microgram_digest_hours=0.0001)
        ada, bob = await harness.add_users(2)
        await ada.request_ok(harness.notifications, "PUT", "/digest", json={"enabled": True})
        await liked(harness, bob, ada)
        await until(lambda: cluster.mails)
        assert lines(cluster.mails[0]) == [f"{bob.name} likes your post"]
