"""The web pages."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest

from tests.mastodon.schemas import check
from tests.services.gateway.deployment import (
    CHALLENGE,
    OOB,
    PASSWORD,
    VERIFIER,
    GatewayDeployment,
    deploy,
    has_only_own_scripts,
    hidden,
)

FORM = {"login": "ada", "password": PASSWORD, "decision": "allow"}


async def asked(
    deployment: GatewayDeployment, uri: str = OOB, **more: str
) -> tuple[dict[str, str], str]:
    """An app with a redirect URI, and the URL of its login page."""
    app = await deployment.app(uri=uri)
    query = {
        "response_type": "code",
        "client_id": app["client_id"],
        "redirect_uri": uri,
        "scope": "read write",
    }
    return app, "/oauth/authorize?" + urlencode({**query, **more})


async def test_a_user_logs_in_and_gets_a_code(deployment: GatewayDeployment) -> None:
    await deployment.register("ada")
    app, address = await asked(deployment)
    page = await deployment.ask("GET", address)
    assert "A client" in page.text
    assert "post, change and delete" in page.text
    shown = await deployment.ask("POST", "/oauth/authorize", form={**hidden(page.text), **FORM})
    code = shown.text.split('name="code" value="')[1].split('"')[0]
    grant = {
        "grant_type": "authorization_code",
        "client_id": app["client_id"],
        "client_secret": app["client_secret"],
        "code": code,
        "redirect_uri": OOB,
    }
    check("Token", (await deployment.ask("POST", "/oauth/token", json=grant)).json())
    again = await deployment.ask("POST", "/oauth/token", form=grant)
    assert (again.status, again.json()["error"]) == (400, "invalid_grant")
    check("OAuthError", again.json())


async def test_invalid_scopes_are_rejected_before_the_login(
    deployment: GatewayDeployment,
) -> None:
    _, address = await asked(deployment, scope="read push")
    page = await deployment.ask("GET", address)
    assert page.status == 400
    assert "password" not in page.text
    assert "push" in page.text
    _, address = await asked(deployment, "https://app.example/cb", scope="read sudo", state="s")
    shown = await deployment.ask("GET", address)
    assert (shown.status, "location" in shown.headers) == (400, False)
    assert "sudo" in shown.text


@pytest.mark.parametrize("kind", ["token", "id_token", "code token", "none", "Code"])
async def test_a_link_redirects_nobody_before_they_decide(
    deployment: GatewayDeployment, kind: str
) -> None:
    """Anybody can register an app with any redirect URI, and send a link to its login page."""
    _, address = await asked(deployment, "https://evil.example/cb", response_type=kind)
    _, unsafe = await asked(deployment, "https://evil.example/cb", scope="nonsense")
    form = dict(parse_qsl(urlsplit(address).query)) | {"decision": "deny"}
    for refused in (
        await deployment.ask("GET", address),
        await deployment.ask("GET", unsafe),
        await deployment.ask("POST", "/oauth/authorize", form=form),
    ):
        assert (refused.status, "location" in refused.headers) == (400, False)
        assert "<h1>" in refused.text


@pytest.mark.parametrize("uri", ["https://app.example/cb?x=1", "myapp://cb"])
async def test_the_user_is_redirected_with_code_and_state(
    deployment: GatewayDeployment, uri: str
) -> None:
    await deployment.register("ada")
    pkce = {"code_challenge": CHALLENGE, "code_challenge_method": "S256", "state": 'a&b="<'}
    app, address = await asked(deployment, uri, **pkce)
    page = await deployment.ask("GET", address)
    policy = page.headers["content-security-policy"]
    assert policy.endswith("'self' https://app.example" if "https" in uri else "'self' myapp:")
    back = await deployment.ask("POST", "/oauth/authorize", form={**hidden(page.text), **FORM})
    assert back.status == 303
    assert back.headers["location"].startswith(uri)
    query = parse_qs(urlsplit(back.headers["location"]).query)
    assert query["state"] == [pkce["state"]]
    grant = {
        "grant_type": "authorization_code",
        "client_id": app["client_id"],
        "client_secret": app["client_secret"],
        "redirect_uri": uri,
        "code": query["code"][0],
    }
    wrong = await deployment.ask("POST", "/oauth/token", form={**grant, "code_verifier": "x" * 43})
    assert wrong.json()["error"] == "invalid_grant"
    good = await deployment.ask("POST", "/oauth/token", form={**grant, "code_verifier": VERIFIER})
    assert good.status in (200, 400)  # a wrong verifier may use the code up


async def test_a_wrong_password_is_shown_at_the_field(deployment: GatewayDeployment) -> None:
    await deployment.register("ada")
    _, address = await asked(deployment)
    page = await deployment.ask("GET", address)
    wrong = {**hidden(page.text), **FORM, "password": "wrong <b>"}
    again = await deployment.ask("POST", "/oauth/authorize", form=wrong)
    assert again.status == 422
    assert 'aria-describedby="password-hint"' in again.text
    assert "do not match" in again.text
    assert 'value="ada"' in again.text
    assert "wrong <b>" not in again.text
    assert hidden(again.text) == hidden(page.text)


async def test_a_denial_redirects_with_an_error(deployment: GatewayDeployment) -> None:
    _, address = await asked(deployment, "myapp://cb", state="s")
    page = await deployment.ask("GET", address)
    back = await deployment.ask(
        "POST", "/oauth/authorize", form={**hidden(page.text), "decision": "deny"}
    )
    query = parse_qs(urlsplit(back.headers["location"]).query)
    assert (query["error"], query["state"]) == (["access_denied"], ["s"])


@pytest.mark.parametrize("change", [{"redirect_uri": "https://evil.example"}, {"client_id": "x"}])
async def test_unregistered_redirect_uris_are_rejected(
    deployment: GatewayDeployment, change: dict[str, str]
) -> None:
    await deployment.register("ada")
    _, address = await asked(deployment, "myapp://cb")
    form = {**hidden((await deployment.ask("GET", address)).text), **FORM, **change}
    for refused in (
        await deployment.ask("GET", "/oauth/authorize", params=form),
        await deployment.ask("POST", "/oauth/authorize", form=form),
    ):
        assert refused.status == 400
        assert "location" not in refused.headers
        assert "<h1>" in refused.text


async def test_a_user_registers_and_continues_to_the_app(
    deployment: GatewayDeployment,
) -> None:
    _, address = await asked(deployment)
    form = {"username": "ada", "email": "ada@example.org", "password": "short", "next": address}
    refused = await deployment.ask("POST", "/auth/sign_up", form=form)
    assert refused.status == 422
    assert "Password is too short" in refused.text
    assert "They must be accepted" in refused.text
    assert 'value="ada@example.org"' in refused.text
    assert "short&" not in refused.text
    form |= {"password": PASSWORD, "agreement": "1"}
    welcome = await deployment.ask("POST", "/auth/sign_up", form=form)
    assert (welcome.status, welcome.headers["location"]) == (303, address)
    assert "HttpOnly" in welcome.headers["set-cookie"]
    evil = {**form, "username": "bob", "email": "b@example.org", "next": "https://evil.example"}
    led = await deployment.ask("POST", "/auth/sign_up", form=evil)
    assert (led.status, led.headers["location"]) == (303, "/")


async def test_pages_have_security_headers(deployment: GatewayDeployment) -> None:
    for path in ("/", "/auth/sign_up", "/oauth/authorize", "/@nobody"):
        page = await deployment.ask("GET", path)
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert page.headers["referrer-policy"] == "same-origin"
        assert page.headers["x-content-type-options"] == "nosniff"
        assert page.headers["content-type"].startswith("text/html")
        assert has_only_own_scripts(page.text)


async def test_only_public_posts_and_profiles_have_pages(
    deployment: GatewayDeployment,
) -> None:
    ada = await deployment.register("ada")
    picture = await ada.upload('A "bridge" <b>')
    body = {"status": "<i>Low</i> #sea", "media_ids": [picture["id"]]}
    public = await ada.post("statuses", body)
    private = await ada.post("statuses", {"status": "secret", "visibility": "private"})
    await deployment.cluster.settle()
    here = "http://127.0.0.1:8080"
    for path in ("/@ada", "/@Ada", "/tags/sea", "/", public["url"].removeprefix(here)):
        page = await deployment.ask("GET", path)
        assert page.status == 200, path
        assert "A &#34;bridge&#34; &lt;b&gt;" in page.text, path
        assert "secret" not in page.text
    assert "&lt;i&gt;Low&lt;/i&gt;" in (await deployment.ask("GET", f"/@ada/{public['id']}")).text
    assert (await deployment.ask("GET", f"/@ada/{private['id']}")).status == 404
    assert (await deployment.ask("GET", f"/@bob/{public['id']}")).status == 404
    assert (await deployment.ask("GET", "/@nobody")).status == 404
    lasting = await deployment.ask("GET", public["uri"].removeprefix(here))
    assert lasting.headers["location"] == public["url"]


async def test_a_profile_shows_boosts_and_no_replies(deployment: GatewayDeployment) -> None:
    ada, bob = await deployment.register("ada"), await deployment.register("bob")
    post = await ada.post("statuses", {"status": "Low tide"})
    boost = await bob.post(f"statuses/{post['id']}/reblog")
    reply = {"status": "I was there", "in_reply_to_id": post["id"]}
    await bob.post("statuses", reply)
    await deployment.cluster.settle()
    profile = (await deployment.ask("GET", "/@bob")).text
    assert f'href="{post["url"]}"' in profile
    assert "Low tide" in profile
    assert '<span class="by" dir="auto">ada</span>' in profile
    assert "I was there" not in profile
    assert f"/@bob/{boost['id']}" not in profile
    leads = await deployment.ask("GET", f"/@bob/{boost['id']}")
    assert (leads.status, leads.headers["location"]) == (302, post["url"])
    page = (await deployment.ask("GET", f"/@ada/{post['id']}")).text
    assert "Low tide" in page
    assert "I was there" in page
    await ada.ask("DELETE", f"/api/v1/statuses/{post['id']}")
    await deployment.cluster.settle()
    assert 'class="tile"' not in (await deployment.ask("GET", "/@bob")).text


async def test_only_browsers_get_error_pages(
    deployment: GatewayDeployment,
) -> None:
    browser = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    page = await deployment.ask("GET", "/nowhere", headers=browser)
    assert page.status == 404
    assert "There is no such page." in page.text
    for path, headers in (("/nowhere", {}), ("/api/v1/nowhere", browser)):
        answer = await deployment.ask("GET", path, headers=headers)
        assert (answer.status, answer.json()) == (404, {"error": "Not Found"})


async def test_default_pictures_and_the_style_are_served(deployment: GatewayDeployment) -> None:
    for name in ("avatar.png", "header.png", "thumbnail.png", "icon.png"):
        shown = await deployment.ask("GET", f"/static/{name}")
        assert shown.headers["content-type"] == "image/png"
        assert shown.body.startswith(b"\x89PNG")
    page = (await deployment.ask("GET", "/")).text
    style = re.search(r"/static/\w+/style.css", page)
    assert style is not None
    served = await deployment.ask("GET", style[0])
    assert (served.status, served.headers["content-type"].partition(";")[0]) == (200, "text/css")
    assert "immutable" in served.headers["cache-control"]
    older = await deployment.ask("GET", "/static/older/app.js")
    assert (older.status, "immutable" in older.headers["cache-control"]) == (200, False)
    assert (await deployment.ask("GET", "/favicon.ico")).status == 200
    assert (await deployment.ask("GET", "/static/app.py")).status == 404


async def test_who_asks_too_often_sees_a_page() -> None:
    async with deploy(microgram_limit_logins=1) as deployment:
        form = {"login": "nobody", "password": "wrong password"}
        html = {"accept": "text/html"}
        for status in (422, 429):
            page = await deployment.ask("POST", "/login", form=form, headers=html)
            assert page.status == status
        assert "<h1>Too many requests</h1>" in page.text
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert int(page.headers["retry-after"]) > 0
        refused = await deployment.ask("POST", "/login", form=form)
        assert (refused.status, refused.json()) == (429, {"error": "Too many requests"})
