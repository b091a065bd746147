"""The settings in a browser without scripts."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest

from services.chassis.errors import OutcomeUnknown, Unavailable
from services.clients.auth import AuthClient
from services.clients.users import UsersClient
from tests.services.gateway.browser import FormBrowser
from tests.services.gateway.deployment import (
    PASSWORD,
    PICTURE_BYTES,
    GatewayDeployment,
    SignedInUser,
    multipart,
)

NEW_PASSWORD = "difference engine"
EASY = (
    "is too easy to guess (this is a very common password; add another word or two; "
    "uncommon words are better)"
)
PAGES = (
    *("", "/profile", "/privacy", "/account", "/sessions", "/blocks", "/mutes"),
    *("/follow-requests", "/notifications", "/archive", "/appearance"),
)


@pytest.fixture
async def ada(deployment: GatewayDeployment) -> FormBrowser:
    return await FormBrowser(deployment).sign_up("ada")


@pytest.fixture
async def ben(deployment: GatewayDeployment) -> SignedInUser:
    return await deployment.register("ben")


async def profile(browser: FormBrowser) -> Any:
    return (await browser.api("GET", "/api/v1/accounts/verify_credentials")).json()


async def log_in(deployment: GatewayDeployment, password: str = PASSWORD) -> FormBrowser:
    browser = FormBrowser(deployment)
    await browser.send("/login", login="ada", password=password)
    return browser


def seen(html: str) -> str:
    """The hidden field by which a form notices a change in another window."""
    return html.split('name="seen" value="')[1].split('"')[0]


async def save_profile(
    browser: FormBrowser, form: dict[str, str], files: dict[str, bytes] | None = None
) -> Any:
    """Send the form of the profile as a browser does, with empty files for the others."""
    page = await browser.get("/settings/profile")
    return await browser.api(
        "POST", "/settings/profile", **multipart({"seen": seen(page.text)} | form, files or {})
    )


async def sent(
    browser: FormBrowser, page: str, form: dict[str, str], files: dict[str, bytes] | None = None
) -> Any:
    """Send the form of a page."""
    content = {"form": form} if page == "privacy" else multipart(form, files or {})
    return await browser.api("POST", f"/settings/{page}", **content)


# ── all pages ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("page", PAGES)
async def test_settings_are_for_their_owner_only(
    deployment: GatewayDeployment, ada: FormBrowser, page: str
) -> None:
    mine = await ada.get(f"/settings{page}")
    assert mine.status == 200, mine.text
    assert mine.headers["cache-control"] == "private, no-store"
    assert 'href="/settings" data-place="settings" aria-current="page"' in mine.text
    led = await FormBrowser(deployment).get(f"/settings{page}")
    assert (led.status, led.headers["location"]) == (303, f"/login?next=/settings{page}")


@pytest.mark.parametrize("page", ["profile", "privacy", "account", "notifications"])
async def test_another_site_cannot_send_these_forms(ada: FormBrowser, page: str) -> None:
    refused = await ada.api(
        "POST", f"/settings/{page}", headers={"origin": "https://evil.example"}, form={"note": "x"}
    )
    assert refused.status == 403


async def test_there_are_no_other_settings(ada: FormBrowser) -> None:
    assert (await ada.get("/settings/nothing")).status == 404


# ── the profile ─────────────────────────────────────────────────────────────────────────────────


async def test_a_profile_is_saved_with_its_lines_and_pictures(ada: FormBrowser) -> None:
    form = {
        "display_name": "Ada L.",
        "note": "I photograph bridges.\r\n#bridges",
        "fields[0][name]": "",
        "fields[0][value]": "",
        "fields[1][name]": "Camera",
        "fields[1][value]": "Leica",
    }
    led = await save_profile(ada, form, {"avatar": PICTURE_BYTES, "header": PICTURE_BYTES})
    assert (led.status, led.headers["location"]) == (303, "/settings/profile?saved=changes")
    assert (
        '<p class="good" role="status">Saved.</p>' in (await ada.get(led.headers["location"])).text
    )
    me = await profile(ada)
    assert (me["display_name"], me["source"]["note"]) == (
        "Ada L.",
        "I photograph bridges.\n#bridges",
    )
    assert [(row["name"], row["value"]) for row in me["source"]["fields"]] == [("Camera", "Leica")]
    assert "/media/" in me["avatar"]
    await save_profile(ada, form | {"remove_avatar": "1"})
    after = await profile(ada)
    assert "/media/" not in after["avatar"]
    assert after["header"] == me["header"]


async def test_faults_stand_at_their_fields_and_nothing_typed_is_lost(ada: FormBrowser) -> None:
    form = {"display_name": "A" * 31, "note": "<b>", "fields[0][name]": "x" * 256}
    again = await save_profile(ada, form, {"avatar": PICTURE_BYTES, "header": b"no picture"})
    assert again.status == 422
    faults = dict(re.findall(r'class="fault" id="([^"]+)-hint" role="alert">([^<]+)<', again.text))
    assert faults == {
        "display_name": "This has 31 characters; at most 30 are allowed.",
        "fields[0][name]": "This has 256 characters; at most 255 are allowed.",
        "header": "The file is not a picture.",
    }
    assert f'value="{"A" * 31}"' in again.text
    assert "&lt;b&gt;</textarea>" in again.text
    me = await profile(ada)
    assert me["display_name"] == ""
    assert "/media/" in me["avatar"], "browsers forget files, so a good one is saved at once"


async def test_a_profile_that_another_window_changed_is_not_overwritten_unasked(
    ada: FormBrowser,
) -> None:
    first = seen((await ada.get("/settings/profile")).text)
    await save_profile(ada, {"display_name": "Ada 2", "note": "New"})
    form = {"seen": first, "display_name": "Ada 3", "note": "New"}
    asked = await ada.api("POST", "/settings/profile", **multipart(form, {}))
    assert asked.status == 409
    assert "another window" in asked.text
    assert 'value="Ada 3"' in asked.text
    assert '<q class="lines" dir="auto">Ada 2</q>' in asked.text
    assert (await profile(ada))["display_name"] == "Ada 2"
    form["seen"] = seen(asked.text)
    assert (await ada.api("POST", "/settings/profile", **multipart(form, {}))).status == 303
    assert (await profile(ada))["display_name"] == "Ada 3"


@pytest.mark.parametrize(
    ("page", "form", "change"),
    [
        ("profile", {"display_name": "Ada 3"}, {"display_name": "Ada 2"}),
        ("privacy", {"visibility": "private"}, {"locked": True}),
    ],
)
async def test_of_two_windows_that_send_at_once_one_is_asked(
    ada: FormBrowser,
    monkeypatch: pytest.MonkeyPatch,
    page: str,
    form: dict[str, str],
    change: dict[str, Any],
) -> None:
    save = UsersClient.update_profile

    async def second(self: UsersClient, changes: Any, caller: Any) -> Any:
        """The save of the other window arrives between the check and the write."""
        monkeypatch.setattr(UsersClient, "update_profile", save)
        await save(self, change, caller)  # type: ignore[arg-type]
        return await save(self, changes, caller)

    shown = await ada.get(f"/settings/{page}")
    monkeypatch.setattr(UsersClient, "update_profile", second)
    files = {"avatar": PICTURE_BYTES} if page == "profile" else {}
    asked = await sent(ada, page, {"seen": seen(shown.text)} | form, files)
    assert (asked.status, "another window" in asked.text) == (409, True)
    me = await profile(ada)
    assert all(me[name] == value for name, value in change.items())
    assert ("/media/" in me["avatar"]) == (page == "profile"), "files are not lost"
    assert (await sent(ada, page, {"seen": seen(asked.text)} | form)).status == 303


async def test_the_same_form_sent_twice_is_no_conflict(ada: FormBrowser) -> None:
    form = {"seen": seen((await ada.get("/settings/profile")).text), "display_name": "Ada"}
    for _ in range(2):
        assert (await ada.api("POST", "/settings/profile", **multipart(form, {}))).status == 303


async def test_what_was_typed_survives_a_service_that_is_down(
    ada: FormBrowser, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: Any) -> Any:
        raise Unavailable("users is down")

    monkeypatch.setattr(UsersClient, "update_profile", fail)
    again = await save_profile(ada, {"display_name": "Ada", "note": "Kept"})
    assert again.status == 503
    assert "not responding" in again.text
    assert "Kept</textarea>" in again.text


# ── privacy, mail, appearance ───────────────────────────────────────────────────────────────────


async def test_privacy_is_saved(ada: FormBrowser) -> None:
    page = await ada.get("/settings/privacy")
    form = {"seen": seen(page.text), "locked": "1", "visibility": "private", "language": "sv"}
    led = await ada.send("/settings/privacy", **form, sensitive="1")
    assert led.headers["location"] == "/settings/privacy?saved=changes"
    me = await profile(ada)
    source = me["source"]
    assert (me["locked"], me["discoverable"]) == (True, False)
    assert (source["privacy"], source["sensitive"], source["language"]) == ("private", True, "sv")
    shown = (await ada.get("/settings/privacy")).text
    assert '<option value="sv" lang="sv" selected>Svenska</option>' in shown


async def test_a_language_that_an_app_chose_is_kept(ada: FormBrowser) -> None:
    await ada.api(
        "PATCH", "/api/v1/accounts/update_credentials", json={"source": {"language": "gsw"}}
    )
    shown = (await ada.get("/settings/privacy")).text
    assert '<option value="gsw" lang="gsw" selected>gsw</option>' in shown


async def test_privacy_that_another_window_changed_is_not_overwritten_unasked(
    ada: FormBrowser,
) -> None:
    first = seen((await ada.get("/settings/privacy")).text)
    form = {"seen": first, "discoverable": "1", "visibility": "public"}
    assert (await ada.send("/settings/privacy", **form, locked="1")).status == 303
    asked = await ada.send("/settings/privacy", **form, sensitive="1")
    assert asked.status == 409
    assert 'name="sensitive" type="checkbox" value="1" checked' in asked.text
    assert (await profile(ada))["locked"] is True


async def test_an_unknown_visibility_is_a_fault(ada: FormBrowser) -> None:
    page = await ada.get("/settings/privacy")
    wrong = await ada.send("/settings/privacy", seen=seen(page.text), visibility="nobody")
    assert wrong.status == 422
    assert "The default visibility is one of" in wrong.text


async def test_digests_of_a_server_without_mail_cannot_be_chosen(ada: FormBrowser) -> None:
    assert "This server sends no mail." in (await ada.get("/settings/notifications")).text
    refused = await ada.send("/settings/notifications", enabled="1")
    assert (refused.status, "This instance sends no e-mail." in refused.text) == (422, True)


# ── the password and the sessions ───────────────────────────────────────────────────────────────


async def test_a_new_password_ends_the_other_sessions(
    deployment: GatewayDeployment, ada: FormBrowser
) -> None:
    other = await log_in(deployment)
    old = ada.cookies["session"]
    form = {"current_password": PASSWORD, "password": NEW_PASSWORD}
    led = await ada.send("/settings/account", **form)
    assert (led.status, led.headers["location"]) == (303, "/settings/account?saved=password")
    assert "HttpOnly" in led.headers["set-cookie"]
    assert ada.cookies["session"] != old
    await deployment.gateway.service.token_verifier.refresh()
    assert "All other sessions have ended." in (await ada.get(led.headers["location"])).text
    assert (await other.get("/settings")).status == 303
    assert not (await log_in(deployment)).cookies
    assert (await log_in(deployment, NEW_PASSWORD)).cookies


@pytest.mark.parametrize(
    ("current", "new", "field", "fault"),
    [
        ("wrong", NEW_PASSWORD, "current_password", "Current password is wrong."),
        (PASSWORD, "short", "password", "Password is too short (minimum is 8 characters)."),
        (PASSWORD, "iloveyou2", "password", f"Password {EASY}."),
        (PASSWORD, "x" * 257, "password", "Password is too long (maximum is 256 characters)."),
    ],
)
async def test_a_fault_of_a_password_stands_at_its_field(
    ada: FormBrowser, current: str, new: str, field: str, fault: str
) -> None:
    form = {"current_password": current, "password": new}
    again = await ada.send("/settings/account", **form)
    assert again.status == 422
    assert f'id="{field}-hint" role="alert">{fault}<' in again.text
    assert f'value="{new}"' not in again.text, "passwords are never sent back"
    assert (await ada.get("/settings")).status == 200


async def test_nobody_learns_a_false_result_if_auth_does_not_answer(
    ada: FormBrowser, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: Any) -> Any:
        raise OutcomeUnknown("auth did not answer")

    monkeypatch.setattr(AuthClient, "change_password", fail)
    form = {"current_password": PASSWORD, "password": NEW_PASSWORD}
    again = await ada.send("/settings/account", **form)
    assert again.status == 503
    assert "may or may not be changed" in again.text


async def test_guesses_of_the_password_are_bounded(ada: FormBrowser) -> None:
    form = {"current_password": "wrong", "password": NEW_PASSWORD}
    answers = [(await ada.send("/settings/account", **form)).status for _ in range(30)]
    assert answers[0] == 422
    assert answers[-1] == 429


async def test_sessions_are_listed_and_ended_one_by_one(
    deployment: GatewayDeployment, ada: FormBrowser
) -> None:
    other = FormBrowser(deployment)
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
    form = {"login": "ada", "password": PASSWORD}
    await other.api("POST", "/login", form=form, headers={"user-agent": agent})
    page = (await ada.get("/settings/sessions")).text
    assert "Firefox on Linux" in page
    assert page.index("This browser") < page.index("Firefox on Linux")
    (address,) = re.findall(r'action="(/settings/sessions/[^"]+/revoke)"', page)
    led = await ada.send(unescape(address))
    assert led.headers["location"] == "/settings/sessions?saved=one"
    await deployment.gateway.service.token_verifier.refresh()
    assert (await other.get("/settings")).status == 303
    assert (await ada.get("/settings")).status == 200
    assert (await ada.send(unescape(address))).status == 303, "a second click is no error"


async def test_an_app_is_listed_and_ended(deployment: GatewayDeployment, ada: FormBrowser) -> None:
    token = await deployment.log_in("ada", "read")
    page = (await ada.get("/settings/sessions")).text
    assert "A client" in page
    (address,) = re.findall(r'action="(/settings/sessions/[^"]+/revoke)"', page)
    await ada.send(unescape(address))
    await deployment.gateway.service.token_verifier.refresh()
    me = await deployment.ask("GET", "/api/v1/accounts/verify_credentials", token)
    assert me.status == 401


async def test_ending_the_own_session_logs_out(ada: FormBrowser) -> None:
    caller = await ada.deployment.gateway.service.token_verifier.verify(ada.cookies["session"])
    led = await ada.send(f"/settings/sessions/{caller.token_id}/revoke")
    assert led.headers["location"] == "/"
    assert not ada.cookies


async def test_nobody_ends_the_session_of_another_person(
    deployment: GatewayDeployment, ada: FormBrowser
) -> None:
    ben = await FormBrowser(deployment).sign_up("ben")
    caller = await deployment.gateway.service.token_verifier.verify(ada.cookies["session"])
    await ben.send(f"/settings/sessions/{caller.token_id}/revoke")
    await deployment.gateway.service.token_verifier.refresh()
    assert (await ada.get("/settings")).status == 200


async def test_all_other_sessions_end_at_once(
    deployment: GatewayDeployment, ada: FormBrowser
) -> None:
    others = [await log_in(deployment) for _ in range(2)]
    led = await ada.send("/settings/sessions/revoke_others")
    assert led.headers["location"] == "/settings/sessions?saved=others"
    await deployment.gateway.service.token_verifier.refresh()
    assert [(await other.get("/settings")).status for other in others] == [303, 303]
    page = (await ada.get(led.headers["location"])).text
    assert "All other sessions have ended." in page
    assert page.count('class="card"') == 1


# ── lists, archive, other pages ─────────────────────────────────────────────────────────────────


async def test_blocks_and_mutes_are_listed_and_ended(ada: FormBrowser, ben: SignedInUser) -> None:
    for action, page, undo in (("block", "blocks", "unblock"), ("mute", "mutes", "unmute")):
        await ada.send(f"/people/{ben.id}/{action}")
        await ada.deployment.cluster.settle()
        shown = await ada.get(f"/settings/{page}")
        assert f'action="/people/{ben.id}/{undo}"' in shown.text
        led = await ada.send(f"/people/{ben.id}/{undo}")
        assert led.headers["location"] == f"/settings/{page}"
        await ada.deployment.cluster.settle()
        assert f'action="/people/{ben.id}/{undo}"' not in (await ada.get(f"/settings/{page}")).text


async def test_follow_requests_are_accepted_and_rejected(
    ada: FormBrowser, ben: SignedInUser
) -> None:
    cleo = await ada.deployment.register("cleo")
    await ada.api("PATCH", "/api/v1/accounts/update_credentials", json={"locked": True})
    me = await profile(ada)
    await ben.post(f"accounts/{me['id']}/follow")
    await cleo.post(f"accounts/{me['id']}/follow")
    await ada.deployment.cluster.settle()
    assert '<span class="count">2</span>' in (await ada.get("/settings")).text
    page = (await ada.get("/settings/follow-requests")).text
    assert f'action="/people/{ben.id}/authorize"' in page
    assert f'action="/people/{cleo.id}/reject"' in page
    await ada.send(f"/people/{ben.id}/authorize")
    await ada.send(f"/people/{cleo.id}/reject")
    await ada.deployment.cluster.settle()
    assert "Nobody is waiting" in (await ada.get("/settings/follow-requests")).text
    followers = await ben.get(f"accounts/{me['id']}/followers")
    assert [row["username"] for row in followers] == ["ben"]


async def test_the_archive_needs_no_second_login(ada: FormBrowser) -> None:
    led = await ada.get("/auth/archive")
    assert (led.status, led.headers["location"]) == (303, "/settings/archive")
    assert "Request my archive" in (await ada.get("/settings/archive")).text
    asked = await ada.send("/settings/archive/request")
    assert (asked.status, asked.headers["location"]) == (303, "/settings/archive")
    assert "Request my archive" not in (await ada.get("/settings/archive")).text
    again = await ada.send("/settings/archive/request")
    assert again.status in (303, 429)


@pytest.mark.parametrize("page", ["/auth/delete", "/digests/stop", "/@nobody"])
async def test_users_keep_their_navigation_everywhere(ada: FormBrowser, page: str) -> None:
    assert 'data-place="settings"' in (await ada.get(page)).text


async def test_the_theme_is_applied_before_the_page_is_painted(ada: FormBrowser) -> None:
    head = (await ada.get("/")).text.split("</head>")[0]
    script = re.search(r'<script src="/static/\w+/theme.js"></script>', head)
    assert script is not None
    assert script.start() < head.index('rel="stylesheet"')
