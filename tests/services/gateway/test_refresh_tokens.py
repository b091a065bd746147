"""Refresh tokens at the public token endpoint."""

from __future__ import annotations

from tests.services.gateway.deployment import OOB, PASSWORD, GatewayDeployment, hidden

SCOPES = "read offline_access"


async def test_an_app_refreshes_its_token(deployment: GatewayDeployment) -> None:
    await deployment.register("ada")
    app = await deployment.app(SCOPES)
    query = {"client_id": app["client_id"], "redirect_uri": OOB, "scope": SCOPES}
    page = await deployment.ask(
        "GET", "/oauth/authorize", params={**query, "response_type": "code"}
    )
    assert "stay logged in until you end its session" in page.text
    form = {**hidden(page.text), "login": "ada", "password": PASSWORD, "decision": "allow"}
    shown = await deployment.ask("POST", "/oauth/authorize", form=form)
    proof = {name: app[name] for name in ("client_id", "client_secret")}
    code = shown.text.partition('name="code" value="')[2].partition('"')[0]
    grant = {"grant_type": "authorization_code", "redirect_uri": OOB, "code": code, **proof}
    first = (await deployment.ask("POST", "/oauth/token", form=grant)).json()
    assert first["expires_in"] == 7200
    again = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"], **proof}
    second = await deployment.ask("POST", "/oauth/token", json=again)
    assert second.status == 200
    assert second.json()["scope"] == SCOPES
    token = second.json()["access_token"]
    me = await deployment.ask("GET", "/api/v1/accounts/verify_credentials", token)
    assert me.json()["username"] == "ada"
    used = await deployment.ask("POST", "/oauth/token", form=again)
    assert (used.status, used.json()["error"]) == (400, "invalid_grant")
