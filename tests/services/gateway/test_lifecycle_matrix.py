"""What others still reach of a user who is deleted, suspended or blocked: every place, every state.

Ada used every feature, and Ben saw all of it. Each probe tells whether Ben, or a stranger, still
gets something of Ada's, or whether what Ben does still reaches Ada. `KEPT` lists what a state
leaves open on purpose, with the reason. A place without an entry there must be closed; in the state
`active` every place must be open, so that no probe passes because it looks in the wrong place.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from services.media.application import suspended_owners
from services.posts.application import suspended_accounts
from tests.fakes.waiting import until
from tests.services.gateway.deployment import (
    PASSWORD,
    PICTURE_BYTES,
    GatewayDeployment,
    SignedInUser,
)
from tests.services.gateway.test_account_deletion import picture_of
from tests.services.gateway.test_exports import ready
from tests.services.gateway.test_shop import ask, sold
from tests.services.gateway.test_streaming import home_of

STATES = ("active", "deleted", "suspended", "blocked", "blocking")
"""`blocked`: Ada blocks Ben. `blocking`: Ben blocks Ada."""

_BY_ADDRESS = "docs/decisions/0011: who saw a picture knows its address"
_STRANGERS = "a block hides an account from one user, not from the public"
_OTHER_PARTY = "an order and its payment belong to the other party too, and to the books"
_OWN_LOGIN = "a block restricts what one sees and sends to another, not one's own account"
_PROFILE = "a profile is public; what its owner posts and sells is hidden from who is blocked"
_OWN_POST = "a reaction to Ben's own post"
_MAY_LOOK = "a block protects who blocks: they may still look at what they ask for"
_TO_UNBLOCK = "clients look a blocked account up to unblock it"

_BOTH_WAYS = {
    "picture": _BY_ADDRESS,
    "picture, cached": _BY_ADDRESS,
    "avatar": _BY_ADDRESS,
    "picture of a product": _BY_ADDRESS,
    "page of the profile": _STRANGERS,
    "page of the post": _STRANGERS,
    "feed of the profile": _STRANGERS,
    "shop of a stranger": _STRANGERS,
    "order": _OTHER_PARTY,
    "own token": _OWN_LOGIN,
    "own archive": _OWN_LOGIN,
    "profile": _PROFILE,
    "favourite": _OWN_POST,
}
"""What a block leaves open, whoever blocks."""

KEPT: dict[str, dict[str, str]] = {
    "deleted": {"order": _OTHER_PARTY},
    "suspended": {"order": _OTHER_PARTY},
    "blocked": _BOTH_WAYS,
    "blocking": {
        **_BOTH_WAYS,
        "search of accounts": _TO_UNBLOCK,
        **dict.fromkeys(("post", "posts of the account", "bookmarks", "favourites"), _MAY_LOOK),
    },
}


@dataclass
class Life:
    """Ada, Ben who follows her, and what she made."""

    deployment: GatewayDeployment
    ada: SignedInUser
    ben: SignedInUser
    judge: SignedInUser
    post: dict[str, Any]
    theirs: dict[str, Any]
    reply: dict[str, Any]
    avatar: str
    product: dict[str, Any]
    order: str

    async def is_served(self, name: str, **headers: str) -> bool:
        found = await self.deployment.ask("GET", f"/media/{name}", headers=headers)
        return found.status in (200, 304)

    async def shop(self, method: str, path: str, token: str = "", **content: Any) -> Any:
        return await ask(self.deployment, method, path, token, **content)

    @property
    def picture(self) -> str:
        return str(self.post["media_attachments"][0]["url"]).rpartition("/")[2]

    async def notes(self, type: str) -> list[Any]:
        """Ada's notifications of a type that Ben caused."""
        found = await self.ada.ask("GET", "/api/v1/notifications", params={"types[]": type})
        if found.status == 401:
            return []
        return [one for one in found.json() if one["account"]["id"] == self.ben.id]


Probe = Callable[[Life], Awaitable[bool]]
PROBES: dict[str, Probe] = {}


def probe(place: str) -> Callable[[Probe], Probe]:
    def add(function: Probe) -> Probe:
        PROBES[place] = function
        return function

    return add


def _page_of_statuses(place: str, path: str) -> None:
    @probe(place)
    async def listed(life: Life) -> bool:
        path_ = path.format(ada=life.ada.id, post=life.post["id"])
        found = await life.ben.ask("GET", f"/api/v1/{path_}")
        return found.status == 200 and life.ada.id in found.text


for _place, _path in {
    "home": "timelines/home",
    "public timeline": "timelines/public",
    "timeline of a hashtag": "timelines/tag/sea",
    "posts of the account": "accounts/{ada}/statuses",
    "bookmarks": "bookmarks",
    "favourites": "favourites",
    "notifications": "notifications",
    "conversations": "conversations",
    "search of accounts": "accounts/search?q=ada",
}.items():
    _page_of_statuses(_place, _path)


@probe("post")
async def _(life: Life) -> bool:
    return (await life.ben.ask("GET", f"/api/v1/statuses/{life.post['id']}")).status == 200


@probe("comment")
async def _(life: Life) -> bool:
    context = await life.ben.get(f"statuses/{life.theirs['id']}/context")
    return life.reply["id"] in [one["id"] for one in context["descendants"]]


@probe("favourite")
async def _(life: Life) -> bool:
    people = await life.ben.get(f"statuses/{life.theirs['id']}/favourited_by")
    return life.ada.id in [one["id"] for one in people]


@probe("list of followers")
async def _(life: Life) -> bool:
    people = await life.ben.get(f"accounts/{life.ben.id}/followers")
    return life.ada.id in [one["id"] for one in people]


@probe("profile")
async def _(life: Life) -> bool:
    found = await life.ben.ask("GET", f"/api/v1/accounts/{life.ada.id}")
    return found.status == 200 and "sailor" in found.json()["note"]


@probe("picture")
async def _(life: Life) -> bool:
    return await life.is_served(life.picture)


@probe("picture, cached")
async def _(life: Life) -> bool:
    return await life.is_served(life.picture, **{"if-none-match": f'"{life.picture}"'})


@probe("avatar")
async def _(life: Life) -> bool:
    return await life.is_served(life.avatar)


@probe("picture of a product")
async def _(life: Life) -> bool:
    url = str(life.product["pictures"][0]["url"])
    return await life.is_served(url.rpartition("/")[2])


def _shop_page(place: str, path: str, *, stranger: bool = False) -> None:
    @probe(place)
    async def listed(life: Life) -> bool:
        shop, id = life.product["shop_id"], life.product["id"]
        path_ = path.format(shop=shop, id=id, ada=life.ada.id)
        found = await life.shop("GET", path_, "" if stranger else life.ben.token)
        return found.status == 200 and (shop in found.text or id in found.text)


for _place, _path in {
    "shop": "/shops/{shop}",
    "shops of a user": "/shops?owner={ada}",
    "all shops": "/shops",
    "product": "/products/{id}",
    "products of a shop": "/products?shop={shop}",
    "all products": "/products",
    "search of products": "/products?q=mug",
}.items():
    _shop_page(_place, _path)
_shop_page("shop of a stranger", "/shops/{shop}", stranger=True)


@probe("order of a cart that was filled before")
async def _(life: Life) -> bool:
    body = {"card": "tok_ok", "expected_total": 2400, "currency": "EUR"}
    headers = {"idempotency-key": "before"}
    made = await life.shop("POST", "/checkouts", life.ben.token, json=body, headers=headers)
    return bool(made.status == 201)


@probe("new order")
async def _(life: Life) -> bool:
    item = {"product": life.product["id"], "variant": life.product["variants"][0]["id"]}
    filled = await life.shop(
        "PUT", "/cart", life.ben.token, json={"items": [{**item, "quantity": 1}]}
    )
    body = {"card": "tok_ok", "expected_total": 2400, "currency": "EUR"}
    headers = {"idempotency-key": "again"}
    made = await life.shop("POST", "/checkouts", life.ben.token, json=body, headers=headers)
    return bool(filled.status == 200 and made.status == 201)


@probe("order")
async def _(life: Life) -> bool:
    return bool((await life.shop("GET", f"/orders/{life.order}", life.ben.token)).status == 200)


def _page(place: str, path: str) -> None:
    @probe(place)
    async def shown(life: Life) -> bool:
        path_ = path.format(post=life.post["id"])
        found = await life.deployment.ask("GET", path_, headers={"accept": "text/html"})
        return found.status == 200 and ("boats" in found.text or "sailor" in found.text)


for _place, _path in {
    "page of the profile": "/@ada",
    "page of the post": "/@ada/{post}",
    "feed of the profile": "/@ada/feed.atom",
}.items():
    _page(_place, _path)


@probe("own token")
async def _(life: Life) -> bool:
    return (await life.ada.ask("GET", "/api/v1/accounts/verify_credentials")).status == 200


@probe("own archive")
async def _(life: Life) -> bool:
    return (await life.ada.ask("GET", "/api/v1/export/archive")).status == 200


@probe("stream")
async def _(life: Life) -> bool:
    """Whether Ben's stream sends what Ada posts now; a post of his own ends the wait."""
    async with home_of(life.ben) as stream:
        said = await life.ada.ask("POST", "/api/v1/statuses", json={"status": "news"})
        await life.deployment.cluster.settle()
        own = (await life.ben.post("statuses", {"status": "own"}))["id"]
        await life.deployment.cluster.settle()
        await until(lambda: own in str(stream.events))
        return said.status == 200 and said.json()["id"] in str(stream.events)


def _causes(type: str, cause: Callable[[Life], Awaitable[Any]]) -> None:
    @probe(f"notification of a {type}")
    async def notified(life: Life) -> bool:
        before = len(await life.notes(type))
        await cause(life)
        await life.deployment.cluster.settle()
        return len(await life.notes(type)) > before


async def _mention(life: Life) -> None:
    await life.ben.ask("POST", "/api/v1/statuses", json={"status": "@ada hello"})


async def _favourite(life: Life) -> None:
    await life.ben.ask("POST", f"/api/v1/statuses/{life.reply['id']}/favourite")


async def _boost(life: Life) -> None:
    await life.ben.ask("POST", f"/api/v1/statuses/{life.reply['id']}/reblog")


_causes("mention", _mention)
_causes("favourite", _favourite)
_causes("reblog", _boost)


async def a_life(deployment: GatewayDeployment) -> Life:
    ada, ben = await deployment.register("ada"), await deployment.register("ben")
    judge = await deployment.admin("judge")
    changed = await ada.ask(
        "PATCH", "/api/v1/accounts/update_credentials", json={"note": "sailor", "discoverable": 1}
    )
    assert changed.status == 200
    avatar = await picture_of(ada, "avatar")
    for one, other in ((ben, ada), (ada, ben)):
        await one.post(f"accounts/{other.id}/follow")
    await deployment.cluster.settle()
    picture = await ada.upload("a sail", PICTURE_BYTES)
    post = await ada.post("statuses", {"status": "boats #sea", "media_ids": [picture["id"]]})
    theirs = await ben.post("statuses", {"status": "mine"})
    reply = await ada.post("statuses", {"status": "nice", "in_reply_to_id": theirs["id"]})
    await ada.post("statuses", {"status": "@ben psst", "visibility": "direct"})
    await ada.post(f"statuses/{theirs['id']}/favourite")
    for verb in ("favourite", "bookmark"):
        await ben.post(f"statuses/{post['id']}/{verb}")
    mug = await ada.upload("a mug", PICTURE_BYTES)
    product = await sold(deployment, ada, media_ids=[mug["id"]])
    life = Life(deployment, ada, ben, judge, post, theirs, reply, avatar, product, "")
    item = {"product": product["id"], "variant": product["variants"][0]["id"], "quantity": 1}
    await deployment.cluster.settle()
    for key in ("first", ""):
        filled = await life.shop("PUT", "/cart", ben.token, json={"items": [item]})
        assert filled.status == 200, filled.text
        if key:
            body = {"card": "tok_ok", "expected_total": 2400, "currency": "EUR"}
            headers = {"idempotency-key": key}
            made = await life.shop("POST", "/checkouts", ben.token, json=body, headers=headers)
            life.order = made.json()["id"]
    await ada.post("export")
    await ready(ada)
    await deployment.cluster.settle()
    return life


async def enter(life: Life, state: str) -> None:
    """Bring Ada into a state, and let everybody hear of it."""
    ada, ben, cluster = life.ada, life.ben, life.deployment.cluster
    if state == "deleted":
        done = await ada.ask("POST", "/api/v1/accounts/delete", json={"password": PASSWORD})
        assert done.status == 200
    elif state == "suspended":
        await life.judge.post(f"admin/accounts/{ada.id}/action", {"type": "suspend"})
    elif state == "blocked":
        await ada.post(f"accounts/{ben.id}/block")
    elif state == "blocking":
        await ben.post(f"accounts/{ada.id}/block")
    for _ in range(12):
        await cluster.settle(rounds=1)
    for running in cluster.running:
        await running.service.token_verifier._read_revocations()


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch, fast_exports: None) -> None:
    monkeypatch.setattr(suspended_accounts, "LIST_TTL", 0.0)
    monkeypatch.setattr(suspended_owners, "LIST_TTL", 0.0)


@pytest.mark.parametrize("state", STATES)
async def test_every_place_is_closed_in_every_state(
    complete: GatewayDeployment, state: str
) -> None:
    life = await a_life(complete)
    # Seen before, so that a cache that is not emptied shows itself.
    for place in ("page of the profile", "page of the post", "shop", "product", "home", "avatar"):
        assert await PROBES[place](life), place
    await enter(life, state)
    reached = {place for place, is_reached in PROBES.items() if await is_reached(life)}
    expected = set(PROBES) if state == "active" else set(KEPT[state])
    assert (sorted(reached - expected), sorted(expected - reached)) == ([], [])


NAME = "Zanzibar_7"
WORDS = ("zanzibar", "harpsichord", "@example.net", "tulip", "walnut", "ocelot", "quince")
"""Of the deleted user: the name, the display name, the address, and texts of every kind."""


KEPT_KEYS = {
    # words of an index that all share; they lead to nothing of hers
    "catalog": ["word:"],
    "feed": ["tag:", "tagindex:", "trend:"],
    # what the admins were told, and what they decided on
    "users": ["report:"],
}


async def test_the_stores_hold_neither_name_nor_address_nor_texts_of_a_deleted_user(
    complete: GatewayDeployment,
) -> None:
    """What Ben wrote himself stays, also the name in it: it is his text."""
    token = await complete.app_token(await complete.app())
    form = {"username": NAME, "email": "zed@example.net", "password": PASSWORD, "agreement": True}
    made = await complete.ask("POST", "/api/v1/accounts", token, json={**form, "locale": "en"})
    ada = SignedInUser(complete, "", NAME, made.json()["access_token"])
    ada.id = (await ada.get("accounts/verify_credentials"))["id"]
    ben = await complete.register("ben")
    path = "/api/v1/accounts/update_credentials"
    fields = {"display_name": "Harpsichord", "note": "I play the harpsichord"}
    assert (await ada.ask("PATCH", path, json=fields)).status == 200
    await ada.post(f"accounts/{ben.id}/follow")
    await ben.post(f"accounts/{ada.id}/follow")
    await complete.cluster.settle()
    picture = await ada.upload("a walnut")
    post = await ada.post("statuses", {"status": "tulip #ocelot", "media_ids": [picture["id"]]})
    await ada.ask("PUT", f"/api/v1/statuses/{post['id']}", json={"status": "tulips #ocelot"})
    theirs = await ben.post("statuses", {"status": "mine"})
    await ada.post("statuses", {"status": "a tulip", "in_reply_to_id": theirs["id"]})
    await ada.post("statuses", {"status": "@ben tulip", "visibility": "direct"})
    await ada.post(f"statuses/{theirs['id']}/favourite")
    await ada.post(f"accounts/{ben.id}/note", {"comment": "quince"})
    await ada.post("tags/ocelot/follow")
    await ada.post("reports", {"account_id": ben.id, "comment": "quince"})
    await sold(complete, ada, "Walnut bowl")
    await ada.post("export")
    await ready(ada)
    await complete.cluster.settle()
    done = await ada.ask("POST", "/api/v1/accounts/delete", json={"password": PASSWORD})
    assert done.status == 200
    for _ in range(12):
        await complete.cluster.settle(rounds=1)
    left = {
        (service, key, word)
        for service, state in complete.cluster.states.items()
        for key in state.keys("")
        for word in WORDS
        if word in f"{key} {state.peek(key)}".lower()
        if not key.startswith(tuple(KEPT_KEYS.get(service, ())))
    }
    assert sorted(left) == []
    assert complete.cluster.blobs == {}
