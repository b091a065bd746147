"""The scopes of GraphQL fields: every field of the schema has an expectation."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import orjson
import pytest
from fastapi import FastAPI
from graphql import (
    GraphQLField,
    GraphQLObjectType,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)

from services.chassis.dapr.transport import InvocationResponse
from services.chassis.errors import NotFound
from services.gateway.app import create_app, create_service
from services.gateway.graphql.schema.root import build_schema
from services.gateway.settings import GatewaySettings
from tests.fakes import FakeCluster
from tests.services.gateway.deployment import GatewayDeployment, SignedInUser
from tests.services.gateway.graphql_client import send

SCHEMA = build_schema()._schema

OPEN = ("", False)
"""The field is part of its object."""


def scope(name: str) -> tuple[str, bool]:
    return name, False


def person(name: str) -> tuple[str, bool]:
    return name, True


ACCOUNTS, POSTS = scope("read:accounts"), scope("read:statuses")
SHOPS, SELLING = scope("read:shop"), person("write:shop")
FOLLOWING, POSTING = person("write:follows"), person("write:statuses")

GUARDED: dict[str, tuple[str, bool]] = {
    "Query.viewer": person("read:accounts"),
    "Query.person": ACCOUNTS,
    "Query.people": ACCOUNTS,
    "Query.searchPeople": person("read:accounts"),
    "Query.post": POSTS,
    "Query.posts": POSTS,
    "Query.home": person("read:statuses"),
    "Query.publicPosts": POSTS,
    "Query.taggedPosts": POSTS,
    "Query.favourites": person("read:favourites"),
    "Query.bookmarks": person("read:bookmarks"),
    "Query.blocks": person("read:blocks"),
    "Query.mutes": person("read:mutes"),
    "Query.followRequests": person("read:follows"),
    "Query.notifications": person("read:notifications"),
    "Query.conversations": person("read:statuses"),
    "Query.unreadNotifications": person("read:notifications"),
    "Query.shop": SHOPS,
    "Query.shops": SHOPS,
    "Query.product": SHOPS,
    "Query.products": SHOPS,
    "Query.cart": person("read:shop"),
    "Query.order": person("read:shop"),
    "Query.orders": person("read:shop"),
    "Mutation.setCart": SELLING,
    "Mutation.addToCart": SELLING,
    "Mutation.setCartQuantity": SELLING,
    "Mutation.checkout": SELLING,
    "Mutation.cancelOrder": SELLING,
    "Mutation.refundOrder": SELLING,
    "Mutation.createShop": SELLING,
    "Mutation.editShop": SELLING,
    "Mutation.createProduct": SELLING,
    "Mutation.editProduct": SELLING,
    "Mutation.setStock": SELLING,
    "Mutation.createPost": POSTING,
    "Mutation.editPost": POSTING,
    "Mutation.deletePost": POSTING,
    "Mutation.favourite": person("write:favourites"),
    "Mutation.unfavourite": person("write:favourites"),
    "Mutation.bookmark": person("write:bookmarks"),
    "Mutation.unbookmark": person("write:bookmarks"),
    "Mutation.reblog": POSTING,
    "Mutation.unreblog": POSTING,
    "Mutation.pin": person("write:accounts"),
    "Mutation.unpin": person("write:accounts"),
    "Mutation.follow": FOLLOWING,
    "Mutation.unfollow": FOLLOWING,
    "Mutation.removeFollower": FOLLOWING,
    "Mutation.acceptFollowRequest": FOLLOWING,
    "Mutation.rejectFollowRequest": FOLLOWING,
    "Mutation.block": person("write:blocks"),
    "Mutation.unblock": person("write:blocks"),
    "Mutation.mute": person("write:mutes"),
    "Mutation.unmute": person("write:mutes"),
    "Mutation.annotate": person("write:accounts"),
    "Mutation.updateProfile": person("write:accounts"),
    "Mutation.readConversation": person("write:conversations"),
    "Mutation.removeConversation": person("write:conversations"),
    "Mutation.dismissNotification": person("write:notifications"),
    "Mutation.clearNotifications": person("write:notifications"),
    "Mutation.readNotifications": POSTING,
    "Subscription.home": person("read:statuses"),
    "Subscription.publicPosts": person("read:statuses"),
    "Subscription.taggedPosts": person("read:statuses"),
    "Subscription.conversations": person("read:statuses"),
    "Subscription.notifications": person("read:notifications"),
    "Person.relationship": person("read:follows"),
    "Person.posts": POSTS,
    "Person.pinnedPosts": POSTS,
    "Person.followers": ACCOUNTS,
    "Person.following": ACCOUNTS,
    "Person.shops": SHOPS,
    "Shop.products": SHOPS,
    "Product.stock": person("read:shop"),
    "Relationship.person": ACCOUNTS,
    "Post.text": person("read:statuses"),
    "Post.products": SHOPS,
    "Post.ancestors": POSTS,
    "Post.comments": POSTS,
    "Post.favouritedBy": POSTS,
    "Post.rebloggedBy": POSTS,
    "Post.history": POSTS,
}
"""The required scope, and whether a token is required, as in the client API."""

BESIDE = {
    "Viewer": "person followRequestsCount defaultVisibility defaultSensitive defaultLanguage note",
    "Person": "id username displayName locked bot discoverable suspended createdAt avatarUrl "
    "headerUrl url followersCount followingCount postsCount lastPostOn noteHtml fields",
    "Relationship": "id following requested requestedBy followedBy showingReblogs notifying "
    "blocking blockedBy muting mutingNotifications mutingExpiresAt note",
    "Post": "id spoilerText visibility sensitive language createdAt editedAt application "
    "inReplyToId favouritesCount reblogsCount commentsCount favourited bookmarked reblogged "
    "pinned author html url pictures tags mentions reblogOf inReplyTo",
    "Conversation": "id unread people lastPost",
    "Notification": "id type createdAt person post orderId what",
    "PostNews": "event id post",
    "Cart": "lines gone total revision shop seller",
    "Line": "productId variantId title name quantity price addedPrice available picture product",
    "Order": "id lines total state reason paid history createdAt buyer seller shop",
    "Shop": "id name description currency archived createdAt editedAt version url owner",
    "Product": "id title description variants archived createdAt editedAt version url pictures "
    "seller shop",
}
"""Fields that are visible with their object."""

PLAIN = {
    *("PageInfo", "Picture", "ProfileField", "Tag", "Version"),
    *("Money", "Variant", "Stock", "GoneItem", "OrderEvent"),
}
"""Types whose fields are all part of their object, like connections and edges."""


def fields() -> Iterator[tuple[str, GraphQLField]]:
    """Every field that needs an expectation, as `Type.field`."""
    for name, kind in SCHEMA.type_map.items():
        is_part = name in PLAIN or name.endswith(("Connection", "Edge"))
        if isinstance(kind, GraphQLObjectType) and not name.startswith("__") and not is_part:
            for field, definition in kind.fields.items():
                yield f"{name}.{field}", definition


FIELDS = dict(fields())


def expected(field: str) -> tuple[str, bool]:
    return GUARDED.get(field, OPEN)


def test_every_field_has_an_expectation() -> None:
    beside = {f"{kind}.{field}" for kind, names in BESIDE.items() for field in names.split()}
    assert not beside & GUARDED.keys()
    assert FIELDS.keys() == beside | GUARDED.keys()


# ── who may ask, by what their token covers ─────────────────────────────────────────────────────

ID = "118000000000000000"
PROFILE = {"id": ID, "username": "anna", "created_at": "2026-01-01T00:00:00.000Z"}
ACCOUNT = {"profile": PROFILE, "counts": {}, "version": 1}
POST = {"id": ID, "author": ID, "created_at": "2026-01-01T00:00:00.000Z"}
SOLD = {"id": ID, "currency": "EUR", "created_at": "2026-01-01T00:00:00.000Z"}
SHOP = {**SOLD, "owner": ID}
PRODUCT = {**SOLD, "shop": ID, "seller": ID}
VIEW = {"post": POST, "version": 1, "counts": {}}


class Services:
    """Returns one object of each kind, to reach the fields below, and nothing else."""

    async def invoke(
        self, app: str, path: str, *, method: str = "GET", **_: Any
    ) -> InvocationResponse:
        known: dict[str, Any] = {
            "accounts": {ID: ACCOUNT},
            "posts/views": [VIEW],
            f"accounts/{ID}/follow": {"id": ID},
            f"shops/{ID}": {"shop": SHOP},
            "products": {"products": [{"product": PRODUCT}], "last": ""},
        }
        if path not in known or (method, path) == ("POST", "products"):
            raise NotFound("There is no such thing.")
        return InvocationResponse(200, orjson.dumps(known[path]), {})


def gateway(settings: GatewaySettings) -> FastAPI:
    return create_app(create_service(settings), Services())


@pytest.fixture
async def alone() -> AsyncIterator[GatewayDeployment]:
    async with FakeCluster() as cluster:
        yield GatewayDeployment(cluster, await cluster.start(gateway, "gateway"))


VALUES = {
    "ID": f'"{ID}"',
    "String": '"a"',
    "Int": "1",
    "Boolean": "true",
    "NewPost": '{text: "a"}',
    "EditedPost": "{}",
    "ProfileChanges": "{}",
    "CartItem": f'{{productId: "{ID}", variantId: "{ID}"}}',
    "Minor": "1",
    "NewShop": '{name: "a", currency: "EUR"}',
    "EditedShop": "{}",
    "NewProduct": f'{{shopId: "{ID}", title: "a", variants: []}}',
    "EditedProduct": "{}",
}


def asking(field: str) -> str:
    """An operation with one field."""
    kind, _, name = field.partition(".")
    definition = FIELDS[field]
    required = [
        f"{each}: {_value(argument.type)}"
        for each, argument in definition.args.items()
        if is_required_argument(argument)
    ]
    if field == "Query.person":
        required = [f'id: "{ID}"']
    given = f"({', '.join(required)})" if required else ""
    inner = "" if is_leaf_type(get_named_type(definition.type)) else " { __typename }"
    way = {
        "Person": f'{{ person(id: "{ID}") {{ %s }} }}',
        "Post": f'{{ post(id: "{ID}") {{ %s }} }}',
        "Shop": f'{{ shop(id: "{ID}") {{ %s }} }}',
        "Product": f'{{ product(id: "{ID}") {{ %s }} }}',
        "Relationship": f'mutation {{ follow(id: "{ID}") {{ %s }} }}',
    }.get(kind, f"{kind.lower()} {{ %s }}")
    return way % f"{name}{given}{inner}"


def _value(kind: Any) -> str:
    named = VALUES[get_named_type(kind).name]
    return f"[{named}]" if "[" in str(kind) else named


SCOPES = {
    "Person": "read:accounts",
    "Post": "read:statuses",
    "Shop": "read:shop",
    "Product": "read:shop",
    "Relationship": "write:follows",
}
"""The query that leads to a field."""

OVER_HTTP = sorted(field for field in GUARDED if not field.startswith("Subscription."))


@pytest.mark.parametrize("field", OVER_HTTP)
async def test_a_field_requires_its_scope(alone: GatewayDeployment, field: str) -> None:
    scope, needs_person = expected(field)
    way = SCOPES.get(field.partition(".")[0], "")
    enough = f"{scope} {way}".strip()
    others = "read:lists" if not way or way == scope else way
    nobody = await code(alone, field, "")
    if needs_person or way == "write:follows":
        assert nobody == "UNAUTHENTICATED"
    else:
        assert nobody not in ("UNAUTHENTICATED", "FORBIDDEN")
    token = alone.cluster.token
    assert await code(alone, field, token("7", others)) == "FORBIDDEN"
    covered = await code(alone, field, token("7", enough))
    assert covered not in ("UNAUTHENTICATED", "FORBIDDEN", "INTERNAL"), covered
    app = await code(alone, field, token("", enough))
    if needs_person or way == "write:follows":
        assert app == "UNAUTHENTICATED"
    else:
        assert app not in ("UNAUTHENTICATED", "FORBIDDEN")


async def code(deployment: GatewayDeployment, field: str, token: str) -> str:
    """The error code of a field; empty without an error."""
    said = (await send(deployment, token, query=asking(field))).json()
    codes = [error["extensions"]["code"] for error in said.get("errors", [])]
    assert len(codes) < 2, said
    return codes[0] if codes else ""


# ── who sees which posts, whatever way leads to them ────────────────────────────────────────────

WAYS = {
    "Query.home": "home { nodes { id } }",
    "Query.publicPosts": "publicPosts { nodes { id } }",
    "Query.taggedPosts": 'taggedPosts(tag: "here") { nodes { id } }',
    "Query.favourites": "favourites { nodes { id } }",
    "Query.bookmarks": "bookmarks { nodes { id } }",
    "Query.posts": "posts(ids: $ids) { id }",
    "Query.post": "post(id: $top) { id }",
    "Person.posts": "author: person(id: $author) { posts(first: 40) { nodes { id } } }",
    "Person.pinnedPosts": "pinning: person(id: $author) { pinnedPosts { id } }",
    "Post.comments": "above: post(id: $top) { comments(first: 40) { nodes { id } } }",
    "Post.ancestors": "below: post(id: $bottom) { ancestors { id } }",
    "Post.inReplyTo": "answers: posts(ids: $ids) { inReplyTo { id } }",
    "Post.reblogOf": "boosts: posts(ids: $ids) { reblogOf { id } }",
    "Conversation.lastPost": "conversations { nodes { lastPost { id } } }",
    "Notification.post": "notifications(first: 80) { nodes { post { id } } }",
}
"""A query for every field that leads to posts."""

CHANGES = ("Mutation.", "Subscription.", "PostNews.")
"""Fields that return the caller's own posts, and events, which the dispatcher sends."""


def test_every_field_with_posts_has_a_query() -> None:
    leading = {
        field
        for field, definition in FIELDS.items()
        if get_named_type(definition.type).name in ("Post", "PostConnection")
    }
    assert {field for field in leading if not field.startswith(CHANGES)} == WAYS.keys()


async def test_no_field_shows_a_post_that_rest_hides(
    deployment: GatewayDeployment,
) -> None:
    names = ("author", "follower", "stranger", "blocked")
    people = {name: await deployment.register(name) for name in names}
    author, follower = people["author"], people["follower"]
    await follower.post(f"accounts/{author.id}/follow")
    await deployment.cluster.settle()
    made = await _posts(deployment, author, follower)
    await author.post(f"accounts/{people['blocked'].id}/block")
    await deployment.cluster.settle()
    given = {
        "ids": [*made.values()],
        "top": made["private"],
        "bottom": made["below"],
        "author": author.id,
    }
    for name in ("", *names):
        token = people[name].token if name else ""
        found = await _all_ids(deployment, token, given)
        for way, ids in found.items():
            for id in ids:
                shown = await deployment.ask("GET", f"/api/v1/statuses/{id}", token)
                assert shown.status == 200, (name, way, id)
    everything = await _all_ids(deployment, author.token, given)
    assert {id for ids in everything.values() for id in ids} >= {*made.values()}


async def _posts(
    deployment: GatewayDeployment, author: SignedInUser, follower: SignedInUser
) -> dict[str, str]:
    """Posts of every visibility, a thread and a boost, all with interactions."""
    made: dict[str, str] = {}
    for visibility in ("public", "unlisted", "private", "direct"):
        text = f"#here for @follower and @blocked, {visibility}"
        body = {"status": text, "visibility": visibility}
        made[visibility] = (await author.post("statuses", body))["id"]
    answer = {"in_reply_to_id": made["private"], "visibility": "private"}
    comment = await follower.post("statuses", {"status": "@author I see", **answer})
    made["comment"] = comment["id"]
    below = {"status": "so do I", "in_reply_to_id": made["comment"], "visibility": "private"}
    made["below"] = (await author.post("statuses", below))["id"]
    made["boost"] = (await author.post(f"statuses/{made['public']}/reblog"))["id"]
    await author.post(f"statuses/{made['private']}/pin")
    for id in (made["public"], made["private"]):
        await follower.post(f"statuses/{id}/favourite")
        await follower.post(f"statuses/{id}/bookmark")
    await deployment.cluster.settle()
    return made


async def _all_ids(
    deployment: GatewayDeployment, token: str, given: dict[str, Any]
) -> dict[str, list[str]]:
    """The ids of all posts that each query returns."""
    found = {}
    for field, way in WAYS.items():
        names = {name: kind for name, kind in _VARIABLES.items() if f"${name}" in way}
        typed = ", ".join(f"${name}: {kind}" for name, kind in names.items())
        query = f"query ({typed}) {{ {way} }}" if typed else f"{{ {way} }}"
        variables = {name: given[name] for name in names}
        said = (await send(deployment, token, query=query, variables=variables)).json()
        found[field] = [*_ids(said["data"])]
    return found


_VARIABLES = {"ids": "[ID!]!", "top": "ID!", "bottom": "ID!", "author": "ID!"}


def _ids(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield from [each] if name == "id" else _ids(each)
    elif isinstance(value, list):
        for each in value:
            yield from _ids(each)
