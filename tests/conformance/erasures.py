"""Stories of people who leave: what belonged to them is erased (docs/protocol.md, level 4)."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from PIL import Image

from services.chassis.ids import SnowflakeGenerator, timestamp
from services.contracts import catalog, events
from tests.conformance.kit import ServiceUnderTest
from tests.conformance.story import EventStory, Told, account

_ids = SnowflakeGenerator()


def a_deleted_account_has_no_cart() -> EventStory:
    buyer = _ids.next()

    def fill_cart(subject: ServiceUnderTest) -> None:
        quote = {"lines": [catalog.QUOTE_LINE]}
        subject.peers["catalog"].tell(answers={"POST /quotes": quote})
        ask(subject, "POST /cart/items", buyer, catalog.ITEM)

    return who_leaves(buyer, fill_cart, belongings_of(buyer, "cart"))


def a_deleted_account_has_no_posts() -> EventStory:
    author = _ids.next()

    def write_post(subject: ServiceUnderTest) -> None:
        ask(subject, "POST /posts", author, {"text": "a post"})

    return who_leaves(author, write_post, belongings_of(author, "posts"))


def a_deleted_account_has_no_shop() -> EventStory:
    owner = _ids.next()

    def open_shop(subject: ServiceUnderTest) -> None:
        ask(subject, "POST /shops", owner, {"name": "Pottery", "currency": "EUR"})

    return who_leaves(owner, open_shop, belongings_of(owner, "shops"))


def a_deleted_account_has_no_pictures() -> EventStory:
    owner, uploaded = _ids.next(), []

    def upload(subject: ServiceUnderTest) -> None:
        picture = io.BytesIO()
        Image.new("RGB", (4, 4)).save(picture, "png")
        uploaded.append(ask(subject, "POST /attachments", owner, picture.getvalue())["id"])

    def look(subject: ServiceUnderTest) -> bool:
        token = subject.auth.token(owner)
        route = f"GET /attachments/{uploaded[0]}"
        return subject.ask(route, caller="gateway", token=token).status != 404

    return who_leaves(owner, upload, look)


def who_leaves(
    user: str,
    given: Callable[[ServiceUnderTest], object],
    look: Callable[[ServiceUnderTest], Any],
) -> EventStory:
    """The story of a user of whom nothing is left: `look` is true while something is."""
    gone = {"id": user, "username": "", "created_at": timestamp(), "deleted": True}
    told = (account(user), Told(events.ACCOUNT_CHANGED, user, 2, gone))
    return EventStory(told, look, False, deleted=(user,), given=given, is_erasure=True)


def ask(subject: ServiceUnderTest, route: str, user: str, body: Any = None) -> Any:
    """Send a request of a user, and return the body of its answer."""
    answer = subject.ask(route, caller="gateway", token=subject.auth.token(user), body=body)
    assert answer.status == 200, (route, answer)
    return answer.json()


def belongings_of(user: str, kind: str) -> Callable[[ServiceUnderTest], Any]:
    """Whether anything of a kind is left of a user."""

    def look(subject: ServiceUnderTest) -> bool:
        page = subject.ask(f"GET /belongings/{user}/{kind}", caller="media").json()
        return bool(page["records"])

    return look
