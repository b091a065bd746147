"""Profiles, lists of followers and reports in a browser without scripts."""

from __future__ import annotations

from typing import Any

import pytest

from services.chassis.errors import Unavailable
from services.clients.users import UsersClient
from tests.services.gateway.browser import FormBrowser
from tests.services.gateway.deployment import GatewayDeployment, SignedInUser


@pytest.fixture
async def ada(deployment: GatewayDeployment) -> FormBrowser:
    return await FormBrowser(deployment).sign_up("ada")


@pytest.fixture
async def ben(deployment: GatewayDeployment) -> SignedInUser:
    return await deployment.register("ben")


async def shown(browser: FormBrowser, path: str = "/@ben") -> str:
    await browser.deployment.cluster.settle()
    page = await browser.get(path)
    assert page.status == 200, page.text
    return page.text


async def acted(browser: FormBrowser, id: str, action: str) -> str:
    """The profile after one of its forms."""
    led = await browser.send(f"/people/{id}/{action}")
    assert (led.status, led.headers["location"]) == (303, browser.page)
    return await shown(browser, browser.page)


async def my_id(browser: FormBrowser) -> str:
    me = (await browser.api("GET", "/api/v1/accounts/verify_credentials")).json()
    return str(me["id"])


# ── profiles ────────────────────────────────────────────────────────────────────────────────────


async def test_a_profile_shows_each_relationship_and_its_way_back(
    ada: FormBrowser, ben: SignedInUser
) -> None:
    page = await shown(ada)
    for action in ("follow", "mute", "block"):
        assert f'action="/people/{ben.id}/{action}"' in page
        undo = "unfollow" if action == "follow" else f"un{action}"
        after = await acted(ada, ben.id, action)
        assert f'action="/people/{ben.id}/{undo}"' in after
        page = await acted(ada, ben.id, undo)
        assert f'action="/people/{ben.id}/{action}"' in page


async def test_whom_one_blocks_cannot_be_followed(ada: FormBrowser, ben: SignedInUser) -> None:
    await shown(ada)
    page = await acted(ada, ben.id, "block")
    assert "You block this account" in page
    assert f'action="/people/{ben.id}/follow"' not in page
    assert "You mute this account" in await acted(ada, ben.id, "mute")


async def test_who_is_blocked_sees_that(ada: FormBrowser, ben: SignedInUser) -> None:
    await ben.post(f"accounts/{await my_id(ada)}/block")
    page = await shown(ada)
    assert "This account blocks you." in page
    assert f'action="/people/{ben.id}/follow"' not in page


async def test_a_request_is_shown_withdrawn_and_answered(
    ada: FormBrowser, ben: SignedInUser
) -> None:
    await ben.ask("PATCH", "/api/v1/accounts/update_credentials", json={"locked": True})
    await shown(ada)
    page = await acted(ada, ben.id, "follow")
    assert "Withdraw request" in page
    assert "Follow this account to see" in page
    assert "Withdraw request" not in await acted(ada, ben.id, "unfollow")
    await ada.api("PATCH", "/api/v1/accounts/update_credentials", json={"locked": True})
    await ben.post(f"accounts/{await my_id(ada)}/follow")
    assert "asks to follow you" in await shown(ada)
    page = await acted(ada, ben.id, "authorize")
    assert "follows you" in page
    assert "follows you" not in await acted(ada, ben.id, "remove")


async def test_followers_whom_one_follows_are_named(ada: FormBrowser, ben: SignedInUser) -> None:
    cleo = await ada.deployment.register("cleo")
    await cleo.post(f"accounts/{ben.id}/follow")
    await ada.send(f"/people/{cleo.id}/follow")
    page = await shown(ada)
    assert "<bdi>cleo</bdi>" in page
    assert "familiar" not in await shown(FormBrowser(ada.deployment))


async def test_a_profile_is_shown_without_familiar_followers_if_they_fail(
    ada: FormBrowser, ben: SignedInUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: Any) -> Any:
        raise Unavailable("users is busy")

    monkeypatch.setattr(UsersClient, "familiar_followers", fail)
    assert f'action="/people/{ben.id}/follow"' in await shown(ada)


async def test_strangers_see_no_forms(ada: FormBrowser, ben: SignedInUser) -> None:
    stranger = FormBrowser(ada.deployment)
    page = await shown(stranger)
    assert "/people/" not in page
    led = await stranger.send(f"/people/{ben.id}/follow")
    assert (led.status, led.headers["location"]) == (303, "/login?next=/%40ben")


# ── lists ───────────────────────────────────────────────────────────────────────────────────────


async def test_followers_and_following_are_lists_with_buttons(
    ada: FormBrowser, ben: SignedInUser
) -> None:
    cleo = await ada.deployment.register("cleo")
    await cleo.post(f"accounts/{ben.id}/follow")
    await ben.post(f"accounts/{cleo.id}/follow")
    for kind in ("followers", "following"):
        page = await shown(ada, f"/@ben/{kind}")
        assert "@cleo" in page
        assert f'action="/people/{cleo.id}/follow"' in page
        assert f'href="http://127.0.0.1:8080/@ben/{kind}" aria-current="page"' in page
    assert "@cleo" in await shown(FormBrowser(ada.deployment), "/@BEN/followers")
    assert "There are no followers" in await shown(ada, "/@ada/followers")
    assert (await ada.get("/@nobody/followers")).status == 404


async def test_one_removes_a_follower_from_the_own_list(
    ada: FormBrowser, ben: SignedInUser
) -> None:
    await ben.post(f"accounts/{await my_id(ada)}/follow")
    assert f'action="/people/{ben.id}/remove"' in await shown(ada, "/@ada/followers")
    assert "@ben" not in (await acted(ada, ben.id, "remove")).split("<main")[1]


async def test_a_long_list_has_pages(
    ada: FormBrowser, ben: SignedInUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.gateway.web.follow_lists._PAGE_SIZE", 2)
    for name in ("cleo", "dora", "emil"):
        await (await ada.deployment.register(name)).post(f"accounts/{ben.id}/follow")
    page = await shown(ada, "/@ben/followers")
    assert ("@emil" in page, "@dora" in page, "@cleo" in page) == (True, True, False)
    next_page = page.split('rel="next" href="')[1].split('"')[0]
    page = await shown(ada, f"/@ben/followers{next_page}")
    assert ("@dora" in page, "@cleo" in page, 'rel="next"' in page) == (False, True, False)


# ── reports ─────────────────────────────────────────────────────────────────────────────────────


async def test_a_post_is_reported_with_the_rules_that_it_breaks(
    ada: FormBrowser, ben: SignedInUser
) -> None:
    admin = await ada.deployment.admin("olga")
    post = await ben.post("statuses", {"status": "Stolen tide"})
    page = await shown(ada, f"/report?account={ben.id}&post={post['id']}")
    assert "Stolen tide" in page
    form = {"account": ben.id, "post": post["id"], "category": "violation", "rules[]": "2"}
    led = await ada.send("/report", **form, comment="Mine.")
    assert (led.status, led.headers["location"]) == (303, f"/report/sent?account={ben.id}")
    assert f'action="/people/{ben.id}/block"' in await shown(ada, led.headers["location"])
    (report,) = (await admin.ask("GET", "/api/v1/admin/reports")).json()
    assert (report["category"], report["comment"]) == ("violation", "Mine.")
    assert [rule["id"] for rule in report["rules"]] == ["2"]
    assert [status["id"] for status in report["statuses"]] == [post["id"]]


async def test_a_report_says_what_is_wrong_and_keeps_what_was_typed(
    ada: FormBrowser, ben: SignedInUser
) -> None:
    await shown(ada, f"/report?account={ben.id}")
    again = await ada.send("/report", account=ben.id, post="", comment="x" * 1001)
    assert again.status == 422
    assert 'id="category-fault" role="alert">Choose what is wrong.' in again.text
    assert "This has 1001 characters; at most 1000 are allowed." in again.text
    assert "x" * 1001 in again.text


async def test_rules_count_for_a_violation_only(ada: FormBrowser, ben: SignedInUser) -> None:
    form = {"account": ben.id, "post": "", "category": "spam", "rules[]": "1", "comment": ""}
    assert (await ada.send("/report", **form)).status == 303


async def test_nobody_reports_what_they_cannot_see(ada: FormBrowser, ben: SignedInUser) -> None:
    secret = await ben.post("statuses", {"status": "Secret", "visibility": "direct"})
    for path in (f"/report?account={ben.id}&post={secret['id']}", "/report?account=1"):
        assert (await ada.get(path)).status == 404
    mine = (await ada.api("POST", "/api/v1/statuses", json={"status": "Mine"})).json()
    assert (await ada.get(f"/report?account={ben.id}&post={mine['id']}")).status == 404
    for post in (secret["id"], mine["id"]):
        form = {"account": ben.id, "post": post, "category": "spam", "comment": ""}
        assert (await ada.send("/report", **form)).status == 404


async def test_strangers_log_in_to_report(deployment: GatewayDeployment, ben: SignedInUser) -> None:
    led = await FormBrowser(deployment).get(f"/report?account={ben.id}")
    assert led.headers["location"] == f"/login?next=/report?account={ben.id}".replace(
        "?account=", "%3Faccount%3D"
    )
