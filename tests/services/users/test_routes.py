"""The routes of the users service, among fakes: what is asked, and what is answered."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import Mock

import pytest

from services.chassis.service import Service
from services.contracts.accounts import Account, AccountList, Relationship, Suggestion
from services.users.application.mute_expiry import MuteExpiry
from services.users.repository import Repository
from tests.fakes import Running, World
from tests.services.users.world import Person, start


@dataclass
class Town:
    world: World
    users: Running

    async def person(self, username: str) -> Person:
        return await Person.registered(self.world, self.users, username)

    async def people(self, *usernames: str) -> list[Person]:
        people = [await self.person(username) for username in usernames]
        await self.world.settle()
        return people

    def calls(self) -> int:
        """How many state calls there were, without those that look for lost events."""
        watching = ("inbox:", "streams:", "journal:", "recovered:")
        calls = self.users.sidecar.state.faults.calls
        return sum(not call.about[0].startswith(watching) for call in calls)

    async def tell(self, topic: str, producer: str, type: str, subject: str, **rest: Any) -> None:
        version = rest.pop("version", 1)
        event = {
            "specversion": "1.0",
            "id": f"{type}:{subject}@{version}",
            "source": producer,
            "type": type,
            "subject": subject,
            "stream": "s",
            "sequence": version,
            "entityversion": version,
            "data": rest,
        }
        await self.world.broker.publish(topic, [event])
        await self.world.settle()


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    async with World() as world:
        yield Town(world, await start(world))


# ── accounts ────────────────────────────────────────────────────────────────────────────────


async def test_my_profile_is_there_before_the_news_of_my_registration(town: Town) -> None:
    anna = Person(town.world, town.users, "Anna")
    mine = await anna.get("/accounts/me")
    Account.model_validate(mine)
    assert mine["profile"]["username"] == "Anna"
    assert mine["profile"]["created_at"].endswith("Z")
    login = {"user_id": anna.id, "username": "Anna", "created_at": ""}
    await town.tell("logins", "auth", "login.registered", anna.id, **login)
    assert await anna.get("/accounts/me") == mine
    assert len(town.world.broker.events("accounts")) == 1


async def test_the_news_of_a_registration_makes_a_profile(town: Town) -> None:
    ben = await town.person("ben")
    anna = Person(town.world, town.users, "anna")
    login = {"user_id": anna.id, "username": "anna", "created_at": ""}
    for _ in range(2):
        await town.tell("logins", "auth", "login.registered", anna.id, **login)
    assert (await ben.get(f"/accounts/{anna.id}"))["profile"]["username"] == "anna"
    assert (await ben.post("/lookups", {"usernames": ["ANNA"]}))["ANNA"]["version"] == 1


async def test_a_deleted_profile_looks_like_none(town: Town) -> None:
    anna, ben = await town.people("anna", "ben")
    await ben.does("follow", anna)
    await town.world.settle()
    login = {"user_id": anna.id, "username": "", "created_at": "", "deleted": True}
    await town.tell("logins", "auth", "login.registered", anna.id, version=2, **login)
    for path in (f"/accounts/{anna.id}", f"/accounts/{anna.id}/followers"):
        assert (await ben.ask("GET", path)).status == 404
    assert (await anna.ask("GET", "/accounts/me")).status == 404
    assert (await anna.ask("PATCH", "/accounts/me", json={"note": "x"})).status == 404
    assert (await ben.ask("POST", f"/accounts/{anna.id}/follow")).status == 404
    assert await ben.get("/accounts", ids=anna.id) == {}
    assert await ben.post("/lookups", {"usernames": ["anna"]}) == {}
    assert await ben.get("/search", q="anna") == []
    assert await ben.listed(f"/accounts/{ben.id}/following") == []
    told = town.world.broker.events("accounts")[-1]["data"]
    assert (told["id"], told["deleted"], told["username"]) == (anna.id, True, "")
    late = {"user_id": anna.id, "username": "anna", "created_at": ""}
    await town.tell("logins", "auth", "login.registered", anna.id, version=1, **late)
    assert (await ben.ask("GET", f"/accounts/{anna.id}")).status == 404


async def test_parts_of_a_profile_can_be_changed(town: Town) -> None:
    anna = await town.person("anna")
    response = await anna.ask(
        "PATCH",
        "/accounts/me",
        json={
            "display_name": "Anna B.",
            "fields": [{"name": "Home", "value": "here"}],
            "avatar": "abc.webp",
            "note": None,
        },
    )
    account = response.json()
    Account.model_validate(account)
    assert (account["profile"]["display_name"], account["version"]) == ("Anna B.", 2)
    assert account["profile"]["fields"] == [{"name": "Home", "value": "here", "verified_at": None}]
    await anna.ask("PATCH", "/accounts/me", json={"locked": True})
    assert (await anna.get("/accounts/me"))["profile"]["display_name"] == "Anna B."


async def test_a_profile_names_those_whom_it_mentions(town: Town) -> None:
    anna, ben, cleo = await town.people("anna", "Ben", "cleo")

    async def mentions(**changes: Any) -> list[dict[str, str]]:
        response = await anna.ask("PATCH", "/accounts/me", json=changes)
        told: list[dict[str, str]] = response.json()["profile"]["mentions"]
        return told

    of_ben, of_cleo = ({"id": one.id, "username": one.username} for one in (ben, cleo))
    note = "with @ben@127.0.0.1:8080 and @nobody, not https://example.org/@cleo"
    assert await mentions(note=note) == [of_ben]
    fields = [{"name": "@ben", "value": "@cleo, @ben@example.org"}]
    assert await mentions(fields=fields) == [of_ben, of_cleo]
    assert await mentions(note="alone") == [of_cleo]
    assert (await anna.get(f"/accounts/{anna.id}"))["profile"]["mentions"] == [of_cleo]


async def test_a_profile_that_is_not_there_yet_can_be_changed(town: Town) -> None:
    anna = Person(town.world, town.users, "anna")
    response = await anna.ask("PATCH", "/accounts/me", json={"note": "hi"})
    assert response.status == 200
    assert response.json()["profile"]["username"] == "anna"


@pytest.mark.parametrize(
    "body",
    [
        {"display_name": "x" * 31},
        {"note": 7},
        {"locked": "perhaps"},
        {"fields": [{"name": "x"}]},
        {"avatar": "../x"},
        {"default_visibility": "all"},
        [],
        "x",
    ],
)
async def test_a_bad_change_is_refused_and_changes_nothing(town: Town, body: Any) -> None:
    anna = await town.person("anna")
    response = await anna.ask("PATCH", "/accounts/me", json=body)
    assert response.status == 422
    assert set(response.json()) == {"code", "message"}
    assert (await anna.get("/accounts/me"))["version"] == 1


async def test_broken_json_is_a_clear_422(town: Town) -> None:
    anna = await town.person("anna")
    headers = {"content-type": "application/json"}
    response = await anna.ask("PATCH", "/accounts/me", data=b"{", headers=headers)
    assert response.status == 422


async def test_many_accounts_come_in_one_state_call(town: Town) -> None:
    anna, ben = await town.people("anna", "ben")
    before = town.calls()
    ids = f"{anna.id},{ben.id},no-id,{anna.id}"
    accounts = await anna.get("/accounts", ids=ids)
    assert town.calls() - before == 1
    assert set(accounts) == {anna.id, ben.id}
    assert set(await anna.get("/accounts", ids=f"{ids},123")) == {anna.id, ben.id}
    response = await anna.ask("GET", "/accounts", params={"ids": ",".join(["1"] * 81)})
    assert response.status == 422


@pytest.mark.parametrize(
    "id", ["0", "x", "-1", "1" * 30, "user:1", "%2e%2e", "1234567890123456789"]
)
async def test_what_is_nobodys_id_is_not_found(town: Town, id: str) -> None:
    anna = await town.person("anna")
    for path in (f"/accounts/{id}", f"/accounts/{id}/followers", f"/accounts/{id}/following"):
        assert (await anna.ask("GET", path)).status == 404
    for verb in ("follow", "block", "mute", "note"):
        response = await anna.ask("POST", f"/accounts/{id}/{verb}", json={})
        assert response.status == 404, verb
    assert (await anna.ask("POST", f"/follow_requests/{id}/authorize")).status == 404


async def test_lookup_ignores_case_and_what_cannot_be_a_name(town: Town) -> None:
    (anna,) = await town.people("Anna")
    asked = ["anna", "@ANNA", "ben", "", "a:b", "a/b"]
    found = await anna.post("/lookups", {"usernames": asked})
    assert {given: a["profile"]["id"] for given, a in found.items()} == {
        "anna": anna.id,
        "@ANNA": anna.id,
    }


async def test_scopes_are_asked_for(town: Town) -> None:
    anna, ben = await town.people("anna", "ben")
    for method, path, scope in (
        ("GET", "/accounts/me", "read:accounts"),
        ("PATCH", "/accounts/me", "write:accounts"),
        ("GET", "/search?q=a", "read:accounts"),
        ("GET", f"/relationships?ids={ben.id}", "read:follows"),
        ("POST", f"/accounts/{ben.id}/follow", "write:follows"),
        ("POST", f"/accounts/{ben.id}/unfollow", "write:follows"),
        ("POST", f"/accounts/{ben.id}/block", "write:blocks"),
        ("POST", f"/accounts/{ben.id}/unblock", "write:blocks"),
        ("POST", f"/accounts/{ben.id}/mute", "write:mutes"),
        ("POST", f"/accounts/{ben.id}/unmute", "write:mutes"),
        ("GET", "/blocks", "read:blocks"),
        ("GET", "/mutes", "read:mutes"),
        ("GET", "/follow_requests", "read:follows"),
        ("POST", f"/follow_requests/{ben.id}/authorize", "write:follows"),
    ):
        assert (await town.users.call(method, path, json={})).status == 401, path
        poor = town.world.token(anna.id, "push")
        assert (await town.users.call(method, path, json={}, token=poor)).status == 403, path
        just = town.world.token(anna.id, scope, username="anna")
        answer = await town.users.call(method, path, json={}, token=just)
        assert answer.status in (200, 404), path
    assert (await town.users.call("GET", f"/accounts/{ben.id}")).status == 200


async def test_posts_says_how_much_somebody_posted(town: Town) -> None:
    (anna,) = await town.people("anna")
    newer = {"account": anna.id, "total": 7, "last_post": anna.id}
    await town.tell("author-counts", "posts", "posts.counted", anna.id, version=3, **newer)
    older = {"account": anna.id, "total": 6, "last_post": ""}
    await town.tell("author-counts", "posts", "posts.counted", anna.id, version=2, **older)
    counts = (await anna.get("/accounts/me"))["counts"]
    assert counts["statuses"] == 7
    assert len(counts["last_status_at"]) == 10


async def test_an_event_that_is_not_ours_is_put_aside(town: Town) -> None:
    await town.tell("logins", "auth", "login.registered", "x", user_id="../..", username="x")
    letters = await town.users.call("GET", "/deadletters", caller="users")
    assert len(letters.json()) == 1


# ── stances ─────────────────────────────────────────────────────────────────────────────────


async def test_following_shows_everywhere(town: Town) -> None:
    anna, ben = await town.people("anna", "ben")
    seen = await anna.does("follow", ben, {"notify": True})
    Relationship.model_validate(seen)
    assert (seen["following"], seen["notifying"], seen["showing_reblogs"]) == (True, True, True)
    assert await anna.does("follow", ben) == seen
    await town.world.settle()
    assert await anna.listed(f"/accounts/{ben.id}/followers") == ["anna"]
    assert await anna.listed(f"/accounts/{anna.id}/following") == ["ben"]
    assert (await ben.get("/accounts/me"))["counts"]["followers"] == 1
    assert (await anna.get("/accounts/me"))["counts"]["following"] == 1
    (back,) = await ben.get("/relationships", ids=anna.id)
    assert (back["following"], back["followed_by"]) == (False, True)
    told = [e["data"] for e in town.world.broker.events("account-counts")]
    assert {"account": ben.id, "total": 1} in told
    assert {"account": anna.id, "total": 1} in told
    (edge,) = (e["data"] for e in town.world.broker.events("edges"))
    assert (edge["source"], edge["target"], edge["following"]) == (anna.id, ben.id, True)
    assert len(edge["follow_id"]) == 18

    assert not (await anna.does("unfollow", ben))["following"]
    await town.world.settle()
    assert await anna.listed(f"/accounts/{ben.id}/followers") == []
    assert (await ben.get("/accounts/me"))["counts"]["followers"] == 0
    assert town.world.broker.events("edges")[-1]["data"]["follow_id"] == ""


async def test_what_undoes_nothing_says_nothing(town: Town) -> None:
    anna, ben = await town.people("anna", "ben")
    for verb in ("unfollow", "unblock", "unmute"):
        await anna.does(verb, ben)
    assert town.world.broker.events("edges") == []
    assert town.world.state("users").keys("edge:") == []


async def test_nobody_does_anything_to_themself(town: Town) -> None:
    (anna,) = await town.people("anna")
    for verb in ("follow", "block", "mute"):
        response = await anna.ask("POST", f"/accounts/{anna.id}/{verb}")
        assert response.status == 403
        assert "yourself" in response.json()["message"]


@pytest.mark.parametrize(("verb", "limit"), [("block", "MAX_BLOCKED"), ("mute", "MAX_MUTED")])
async def test_who_hides_very_many_must_let_one_go_before_they_hide_another(
    town: Town, monkeypatch: pytest.MonkeyPatch, verb: str, limit: str
) -> None:
    monkeypatch.setattr(f"services.users.domain.edges.{limit}", 2)
    anna, ben, eve, zoe = await town.people("anna", "ben", "eve", "zoe")
    for other in (ben, eve):
        await anna.does(verb, other)
        await town.world.settle()
    await anna.does(verb, eve)
    refused = await anna.ask("POST", f"/accounts/{zoe.id}/{verb}")
    assert refused.status == 422
    assert refused.json()["message"] == f"You {verb} 2 people; at most 2 are allowed."
    await anna.does(f"un{verb}", ben)
    await town.world.settle()
    await anna.does(verb, zoe)


async def test_a_block_parts_two_people_both_ways(town: Town) -> None:
    anna, ben, eve = await town.people("anna", "ben", "eve")
    for one, other in ((anna, ben), (ben, anna), (eve, ben), (eve, anna)):
        await one.does("follow", other)
    await town.world.settle()
    seen = await anna.does("block", ben)
    assert (seen["blocking"], seen["following"], seen["followed_by"]) == (True, False, False)
    (back,) = await ben.get("/relationships", ids=anna.id)
    assert (back["blocked_by"], back["following"]) == (True, False)
    await town.world.settle()
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
    assert await found(anna, "@ben") == ["ben"]  # to be unblocked
    await anna.does("unblock", ben)
    await town.world.settle()
    assert await anna.listed("/blocks") == []
    assert (await ben.does("follow", anna))["following"]


async def test_a_mute_is_for_its_owner_alone(town: Town) -> None:
    anna, ben, eve = await town.people("anna", "ben", "eve")
    seen = await anna.does("mute", ben)
    assert (seen["muting"], seen["muting_notifications"]) == (True, True)
    await anna.does("mute", eve, {"notifications": False, "duration": 3600})
    await town.world.settle()
    assert await anna.listed("/mutes") == ["eve", "ben"]
    assert town.world.broker.events("edges")[-1]["data"]["muted_until"] is not None
    await anna.does("unmute", ben)
    assert await anna.listed("/mutes") == ["eve"]
    bad = await anna.ask("POST", f"/accounts/{ben.id}/mute", json={"duration": -1})
    assert bad.status == 422


async def test_a_mute_ends_when_its_time_comes_and_all_hear_of_it(town: Town) -> None:
    anna, ben, eve = await town.people("anna", "ben", "eve")
    await anna.does("mute", ben, {"duration": 60})
    seen = await anna.does("mute", eve, {"duration": 60})
    assert seen["muting_expires_at"] is not None
    await anna.does("mute", eve, {"duration": 7200})
    await town.world.settle()
    now = datetime.now(UTC)
    for minutes in (0.5, 2, 60):
        repository = Repository(Service(town.users.service.settings, town.users.sidecar))
        clock = Mock(return_value=now + timedelta(minutes=minutes))
        assert await MuteExpiry(repository, clock).expire_due()
        await town.world.settle()
        muted = ["eve", "ben"] if minutes < 1 else ["eve"]
        assert await anna.listed("/mutes") == muted
    told = town.world.broker.events("edges")[-1]["data"]
    assert (told["target"], told["muting"]) == (ben.id, False)
    assert len(town.world.state("users").keys("ending:")) == 1


async def test_who_is_locked_is_asked_first(town: Town) -> None:
    anna, ben, eve = await town.people("anna", "ben", "eve")
    await anna.ask("PATCH", "/accounts/me", json={"locked": True})
    seen = await ben.does("follow", anna)
    assert (seen["following"], seen["requested"]) == (False, True)
    await eve.does("follow", anna)
    await town.world.settle()
    assert await anna.listed("/follow_requests") == ["eve", "ben"]
    assert await eve.listed(f"/accounts/{anna.id}/followers") == []
    (back,) = await anna.get("/relationships", ids=ben.id)
    assert back["requested_by"]
    seen = await anna.post(f"/follow_requests/{ben.id}/authorize")
    assert (seen["id"], seen["followed_by"], seen["requested_by"]) == (ben.id, True, False)
    assert not (await anna.post(f"/follow_requests/{eve.id}/reject"))["requested_by"]
    await town.world.settle()
    assert await anna.listed("/follow_requests") == []
    assert await eve.listed(f"/accounts/{anna.id}/followers") == ["ben"]
    unasked = await ben.ask("POST", f"/follow_requests/{eve.id}/authorize")
    assert unasked.status == 404
    odd = await ben.ask("POST", f"/follow_requests/{eve.id}/shrug")
    assert odd.status == 422


async def test_who_opens_lets_in_all_who_waited(town: Town) -> None:
    anna, ben, eve = await town.people("anna", "ben", "eve")
    await anna.ask("PATCH", "/accounts/me", json={"locked": True})
    await ben.does("follow", anna)
    await town.world.settle()
    town.world.broker.hold()
    await eve.does("follow", anna)  # is not on the list yet when the lock opens
    await anna.ask("PATCH", "/accounts/me", json={"locked": False})
    await town.world.settle()
    town.world.broker.release()
    await town.world.settle()
    assert sorted(await anna.listed(f"/accounts/{anna.id}/followers")) == ["ben", "eve"]
    assert await anna.listed("/follow_requests") == []


async def test_a_note_is_kept(town: Town) -> None:
    anna, ben = await town.people("anna", "ben")
    assert (await anna.does("note", ben, {"comment": "met once"}))["note"] == "met once"
    (seen,) = await anna.get("/relationships", ids=ben.id)
    assert seen["note"] == "met once"
    (other,) = await ben.get("/relationships", ids=anna.id)
    assert other["note"] == ""


async def test_somebody_can_be_rid_of_a_follower(town: Town) -> None:
    anna, ben, eve = await town.people("anna", "ben", "eve")
    await ben.does("follow", anna)
    assert not (await anna.does("remove_from_followers", ben))["followed_by"]
    assert not (await anna.does("remove_from_followers", eve))["followed_by"]
    await town.world.settle()
    assert (await anna.get("/accounts/me"))["counts"]["followers"] == 0
    assert (await ben.does("follow", anna))["following"]


async def test_nobody_stands_to_who_is_not_there(town: Town) -> None:
    anna, ben = await town.people("anna", "ben")
    rows = await anna.get("/relationships", ids=f"123,{ben.id},456")
    assert [row["id"] for row in rows] == [ben.id]


async def test_who_asks_to_follow_is_counted(town: Town) -> None:
    anna, ben = await town.people("anna", "ben")
    await anna.ask("PATCH", "/accounts/me", json={"locked": True})
    await ben.does("follow", anna)
    await town.world.settle()
    assert (await anna.get("/accounts/me"))["follow_requests"] == 1
    changed = await anna.ask("PATCH", "/accounts/me", json={"note": "x"})
    assert changed.json()["follow_requests"] == 1


# ── suggestions ─────────────────────────────────────────────────────────────────────────────


async def posted(town: Town, person: Person) -> None:
    count = {"account": person.id, "total": 1, "last_post": person.id}
    await town.tell("author-counts", "posts", "posts.counted", person.id, **count)


async def suggested(person: Person) -> list[tuple[str, str]]:
    rows = await person.get("/suggestions")
    for row in rows:
        Suggestion.model_validate(row)
    return [(row["account"]["profile"]["username"], row["reason"]) for row in rows]


async def test_friends_of_friends_come_first_then_the_newest_who_post(town: Town) -> None:
    anna, ben, cyd, dan, eve, fay, _ = await town.people(
        "anna", "ben", "cyd", "dan", "eve", "fay", "gil"
    )
    for one, other in ((anna, ben), (anna, cyd), (ben, dan), (cyd, dan), (ben, eve), (ben, anna)):
        await one.does("follow", other)
    await posted(town, fay)
    await town.world.settle()
    assert await suggested(anna) == [
        ("dan", "friends_of_friends"),
        ("eve", "friends_of_friends"),
        ("fay", "new"),
    ]
    (limited,) = await anna.get("/suggestions", limit="1")
    assert limited["account"]["profile"]["username"] == "dan"


@pytest.mark.parametrize("why", ["block", "mute", "dismissed", "blocked", "hidden", "follow"])
async def test_who_is_not_wanted_is_not_suggested(town: Town, why: str) -> None:
    anna, ben, dan, fay = await town.people("anna", "ben", "dan", "fay")
    await anna.does("follow", ben)
    await ben.does("follow", dan)
    for person in (dan, fay):
        await posted(town, person)
    await town.world.settle()
    assert [name for name, _ in await suggested(anna)] == ["dan", "fay"]
    for person in (dan, fay):
        if why in ("block", "mute", "follow"):
            await anna.does(why, person)
        elif why == "blocked":
            await person.does("block", anna)
        elif why == "hidden":
            await person.ask("PATCH", "/accounts/me", json={"discoverable": False})
        else:
            assert (await anna.ask("DELETE", f"/suggestions/{person.id}")).status == 200
    await town.world.settle()
    assert await suggested(anna) == []


async def test_suggestions_take_three_state_calls_however_many_people_there_are(
    town: Town,
) -> None:
    anna, ben, *others = await town.people("anna", "ben", *(f"p{n}" for n in range(30)))
    await anna.does("follow", ben)
    for other in others[:20]:
        await ben.does("follow", other)
    await town.world.settle()
    before = town.calls()
    assert len(await anna.get("/suggestions")) == 20
    assert town.calls() - before == 3


async def test_familiar_followers_are_those_whom_one_follows(town: Town) -> None:
    anna, ben, cyd, dan = await town.people("anna", "ben", "cyd", "dan")
    for one, other in ((anna, ben), (anna, cyd), (ben, dan), (dan, ben)):
        await one.does("follow", other)
    await town.world.settle()
    rows = await anna.get("/familiar_followers", ids=f"{dan.id},{ben.id}")
    names = [[one["profile"]["username"] for one in row["accounts"]] for row in rows]
    assert ([row["id"] for row in rows], names) == ([dan.id, ben.id], [["ben"], []])
    many = ",".join(str(n) for n in range(1, 12))
    assert (await anna.ask("GET", "/familiar_followers", params={"ids": many})).status == 422


async def test_relationships_take_one_state_call(town: Town) -> None:
    anna, *others = await town.people("anna", *(f"p{n}" for n in range(20)))
    for other in others[::2]:
        await anna.does("follow", other)
    await town.world.settle()
    before = town.calls()
    ids = [other.id for other in others]
    seen = await anna.get("/relationships", ids=",".join(ids))
    assert town.calls() - before == 1
    assert [one["id"] for one in seen] == ids
    assert [one["following"] for one in seen] == [n % 2 == 0 for n in range(20)]


async def test_lists_are_paged_both_ways_at_a_constant_cost(town: Town) -> None:
    star, *fans = await town.people("star", *(f"fan{n}" for n in range(200)))
    for fan in fans:
        await fan.does("follow", star)
    await town.world.settle()
    names = [fan.username for fan in reversed(fans)]
    path, seen, max_id = f"/accounts/{star.id}/followers", list[str](), ""
    while True:
        before = town.calls()
        page = await star.get(path, limit="30", **({"max_id": max_id} if max_id else {}))
        assert town.calls() - before <= 3
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


# ── search ──────────────────────────────────────────────────────────────────────────────────


async def found(person: Person, text: str, **params: str) -> list[str]:
    return [a["profile"]["username"] for a in await person.get("/search", q=text, **params)]


async def test_people_are_found_by_handle_and_by_name(town: Town) -> None:
    anna, ben, annabel = await town.people("anna", "ben", "annabel")
    await ben.ask("PATCH", "/accounts/me", json={"display_name": "Benno Anders"})
    await town.world.settle()
    before = town.calls()
    assert await found(anna, "@anna") == ["anna", "annabel"]
    assert town.calls() - before == 2
    assert await found(anna, "and") == ["ben"]
    assert await found(anna, "an") == ["anna", "annabel", "ben"]
    assert await found(anna, "an", limit="1", offset="1") == ["annabel"]
    await ben.ask("PATCH", "/accounts/me", json={"display_name": "Carl"})
    assert await found(anna, "and") == []  # also before the index heard of it
    await town.world.settle()
    assert await found(anna, "carl") == ["ben"]
    assert town.world.state("users").peek("bucket:an")["data"]["entries"] == [
        {"id": id, "term": term, "handle": True}
        for id, term in ((anna.id, "anna"), (annabel.id, "annabel"))
    ]
    await ben.ask("PATCH", "/accounts/me", json={"discoverable": False})
    assert await found(anna, "be") == []
    assert await found(anna, "ben") == ["ben"]
    assert await found(anna, "") == []


async def test_a_crowd_with_like_names_is_found_by_more_letters(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.users.domain.name_index.MAX_BUCKET_ENTRIES", 5)
    people = await town.people(*(f"anna{n:03}" for n in range(20)))
    assert len(await found(people[0], "an")) == 5
    assert len(await found(people[0], "anna")) == 15
    assert len(await found(people[0], "anna00")) == 10
    for person in people:
        assert await found(person, person.username) == [person.username]


_OF_EVERY_SERVICE = (
    *("/belongings", "/bundles", "/changes", "/dapr", "/dead", "/events"),
    *("/healthz", "/readyz"),
)


async def test_the_openapi_has_examples(town: Town) -> None:
    api = town.users.app.openapi()
    routes = [
        operation
        for path, methods in api["paths"].items()
        for operation in methods.values()
        if not path.startswith(_OF_EVERY_SERVICE)
    ]
    assert len(routes) > 25
    for operation in routes:
        good = operation["responses"]["200"]["content"]["application/json"]
        assert good["example"]
        assert good["schema"]
        for body in operation.get("requestBody", {}).get("content", {}).values():
            assert body["examples"]


@pytest.mark.parametrize(("caller", "status"), [("posts", 200), ("gateway", 403)])
async def test_posts_learns_how_people_stand_whatever_their_token_covers(
    town: Town, caller: str, status: int
) -> None:
    ann = await town.person("ann")
    token = town.world.token(ann.id, "read:statuses")
    answer = await town.users.call(
        "GET", "/relationships", params={"ids": ann.id}, token=token, caller=caller
    )
    assert answer.status == status
    asked = {"ids": [ann.id] * 100}
    answer = await town.users.call("POST", "/relationships", json=asked, token=token, caller=caller)
    assert answer.status == status
