"""Explore, notifications and messages, without scripts."""

from __future__ import annotations

import pytest

from tests.services.gateway.browser import FormBrowser
from tests.services.gateway.deployment import GatewayDeployment, SignedInUser


@pytest.fixture
async def ben(deployment: GatewayDeployment) -> SignedInUser:
    return await deployment.register("ben")


@pytest.fixture
async def ada(deployment: GatewayDeployment, ben: SignedInUser) -> FormBrowser:
    return await FormBrowser(deployment).sign_up("ada")


async def test_explore_shows_strangers_what_is_popular(ada: FormBrowser, ben: SignedInUser) -> None:
    await ben.post("statuses", {"status": "Low tide #sea"})
    await ben.settled()
    stranger = FormBrowser(ada.deployment)
    page = (await stranger.get("/explore")).text
    assert "People to follow" in page
    assert "@ben" in page
    assert 'action="/people/' not in page


async def test_a_search_finds_people_hashtags_and_own_posts(
    ada: FormBrowser, ben: SignedInUser
) -> None:
    await ada.api("POST", "/api/v1/statuses", json={"status": "Low bench #benches"})
    await ben.post("statuses", {"status": "A secret bench", "visibility": "private"})
    await ben.settled()
    page = (await ada.get("/explore?q=ben")).text
    assert "@ben" in page
    assert "#benches" in page
    page = (await ada.get("/explore?q=bench")).text
    assert "Low bench" in page
    assert "A secret" not in page
    nothing = (await ada.get("/explore?q=%3Cb%3Enobody")).text
    assert "Nothing was found for &#34;&lt;b&gt;nobody&#34;." in nothing


async def test_people_are_followed_muted_and_blocked_by_forms(
    ada: FormBrowser, ben: SignedInUser
) -> None:
    await ada.get("/@ben")
    led = await ada.send(f"/people/{ben.id}/follow")
    assert led.headers["location"] == "/@ben"
    assert f'action="/people/{ben.id}/unfollow"' in (await ada.get("/@ben")).text
    await ada.send(f"/people/{ben.id}/unfollow")
    assert f'action="/people/{ben.id}/follow"' in (await ada.get("/@ben")).text
    for action in ("mute", "unmute", "block", "unblock", "remove"):
        assert (await ada.send(f"/people/{ben.id}/{action}")).status == 303
    assert (await ada.send(f"/people/{ben.id}/admire")).status == 400


async def test_notifications_are_grouped_and_marked_as_read(
    deployment: GatewayDeployment, ada: FormBrowser, ben: SignedInUser
) -> None:
    cleo = await deployment.register("cleo")
    post = (await ada.api("POST", "/api/v1/statuses", json={"status": "Low tide"})).json()
    for liker in (ben, cleo):
        await liker.post(f"statuses/{post['id']}/favourite")
    await ben.post("statuses", {"status": "I was there @ada", "in_reply_to_id": post["id"]})
    await ben.settled()
    page = (await ada.get("/notifications")).text
    assert "and 1 other" in page
    assert "liked your post" in page
    assert "commented or mentioned you" in page
    assert 'class="note-row unread"' in page
    newest = page.split('name="newest" value="')[1].split('"')[0]
    assert (await ada.send("/notifications/read", newest=newest)).status == 303
    assert 'class="note-row unread"' not in (await ada.get("/notifications")).text
    await cleo.post(f"statuses/{post['id']}/reblog")
    await ben.settled()
    likes = (await ada.get("/notifications?tab=likes")).text
    assert 'class="note-row unread"' in likes
    assert "/notifications/read" not in likes  # it would mark what other tabs show as read, too
    assert "liked your post" in likes
    assert "commented or mentioned you" not in likes
    assert (await ada.get("/notifications?tab=other")).status == 400


async def test_messages_are_conversations(ada: FormBrowser, ben: SignedInUser) -> None:
    assert "No messages yet." in (await ada.get("/messages")).text
    nobody = await ada.send("/messages", to="nobody", text="Hello")
    assert nobody.status == 422
    assert ">Hello</textarea>" in nobody.text
    sent = await ada.send("/messages", to="@ben", text="Meet me at the pier")
    assert sent.status == 303
    await ben.settled()
    listed = (await ada.get("/messages")).text
    assert "Meet me at the pier" in listed
    conversation = listed.split('href="/messages/')[1].split('"')[0]
    page = (await ada.get(f"/messages/{conversation}")).text
    assert "Meet me at the pier" in page
    assert 'name="visibility" value="direct"' in page
    last = conversation.partition("/")[2]
    assert (await ada.get(f"/messages/..%5Caccounts%5C{ben.id}%5Cfollow%3F/{last}")).status == 404
    form = {"visibility": "direct", "key": "k"}
    answer = {**form, "status": "@ben Or at the lighthouse?"}
    for _ in range(2):
        await ada.send(f"/posts/{last}/reply", **answer)
    await ada.send(f"/posts/{last}/reply", **form, status="@ben Or at home?")
    await ben.settled()
    page = (await ada.get(f"/messages/{conversation}")).text
    assert ">@ben </textarea>" in page  # also after an own message
    assert page.count("Or at the lighthouse?") == 1
    assert page.count("Or at home?") == 1
    received = await ben.get("conversations")
    assert "Or at home?" in received[0]["last_status"]["content"]
    stranger = await FormBrowser(ada.deployment).sign_up("cleo")
    assert (await stranger.get(f"/messages/{conversation}")).status == 404


async def test_an_answer_reaches_everybody_in_a_conversation(
    deployment: GatewayDeployment, ada: FormBrowser, ben: SignedInUser
) -> None:
    await deployment.register("cleo")
    await ben.post("statuses", {"status": "@ada @cleo At the pier", "visibility": "direct"})
    await ben.settled()
    conversation = (await ada.get("/messages")).text.split('href="/messages/')[1].split('"')[0]
    page = (await ada.get(f"/messages/{conversation}")).text
    assert ">@ben @cleo </textarea>" in page
