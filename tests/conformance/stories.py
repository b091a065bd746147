"""Stories: events of other services, and what the service under test then answers.

The kit tells each story in every way that a broker may deliver it. A story is a function of fresh
ids, so that each telling is about documents of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from services.chassis.ids import SnowflakeGenerator, timestamp
from services.contracts import events
from tests.conformance import erasures
from tests.conformance.kit import ServiceUnderTest, example
from tests.conformance.story import EventStory, Told, account

_ids = SnowflakeGenerator()


def a_reply_is_in_its_thread() -> EventStory:
    root, reply = _post(), _post(text="a reply")
    reply |= _below(root)
    return EventStory(
        (_told(root), _told(reply)),
        _thread_of(root),
        [reply["id"]],
        causes=((events.REPLIES_COUNTED, root["id"]),),
    )


def a_reply_is_counted_once() -> EventStory:
    root, reply = _post(), _post(text="a reply")
    reply |= _below(root)
    return EventStory((_told(root), _told(reply)), _replies_to(root), 1)


def a_deleted_reply_is_in_no_thread() -> EventStory:
    root, gone, left = _post(), _post(), _post()
    gone |= _below(root)
    left |= _below(root)
    blank = gone | {"deleted": True, "text": ""}
    return EventStory(
        (_told(root), _told(gone), _told(left), _told(blank, 2)),
        _thread_of(root),
        [left["id"]],
        causes=((events.COMMENT_CHANGED, gone["id"]), *[(events.REPLIES_COUNTED, root["id"])] * 3),
        tombstones=((events.COMMENT_CHANGED, gone["id"], "a post"),),
    )


def a_deleted_post_takes_its_replies_along() -> EventStory:
    root, reply = _post(), _post()
    reply |= _below(root)
    blank = [post | {"deleted": True, "text": ""} for post in (root, reply)]
    blank[1]["with_replies"] = True  # posts answers so to the changed comment
    told = (_told(root), _told(reply), *(_told(post, 2) for post in blank))
    return EventStory(told, _thread_of(root), [])


def a_post_is_in_the_list_of_its_author() -> EventStory:
    first = _post()
    second = _post(author=first["author"], text="edited")
    edited = _told(second | {"text": "edited again"}, 2)
    return EventStory(
        (_author(first), _told(first), _told(second), edited),
        _posts_of(first["author"]),
        [second["id"], first["id"]],
    )


def a_deleted_post_is_in_no_list() -> EventStory:
    kept = _post()
    gone = _post(author=kept["author"])
    blank = gone | {"deleted": True, "text": ""}
    return EventStory(
        (_author(kept), _told(kept), _told(gone), _told(blank, 2)),
        _posts_of(kept["author"]),
        [kept["id"]],
    )


def a_follower_is_a_notification() -> EventStory:
    source, target = _ids.next(), _ids.next()
    edge = {"source": source, "target": target, "follow_id": _ids.next(), "following": True}
    told = Told(events.EDGE_CHANGED, f"{source}:{target}", 1, edge)
    return EventStory(
        (told,),
        _notifications_of(target),
        [("follow", source)],
        causes=((events.NOTIFICATION_CHANGED, f"{target}:follow:{source}"),),
    )


def who_unfollows_is_no_notification() -> EventStory:
    source, target = _ids.next(), _ids.next()
    edge = {"source": source, "target": target, "follow_id": _ids.next(), "following": True}
    none = {"source": source, "target": target}
    subject = f"{source}:{target}"
    return EventStory(
        (Told(events.EDGE_CHANGED, subject, 1, edge), Told(events.EDGE_CHANGED, subject, 2, none)),
        _notifications_of(target),
        [],
        causes=((events.NOTIFICATION_CHANGED, f"{target}:follow:{source}"),) * 2,
    )


def a_deleted_account_has_no_notifications() -> EventStory:
    source, target = _ids.next(), _ids.next()
    edge = {"source": source, "target": target, "follow_id": _ids.next(), "following": True}
    gone = {"id": target, "username": "", "created_at": timestamp(), "deleted": True}
    return EventStory(
        (
            account(target),
            Told(events.EDGE_CHANGED, f"{source}:{target}", 1, edge),
            Told(events.ACCOUNT_CHANGED, target, 2, gone),
        ),
        _notifications_of(target),
        [],
        deleted=(target,),
    )


def a_deletion_that_auth_does_not_know_deletes_nothing() -> EventStory:
    source, target = _ids.next(), _ids.next()
    edge = {"source": source, "target": target, "follow_id": _ids.next(), "following": True}
    gone = {"id": target, "username": "", "created_at": timestamp(), "deleted": True}
    return EventStory(
        (
            Told(events.EDGE_CHANGED, f"{source}:{target}", 1, edge),
            Told(events.ACCOUNT_CHANGED, target, 2, gone),
        ),
        _notifications_of(target),
        [("follow", source)],
    )


def a_deleted_login_is_a_deleted_account() -> EventStory:
    id = _ids.next()
    login = {"user_id": id, "username": f"user{id}", "created_at": timestamp()}
    return EventStory(
        (
            Told(events.LOGIN_REGISTERED, id, 1, login),
            Told(events.LOGIN_REGISTERED, id, 2, {**login, "username": "", "deleted": True}),
        ),
        _username_of(id),
        None,
        deleted=(id,),
        tombstones=((events.ACCOUNT_CHANGED, id, f"user{id}"),),
    )


def a_login_is_an_account() -> EventStory:
    id = _ids.next()
    login = {"user_id": id, "username": f"user{id}", "created_at": timestamp()}
    return EventStory(
        (Told(events.LOGIN_REGISTERED, id, 1, login),),
        _username_of(id),
        f"user{id}",
        causes=((events.ACCOUNT_CHANGED, id),),
    )


def posts_and_their_likes_add_up() -> EventStory:
    first = _post(tags=["sunrise", "sea"])
    author = first["author"]
    second, reply, gone = (_post(author=author, tags=["sea"]) for _ in range(3))
    reply |= _below(first)
    blank = gone | {"deleted": True, "text": "", "tags": []}
    likes = [
        Told(events.FAVOURITES_COUNTED, first["id"], version, {"post": first["id"], "total": total})
        for version, total in ((1, 1), (2, 5), (3, 4))
    ]
    told = (_told(first), _told(second), _told(reply), _told(gone), *likes, _told(blank, 2))
    return EventStory(
        told,
        _insights_of(author, "posts", "likes", "top_tags"),
        [2, 4, [["sea", 2, 4], ["sunrise", 1, 4]]],
    )


def completed_orders_are_sales() -> EventStory:
    seller = _ids.next()
    told = []
    for state, total in (("completed", 2_400), ("refunded", 700), ("completed", 100)):
        order = example(events.ORDER_CHANGED) | {
            "id": _ids.next(),
            "seller": seller,
            "total": total,
        }
        told += [
            Told(events.ORDER_CHANGED, order["id"], 1, order | {"state": "placed"}),
            Told(events.ORDER_CHANGED, order["id"], 2, order | {"state": "completed"}),
            Told(events.ORDER_CHANGED, order["id"], 3, order | {"state": state}),
        ]
    return EventStory(tuple(told), _insights_of(seller, "sales"), [[["EUR", 2, 2_500]]])


def the_newest_number_of_followers_counts() -> EventStory:
    account = _ids.next()
    told = tuple(
        Told(events.FOLLOWERS_COUNTED, account, version, {"account": account, "total": total})
        for version, total in ((1, 7), (2, 9), (3, 8))
    )
    return EventStory(told, _insights_of(account, "followers"), [8])


STORIES: Mapping[str, tuple[Callable[[], EventStory], ...]] = {
    "catalog": (erasures.a_deleted_account_has_no_shop,),
    "comments": (
        a_reply_is_in_its_thread,
        a_reply_is_counted_once,
        a_deleted_reply_is_in_no_thread,
        a_deleted_post_takes_its_replies_along,
    ),
    "feed": (a_post_is_in_the_list_of_its_author, a_deleted_post_is_in_no_list),
    "insights": (
        posts_and_their_likes_add_up,
        completed_orders_are_sales,
        the_newest_number_of_followers_counts,
    ),
    "media": (erasures.a_deleted_account_has_no_pictures,),
    "notifications": (
        a_follower_is_a_notification,
        who_unfollows_is_no_notification,
        a_deleted_account_has_no_notifications,
        a_deletion_that_auth_does_not_know_deletes_nothing,
    ),
    "orders": (erasures.a_deleted_account_has_no_cart,),
    "posts": (erasures.a_deleted_account_has_no_posts,),
    "users": (a_login_is_an_account, a_deleted_login_is_a_deleted_account),
}
"""By service. One without a story is tested without the effects of events."""


def _post(**fields: Any) -> dict[str, Any]:
    id = _ids.next()
    return {"id": id, "author": _ids.next(), "created_at": timestamp(), "text": "a post"} | fields


def _below(parent: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "in_reply_to_id": parent["id"],
        "in_reply_to_account_id": parent["author"],
        "path": [[parent["id"], parent["author"]]],
    }


def _told(post: Mapping[str, Any], version: int = 1) -> Told:
    return Told(events.POST_CHANGED, post["id"], version, post)


def _author(post: Mapping[str, Any]) -> Told:
    return account(post["author"])


def _thread_of(root: Mapping[str, Any]) -> Callable[[ServiceUnderTest], Any]:
    def look(subject: ServiceUnderTest) -> Any:
        return subject.ask(f"GET /threads/{root['id']}", caller="gateway").json()["descendants"]

    return look


def _replies_to(root: Mapping[str, Any]) -> Callable[[ServiceUnderTest], Any]:
    def look(subject: ServiceUnderTest) -> Any:
        counts = subject.kept(events.REPLIES_COUNTED, root["id"])
        newest: Any = max(counts, key=lambda event: int(event["entityversion"]), default=None)
        return newest and newest["data"]["total"]

    return look


def _posts_of(author: str) -> Callable[[ServiceUnderTest], Any]:
    def look(subject: ServiceUnderTest) -> Any:
        answer = subject.ask(f"GET /timelines/accounts/{author}", caller="gateway").json()
        return [view["post"]["id"] for view in answer["views"]]

    return look


def _notifications_of(owner: str) -> Callable[[ServiceUnderTest], Any]:
    def look(subject: ServiceUnderTest) -> Any:
        token = subject.auth.token(owner)
        answer = subject.ask("GET /notifications", caller="gateway", token=token).json()
        return [(each["type"], each["account"]) for each in answer["notifications"]]

    return look


def _username_of(id: str) -> Callable[[ServiceUnderTest], Any]:
    def look(subject: ServiceUnderTest) -> Any:
        answer = subject.ask(f"GET /accounts/{id}", caller="gateway").json()
        return answer.get("profile", {}).get("username")

    return look


def _insights_of(account: str, *fields: str) -> Callable[[ServiceUnderTest], Any]:
    def look(subject: ServiceUnderTest) -> Any:
        token = subject.auth.token(account)
        answer = subject.ask(f"GET /insights/{account}", caller="gateway", token=token).json()
        return [_short(answer[field]) for field in fields]

    return look


def _short(value: Any) -> Any:
    """Rows without the names of their fields."""
    return [list(each.values()) for each in value] if isinstance(value, list) else value
