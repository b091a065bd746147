"""The home page, the page of a post, and their forms, without scripts."""

from __future__ import annotations

import asyncio
from html import unescape
from typing import Any

import pytest

from services.clients.feed import FeedClient
from services.contracts import limits
from services.gateway.application import ready_pages
from tests.services.gateway.browser import FormBrowser
from tests.services.gateway.deployment import (
    WIDE_PICTURE_BYTES,
    GatewayDeployment,
    SignedInUser,
    hidden,
)


@pytest.fixture
async def ben(deployment: GatewayDeployment) -> SignedInUser:
    return await deployment.register("ben")


@pytest.fixture
async def ada(deployment: GatewayDeployment, ben: SignedInUser) -> FormBrowser:
    """A browser whose user follows ben."""
    browser = await FormBrowser(deployment).sign_up("ada")
    await browser.api("POST", f"/api/v1/accounts/{ben.id}/follow")
    return browser


async def test_home_shows_the_posts_of_people_one_follows(
    ada: FormBrowser, ben: SignedInUser
) -> None:
    picture = await ben.upload("Boats on the sand")
    post = await ben.post("statuses", {"status": "<i>Low</i> tide", "media_ids": [picture["id"]]})
    await ben.settled()
    page = (await ada.get("/")).text
    assert f'id="post-{post["id"]}"' in page
    assert "&lt;i&gt;Low" in page
    assert 'alt="Boats on the sand"' in page
    assert 'width="640" height="480"' in page


def sources(page: str) -> list[str]:
    """The `srcset` of each picture of posts."""
    return [unescape(part.split('"')[0]) for part in page.split('srcset="')[1:]]


async def test_a_page_offers_every_size_of_a_picture(ada: FormBrowser, ben: SignedInUser) -> None:
    picture = await ben.upload("Boats", WIDE_PICTURE_BYTES)
    await ben.post("statuses", {"status": "Low tide", "media_ids": [picture["id"]]})
    await ben.settled()
    medium = picture["meta"]["medium"]
    assert (medium["width"], medium["height"]) == (1080, 810)
    (offered,) = sources((await ada.get("/")).text)
    assert offered.split(", ") == [
        f"{picture['preview_url']} 640w",
        f"{medium['url']} 1080w",
        f"{picture['url']} 1600w",
    ]


async def test_a_picture_without_a_medium_size_has_two(ada: FormBrowser, ben: SignedInUser) -> None:
    """A narrow one, or one that is older than this size."""
    picture = await ben.upload("Boats")
    assert picture["meta"]["medium"] is None
    await ben.post("statuses", {"status": "Low tide", "media_ids": [picture["id"]]})
    await ben.settled()
    (offered,) = sources((await ada.get("/")).text)
    assert len(offered.split(", ")) == 2


@pytest.mark.parametrize("veiled", [False, True])
async def test_the_first_picture_in_sight_is_loaded_first(
    ada: FormBrowser, ben: SignedInUser, veiled: bool
) -> None:
    for name, sensitive in (("below", False), ("leading", False), ("above", veiled)):
        picture = await ben.upload(name)
        await ben.post(
            "statuses", {"status": name, "media_ids": [picture["id"]], "sensitive": sensitive}
        )
    await ben.settled()
    page = (await ada.get("/")).text
    (tag,) = [part.split(">")[0] for part in page.split("<img ")[1:] if 'priority="high"' in part]
    assert f'alt="{"leading" if veiled else "above"}"' in tag
    assert 'loading="lazy"' not in tag


async def test_older_posts_are_a_page_further(ada: FormBrowser, ben: SignedInUser) -> None:
    for number in range(21):
        await ben.post("statuses", {"status": f"Post {number}."})
    await ben.settled()
    first = (await ada.get("/")).text
    assert ("Post 20." in first, "Post 0." in first) == (True, False)
    older = first.split('rel="next" href="')[1].split('"')[0]
    assert "Post 0." in (await ada.get(f"/{older}")).text


@pytest.mark.parametrize("shown", [0, 1])
async def test_a_page_that_is_shorter_than_usual_leads_to_older_posts(
    ada: FormBrowser, ben: SignedInUser, monkeypatch: pytest.MonkeyPatch, shown: int
) -> None:
    """The feed says whether there is more: it leaves posts out that the viewer may not see."""
    read = FeedClient.timeline

    async def shorter(*given: Any, **named: Any) -> Any:
        page = await read(*given, **named)
        return {**page, "views": page["views"][:shown]}

    for number in range(21):
        await ben.post("statuses", {"status": f"Post {number}."})
    await ben.settled()
    monkeypatch.setattr(FeedClient, "timeline", shorter)
    for _ in range(2):  # the second page may come from a cache
        page = (await ada.get("/")).text
        assert page.count("<article") == shown
        assert 'rel="next"' in page
        assert "Welcome, @ada" not in page


@pytest.mark.parametrize("action", ["favourite", "bookmark", "reblog"])
async def test_the_page_after_a_like_shows_it(
    ada: FormBrowser, ben: SignedInUser, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    """Without scripts it is the only sign that it worked. Events are on their way meanwhile."""
    monkeypatch.setattr(ready_pages, "MAX_WAIT", 30)
    post = await ben.post("statuses", {"status": "Low tide"})
    await ben.settled()
    undo = f"/posts/{post['id']}/un{action}"
    assert undo not in (await ada.get("/")).text
    ada.deployment.cluster.broker.hold()
    sending = asyncio.create_task(ada.send(f"/posts/{post['id']}/{action}"))
    shown = ""
    while undo not in shown:
        shown = (await ada.get(f"/@ben/{post['id']}")).text
    assert not sending.done()
    ada.deployment.cluster.broker.release()
    assert (await sending).status == 303
    assert undo in (await ada.get("/")).text


async def test_a_like_leads_back_to_the_post(ada: FormBrowser, ben: SignedInUser) -> None:
    post = await ben.post("statuses", {"status": "Low tide"})
    await ben.settled()
    await ada.get("/tags/sea?max_id=7")
    led = await ada.send(f"/posts/{post['id']}/favourite")
    assert led.headers["location"] == f"/tags/sea?max_id=7#post-{post['id']}"
    page = (await ada.get(f"/@ben/{post['id']}")).text
    assert f'action="/posts/{post["id"]}/unfavourite"' in page
    assert 'aria-pressed="true"' in page


async def test_a_comment_has_the_visibility_of_its_post(
    ada: FormBrowser, ben: SignedInUser
) -> None:
    post = await ben.post("statuses", {"status": "For friends", "visibility": "private"})
    await ben.settled()
    page = (await ada.get(f"/@ben/{post['id']}")).text
    assert ">@ben </textarea>" in page
    form = {"status": "@ben I was there", "visibility": hidden(page)["visibility"]}
    await ada.send(f"/posts/{post['id']}/reply", **form)
    await ben.settled()
    assert "I was there" in (await ada.get(f"/@ben/{post['id']}")).text
    stranger = FormBrowser(ada.deployment)
    assert (await stranger.get(f"/@ben/{post['id']}")).status == 404
    context = await ben.get(f"statuses/{post['id']}/context")
    assert [reply["visibility"] for reply in context["descendants"]] == ["private"]


async def test_sensitive_pictures_are_veiled(ada: FormBrowser, ben: SignedInUser) -> None:
    body = {"status": "Careful", "spoiler_text": "Spiders", "sensitive": True}
    await ben.post("statuses", body)
    await ben.settled()
    page = (await ada.get("/")).text
    assert '<details class="veil"><summary>Spiders' in page


async def test_only_authors_delete_their_posts(ada: FormBrowser, ben: SignedInUser) -> None:
    post = await ben.post("statuses", {"status": "Low tide"})
    own = (await ada.api("POST", "/api/v1/statuses", json={"status": "High tide"})).json()
    await ben.settled()
    assert (await ada.send(f"/posts/{post['id']}/delete")).status in (403, 404)
    assert (await ada.send(f"/posts/{own['id']}/delete")).status == 303
    await ben.settled()
    assert (await ada.get(f"/@ada/{own['id']}")).status == 404
    assert (await ada.get(f"/@ben/{post['id']}")).status == 200


async def test_a_comment_that_is_refused_can_be_changed_and_sent_again(
    ada: FormBrowser, ben: SignedInUser
) -> None:
    post = await ben.post("statuses", {"status": "Low tide"})
    await ben.settled()
    typed = "\n<b> " + "x" * limits.MAX_POST_CHARACTERS
    refused = await ada.send(f"/posts/{post['id']}/reply", status=typed, visibility="public")
    assert refused.status == 422
    assert "What you typed is kept." in refused.text
    assert f'action="/posts/{post["id"]}/reply"' in refused.text
    assert hidden(refused.text) == {"visibility": "public"}
    kept = refused.text.split('name="status"')[1].split(">\n", 1)[1].split("</textarea>")[0]
    assert unescape(kept) == typed
    gone = await ada.send("/posts/7/reply", status="Hello there")
    assert gone.status == 404
    assert "Hello there</textarea>" in gone.text


async def test_a_form_of_another_site_is_not_offered_again(ada: FormBrowser) -> None:
    foreign = {"sec-fetch-site": "cross-site", "origin": "https://evil.example"}
    stranger = FormBrowser(ada.deployment)
    form = {"status": "Buy things", "visibility": "public"}
    refused = await stranger.api("POST", "/posts/7/reply", form=form, headers=foreign)
    assert refused.status == 403
    assert "Buy things" not in refused.text


async def test_strangers_are_led_to_the_login(ada: FormBrowser, ben: SignedInUser) -> None:
    post = await ben.post("statuses", {"status": "Low tide"})
    await ben.settled()
    stranger = FormBrowser(ada.deployment)
    page = (await stranger.get(f"/@ben/{post['id']}")).text
    assert "Log in to like and comment" in page
    led = await stranger.send(f"/posts/{post['id']}/favourite")
    assert led.headers["location"] == f"/login?next=/%40ben/{post['id']}"
