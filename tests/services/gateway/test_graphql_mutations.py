"""GraphQL mutations, with the real services."""

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


async def test_a_post_is_created_once_per_idempotency_key(deployment: GatewayDeployment) -> None:
    anna = await deployment.register("anna")
    picture = (await anna.upload("a bridge"))["id"]
    new = {"text": "look #here", "pictureIds": [picture], "visibility": "UNLISTED"}
    first = (await ask(deployment, CREATE, anna.token, post=new, key="1"))["createPost"]
    assert first["visibility"] == "UNLISTED"
    assert first["author"] == {"username": "anna"}
    assert first["application"] == "A client"
    assert [one["id"] for one in first["pictures"]] == [picture]
    again = (await ask(deployment, CREATE, anna.token, post=new, key="1"))["createPost"]
    assert again["id"] == first["id"]
    another = {"text": "look"}
    assert await refused(deployment, CREATE, anna.token, post=another, key="1") == "BAD_USER_INPUT"
    other = (await ask(deployment, CREATE, anna.token, post=another, key="2"))["createPost"]
    assert other["id"] != first["id"]
    assert (await anna.get(f"statuses/{first['id']}"))["content"] == first["html"]


async def test_a_post_has_the_default_visibility_of_its_author(
    deployment: GatewayDeployment,
) -> None:
    anna = await deployment.register("anna")
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
    changed = (await ask(deployment, change, anna.token, changes=changes))["updateProfile"]
    assert changed == {
        "defaultVisibility": "PRIVATE",
        "note": "hello",
        "person": {"displayName": "Anna", "fields": [{"name": "a"}]},
    }
    post = (await ask(deployment, CREATE, anna.token, post={"text": "x"}))["createPost"]
    assert post["visibility"] == "PRIVATE"


async def test_a_post_is_answered_favourited_edited_and_deleted(
    deployment: GatewayDeployment,
) -> None:
    anna, ben = await deployment.register("anna"), await deployment.register("ben")
    post = (await ask(deployment, CREATE, anna.token, post={"text": "top"}))["createPost"]["id"]
    answer = {"text": "I agree", "inReplyToId": post}
    comment = (await ask(deployment, CREATE, ben.token, post=answer))["createPost"]
    assert comment["inReplyToId"] == post

    async def does(person: SignedInUser, field: str, shown: str = "id", **more: Any) -> Any:
        given = "".join(f", {name}: {value}" for name, value in more.items())
        query = f"mutation ($id: ID!) {{ {field}(id: $id{given}) {{ {shown} }} }}"
        return (await ask(deployment, query, person.token, id=post))[field]

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
    assert await refused(deployment, delete, ben.token, id=post) == "FORBIDDEN"
    assert (await ask(deployment, delete, anna.token, id=post))["deletePost"]["text"] == "changed"
    gone = "query ($id: ID!) { post(id: $id) { id } }"
    assert await refused(deployment, gone, anna.token, id=post) == "NOT_FOUND"


async def test_relationships_change(deployment: GatewayDeployment) -> None:
    anna, ben = await deployment.register("anna"), await deployment.register("ben")

    async def does(
        person: SignedInUser, field: str, shown: str, other: SignedInUser, more: str = ""
    ) -> Any:
        query = f"mutation ($id: ID!) {{ {field}(id: $id{more}) {{ {shown} }} }}"
        return (await ask(deployment, query, person.token, id=other.id))[field]

    lock = "mutation { updateProfile(changes: {locked: true}) { person { locked } } }"
    assert (await ask(deployment, lock, anna.token))["updateProfile"]["person"]["locked"]
    assert (await does(ben, "follow", "requested following", anna))["requested"]
    asked = await ask(deployment, "{ followRequests { nodes { id } } }", anna.token)
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
    blocks = await ask(deployment, "{ blocks { nodes { username } } }", anna.token)
    assert blocks["blocks"]["nodes"] == [{"username": "ben"}]
    assert not (await does(anna, "unblock", "blocking", ben))["blocking"]


async def test_notifications_are_read_and_dismissed(deployment: GatewayDeployment) -> None:
    anna, ben = await deployment.register("anna"), await deployment.register("ben")
    post = (await anna.post("statuses", {"status": "like me"}))["id"]
    await ben.post(f"statuses/{post}/favourite")
    await ben.post(f"accounts/{anna.id}/follow")
    await deployment.cluster.settle()
    page = "{ unreadNotifications notifications { nodes { id type } } }"
    newest, oldest = (await ask(deployment, page, anna.token))["notifications"]["nodes"]
    read = "mutation ($id: ID!) { readNotifications(lastReadId: $id) }"
    await ask(deployment, read, anna.token, id=oldest["id"])
    assert (await ask(deployment, page, anna.token))["unreadNotifications"] == 1
    put_away = "mutation ($id: ID!) { dismissNotification(id: $id) }"
    await ask(deployment, put_away, anna.token, id=newest["id"])
    await deployment.cluster.settle()
    left = (await ask(deployment, page, anna.token))["notifications"]["nodes"]
    assert [node["id"] for node in left] == [oldest["id"]]
    await ask(deployment, "mutation { clearNotifications }", anna.token)
    await deployment.cluster.settle()
    assert (await ask(deployment, page, anna.token))["notifications"]["nodes"] == []


async def test_a_mutation_clears_the_data_loaders(
    deployment: GatewayDeployment,
) -> None:
    anna, ben = await deployment.register("anna"), await deployment.register("ben")
    query = """
    mutation ($id: ID!) {
      before: unfollow(id: $id) { person { relationship { following } } }
      follow(id: $id) { person { relationship { following } } }
    }
    """
    done = await ask(deployment, query, anna.token, id=ben.id)
    assert done["before"]["person"]["relationship"] == {"following": False}
    assert done["follow"]["person"]["relationship"] == {"following": True}


async def test_mutations_fail_like_rest(deployment: GatewayDeployment) -> None:
    anna = await deployment.register("anna")
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
        assert await refused(deployment, CREATE, anna.token, post=post) in code
    assert await refused(deployment, CREATE, post={"text": "x"}) == "UNAUTHENTICATED"
    many = "mutation { " + " ".join(f"a{n}: clearNotifications" for n in range(11)) + " }"
    answered = await send(deployment, anna.token, query=many)
    assert answered.json()["errors"][0]["extensions"]["code"] == "TOO_COMPLEX"
