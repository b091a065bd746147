"""Conversations in the client API, with the real services."""

from __future__ import annotations

from typing import Any

from tests.fakes import until
from tests.fakes.streams import stream
from tests.mastodon.schemas import check
from tests.services.gateway.deployment import PASSWORD, GatewayDeployment, SignedInUser
from tests.services.gateway.graphql_client import send

PATH = "/api/v1/conversations"


async def whispers(person: SignedInUser, text: str, above: str | None = None) -> str:
    body = {"status": text, "visibility": "direct", "in_reply_to_id": above}
    made = await person.post("statuses", body)
    await person.deployment.cluster.settle()
    return str(made["id"])


async def a_chat(deployment: GatewayDeployment) -> tuple[SignedInUser, SignedInUser, str, str]:
    """Ada and Ben, her direct post, and his answer."""
    ada, ben = await deployment.register("ada"), await deployment.register("ben")
    first = await whispers(ada, "@ben hello")
    return ada, ben, first, await whispers(ben, "@ada hi", first)


async def test_conversations_are_listed_marked_and_removed(deployment: GatewayDeployment) -> None:
    ada, ben, _, second = await a_chat(deployment)
    (mine,) = await ada.get("conversations")
    assert mine["last_status"]["id"] == second
    assert [account["id"] for account in mine["accounts"]] == [ben.id]
    assert mine["unread"] is True
    assert (await ada.post(f"conversations/{mine['id']}/read"))["unread"] is False
    assert (await ada.get("conversations"))[0]["unread"] is False
    assert (await ada.post(f"conversations/{mine['id']}/unread"))["unread"] is True
    assert (await ben.get("conversations"))[0]["unread"] is False
    assert (await ada.ask("DELETE", f"{PATH}/{mine['id']}")).json() == {}
    assert (await ada.ask("DELETE", f"{PATH}/{mine['id']}")).status == 404
    assert await ada.get("conversations") == []
    assert len(await ben.get("conversations")) == 1


async def test_pages_of_conversations_are_linked_by_last_posts(
    deployment: GatewayDeployment,
) -> None:
    ada, ben, _, second = await a_chat(deployment)
    third = await whispers(ben, "@ada something else")
    answer = await ada.ask("GET", PATH, params={"limit": "1"})
    assert [each["last_status"]["id"] for each in answer.json()] == [third]
    assert f'max_id={third}>; rel="next"' in answer.headers["link"]
    assert f'min_id={third}>; rel="prev"' in answer.headers["link"]
    older = await ada.get("conversations", limit="1", max_id=third)
    assert [each["last_status"]["id"] for each in older] == [second]
    newer = await ada.get("conversations", limit="1", min_id=second)
    assert [each["last_status"]["id"] for each in newer] == [third]


async def test_conversation_routes_require_their_scopes(deployment: GatewayDeployment) -> None:
    await deployment.register("ada")
    for scopes, method, path in (
        ("read:accounts", "GET", ""),
        ("read write:statuses", "POST", "/1/read"),
        ("read write:statuses", "POST", "/1/unread"),
        ("read write:statuses", "DELETE", "/1"),
    ):
        assert (await deployment.ask(method, f"{PATH}{path}")).status == 401
        token = await deployment.log_in("ada", scopes)
        assert (await deployment.ask(method, f"{PATH}{path}", token)).status == 403


async def test_the_direct_stream_publishes_conversations(deployment: GatewayDeployment) -> None:
    ada, ben, first, _ = await a_chat(deployment)
    address = "/api/v1/streaming/direct"
    async with (
        stream(deployment.gateway.app, address, ada.token) as hers,
        stream(deployment.gateway.app, address, ben.token) as his,
    ):
        third = await whispers(ada, "@ben bye", first)
        for ear, other, unread in ((hers, ben, False), (his, ada, True)):
            streamed = await ear.received("conversation")
            check("Conversation", streamed)
            assert streamed["last_status"]["id"] == third
            assert [account["id"] for account in streamed["accounts"]] == [other.id]
            assert streamed["unread"] is unread
            (listed,) = await other.get("conversations")
            assert streamed["id"] == listed["id"]
        await ada.post(f"accounts/{ben.id}/block")
        await deployment.cluster.settle()
        await whispers(ben, "@ada hello?")
        await until(lambda: len(his.events) == 2)
        assert [kind for kind, _ in hers.events] == ["conversation"]


async def test_conversations_in_graphql(deployment: GatewayDeployment) -> None:
    ada, _, _, second = await a_chat(deployment)
    fields = "id unread people { username } lastPost { id }"
    said: Any = (
        await send(deployment, ada.token, query=f"{{ conversations {{ nodes {{ {fields} }} }} }}")
    ).json()
    (mine,) = said["data"]["conversations"]["nodes"]
    assert mine["people"] == [{"username": "ben"}]
    assert (mine["unread"], mine["lastPost"]) == (True, {"id": second})
    query = f'mutation {{ readConversation(id: "{mine["id"]}") {{ {fields} }} }}'
    said = (await send(deployment, ada.token, query=query)).json()
    assert said["data"]["readConversation"] == mine | {"unread": False}
    query = f'mutation {{ removeConversation(id: "{mine["id"]}") }}'
    said = (await send(deployment, ada.token, query=query)).json()
    assert said["data"]["removeConversation"] == mine["id"]
    assert await ada.get("conversations") == []


async def test_a_deleted_participant_leaves_the_posts_of_others(
    deployment: GatewayDeployment,
) -> None:
    ada, ben, _, second = await a_chat(deployment)
    assert (
        await ada.ask("POST", "/api/v1/accounts/delete", json={"password": PASSWORD})
    ).status == 200
    await deployment.cluster.settle(4)
    (theirs,) = await ben.get("conversations")
    assert theirs["last_status"]["id"] == second
    assert [account["id"] for account in theirs["accounts"]] == [ben.id]
    assert not [
        key for key in deployment.cluster.state("feed").keys("conversation:") if ada.id in key
    ]
