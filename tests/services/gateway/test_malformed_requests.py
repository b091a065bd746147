"""What strangers send to do harm: refused clearly, and before it costs much."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi.routing import APIRoute

from services.gateway.http.body import MAX_BODY_BYTES, BoundedRoute
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
async def test_a_stranger_cannot_fill_the_memory(
    empty: GatewayDeployment, method: str, path: str
) -> None:
    content: dict[str, Any] = {"data": HUGE, "headers": {"content-type": "application/json"}}
    refused = await empty.ask(method, f"/api/shop/v1{path}", **content)
    assert (refused.status, refused.json()["code"]) == (413, "too_large")


async def test_whatever_the_framework_reads_is_bounded(empty: GatewayDeployment) -> None:
    """It reads a body that a route declares before any guard is asked, and all of it."""
    routes = [r for r in empty.gateway.app.routes if isinstance(r, APIRoute)]
    assert len(routes) > 200
    reading = [r for r in routes if r.body_field]
    assert len(reading) > 5
    assert [r.path for r in reading if not isinstance(r, BoundedRoute)] == []


async def test_guesses_by_the_form_that_deletes_accounts_count_as_logins() -> None:
    async with deploy(microgram_limit_logins=2) as place:
        form = {"login": "ada", "password": "wrong wrong", "sure": "1"}
        tried = [(await place.ask("POST", "/auth/delete", form=form)).status for _ in range(3)]
        assert tried == [422, 422, 429]
        assert (await place.ask("POST", "/oauth/authorize", form=form)).status == 429


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("accounts/update_credentials", {"fields_attributes[²][name]": "x"}),
        ("accounts/update_credentials", {f"fields_attributes[{'1' * 5_000}][name]": "x"}),
    ],
)
async def test_odd_numbers_are_names(
    place: GatewayDeployment, path: str, form: dict[str, str]
) -> None:
    ada = await place.register("ada")
    assert (await ada.ask("PATCH", f"/api/v1/{path}", form=form)).status == 200


async def test_a_mute_for_ages_is_refused(place: GatewayDeployment) -> None:
    ada, bob = await place.register("ada"), await place.register("bob")
    form = {"duration": "9" * 30}
    assert (await ada.ask("POST", f"/api/v1/accounts/{bob.id}/mute", form=form)).status == 422


@pytest.mark.parametrize("charset", ["utf-8", "idna", "unicode_escape", "zlib"])
async def test_odd_charsets_do_no_harm(place: GatewayDeployment, charset: str) -> None:
    ada = await place.register("ada")
    part = b'--b\r\ncontent-disposition: form-data; name="status"\r\n\r\n'
    answered = await ada.ask(
        "POST",
        "/api/v1/statuses",
        data=part + rb"a\ud800..xn--" + b"\r\n--b--\r\n",
        headers={"content-type": f"multipart/form-data; boundary=b; charset={charset}"},
    )
    assert answered.status == (200 if charset in ("utf-8", "zlib") else 400), answered.text


async def test_over_tls_browsers_are_told_to_stay_there() -> None:
    async with deploy(microgram_public_url="https://pictures.example") as place:
        answered = await place.ask("GET", "/api/v1/instance")
        assert answered.headers["strict-transport-security"].startswith("max-age=")
    async with deploy() as place:
        assert "strict-transport-security" not in (await place.ask("GET", "/")).headers
