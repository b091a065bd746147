"""Comments: read in order, counted, removed, and deleted with their post."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from mastodon import MastodonNotFoundError

from tests.e2e.page_assertions import ids
from tests.system import LoggedInUser, System, wait_until
from tests.system.checked_session import CheckedSession
from tests.system.toot import TootError


def answered(person: LoggedInUser, post: Any, text: str = "re", **more: Any) -> Any:
    return person.client.status_post(text, in_reply_to_id=post["id"], **more)


def await_thread(
    person: LoggedInUser, post: Any, below: Sequence[Any], above: Sequence[Any] = ()
) -> None:
    """Wait until a user sees exactly a given thread."""

    def same() -> bool:
        context = person.client.status_context(post["id"])
        assert ids(context.descendants) == ids(below)
        assert ids(context.ancestors) == ids(above)
        return True

    wait_until(same)


def await_count(person: LoggedInUser, post: Any, count: int) -> None:
    """Wait until a user sees a reply count, also in a timeline."""

    def same() -> bool:
        pages = person.client.account_statuses(post["account"]["id"])
        shown = [person.client.status(post["id"]), *(p for p in pages if p.id == post["id"])]
        assert [each.replies_count for each in shown] == [count, count]
        return True

    wait_until(same)


def await_gone(person: LoggedInUser, posts: Sequence[Any]) -> None:
    """Wait until a user sees none of some posts."""

    def found() -> list[int]:
        paths = [f"/api/v1/statuses/{post['id']}" for post in posts]
        return [person.call("GET", path).status_code for path in paths]

    wait_until(lambda: found() == [404] * len(posts), what="gone")


def test_toot_shows_a_thread(anna: LoggedInUser, ben: LoggedInUser) -> None:
    root = anna.toot.json("post", "what a day")
    first = ben.toot.json("post", "indeed", "--reply-to", root["id"])
    second = anna.toot.json("post", "and warm", "--reply-to", first["id"])
    third = ben.toot.json("post", "is it", "--reply-to", root["id"])

    def notified() -> bool:
        thread = ben.toot.json("thread", first["id"])
        assert ids(thread["ancestors"]) == [root["id"]]
        assert ids(thread["descendants"]) == [second["id"]]
        whole = ben.toot.json("thread", root["id"])
        assert ids(whole["descendants"]) == ids([first, second, third])
        return True

    wait_until(notified)
    printed = ben.toot("thread", root["id"])
    places = [printed.index(text) for text in ("what a day", "indeed", "and warm", "is it")]
    assert places == sorted(places)
    ben.toot("delete", third["id"])
    wait_until(lambda: "is it" not in ben.toot("thread", root["id"]))
    anna.toot("delete", root["id"])
    with pytest.raises(TootError):
        ben.toot("thread", root["id"])


def test_a_branching_thread_is_read_in_order_and_counted(
    anna: LoggedInUser, ben: LoggedInUser
) -> None:
    root = anna.client.status_post("root")
    a = answered(ben, root, "a")
    b = answered(anna, root, "b")
    bb = answered(ben, b, "bb")
    aa = answered(anna, a, "aa")
    aaa = answered(ben, aa, "aaa")
    await_thread(anna, root, [a, aa, aaa, b, bb])
    await_thread(ben, aa, [aaa], above=[root, a])
    await_count(ben, root, 2)
    await_count(anna, a, 1)


def test_a_deep_thread_is_whole_for_people_and_its_nearest_part_for_strangers(
    system: System, anna: LoggedInUser, session: CheckedSession
) -> None:
    posts = [anna.client.status_post("0")]
    for n in range(1, 50):
        posts.append(answered(anna, posts[-1], str(n)))
    await_thread(anna, posts[0], posts[1:])
    await_thread(anna, posts[45], posts[46:], above=posts[:45])
    url = f"{system.base}/api/v1/statuses/{{}}/context"
    top = session.get(url.format(posts[0].id), timeout=60).json()
    assert ids(top["descendants"]) == ids(posts[1:21])
    deep = session.get(url.format(posts[45].id), timeout=60).json()
    assert ids(deep["ancestors"]) == ids([posts[0], *posts[6:45]])


def test_a_deleted_post_takes_its_thread_out_of_sight(
    anna: LoggedInUser, ben: LoggedInUser
) -> None:
    root = anna.client.status_post("root")
    a = answered(ben, root, "a")
    aa = answered(anna, a, "aa")
    b = answered(ben, root, "b")
    await_thread(anna, root, [a, aa, b])
    ben.client.status_delete(a.id)
    await_gone(anna, [a])
    await_thread(anna, root, [aa, b])
    await_thread(ben, aa, [], above=[root])
    await_count(anna, root, 2)
    wait_until(lambda: ben.client.status(aa.id).in_reply_to_id == root.id)
    assert ben.client.status(aa.id).in_reply_to_account_id == root.account.id
    anna.client.status_delete(root.id)
    await_gone(ben, [root, aa, b])
    with pytest.raises(MastodonNotFoundError):
        answered(ben, root)
    wait_until(lambda: ben.client.me().statuses_count == 0)


def test_whose_post_it_is_may_remove_what_others_write_under_it(
    anna: LoggedInUser, ben: LoggedInUser, someone: Callable[[str], LoggedInUser]
) -> None:
    cora = someone("cora")
    root = anna.client.status_post("root")
    a = answered(ben, root, "a")
    aa = answered(cora, a, "aa")
    for theirs in (aa, root):
        refused = ben.call("DELETE", f"/api/v1/statuses/{theirs.id}")
        assert refused.status_code == 403, refused.text
    b = answered(cora, root, "b")
    anna.client.status_delete(b.id)
    await_thread(cora, root, [a, aa])
    anna.client.status_delete(a.id)
    await_gone(cora, [a, aa])
    await_thread(cora, root, [])
    await_count(ben, root, 0)


def test_comments_of_people_who_shun_one_another_are_not_shown_to_them(
    anna: LoggedInUser, ben: LoggedInUser, someone: Callable[[str], LoggedInUser]
) -> None:
    cora = someone("cora")
    root = cora.client.status_post("root")
    theirs = answered(ben, root, "by ben")
    mine = answered(anna, root, "by anna")
    await_thread(anna, root, [theirs, mine])
    anna.client.account_mute(ben.id)
    await_thread(anna, root, [mine])
    await_thread(ben, root, [theirs, mine])
    anna.client.account_unmute(ben.id)
    await_thread(anna, root, [theirs, mine])
    anna.client.account_block(ben.id)
    await_thread(anna, root, [mine])
    await_thread(ben, root, [theirs])
    await_thread(cora, root, [theirs, mine])


def test_a_direct_comment_is_for_two_and_counted_for_nobody(
    anna: LoggedInUser, ben: LoggedInUser, someone: Callable[[str], LoggedInUser]
) -> None:
    cora = someone("cora")
    root = anna.client.status_post("root")
    secret = answered(ben, root, f"@{anna.name} only you", visibility="direct")
    open_ = answered(ben, root, "all of you")
    await_thread(anna, root, [secret, open_])
    await_thread(ben, root, [secret, open_])
    await_thread(cora, root, [open_])
    await_count(anna, root, 1)
    with pytest.raises(MastodonNotFoundError):
        cora.client.status_context(secret.id)
