"""Commands: requests that change a document, and the events that the service then publishes.

Stories are for services that tell because of what others told. These tell because they were asked.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any

from services.chassis.ids import SnowflakeGenerator, timestamp
from services.contracts import catalog, events
from services.contracts.posts import ATTACHMENT
from tests.conformance.kit import ServiceUnderTest
from tests.conformance.peer_client import Answer, Stream
from tests.conformance.story import Effects, Told

_ids = SnowflakeGenerator()

_SCOPES = "read write"


class Requester:
    """Sends requests of one trace to the service under test."""

    def __init__(self, subject: ServiceUnderTest, caller: str = "gateway") -> None:
        self.trace = secrets.token_hex(16)
        self._subject = subject
        self._caller = caller

    def send(self, route: str, body: Any = None, *, user: str = "", **headers: str) -> Any:
        """Return the body of an answer, which must be a success."""
        answer: Answer = self._subject.ask(
            route,
            caller=self._caller,
            body=body,
            token=self._subject.auth.token(user, _SCOPES) if user else "",
            headers={
                "traceparent": f"00-{self.trace}-{secrets.token_hex(8)}-01",
                "x-request-id": self.trace,
                **headers,
            },
        )
        assert answer.status == 200, (route, answer)
        return answer.json()

    def effects(self, *causes: tuple[events.EventType[Any], str], **more: Any) -> Effects:
        """What the service publishes because of these requests."""
        return Effects(causes, frozenset({self.trace}), **more)


Command = Callable[[ServiceUnderTest], Effects]


def who_registers_has_a_login(subject: ServiceUnderTest) -> Effects:
    requester = Requester(subject)
    return requester.effects((events.LOGIN_REGISTERED, _register(requester)["user_id"]))


def who_leaves_has_no_login(subject: ServiceUnderTest) -> Effects:
    requester = Requester(subject)
    login = _register(requester)
    proof = {"login": login["username"], "password": _PASSWORD}
    id = requester.send("POST /deletions", proof)["user_id"]
    return requester.effects(
        (events.LOGIN_REGISTERED, id),
        tombstones=((events.LOGIN_REGISTERED, id, login["username"]),),
    )


def a_checkout_is_an_order(subject: ServiceUnderTest) -> Effects:
    subject.peers["catalog"].tell(
        answers={
            "POST /quotes": {"lines": [catalog.QUOTE_LINE]},
            "POST /reservations": _NOTHING_LEFT,
        }
    )
    requester, buyer = Requester(subject), _ids.next()
    cart = requester.send("POST /cart/items", catalog.ITEM, user=buyer)
    checkout = {
        "idempotency_key": buyer,
        "card": "tok_ok",
        "expected_total": cart["total"],
        "currency": cart["currency"],
    }
    order = requester.send("POST /checkouts", checkout, user=buyer)
    return requester.effects(
        (events.ORDER_CHANGED, order["id"]), calls=(("catalog", "POST /quotes"),)
    )


def an_edited_product_is_told_twice(subject: ServiceUnderTest) -> Effects:
    subject.peers["media"].tell(answers={"POST /claims": [ATTACHMENT]})
    requester, owner = Requester(subject), _ids.next()
    shop = _open_shop(requester, owner)
    wanted = {"title": "Mug", "media_ids": [ATTACHMENT["id"]], "variants": [{"price": 2_400}]}
    made = requester.send("POST /products", {"shop": shop, **wanted}, user=owner)
    id = made["product"]["id"]
    revision = {"if-match": f'"{made["version"]}"'}
    requester.send(f"PATCH /products/{id}", {"title": "Large mug"}, user=owner, **revision)
    return requester.effects(
        (events.SHOP_CHANGED, shop),
        *[(events.PRODUCT_CHANGED, id)] * 2,
        calls=(("media", "POST /claims"),),
    )


def who_leaves_has_no_shop(subject: ServiceUnderTest) -> Effects:
    requester, owner = Requester(subject), _ids.next()
    shop = _open_shop(requester, owner)
    subject.peers["auth"].tell(deleted=[owner])
    gone = {"id": owner, "username": "", "created_at": timestamp(), "deleted": True}
    trace = _tell(subject, Told(events.ACCOUNT_CHANGED, owner, 2, gone))
    return Effects(
        ((events.SHOP_CHANGED, shop),),
        frozenset({requester.trace, trace}),
        tombstones=((events.SHOP_CHANGED, shop, _SHOP["name"]),),
    )


def an_authorization_is_a_payment(subject: ServiceUnderTest) -> Effects:
    requester, order = Requester(subject, caller="orders"), _ids.next()
    price = {"buyer": _ids.next(), "seller": _ids.next(), "amount": 4_900, "currency": "EUR"}
    requester.send(f"POST /payments/{order}/authorize", {**price, "card": "tok_ok"})
    requester.send(f"POST /payments/{order}/capture")
    return requester.effects((events.PAYMENT_CHANGED, order))


def a_liked_post_is_counted(subject: ServiceUnderTest) -> Effects:
    requester, author = Requester(subject), _ids.next()
    post = _write_post(requester, author)
    requester.send(f"POST /posts/{post}/favourite", user=author)
    return requester.effects(
        (events.POST_CHANGED, post),
        (events.MARK_CHANGED, f"{author}:{post}"),
        (events.FAVOURITES_COUNTED, post),
    )


def a_deleted_post_is_a_tombstone(subject: ServiceUnderTest) -> Effects:
    requester, author = Requester(subject), _ids.next()
    post = _write_post(requester, author)
    requester.send(f"DELETE /posts/{post}", user=author)
    return requester.effects(
        (events.POST_CHANGED, post),
        tombstones=((events.POST_CHANGED, post, "a post"),),
    )


def a_mention_is_looked_up(subject: ServiceUnderTest) -> Effects:
    subject.peers["users"].tell(answers={"POST /lookups": {}})
    requester, author = Requester(subject), _ids.next()
    post = _write_post(requester, author, "a post for @nobody")
    return requester.effects((events.POST_CHANGED, post), calls=(("users", "POST /lookups"),))


COMMANDS: Mapping[str, tuple[Command, ...]] = {
    "auth": (who_registers_has_a_login, who_leaves_has_no_login),
    "catalog": (an_edited_product_is_told_twice, who_leaves_has_no_shop),
    "orders": (a_checkout_is_an_order,),
    "payments": (an_authorization_is_a_payment,),
    "posts": (a_liked_post_is_counted, a_deleted_post_is_a_tombstone, a_mention_is_looked_up),
}
"""By service."""

_PASSWORD = "analytical engine"

_SHOP = {"name": "Anna's pottery", "currency": "EUR"}

_NOTHING_LEFT = {
    "order": "1",
    "state": "refused",
    "missing": [catalog.ITEM["variant"]],
}
"""What catalog answers, so that the saga of an order ends without a payment."""


def _register(requester: Requester) -> Any:
    name = f"u{secrets.token_hex(8)}"
    form = {"username": name, "email": f"{name}@example.org", "password": _PASSWORD}
    return requester.send("POST /registrations", {**form, "agreement": True})


def _tell(subject: ServiceUnderTest, told: Told) -> str:
    """Deliver an event to the service, and return the trace to which it belongs."""
    stream = Stream(subject.producer(told.kind.topic), told.kind.topic)
    stream.deliver([stream.event(told.kind, told.subject, told.version, told.data)])
    return stream.trace


def _open_shop(requester: Requester, owner: str) -> str:
    id: str = requester.send("POST /shops", _SHOP, user=owner)["shop"]["id"]
    return id


def _write_post(requester: Requester, author: str, text: str = "a post") -> str:
    id: str = requester.send("POST /posts", {"text": text}, user=author)["post"]["id"]
    return id
