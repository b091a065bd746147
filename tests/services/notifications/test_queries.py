"""Queries and dismissal of notifications."""

from __future__ import annotations

import asyncio

import pytest

from tests.services.notifications.harness import NotificationsHarness, NotificationsUser


async def liked(
    harness: NotificationsHarness, count: int
) -> tuple[NotificationsUser, NotificationsUser, list[str]]:
    """Return an owner, a user who favourites their posts, and the notifications, newest first."""
    ann, ben = await harness.add_users(2)
    for n in range(count):
        await ben.react(await ann.create_post(f"number {n}"))
    await harness.cluster.settle()
    ids: list[str] = []
    while page := await ann.ids(limit=80, **({"max_id": ids[-1]} if ids else {})):
        ids += page
    assert len(ids) == count
    return ann, ben, ids


async def test_pages_in_both_directions_meet(harness: NotificationsHarness) -> None:
    ann, _, ids = await liked(harness, 130)
    assert ids == sorted(ids, reverse=True)
    assert await ann.ids() == ids[:40]
    assert await ann.ids(limit=5, since_id=ids[20]) == ids[:5]
    assert await ann.ids(limit=5, min_id=ids[20]) == ids[15:20]
    up: list[str] = []
    first = ids[-1]
    while (page := await ann.page(limit=7, min_id=first))["first"]:
        up = [each["id"] for each in page["notifications"]] + up
        first = page["first"]
    assert up == ids[:-1]


async def test_no_page_is_empty_while_there_is_more_of_what_is_wanted(
    harness: NotificationsHarness,
) -> None:
    ann, ben = await harness.add_users(2)
    await ben.set_relationship(ann, "follow")
    naming = await ben.create_post(f"@{ann.name}")
    await harness.cluster.settle()
    for n in range(150):
        await ben.react(await ann.create_post(f"number {n}"))
    await harness.cluster.settle()
    assert sorted(await ann.notified(limit=2, exclude_types="favourite,poll")) == [
        ("follow", ben.id, None),
        ("mention", ben.id, naming),
    ]
    assert await ann.notified(limit=1, types="mention,status") == [("mention", ben.id, naming)]
    assert await ann.notified(types="poll") == []
    assert len(await ann.notified(account_id=ben.id, limit=80)) == 80
    assert await ann.notified(account_id="5") == []
    assert await ann.unread(types="mention") == 1


async def test_a_filter_that_leaves_out_most_loses_nothing_between_pages(
    harness: NotificationsHarness,
) -> None:
    ann, ben, cid = await harness.add_users(3)
    for n in range(60):
        post = await ann.create_post(f"number {n}")
        await ben.react(post)
        if n % 7 == 0:
            await cid.react(post)
    await harness.cluster.settle()
    wanted = await ann.ids(account_id=cid.id, limit=80)
    assert len(wanted) == 9
    down: list[str] = []
    last = ""
    while (page := await ann.page(account_id=cid.id, limit=2, max_id=last))["last"]:
        down += [each["id"] for each in page["notifications"]]
        last = page["last"]
    assert down == wanted


async def test_a_newest_page_costs_two_state_calls_at_most_and_an_older_one_three(
    harness: NotificationsHarness,
) -> None:
    ann, _, ids = await liked(harness, 150)
    faults = harness.notifications.sidecar.state.faults

    def calls() -> int:
        return faults.count("get_many") + faults.count("get")

    before = calls()
    await ann.ids()
    newest = calls() - before
    await ann.ids(max_id=ids[39])
    assert newest <= 2
    assert calls() - before - newest <= 3


async def test_a_page_costs_no_state_call_if_all_of_it_was_just_read(
    harness: NotificationsHarness,
) -> None:
    ann, _, ids = await liked(harness, 3)
    faults = harness.notifications.sidecar.state.faults
    shown = await ann.ids()
    before = len(faults.calls)
    assert await ann.ids(max_age=2_000) == shown
    assert len(faults.calls) == before
    await ann.dismiss(f"notifications/{ids[1]}/dismiss")
    before = len(faults.calls)
    assert await ann.ids(max_age=2_000) == [ids[0], ids[2]]
    assert len(faults.calls) == before


async def test_a_dismissed_notification_does_not_come_back(
    harness: NotificationsHarness,
) -> None:
    ann, ben, ids = await liked(harness, 3)
    one = await ann.page(f"notifications/{ids[1]}")
    assert (one["id"], one["account"], one["type"]) == (ids[1], ben.id, "favourite")
    assert (
        await ben.request(harness.notifications, "GET", f"/notifications/{ids[1]}")
    ).status == 404
    assert (
        await ben.request(harness.notifications, "POST", f"/notifications/{ids[1]}/dismiss")
    ).status == 404
    await ann.dismiss(f"notifications/{ids[1]}/dismiss")
    assert await ann.ids() == [ids[0], ids[2]]
    assert (
        await ann.request(harness.notifications, "GET", f"/notifications/{ids[1]}")
    ).status == 404
    for topic in ("marks", "notifications"):
        events = harness.cluster.broker.events(topic)
        await harness.cluster.broker.publish(topic, [{**event} for event in events])
    await harness.cluster.settle()
    assert await ann.ids() == [ids[0], ids[2]]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("about", ["journal:", "notification:", "notifications:"])
async def test_a_dismissal_during_a_crash_is_done_or_can_be_repeated(
    harness: NotificationsHarness, about: str, after: bool
) -> None:
    ann, _, ids = await liked(harness, 2)
    faults = harness.notifications.sidecar.state.faults
    faults.crash("compare_and_set" if about != "journal:" else "*", about=about, after=after)
    path = f"/notifications/{ids[0]}/dismiss"
    asking = asyncio.create_task(ann.request(harness.notifications, "POST", path))
    await faults.dead.wait()
    asking.cancel()
    await harness.restart()
    await harness.cluster.settle(rounds=3)
    was_committed = about == "notifications:" or after  # the journal entry and it are one write
    assert await ann.ids() == ([ids[1]] if was_committed else ids)
    for id in await ann.ids():
        await ann.dismiss(f"notifications/{id}/dismiss")
    assert await ann.ids() == []


async def test_clearing_dismisses_all_present_notifications_and_no_later_ones(
    harness: NotificationsHarness,
) -> None:
    ann, ben, _ = await liked(harness, 130)
    await ann.dismiss("notifications/clear")
    assert await ann.ids() == []
    assert await ann.unread() == 0
    events = harness.cluster.broker.events("marks")
    await harness.cluster.broker.publish("marks", [{**event} for event in events])
    await ben.set_relationship(ann, "follow")
    await harness.cluster.settle()
    assert await ann.notified() == [("follow", ben.id, None)]


# ── markers ─────────────────────────────────────────────────────────────────────────────────────


async def test_markers_count_what_is_unread(harness: NotificationsHarness) -> None:
    ann, _, ids = await liked(harness, 5)
    assert await ann.page("markers") == {}
    assert await ann.unread() == 5
    assert await ann.unread(limit=2) == 2
    read = {"notifications": {"last_read_id": ids[2]}}
    moved = await ann.request_ok(harness.notifications, "POST", "/markers", json=read)
    assert moved["notifications"]["last_read_id"] == ids[2]
    assert moved["notifications"]["version"] == 0
    assert await ann.unread() == 2
    again = await ann.request_ok(harness.notifications, "POST", "/markers", json=read)
    assert again == moved
    both = {"notifications": {"last_read_id": ids[0]}, "home": {"last_read_id": "7"}}
    await ann.request_ok(harness.notifications, "POST", "/markers", json=both)
    markers = await ann.page("markers")
    assert markers["notifications"]["version"] == 1
    assert markers["home"]["last_read_id"] == "7".rjust(18, "0")
    assert await ann.unread() == 0


# ── groups ──────────────────────────────────────────────────────────────────────────────────────


async def test_likes_of_a_post_and_follows_are_groups(harness: NotificationsHarness) -> None:
    ann, *others = await harness.add_users(12)
    post, other = await ann.create_post(), await ann.create_post()
    for person in others:
        await person.react(post)
        await person.set_relationship(ann, "follow")
    await others[0].react(other)
    await others[0].create_post(f"@{ann.name}")
    await harness.cluster.settle()
    groups = (await ann.page("groups"))["groups"]
    by_type = {(group["type"], group["post"]): group for group in groups}
    assert len(groups) == len(by_type) == 4
    likes = by_type["favourite", post]
    assert likes["count"] == 11
    assert len(likes["accounts"]) == 8
    assert by_type["follow", None]["count"] == 11
    assert by_type["favourite", other]["count"] == 1
    assert await ann.unread("groups") == 4
    assert await ann.unread("groups", grouped_types="") == 24
    singly = (await ann.page("groups", grouped_types="follow", limit=80))["groups"]
    assert len(singly) == 14

    key = likes["group_key"]
    (whole,) = (await ann.page(f"groups/{key}"))["groups"]
    assert whole == likes
    everybody = await ann.page(f"groups/{key}/accounts")
    assert sorted(everybody) == sorted(person.id for person in others)
    await ann.dismiss(f"groups/{key}/dismiss")
    left = (await ann.page("groups"))["groups"]
    assert key not in {group["group_key"] for group in left}
    assert len(left) == 3
    assert (await ann.request(harness.notifications, "GET", f"/groups/{key}")).status == 404
    for nonsense in ("favourite", "ungrouped-x", "follow-1-2-3", "favourite-1-99999"):
        assert (
            await ann.request(harness.notifications, "GET", f"/groups/{nonsense}")
        ).status == 404


async def test_pages_of_groups_hold_every_notification_once(harness: NotificationsHarness) -> None:
    ann, *others = await harness.add_users(5)
    for n in range(12):
        post = await ann.create_post(f"number {n}")
        for person in others:
            await person.react(post)
    await harness.cluster.settle()
    seen, last = 0, ""
    while (page := await ann.page("groups", limit=5, max_id=last))["last"]:
        assert 0 < len(page["groups"]) <= 5
        seen += sum(group["count"] for group in page["groups"])
        last = page["last"]
    assert seen == 48
    seen, first = 0, "1"
    while (page := await ann.page("groups", limit=5, min_id=first))["first"]:
        seen += sum(group["count"] for group in page["groups"])
        first = page["first"]
    assert seen == 48
