"""Mutations in GraphQL, in front of the real services among fakes."""

from __future__ import annotations

from typing import Any

from tests.services.gateway.deployment import GatewayDeployment, SignedInUser
from tests.services.gateway.graphql_client import ask, refused, send

CREATE = """
mutation ($post: NewPost!, $key: String) {
  createPost(post: $post, idempotencyKey: $key) {
    id html visibility inReplyToId application author { username } pictures { id }
  }
}
"""


async def test_a_post_is_made_once_for_each_key(place: GatewayDeployment) -> None:
    anna = await place.register("anna")
    picture = (await anna.upload("a bridge"))["id"]
    new = {"text": "look #here", "pictureIds": [picture], "visibility": "UNLISTED"}
    first = (await ask(place, CREATE, anna.token, post=new, key="1"))["createPost"]
    assert first["visibility"] == "UNLISTED"
    assert first["author"] == {"username": "anna"}
    assert first["application"] == "A client"
    assert [one["id"] for one in first["pictures"]] == [picture]
    again = (await ask(place, CREATE, anna.token, post=new, key="1"))["createPost"]
    assert again["id"] == first["id"]
    another = {"text": "look"}
    assert await refused(place, CREATE, anna.token, post=another, key="1") == "BAD_USER_INPUT"
    other = (await ask(place, CREATE, anna.token, post=another, key="2"))["createPost"]
    assert other["id"] != first["id"]
    assert (await anna.get(f"statuses/{first['id']}"))["content"] == first["html"]


async def test_a_post_is_as_private_as_its_authors_profile_says(place: GatewayDeployment) -> None:
    anna = await place.register("anna")
    change = """
    mutation ($changes: ProfileChanges!) {
      updateProfile(changes: $changes) {
        defaultVisibility note person { displayName fields { name } }
      }
    }
    """
    changes = {
        "defaultVisibility": "PRIVATE",
        "displayName": "Anna",
        "note": "hello",
        "fields": [{"name": "a", "value": "b"}],
    }
    changed = (await ask(place, change, anna.token, changes=changes))["updateProfile"]
    assert changed == {
        "defaultVisibility": "PRIVATE",
        "note": "hello",
        "person": {"displayName": "Anna", "fields": [{"name": "a"}]},
    }
    post = (await ask(place, CREATE, anna.token, post={"text": "x"}))["createPost"]
    assert post["visibility"] == "PRIVATE"


async def test_a_post_is_answered_marked_changed_and_deleted(place: GatewayDeployment) -> None:
    anna, ben = await place.register("anna"), await place.register("ben")
    post = (await ask(place, CREATE, anna.token, post={"text": "top"}))["createPost"]["id"]
    answer = {"text": "I agree", "inReplyToId": post}
    comment = (await ask(place, CREATE, ben.token, post=answer))["createPost"]
    assert comment["inReplyToId"] == post

    async def does(person: SignedInUser, field: str, shown: str = "id", **more: Any) -> Any:
        given = "".join(f", {name}: {value}" for name, value in more.items())
        query = f"mutation ($id: ID!) {{ {field}(id: $id{given}) {{ {shown} }} }}"
        return (await ask(place, query, person.token, id=post))[field]

    marks = "favourited bookmarked reblogged favouritesCount"
    assert (await does(ben, "favourite", marks))["favouritesCount"] == 1
    assert (await does(ben, "bookmark", marks))["bookmarked"]
    boost = await does(ben, "reblog", "visibility reblogOf { id reblogged }", visibility="UNLISTED")
    assert boost == {"visibility": "UNLISTED", "reblogOf": {"id": post, "reblogged": True}}
    assert not (await does(ben, "unreblog", marks))["reblogged"]
    assert not (await does(ben, "unbookmark", marks))["bookmarked"]
    assert not (await does(ben, "unfavourite", marks))["favourited"]
    assert (await does(anna, "pin", "pinned"))["pinned"]
    assert not (await does(anna, "unpin", "pinned"))["pinned"]
    edited = await does(anna, "editPost", "text history { html }", changes='{text: "changed"}')
    assert edited["text"] == "changed"
    assert len(edited["history"]) == 2
    delete = "mutation ($id: ID!) { deletePost(id: $id) { text } }"
    assert await refused(place, delete, ben.token, id=post) == "FORBIDDEN"
    assert (await ask(place, delete, anna.token, id=post))["deletePost"]["text"] == "changed"
    gone = "query ($id: ID!) { post(id: $id) { id } }"
    assert await refused(place, gone, anna.token, id=post) == "NOT_FOUND"


async def test_how_one_stands_to_others(place: GatewayDeployment) -> None:
    anna, ben = await place.register("anna"), await place.register("ben")

    async def does(
        person: SignedInUser, field: str, shown: str, other: SignedInUser, more: str = ""
    ) -> Any:
        query = f"mutation ($id: ID!) {{ {field}(id: $id{more}) {{ {shown} }} }}"
        return (await ask(place, query, person.token, id=other.id))[field]

    lock = "mutation { updateProfile(changes: {locked: true}) { person { locked } } }"
    assert (await ask(place, lock, anna.token))["updateProfile"]["person"]["locked"]
    assert (await does(ben, "follow", "requested following", anna))["requested"]
    asked = await ask(place, "{ followRequests { nodes { id } } }", anna.token)
    assert asked["followRequests"]["nodes"] == [{"id": ben.id}]
    assert not (await does(anna, "rejectFollowRequest", "requestedBy", ben))["requestedBy"]
    await does(ben, "follow", "requested", anna)
    assert (await does(anna, "acceptFollowRequest", "followedBy", ben))["followedBy"]
    assert not (await does(anna, "removeFollower", "followedBy", ben))["followedBy"]
    assert (await does(anna, "follow", "following notifying", ben, ", notify: true"))["notifying"]
    assert not (await does(anna, "unfollow", "following", ben))["following"]
    assert (await does(anna, "mute", "muting mutingExpiresAt", ben, ", seconds: 60"))["muting"]
    assert not (await does(anna, "unmute", "muting", ben))["muting"]
    noted = await does(anna, "annotate", "note person { username }", ben, ', note: "nice"')
    assert noted == {"note": "nice", "person": {"username": "ben"}}
    assert (await does(anna, "block", "blocking", ben))["blocking"]
    blocks = await ask(place, "{ blocks { nodes { username } } }", anna.token)
    assert blocks["blocks"]["nodes"] == [{"username": "ben"}]
    assert not (await does(anna, "unblock", "blocking", ben))["blocking"]


async def test_notifications_are_read_and_put_away(place: GatewayDeployment) -> None:
    anna, ben = await place.register("anna"), await place.register("ben")
    post = (await anna.post("statuses", {"status": "like me"}))["id"]
    await ben.post(f"statuses/{post}/favourite")
    await ben.post(f"accounts/{anna.id}/follow")
    await place.cluster.settle()
    page = "{ unreadNotifications notifications { nodes { id type } } }"
    newest, oldest = (await ask(place, page, anna.token))["notifications"]["nodes"]
    read = "mutation ($id: ID!) { readNotifications(lastReadId: $id) }"
    await ask(place, read, anna.token, id=oldest["id"])
    assert (await ask(place, page, anna.token))["unreadNotifications"] == 1
    put_away = "mutation ($id: ID!) { dismissNotification(id: $id) }"
    await ask(place, put_away, anna.token, id=newest["id"])
    await place.cluster.settle()
    left = (await ask(place, page, anna.token))["notifications"]["nodes"]
    assert [node["id"] for node in left] == [oldest["id"]]
    await ask(place, "mutation { clearNotifications }", anna.token)
    await place.cluster.settle()
    assert (await ask(place, page, anna.token))["notifications"]["nodes"] == []


async def test_what_was_changed_is_read_anew_in_the_same_operation(
    place: GatewayDeployment,
) -> None:
    anna, ben = await place.register("anna"), await place.register("ben")
    query = """
    mutation ($id: ID!) {
      before: unfollow(id: $id) { person { relationship { following } } }
      follow(id: $id) { person { relationship { following } } }
    }
    """
    done = await ask(place, query, anna.token, id=ben.id)
    assert done["before"]["person"]["relationship"] == {"following": False}
    assert done["follow"]["person"]["relationship"] == {"following": True}


async def test_changes_are_refused_as_in_the_client_api(place: GatewayDeployment) -> None:
    anna = await place.register("anna")
    for post, code in (
        ({"text": ""}, "BAD_USER_INPUT"),
        ({"text": "x" * 3_000}, "BAD_USER_INPUT"),
        ({"text": "x", "inReplyToId": "1"}, "NOT_FOUND"),
        ({"text": "x", "inReplyToId": "../1"}, "NOT_FOUND"),
        ({"text": "x", "pictureIds": ["1"]}, ("BAD_USER_INPUT", "NOT_FOUND")),
        ({"text": "x", "visibility": "SECRET"}, "BAD_USER_INPUT"),
        ({"text": "x", "unknown": 1}, "BAD_USER_INPUT"),
        ({}, "BAD_USER_INPUT"),
    ):
        assert await refused(place, CREATE, anna.token, post=post) in code
    assert await refused(place, CREATE, post={"text": "x"}) == "UNAUTHENTICATED"
    many = "mutation { " + " ".join(f"a{n}: clearNotifications" for n in range(11)) + " }"
    answered = await send(place, anna.token, query=many)
    assert answered.json()["errors"][0]["extensions"]["code"] == "TOO_COMPLEX"
