"""Conversations with Mastodon.py: listed, read, streamed, and deleted with their posts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.system import LoggedInUser, wait_until
from tests.system.streams import mastodon_listener

PATH = "/api/v1/conversations"


def await_last(person: LoggedInUser, posts: list[Any]) -> list[Any]:
    """Wait until these are the last posts of a user's conversations."""

    found: list[Any] = []

    def same() -> bool:
        found[:] = person.client.conversations()
        assert [str(each.last_status.id) for each in found] == [str(post.id) for post in posts]
        return True

    wait_until(same)
    return found


def test_a_conversation_is_found_read_and_streamed(
    anna: LoggedInUser, ben: LoggedInUser, someone: Callable[[str], LoggedInUser]
) -> None:
    cora = someone("cora")
    with mastodon_listener(anna, "direct") as ear:
        first = anna.client.status_post(f"@{ben.name} hello", visibility="direct")
        await_last(ben, [first])
        second = ben.client.status_post(
            f"@{anna.name} hi", in_reply_to_id=first, visibility="direct"
        )
        streamed = ear.received("conversation", lambda each: each.last_status.id == second.id)
    (mine,) = await_last(anna, [second])
    assert (streamed.id, streamed.unread) == (mine.id, True)
    assert [account.id for account in mine.accounts] == [ben.client.me().id]
    assert mine.unread
    anna.client.conversations_read(mine.id)
    assert not anna.client.conversations()[0].unread
    assert not ben.client.conversations()[0].unread
    assert cora.client.conversations() == []
    assert cora.call("POST", f"{PATH}/{mine.id}/read").status_code == 404


def test_a_conversation_goes_on_when_its_first_post_is_deleted(
    anna: LoggedInUser, ben: LoggedInUser
) -> None:
    first = anna.client.status_post(f"@{ben.name} hello", visibility="direct")
    second = ben.client.status_post(f"@{anna.name} hi", in_reply_to_id=first, visibility="direct")
    third = anna.client.status_post(f"@{ben.name} bye", in_reply_to_id=second, visibility="direct")
    await_last(ben, [third])
    anna.client.status_delete(third)
    await_last(ben, [second])
    anna.client.status_delete(first)
    (mine,) = await_last(anna, [second])
    assert anna.call("DELETE", f"{PATH}/{mine.id}").json() == {}
    await_last(anna, [])
    await_last(ben, [second])
