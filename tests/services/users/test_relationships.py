"""Follows, blocks, mutes and notes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from unittest.mock import Mock

import pytest

from services.chassis.service import Service
from services.contracts.accounts import AccountList, Relationship
from services.users.application.mute_expiry import MuteExpiry
from services.users.repository import Repository
from tests.services.users.harness import UsersDeployment, search


async def test_a_follow_updates_lists_counts_and_events(users: UsersDeployment) -> None:
    anna, ben = await users.new_users("anna", "ben")
    seen = await anna.act("follow", ben, {"notify": True})
    Relationship.model_validate(seen)
    assert (seen["following"], seen["notifying"], seen["showing_reblogs"]) == (True, True, True)
    assert await anna.act("follow", ben) == seen
    await users.cluster.settle()
    assert await anna.listed(f"/accounts/{ben.id}/followers") == ["anna"]
    assert await anna.listed(f"/accounts/{anna.id}/following") == ["ben"]
    assert (await ben.get("/accounts/me"))["counts"]["followers"] == 1
    assert (await anna.get("/accounts/me"))["counts"]["following"] == 1
    (back,) = await ben.get("/relationships", ids=anna.id)
    assert (back["following"], back["followed_by"]) == (False, True)
    published = [e["data"] for e in users.cluster.broker.events("account-counts")]
    assert {"account": ben.id, "total": 1} in published
    assert {"account": anna.id, "total": 1} in published
    (edge,) = (e["data"] for e in users.cluster.broker.events("edges"))
    assert (edge["source"], edge["target"], edge["following"]) == (anna.id, ben.id, True)
    assert len(edge["follow_id"]) == 18

    assert not (await anna.act("unfollow", ben))["following"]
    await users.cluster.settle()
    assert await anna.listed(f"/accounts/{ben.id}/followers") == []
    assert (await ben.get("/accounts/me"))["counts"]["followers"] == 0
    assert users.cluster.broker.events("edges")[-1]["data"]["follow_id"] == ""


async def test_undoing_nothing_publishes_nothing(users: UsersDeployment) -> None:
    anna, ben = await users.new_users("anna", "ben")
    for verb in ("unfollow", "unblock", "unmute"):
        await anna.act(verb, ben)
    assert users.cluster.broker.events("edges") == []
    assert users.cluster.state("users").keys("edge:") == []


async def test_actions_on_the_own_account_are_rejected(users: UsersDeployment) -> None:
    (anna,) = await users.new_users("anna")
    for verb in ("follow", "block", "mute"):
        response = await anna.ask("POST", f"/accounts/{anna.id}/{verb}")
        assert response.status == 403
        assert "yourself" in response.json()["message"]


@pytest.mark.parametrize(("verb", "limit"), [("block", "MAX_BLOCKED"), ("mute", "MAX_MUTED")])
async def test_blocks_and_mutes_are_limited_until_one_is_removed(
    users: UsersDeployment, monkeypatch: pytest.MonkeyPatch, verb: str, limit: str
) -> None:
    monkeypatch.setattr(f"services.users.domain.edges.{limit}", 2)
    anna, ben, eve, zoe = await users.new_users("anna", "ben", "eve", "zoe")
    for other in (ben, eve):
        await anna.act(verb, other)
        await users.cluster.settle()
    await anna.act(verb, eve)
    refused = await anna.ask("POST", f"/accounts/{zoe.id}/{verb}")
    assert refused.status == 422
    assert refused.json()["message"] == f"You {verb} 2 accounts; at most 2 are allowed."
    await anna.act(f"un{verb}", ben)
    await users.cluster.settle()
    await anna.act(verb, zoe)


async def test_a_block_separates_two_accounts_in_both_directions(users: UsersDeployment) -> None:
    anna, ben, eve = await users.new_users("anna", "ben", "eve")
    for one, other in ((anna, ben), (ben, anna), (eve, ben), (eve, anna)):
        await one.act("follow", other)
    await users.cluster.settle()
    seen = await anna.act("block", ben)
    assert (seen["blocking"], seen["following"], seen["followed_by"]) == (True, False, False)
    (back,) = await ben.get("/relationships", ids=anna.id)
    assert (back["blocked_by"], back["following"]) == (True, False)
    await users.cluster.settle()
    for one in (anna, ben):
        counts = (await one.get("/accounts/me"))["counts"]
        assert (counts["followers"], counts["following"]) == (1, 0)  # eve's
    refused = await ben.ask("POST", f"/accounts/{anna.id}/follow")
    assert refused.status == 403
    assert "blocked you" in refused.json()["message"]
    assert await anna.listed("/blocks") == ["ben"]
    assert await ben.listed("/blocks") == []
    assert await ben.listed(f"/accounts/{anna.id}/followers") == []  # nothing is shown to ben
    assert await anna.listed(f"/accounts/{ben.id}/followers") == ["eve"]
    assert await eve.listed(f"/accounts/{anna.id}/followers") == ["eve"]
    assert await ben.get("/search", q="ann") == []
    assert await ben.get("/search", q="anna") == []
    assert await anna.get("/search", q="be") == []
    assert await search(anna, "@ben") == ["ben"]  # to be unblocked
    await anna.act("unblock", ben)
    await users.cluster.settle()
    assert await anna.listed("/blocks") == []
    assert (await ben.act("follow", anna))["following"]


async def test_a_mute_is_private(users: UsersDeployment) -> None:
    anna, ben, eve = await users.new_users("anna", "ben", "eve")
    seen = await anna.act("mute", ben)
    assert (seen["muting"], seen["muting_notifications"]) == (True, True)
    await anna.act("mute", eve, {"notifications": False, "duration": 3600})
    await users.cluster.settle()
    assert await anna.listed("/mutes") == ["eve", "ben"]
    assert users.cluster.broker.events("edges")[-1]["data"]["muted_until"] is not None
    await anna.act("unmute", ben)
    assert await anna.listed("/mutes") == ["eve"]
    bad = await anna.ask("POST", f"/accounts/{ben.id}/mute", json={"duration": -1})
    assert bad.status == 422


async def test_a_mute_expires_and_the_change_is_published(users: UsersDeployment) -> None:
    anna, ben, eve = await users.new_users("anna", "ben", "eve")
    await anna.act("mute", ben, {"duration": 60})
    seen = await anna.act("mute", eve, {"duration": 60})
    assert seen["muting_expires_at"] is not None
    await anna.act("mute", eve, {"duration": 7200})
    await users.cluster.settle()
    now = datetime.now(UTC)
    for minutes in (0.5, 2, 60):
        repository = Repository(Service(users.replica.service.settings, users.replica.sidecar))
        clock = Mock(return_value=now + timedelta(minutes=minutes))
        assert await MuteExpiry(repository, clock).expire_due()
        await users.cluster.settle()
        muted = ["eve", "ben"] if minutes < 1 else ["eve"]
        assert await anna.listed("/mutes") == muted
    published = users.cluster.broker.events("edges")[-1]["data"]
    assert (published["target"], published["muting"]) == (ben.id, False)
    assert len(users.cluster.state("users").keys("ending:")) == 1


async def test_an_invalid_edge_or_span_does_not_stop_the_expiry_of_other_mutes(
    users: UsersDeployment,
) -> None:
    anna, ben, eve, zoe = await users.new_users("anna", "ben", "eve", "zoe")
    for other in (ben, eve):
        await anna.act("mute", other, {"duration": 60})
    await anna.act("mute", zoe, {"duration": 90})
    await users.cluster.settle()
    state = users.cluster.state("users")
    spans = sorted(state.keys("ending:"), key=lambda key: int(key.partition(":")[2]))
    await state.set(f"edge:{anna.id}:{ben.id}", {"schema": 1})
    await state.set(spans[-1], {"schema": 1})  # zoe's
    repository = Repository(Service(users.replica.service.settings, users.replica.sidecar))
    now = datetime.now(UTC)
    clock = Mock(return_value=now)
    expiry = MuteExpiry(repository, clock)
    assert await expiry.expire_due()
    clock.return_value = now + timedelta(minutes=10)
    assert await expiry.expire_due()
    assert state.peek(f"edge:{anna.id}:{eve.id}")["data"]["mute"]["taken"] is False
    assert state.peek(f"edge:{anna.id}:{zoe.id}")["data"]["mute"]["taken"] is True
    left = [state.peek(key) for key in state.keys("ending:")]
    retried = [document["data"]["edges"] for document in left if "data" in document]
    assert retried == [[f"{anna.id}:{ben.id}"]]
    await users.cluster.settle()
    assert await expiry.expire_due()


async def test_a_locked_account_gets_follow_requests(users: UsersDeployment) -> None:
    anna, ben, eve = await users.new_users("anna", "ben", "eve")
    await anna.ask("PATCH", "/accounts/me", json={"locked": True})
    seen = await ben.act("follow", anna)
    assert (seen["following"], seen["requested"]) == (False, True)
    await eve.act("follow", anna)
    await users.cluster.settle()
    assert await anna.listed("/follow_requests") == ["eve", "ben"]
    assert await eve.listed(f"/accounts/{anna.id}/followers") == []
    (back,) = await anna.get("/relationships", ids=ben.id)
    assert back["requested_by"]
    seen = await anna.post(f"/follow_requests/{ben.id}/authorize")
    assert (seen["id"], seen["followed_by"], seen["requested_by"]) == (ben.id, True, False)
    assert not (await anna.post(f"/follow_requests/{eve.id}/reject"))["requested_by"]
    await users.cluster.settle()
    assert await anna.listed("/follow_requests") == []
    assert await eve.listed(f"/accounts/{anna.id}/followers") == ["ben"]
    unasked = await ben.ask("POST", f"/follow_requests/{eve.id}/authorize")
    assert unasked.status == 404
    odd = await ben.ask("POST", f"/follow_requests/{eve.id}/shrug")
    assert odd.status == 422


async def test_unlocking_accepts_all_follow_requests(users: UsersDeployment) -> None:
    anna, ben, eve = await users.new_users("anna", "ben", "eve")
    await anna.ask("PATCH", "/accounts/me", json={"locked": True})
    await ben.act("follow", anna)
    await users.cluster.settle()
    users.cluster.broker.hold()
    await eve.act("follow", anna)  # is not on the list yet when the lock opens
    await anna.ask("PATCH", "/accounts/me", json={"locked": False})
    await users.cluster.settle()
    users.cluster.broker.release()
    await users.cluster.settle()
    assert sorted(await anna.listed(f"/accounts/{anna.id}/followers")) == ["ben", "eve"]
    assert await anna.listed("/follow_requests") == []


async def test_a_note_is_stored(users: UsersDeployment) -> None:
    anna, ben = await users.new_users("anna", "ben")
    assert (await anna.act("note", ben, {"comment": "met once"}))["note"] == "met once"
    (seen,) = await anna.get("/relationships", ids=ben.id)
    assert seen["note"] == "met once"
    (other,) = await ben.get("/relationships", ids=anna.id)
    assert other["note"] == ""


async def test_a_follower_can_be_removed(users: UsersDeployment) -> None:
    anna, ben, eve = await users.new_users("anna", "ben", "eve")
    await ben.act("follow", anna)
    assert not (await anna.act("remove_from_followers", ben))["followed_by"]
    assert not (await anna.act("remove_from_followers", eve))["followed_by"]
    await users.cluster.settle()
    assert (await anna.get("/accounts/me"))["counts"]["followers"] == 0
    assert (await ben.act("follow", anna))["following"]


async def test_relationships_leave_out_missing_accounts(users: UsersDeployment) -> None:
    anna, ben = await users.new_users("anna", "ben")
    rows = await anna.get("/relationships", ids=f"123,{ben.id},456")
    assert [row["id"] for row in rows] == [ben.id]


async def test_follow_requests_are_counted(users: UsersDeployment) -> None:
    anna, ben = await users.new_users("anna", "ben")
    await anna.ask("PATCH", "/accounts/me", json={"locked": True})
    await ben.act("follow", anna)
    await users.cluster.settle()
    assert (await anna.get("/accounts/me"))["follow_requests"] == 1
    changed = await anna.ask("PATCH", "/accounts/me", json={"note": "x"})
    assert changed.json()["follow_requests"] == 1


async def test_relationships_take_one_state_call(users: UsersDeployment) -> None:
    anna, *others = await users.new_users("anna", *(f"p{n}" for n in range(20)))
    for other in others[::2]:
        await anna.act("follow", other)
    await users.cluster.settle()
    before = users.calls()
    ids = [other.id for other in others]
    seen = await anna.get("/relationships", ids=",".join(ids))
    assert users.calls() - before == 1
    assert [one["id"] for one in seen] == ids
    assert [one["following"] for one in seen] == [n % 2 == 0 for n in range(20)]


async def test_lists_are_paged_both_ways_at_a_constant_cost(users: UsersDeployment) -> None:
    star, *fans = await users.new_users("star", *(f"fan{n}" for n in range(200)))
    for fan in fans:
        await fan.act("follow", star)
    await users.cluster.settle()
    names = [fan.username for fan in reversed(fans)]
    path, seen, max_id = f"/accounts/{star.id}/followers", list[str](), ""
    while True:
        before = users.calls()
        page = await star.get(path, limit="30", **({"max_id": max_id} if max_id else {}))
        assert users.calls() - before <= 3
        AccountList.model_validate(page)
        if not page["ids"]:
            break
        seen += [account["profile"]["username"] for account in page["accounts"]]
        max_id = page["ids"][-1]
    assert seen == names
    oldest = await star.get(path, limit="30", min_id="1")
    assert [a["profile"]["username"] for a in oldest["accounts"]] == names[-30:]
    assert (await star.get("/accounts/me"))["counts"]["followers"] == 200
    assert (await star.ask("GET", path, params={"limit": "82"})).status == 422
    assert (await star.ask("GET", path, params={"max_id": "x"})).status == 422


async def test_the_posts_service_reads_the_relationships_of_several_users_at_once(
    users: UsersDeployment,
) -> None:
    ann, ben, cat = [await users.new_user(name) for name in ("ann", "ben", "cat")]
    await ann.act("block", ben)
    await users.cluster.settle()
    asked = {"targets": {ann.id: [ben.id, cat.id], ben.id: [ann.id, "123"], "123": [ann.id]}}
    calls = users.calls()
    answer = await users.replica.call("POST", "/relationships", json=asked, caller="posts")
    assert users.calls() == calls + 1
    seen = {user: {row["id"]: row for row in rows} for user, rows in answer.json().items()}
    assert [*seen[ann.id]] == [ben.id, cat.id]
    assert [*seen[ben.id]] == [ann.id]
    assert seen[ann.id][ben.id]["blocking"]
    assert seen[ben.id][ann.id]["blocked_by"]
    assert not seen[ann.id][cat.id]["blocking"]
    assert not seen["123"][ann.id]["blocked_by"]


async def test_only_the_posts_service_reads_the_relationships_of_others(
    users: UsersDeployment,
) -> None:
    ann = await users.new_user("ann")
    asked = {"targets": {ann.id: [ann.id]}}
    token = users.cluster.token(ann.id, "read:statuses")
    for caller in ("gateway", ""):
        answer = await users.replica.call(
            "POST", "/relationships", json=asked, token=token, caller=caller
        )
        assert answer.status == 403
