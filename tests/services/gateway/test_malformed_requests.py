"""Hostile and malformed requests are rejected before they cost much."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi.routing import APIRoute

from services.gateway.http.body import MAX_BODY_BYTES, BoundedRoute
from services.gateway.http.json_body import MAX_VALUES
from services.gateway.http.reading import MAX_ESCAPES
from tests.services.gateway.deployment import GatewayDeployment, deploy
from tests.services.gateway.graphql_client import a_gateway

HUGE = b'{"items": [' + b" " * MAX_BODY_BYTES + b"]}"


@pytest.fixture
async def empty() -> AsyncIterator[GatewayDeployment]:
    async with a_gateway() as made:
        yield made


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/quotes"), ("POST", "/products"), ("PUT", "/cart")]
)
async def test_large_bodies_are_rejected_without_a_token(
    empty: GatewayDeployment, method: str, path: str
) -> None:
    content: dict[str, Any] = {"data": HUGE, "headers": {"content-type": "application/json"}}
    refused = await empty.ask(method, f"/api/shop/v1{path}", **content)
    assert (refused.status, refused.json()["code"]) == (413, "too_large")


async def test_declared_bodies_are_bounded(empty: GatewayDeployment) -> None:
    """The framework reads a declared body before any guard runs."""
    routes = [r for r in empty.gateway.app.routes if isinstance(r, APIRoute)]
    assert len(routes) > 200
    reading = [r for r in routes if r.body_field]
    assert len(reading) > 5
    assert [r.path for r in reading if not isinstance(r, BoundedRoute)] == []


async def test_attempts_to_delete_an_account_count_as_logins() -> None:
    async with deploy(microgram_limit_logins=2) as deployment:
        form = {"login": "ada", "password": "wrong wrong", "sure": "1"}
        tried = [(await deployment.ask("POST", "/auth/delete", form=form)).status for _ in range(3)]
        assert tried == [422, 422, 429]
        assert (await deployment.ask("POST", "/oauth/authorize", form=form)).status == 429


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("accounts/update_credentials", {"fields_attributes[²][name]": "x"}),
        ("accounts/update_credentials", {f"fields_attributes[{'1' * 5_000}][name]": "x"}),
    ],
)
async def test_numbers_of_any_script_are_usernames(
    deployment: GatewayDeployment, path: str, form: dict[str, str]
) -> None:
    ada = await deployment.register("ada")
    assert (await ada.ask("PATCH", f"/api/v1/{path}", form=form)).status == 200


async def test_too_long_a_mute_is_rejected(deployment: GatewayDeployment) -> None:
    ada, bob = await deployment.register("ada"), await deployment.register("bob")
    form = {"duration": "9" * 30}
    assert (await ada.ask("POST", f"/api/v1/accounts/{bob.id}/mute", form=form)).status == 422


@pytest.mark.parametrize("charset", ["utf-8", "idna", "unicode_escape", "zlib"])
async def test_unusual_charsets_are_handled(deployment: GatewayDeployment, charset: str) -> None:
    ada = await deployment.register("ada")
    part = b'--b\r\ncontent-disposition: form-data; name="status"\r\n\r\n'
    answered = await ada.ask(
        "POST",
        "/api/v1/statuses",
        data=part + rb"a\ud800..xn--" + b"\r\n--b--\r\n",
        headers={"content-type": f"multipart/form-data; boundary=b; charset={charset}"},
    )
    assert answered.status == (200 if charset in ("utf-8", "zlib") else 400), answered.text


async def test_hsts_is_sent_over_tls() -> None:
    async with deploy(microgram_public_url="https://pictures.example") as deployment:
        answered = await deployment.ask("GET", "/api/v1/instance")
        assert answered.headers["strict-transport-security"].startswith("max-age=")
    async with deploy() as deployment:
        assert "strict-transport-security" not in (await deployment.ask("GET", "/")).headers


@pytest.mark.parametrize("credentials", ["\xff", "/w==", "\u00e9:\u00e9", "Og==", "a", "%%%"])
@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/revoke"])
async def test_malformed_basic_credentials_are_refused(
    deployment: GatewayDeployment, path: str, credentials: str
) -> None:
    headers = {"authorization": f"Basic {credentials}"}
    form = {"grant_type": "client_credentials"}
    answered = await deployment.ask("POST", path, headers=headers, form=form)
    assert answered.status in (400, 401)
    assert answered.json()["error"] in ("invalid_client", "invalid_request")


@pytest.mark.parametrize("path", ["/api/v1/statuses", "/api/shop/v1/quotes"])
async def test_json_of_too_many_values_is_refused(deployment: GatewayDeployment, path: str) -> None:
    ada = await deployment.register("ada")
    body = b'{"status":"a","items":[' + b"[]," * MAX_VALUES + b"[]]}"
    content: dict[str, Any] = {"data": body, "headers": {"content-type": "application/json"}}
    assert (await ada.ask("POST", path, **content)).status in (400, 413)


async def test_a_form_of_too_many_escapes_is_refused(deployment: GatewayDeployment) -> None:
    ada = await deployment.register("ada")
    content: dict[str, Any] = {
        "data": b"avatar=data:,a" + b"%41" * (MAX_ESCAPES + 1),
        "headers": {"content-type": "application/x-www-form-urlencoded"},
    }
    path = "/api/v1/accounts/update_credentials"
    assert (await ada.ask("PATCH", path, **content)).status == 413


_PART = b'--b\r\nContent-Disposition: form-data; name="a"%b\r\n\r\nb\r\n'


@pytest.mark.parametrize(
    "body",
    [
        _PART % (b";" * 3_000),
        (_PART % (b'; x="' + b"a" * 2_000 + b'"')) * 30,
        b'--b\r\nContent-Disposition: form-data; name="a"; filename="a"\r\n\r\n' + b"--bX" * 300,
        b'--b\r\nContent-Disposition: form-data; name="a"; filename="a"\r\n\r\nno end',
        b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nno end',
    ],
)
async def test_forms_that_are_slow_to_parse_or_have_no_end_are_refused(
    deployment: GatewayDeployment, body: bytes
) -> None:
    """Also no file stays open: the warning would fail the test."""
    ada = await deployment.register("ada")
    for path in ("/api/v2/media", "/api/v1/statuses"):
        sent = {"data": body, "headers": {"content-type": "multipart/form-data; boundary=b"}}
        assert (await ada.ask("POST", path, **sent)).status == 400


async def test_a_long_content_type_is_refused(deployment: GatewayDeployment) -> None:
    ada = await deployment.register("ada")
    kind = "multipart/form-data; boundary=b" + ";" * 2_000
    sent: dict[str, Any] = {"data": _PART % b"" + b"--b--", "headers": {"content-type": kind}}
    assert (await ada.ask("POST", "/api/v1/statuses", **sent)).status == 400
