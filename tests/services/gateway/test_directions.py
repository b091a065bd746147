"""No text turns what stands around it: what was sent, on every page and in every answer."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from html import unescape
from typing import Any
from urllib.parse import quote

import orjson
import pytest

from tests.fakes import Response
from tests.services.gateway.browser import FormBrowser
from tests.services.gateway.deployment import GatewayDeployment, SignedInUser, gateway_app
from tests.services.gateway.test_headers import ENDLESS, address, routes_of, values_of
from tests.services.gateway.test_shop import made
from tests.unit.contracts.test_texts import assert_clean

HOSTILE = "a\u202eb\u2067c\u202ad\x07e\u2069\u2069\u2066f"
OLD = "OLDTEXT"
"""Becomes `OLD_HOSTILE` in the stores, as if an older version had stored it."""

OLD_HOSTILE = "OLD\u202eTE\u2066XT"
TEXT = f"{HOSTILE} {OLD}"


async def publish(ada: SignedInUser) -> dict[str, str]:
    """Send such a text in every field that is shown. Gives ids."""
    deployment = ada.deployment
    profile = {
        "display_name": TEXT[:28],
        "note": TEXT,
        "fields_attributes": [{"name": TEXT, "value": TEXT}],
    }
    changed = await ada.ask("PATCH", "/api/v1/accounts/update_credentials", json=profile)
    assert changed.status == 200, changed.text
    picture = await ada.upload(TEXT)
    shop = await made(deployment, ada, "/shops", name=TEXT, description=TEXT, currency="EUR")
    variants = [{"name": TEXT, "price": 2400, "stock": 3}]
    new = {"title": TEXT, "description": TEXT, "variants": variants, "media_ids": [picture["id"]]}
    product = await made(deployment, ada, "/products", shop=shop["id"], **new)
    shown = await ada.upload(TEXT)
    post = await ada.post(
        "statuses",
        {
            "status": f"{TEXT} #sea",
            "spoiler_text": TEXT,
            "media_ids": [shown["id"]],
            "product_ids": [product["id"]],
        },
    )
    await ada.ask("PUT", f"/api/v1/statuses/{post['id']}", json={"status": f"{TEXT} again #sea"})
    await ada.settled()
    return {"post": post["id"], "product": product["id"], "shop": shop["id"]}


def rewrite(deployment: GatewayDeployment) -> None:
    """Let the stores contain what an older version accepted."""
    for state in deployment.cluster.states.values():
        for row in state._rows.values():
            row.raw = row.raw.replace(OLD.encode(), OLD_HOSTILE.encode())


async def until_rewritten(deployment: GatewayDeployment, service: str, path: str) -> None:
    """Services keep documents in memory for some seconds."""
    running = next(one for one in deployment.cluster.running if one.name == service)
    async with asyncio.timeout(60):
        while True:
            if "OLD\u202e" in (await running.call("GET", path, caller="gateway")).text:
                return
            await asyncio.sleep(0.05)


def strings_of(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from strings_of(each)
    elif isinstance(value, dict):
        for name, each in value.items():
            yield name
            yield from strings_of(each)


def texts_of(response: Response) -> Iterator[str]:
    kind = response.headers.get("content-type", "")
    if "json" in kind:
        yield from strings_of(orjson.loads(response.body))
    elif "html" in kind or "xml" in kind:
        blocks = re.sub(r"</?(?:a|span)\b[^>]*>", "", response.text)  # links stand in a line
        for piece in re.split(r"<[^>]*>", blocks):
            yield from unescape(piece).split("\n")
        for value in re.findall(r'="([^"]*)"', response.text):
            yield unescape(value)


def check(response: Response, about: str) -> None:
    for text in texts_of(response):
        try:
            assert_clean(text.replace("\r", ""), is_line=False)
        except AssertionError as error:
            raise AssertionError(f"{about}: {text[:300]!a}") from error


async def test_no_page_and_no_answer_has_a_text_that_turns_others(
    complete: GatewayDeployment,
) -> None:
    ada = await complete.register("ada")
    ids = await publish(ada)
    ben = await FormBrowser(complete).sign_up("ben")
    told = await complete.register("eve")
    await told.post(f"accounts/{ada.id}/note", {"comment": TEXT})
    await told.post("statuses", {"status": f"@ada {TEXT}", "in_reply_to_id": ids["post"]})
    await told.post("statuses", {"status": f"@ada {TEXT}", "visibility": "direct"})
    cart = {"product": ids["product"], "quantity": "1"}
    await ben.send("/cart/items", **cart)
    await told.settled()
    rewrite(complete)
    replica = await complete.cluster.start(gateway_app, "gateway", replica="another")
    read = GatewayDeployment(complete.cluster, replica)
    for service, where in (("posts", f"/posts/{ids['post']}"), ("users", f"/accounts/{ada.id}")):
        await until_rewritten(complete, service, where)
    values = await values_of(ada)
    found: set[str] = set()
    ben.deployment = read
    for method, route in routes_of(replica.app):
        start = next(start for start in sorted(values)[::-1] if route.path.startswith(start))
        given = values[start] | {"tag": "sea", "last": ids["post"]}
        given |= {"id": _id(route.path, ids, ada.id)}
        path = address(route, given)
        if method != "GET" or path.startswith(tuple(ENDLESS)):
            continue
        for token in ("", ada.token, told.token):
            answer = await replica.public(method, path, token=token)
            check(answer, f"{path} {answer.status}")
            found |= {route.path} if b"OLD" in answer.body else set()
        page = await ben.get(path)
        check(page, f"{path} of a session {page.status}")
        found |= {route.path} if b"OLD" in page.body else set()
    path = f"/api/v1/statuses/{ids['post']}"
    deleted = await replica.public("DELETE", path, token=ada.token)
    check(deleted, "the text of a deleted post")
    assert "OLD" in deleted.json()["text"]
    expected = {
        *("/@{username}", "/@{username}/{id}", "/products/{id}", "/shops/{id}", "/tags/{tag}"),
        *("/api/v1/statuses/{id}", "/api/v1/accounts/{id}", "/api/v1/timelines/public"),
        *("/api/v1/timelines/home", "/@{username}/feed.atom", "/api/shop/v1/products/{id}"),
        *("/api/v1/statuses/{id}/source", "/api/v1/statuses/{id}/history", "/api/v1/notifications"),
    }
    assert expected <= found


def _id(path: str, ids: dict[str, str], account: str) -> str:
    if "/accounts/" in path:
        return account
    return ids["product" if "/products/" in path else "shop" if "/shops/" in path else "post"]


@pytest.mark.parametrize(
    "path",
    [
        "/explore?q={text}",
        "/login?next=/{text}",
        "/shop?q={text}",
        "/selling?q={text}",
        "/api/v2/search?q={text}",
        "/api/v1/accounts/lookup?acct={text}",
        "/tags/{text}",
        "/{text}",
        "/oauth/authorize?client_id={text}&scope={text}",
        "/api/v1/statuses/{text}",
        "/report?account={text}",
        "/messages?to={text}",
    ],
)
async def test_what_is_asked_for_is_shown_back_clean(
    deployment: GatewayDeployment, path: str
) -> None:
    ada = await deployment.register("ada")
    browser = await FormBrowser(deployment).sign_up("ben")
    asked = path.replace("{text}", quote(HOSTILE))
    headers = {"accept": "text/html"}
    for answer in (
        await deployment.ask("GET", asked, headers=headers),
        await deployment.ask("GET", asked, ada.token),
        await browser.get(asked),
    ):
        check(answer, asked)


async def test_forms_that_are_refused_show_what_was_typed_clean(
    deployment: GatewayDeployment,
) -> None:
    browser = await FormBrowser(deployment).sign_up("ben")
    fields = ("username", "email", "login", "text", "title", "name", "description", "comment")
    form = dict.fromkeys((*fields, "next", "spoiler", "note", "display_name", "price"), HOSTILE)
    for method, route in routes_of(deployment.gateway.app):
        if method == "POST" and type(route).__name__ == "PageRoute":
            path = address(route, dict.fromkeys(route.param_convertors, "1"))
            stranger = await deployment.ask(method, path, form=form)
            check(stranger, path)
            check(await browser.send(path, **form), path)
            if path in ("/logout", "/auth/delete"):
                browser = await FormBrowser(deployment).sign_up(f"ben{len(path)}")


async def test_errors_repeat_names_of_fields_clean(deployment: GatewayDeployment) -> None:
    ada = await deployment.register("ada")
    form = {f"{HOSTILE}[a][b][c][d]": "1"}
    refused = await ada.ask("POST", "/api/v1/statuses", form=form)
    assert (refused.status, "is nested too deeply" in refused.text) == (422, True)
    check(refused, "a name of a field")


async def test_names_of_apps_with_such_characters_are_refused(
    deployment: GatewayDeployment,
) -> None:
    form = {"client_name": HOSTILE, "redirect_uris": "urn:ietf:wg:oauth:2.0:oob"}
    refused = await deployment.ask("POST", "/api/v1/apps", json=form)
    assert refused.status == 422
    check(refused, "apps")


async def test_people_write_from_right_to_left(deployment: GatewayDeployment) -> None:
    ada = await deployment.register("ada")
    text = "\u05e9\u05dc\u05d5\u05dd\u200f! \u2067\u0645\u0631\u062d\u0628\u0627\u2069 (abc)\u200e"
    post = await ada.post("statuses", {"status": text})
    assert post["content"] == f"<p>{text}</p>"
    source = await ada.get(f"statuses/{post['id']}/source")
    assert source["text"] == text
