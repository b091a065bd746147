"""Cards of posts are kept, and shared by viewers to whom a post looks the same."""

from __future__ import annotations

import re
from typing import Any, cast

import orjson
import pytest

from services.chassis.security.caller import Caller
from services.clients.json_types.posts import PostViewJson
from services.contracts.accounts import Account, AccountCounts, Profile
from services.contracts.posts import Post, PostCounts, PostView
from services.gateway.http.own_hosts import OwnHosts
from services.gateway.presentation.html import HtmlWriter
from services.gateway.presentation.renderer import EntityRenderer
from services.gateway.presentation.urls import PublicUrls
from services.gateway.web.renderer import PageRenderer
from services.gateway.web.timelines import StatusPage

SITE, WHEN = "https://micro.example", "2026-01-02T03:04:05.678Z"
ADA, BEN, CLEO = "114000000000000001", "114000000000000002", "114000000000000003"
POST, BOOST = "114000000000000004", "114000000000000005"
KEY = re.compile(r'name="key" value="([^"]+)"')


def caller(user: str) -> Caller:
    return Caller(user, "", "", frozenset(), "", username="somebody")


def account(id: str, name: str = "Ben", followers: int = 0) -> Any:
    profile = Profile(id=id, username="ben", display_name=name, created_at=WHEN)
    return Account(profile=profile, counts=AccountCounts(followers=followers)).model_dump()


def status(author: Any, *, likes: int = 0, boosted_by: Any = None, **fields: Any) -> Any:
    """A Status as pages get it."""
    marks = {name: fields.pop(name) for name in ("favourited", "bookmarked") if name in fields}
    post = Post(id=POST, author=author["profile"]["id"], created_at=WHEN, **fields)
    view = PostView(post=post, counts=PostCounts(favourites=likes), **marks)
    authors = {author["profile"]["id"]: author}
    if boosted_by:
        id = boosted_by["profile"]["id"]
        authors[id] = boosted_by
        view = PostView(post=Post(id=BOOST, author=id, created_at=WHEN), reblog=view)
    at, row = PublicUrls(SITE), cast(PostViewJson, view.model_dump())
    return orjson.loads(EntityRenderer(at, HtmlWriter(at), 1 << 20).status(row, authors))


class Pages:
    """The home page of some viewers, by one renderer."""

    def __init__(self) -> None:
        self._pages = PageRenderer("Microgram", SITE, OwnHosts(SITE, 1))

    def home(self, viewer: str, shown: Any) -> str:
        page = StatusPage([shown], "", ())
        answer = self._pages.render(
            "home", viewer=caller(viewer), page=page, is_first=True, leading=""
        )
        return bytes(answer.body).decode()


def without_keys(page: str) -> str:
    return KEY.sub("", page).replace(ADA, "").replace(CLEO, "")


@pytest.mark.parametrize(
    "other",
    [
        (CLEO, status(account(BEN), text="Low tide")),
        (ADA, status(account(BEN, followers=7), text="Low tide")),
    ],
)
def test_a_card_that_is_kept_is_the_card_that_would_be_made(other: tuple[str, Any]) -> None:
    pages = Pages()
    first = pages.home(ADA, status(account(BEN), text="Low tide"))
    assert "Low tide" in first
    assert without_keys(pages.home(*other)) == without_keys(first)
    assert without_keys(Pages().home(*other)) == without_keys(first)


@pytest.mark.parametrize(
    ("viewer", "shown"),
    [
        (BEN, status(account(BEN), text="Low tide")),
        (ADA, status(account(BEN), text="High tide")),
        (ADA, status(account(BEN, name="Benny"), text="Low tide")),
        (ADA, status(account(BEN), text="Low tide", likes=1)),
        (ADA, status(account(BEN), text="Low tide", favourited=True)),
        (ADA, status(account(BEN), text="Low tide", bookmarked=True)),
        (ADA, status(account(BEN), text="Low tide", visibility="private")),
        (ADA, status(account(BEN), text="Low tide", edited_at=WHEN)),
        (ADA, status(account(BEN), text="Low tide", boosted_by=account(CLEO))),
    ],
)
def test_what_looks_different_has_a_card_of_its_own(viewer: str, shown: Any) -> None:
    pages = Pages()
    other = pages.home(ADA, status(account(BEN), text="Low tide"))
    page = pages.home(viewer, shown)
    assert without_keys(page) == without_keys(Pages().home(viewer, shown))
    assert page.split("<article")[1] != other.split("<article")[1]


def test_each_form_of_a_comment_has_a_key_of_its_own() -> None:
    pages, post = Pages(), status(account(BEN), text="Low tide")
    keys = [KEY.findall(pages.home(ADA, post)) for _ in range(3)]
    assert all(len(found) == 1 for found in keys)
    assert len({found[0] for found in keys}) == 3


def test_only_the_author_of_a_boosted_post_may_edit_it() -> None:
    boost = status(account(BEN), text="Low tide", boosted_by=account(CLEO))
    pages = Pages()
    edit = f"/posts/{POST}/edit"
    assert [edit in pages.home(user, boost) for user in (BEN, CLEO, ADA)] == [True, False, False]
