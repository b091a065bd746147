"""Entities are whole, and rendered once."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from pydantic import BaseModel

from services.contracts.accounts import (
    Account,
    AccountCounts,
    Mention,
    OwnAccount,
    Profile,
    ProfileField,
    Relationship,
)
from services.contracts.discovery import DayOfTag, Statistics, TagUse
from services.contracts.logins import App
from services.contracts.posts import Attachment, Post, PostCounts, PostView, Size
from services.gateway.presentation.cache import LruByteCache
from services.gateway.presentation.entities import apps, people, posts
from services.gateway.presentation.entities.instances import InstanceEntities
from services.gateway.presentation.html import HtmlWriter
from services.gateway.presentation.renderer import EntityRenderer
from services.gateway.presentation.urls import PublicUrls
from services.gateway.settings import GatewaySettings
from tests.mastodon.schemas import check, check_all

SITE = "https://micro.example"
WHEN = "2026-01-02T03:04:05.678Z"
at, writer = PublicUrls(SITE), HtmlWriter(PublicUrls(SITE))

ADA = Account(
    profile=Profile(
        id="114000000000000001",
        username="ada",
        display_name="Ada <b>",
        note="Hi #sea https://a.example",
        avatar="a.jpg",
        fields=[ProfileField(name="web", value="https://a.example")],
        created_at=WHEN,
    ),
    counts=AccountCounts(followers=1, following=2, statuses=3, last_status_at="2026-01-02"),
)
BARE = Account(profile=Profile(id="114000000000000002", username="bob", created_at=WHEN))
PICTURE = Attachment(
    id="114000000000000003",
    owner=ADA.profile.id,
    mime="image/jpeg",
    original="o.jpg",
    small="s.jpg",
    original_size=Size(width=4, height=3),
    small_size=Size(width=4, height=3),
    blurhash="LEHV",
)
POST = Post(
    id="114000000000000004",
    author=ADA.profile.id,
    text="Low tide #sea @bob",
    tags=["sea"],
    mentions=[Mention(id=BARE.profile.id, username="bob")],
    attachments=[PICTURE],
    application="toot",
    created_at=WHEN,
)
VIEW = PostView(post=POST, counts=PostCounts(favourites=1), favourited=True)


def parsed(model: BaseModel) -> Any:
    """As it comes over the wire."""
    return model.model_dump()


def rendered(room: int = 1 << 20) -> EntityRenderer:
    return EntityRenderer(at, writer, room)


@pytest.mark.parametrize("account", [ADA, BARE])
def test_accounts_are_complete(account: Account) -> None:
    check("Account", people.account(account, at, writer))
    own = OwnAccount(**account.model_dump(), follow_requests=3)
    entity = people.credential_account(own, at, writer)
    check("CredentialAccount", entity)
    assert entity["source"]["follow_requests_count"] == 3
    check("Preferences", people.preferences(account))


def test_accounts_without_pictures_have_default_images() -> None:
    assert people.account(BARE, at, writer)["avatar"] == f"{SITE}/static/avatar.png"
    assert people.account(ADA, at, writer)["avatar"] == f"{SITE}/media/a.jpg"


@pytest.mark.parametrize("view", [VIEW, PostView(post=Post(id="1", author="2", created_at=WHEN))])
def test_statuses_are_complete(view: PostView) -> None:
    authors = {ADA.profile.id: parsed(ADA), "2": parsed(ADA)}
    status = orjson.loads(rendered().status(parsed(view), authors))
    check("Status", status)
    assert status["url"] == f"{SITE}/@ada/{view.post.id}"


def test_other_entities_are_complete() -> None:
    check("Relationship", people.relationship(Relationship(id="1")))
    check("MediaAttachment", posts.attachment(PICTURE, at))
    medium = {"medium": "m.webp", "medium_size": Size(width=1080, height=810)}
    check("MediaAttachment", posts.attachment(PICTURE.model_copy(update=medium), at))
    check("StatusSource", posts.status_source(VIEW))
    app = App(id="1", client_id="c", name="toot", redirect_uris=["x:y"], scopes="read write")
    check("Application", apps.application(app))
    check("CredentialApplication", apps.credential_application(app))


def test_the_instance_is_complete() -> None:
    settings = GatewaySettings(app_id="gateway", app_port=1)
    instances = InstanceEntities(settings, at, writer)
    numbers = Statistics(users=3, posts=4, active_month=2, active_half_year=3)
    check("InstanceV1", instances.v1(numbers))
    check("Instance", instances.v2(numbers))
    check("NodeInfo", instances.nodeinfo(numbers))
    check_all("Rule", instances.rules())
    assert instances.v1(numbers)["stats"]["status_count"] == 4
    assert instances.v2(numbers)["usage"]["users"]["active_month"] == 2


def test_a_hashtag_is_complete() -> None:
    use = TagUse(name="sea", history=[DayOfTag(day=86_400, uses=3, accounts=2)])
    tag = posts.tag(use, at, following=True)
    check("Tag", tag)
    assert tag["history"] == [{"day": "86400", "uses": "3", "accounts": "2"}]


def test_rendered_entities_are_cached_until_they_change() -> None:
    renderer, authors = rendered(), {ADA.profile.id: parsed(ADA)}
    first = renderer.status(parsed(VIEW), authors)
    assert renderer.status(parsed(VIEW), authors) == first
    changes: list[tuple[dict[str, Any], str, Any]] = [
        ({"favourited": False}, "favourited", False),
        ({"bookmarked": True}, "bookmarked", True),
        ({"reblogged": True}, "reblogged", True),
        ({"pinned": True}, "pinned", True),
        ({"counts": PostCounts(favourites=7)}, "favourites_count", 7),
        ({"counts": PostCounts(replies=7)}, "replies_count", 7),
        ({"post": POST.model_copy(update={"language": "de"}), "version": 2}, "language", "de"),
    ]
    for change, field, value in changes:
        view = parsed(VIEW.model_copy(update=change))
        assert orjson.loads(renderer.status(view, authors))[field] == value


def test_a_new_follower_count_appears_in_cached_posts() -> None:
    renderer = rendered()
    renderer.status(parsed(VIEW), {ADA.profile.id: parsed(ADA)})
    counts = ADA.counts.model_copy(update={"followers": 9})
    author = parsed(ADA.model_copy(update={"counts": counts}))
    shown = orjson.loads(renderer.status(parsed(VIEW), {ADA.profile.id: author}))
    assert shown["account"]["followers_count"] == 9


def test_a_boost_shows_its_post_or_is_left_out() -> None:
    boost = Post(id="5", author=BARE.profile.id, reblog_of_id=POST.id, created_at=WHEN)
    view = parsed(PostView(post=boost, reblog=VIEW, counts=VIEW.counts, reblogged=True))
    authors = {row.profile.id: parsed(row) for row in (ADA, BARE)}
    status = orjson.loads(rendered().status(view, authors))
    check("Status", status)
    assert (status["account"]["username"], status["reblog"]["account"]["username"]) == (
        "bob",
        "ada",
    )
    assert status["reblog"]["id"] == POST.id
    del authors[ADA.profile.id]
    assert orjson.loads(rendered().statuses([view], authors)) == []


def test_posts_of_missing_authors_are_left_out() -> None:
    views = [parsed(VIEW), parsed(VIEW)]
    assert orjson.loads(rendered().statuses(views, {})) == []
    check_all("Status", orjson.loads(rendered().statuses(views, {POST.author: parsed(ADA)})))


def test_the_byte_cache_is_bounded_and_evicts_the_least_recently_used() -> None:
    cache = LruByteCache(10_000)
    for n in range(100):
        cache.put(n, b"x" * 600)
        cache.get(0)
    assert len(cache) <= 10
    assert cache.get(0) is not None
    assert cache.get(1) is None


def test_suspended_accounts_show_only_their_username() -> None:
    suspended = ADA.model_copy(
        update={"profile": ADA.profile.model_copy(update={"suspended": True})}
    )
    blank = people.account(suspended, at, writer)
    check("Account", blank)
    assert blank["suspended"] is True
    assert blank["username"] == "ada"
    assert (blank["display_name"], blank["note"], blank["fields"]) == ("", "", [])
    assert "a.jpg" not in blank["avatar"]
