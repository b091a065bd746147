"""A user requests an archive, waits for it, downloads it, and unpacks it."""

from __future__ import annotations

import io
import json
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import requests

from tests.system import LoggedInUser, System, WebBrowser, wait_until
from tests.system.browser import BrowserPage, HtmlForm
from tests.system.shopping import SHOP, await_final_state, buy, create_product, set_cart
from tests.system.users import PASSWORD


def _ready(person: LoggedInUser) -> dict[str, Any]:
    """Return the archive once it is ready; `media` may be unavailable meanwhile."""
    answer = person.call("GET", "/api/v1/export")
    export: dict[str, Any] = answer.json() if answer.ok else {}
    return export if export.get("state") == "ready" else {}


def test_somebody_downloads_all_that_they_have(
    anna: LoggedInUser, ben: LoggedInUser, picture: Path
) -> None:
    shown = anna.upload(picture, description="low tide")
    post = anna.client.status_post("with a picture", media_ids=[shown])
    anna.client.status_update(post, "with a good picture", media_ids=[shown])
    theirs = ben.client.status_post("of ben's")
    anna.client.status_favourite(theirs)
    anna.client.account_follow(ben.id)
    comment = anna.client.status_post("nice", in_reply_to_id=theirs)
    wait_until(lambda: ben.client.status(theirs.id).replies_count == 1)
    wait_until(lambda: ben.client.me().followers_count == 1)
    anna.wait_for_posts(2)
    wait_until(anna.client.favourites)

    asked = anna.call("POST", "/api/v1/export")
    assert (asked.status_code, asked.json()["state"]) == (200, "running")
    export = wait_until(lambda: _ready(anna))
    assert export["progress"] == 100
    answer = anna.http.get(export["url"], timeout=60)
    assert len(answer.content) == export["size"] == int(answer.headers["content-length"])
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        files = {name: archive.read(name) for name in archive.namelist()}
    posts = {one["id"]: one for one in json.loads(files["posts.json"])}
    assert posts.keys() == {str(post.id), str(comment.id)}
    made = posts[str(post.id)]
    assert made["text"] == "with a good picture"
    assert [one["text"] for one in made["earlier_versions"]] == ["with a picture"]
    name = made["attachments"][0]["original"]
    assert files[f"pictures/{name}"] == requests.get(shown.url, timeout=60).content
    (described,) = json.loads(files["pictures.json"])
    assert described["description"] == "low tide"
    (liked,) = json.loads(files["favourites.json"])
    assert liked["url"] == theirs.url
    assert [one["username"] for one in json.loads(files["following.json"])] == [ben.name]
    assert json.loads(files["account.json"])["login"]["email"] == anna.email

    assert anna.call("POST", "/api/v1/export").status_code == 429
    assert ben.call("GET", "/api/v1/export/archive").status_code == 404
    assert requests.get(export["url"], timeout=60).status_code == 401


def _files(person: LoggedInUser) -> dict[str, bytes]:
    """Return a user's archive, unpacked."""
    assert person.call("POST", "/api/v1/export").ok
    export = wait_until(lambda: _ready(person))
    answer = person.http.get(export["url"], timeout=60)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_seller_and_a_buyer_download_what_was_traded(
    system: System, anna: LoggedInUser, ben: LoggedInUser, picture: Path
) -> None:
    shown = anna.upload(picture, description="glazed")
    product = create_product(anna, media_ids=[str(shown.id)])
    done = await_final_state(ben, buy(ben, product, 2)["id"])
    assert done["state"] == "completed"
    set_cart(ben, product, 1)
    for person, role in ((anna, "seller"), (ben, "buyer")):
        wait_until(partial(_is_booked, system, person, role))

    files = _files(anna)
    (shop,), (mug,) = (json.loads(files[f"{kind}.json"]) for kind in ("shops", "products"))
    assert (shop["id"], mug["id"]) == (product["shop_id"], product["id"])
    assert (mug["variants"][0]["price"], mug["variants"][0]["on_hand"]) == (2400, 8)
    assert f"pictures/{mug['pictures'][0]['original']}" in files
    (order,), (earned,) = (json.loads(files[f"{kind}.json"]) for kind in ("sold", "earned"))
    assert (order["id"], order["username"], order["state"]) == (done["id"], ben.name, "completed")
    assert (earned["order"], earned["step"], earned["amount"]) == (done["id"], "capture", 4656)
    assert json.loads(files["bought.json"]) == json.loads(files["paid.json"]) == []

    files = _files(ben)
    (order,), (paid,) = (json.loads(files[f"{kind}.json"]) for kind in ("bought", "paid"))
    assert (order["id"], order["username"], order["total"]) == (done["id"], anna.name, 4800)
    assert (paid["order"], paid["username"], paid["amount"]) == (done["id"], anna.name, -4800)
    (cart,) = json.loads(files["cart.json"])
    assert cart["lines"][0]["title"] == product["title"]
    assert json.loads(files["products.json"]) == json.loads(files["sold.json"]) == []
    assert all(b"tok_ok" not in body for body in files.values())


def test_somebody_gets_their_archive_in_a_browser(system: System, anna: LoggedInUser) -> None:
    anna.client.status_post("to be taken along")
    anna.wait_for_posts(1)
    with WebBrowser(system.base) as browser:
        wrong = _log_in(browser, anna.name, "a wrong password")
        assert (wrong.status, "do not match" in wrong.text) == (422, True)
        page = _log_in(browser, anna.name, PASSWORD)
        assert f"@{anna.name}" in page.text
        (cookie,) = iter(browser.session.cookies)
        assert (cookie.name, cookie.path) == ("archive", "/auth/archive")
        assert cookie.has_nonstandard_attr("HttpOnly")
        assert cookie.get_nonstandard_attr("SameSite") == "strict"
        browser.submit(page, _form(page, "request"), {})
        page = wait_until(lambda: _with_file(browser)) or page
        again = browser.submit(page, _form(page, "request"), {})
        assert (again.status, "already requested an archive" in again.text) == (429, True)
        answer = browser.session.get(f"{system.base}/auth/archive/file", timeout=60)
        assert answer.headers["content-type"] == "application/zip"
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            assert archive.testzip() is None
            (post,) = json.loads(archive.read("posts.json"))
        assert post["text"] == "to be taken along"
        copied = {"cookie": f"archive={cookie.value}"}
        browser.submit(page, _form(page, "leave"), {})
        assert list(browser.session.cookies) == []

    address = f"{system.base}/auth/archive"
    wait_until(lambda: "password" in requests.get(address, headers=copied, timeout=60).text)
    assert "password" in requests.get(f"{address}/file", timeout=60).text


def _log_in(browser: WebBrowser, login: str, password: str) -> BrowserPage:
    page = browser.open("/auth/archive")
    return browser.submit(page, page.forms[0], {"login": login, "password": password})


def _form(page: BrowserPage, action: str) -> HtmlForm:
    return next(form for form in page.forms if form.action.endswith(f"/{action}"))


def _with_file(browser: WebBrowser) -> BrowserPage | None:
    """Return the page once it offers the download."""
    page = browser.open("/auth/archive")
    return page if "/auth/archive/file" in page.html else None


def _is_booked(system: System, person: LoggedInUser, role: str) -> bool:
    """Return whether an order is in a user's list, and its money in their account."""
    headers = {
        "dapr-api-token": system.tokens("payments").app,
        "dapr-caller-app-id": "gateway",
        "authorization": f"Bearer {person.token}",
    }
    address = f"{system.ps()['payments'].address}/balances"
    balances = requests.get(address, headers=headers, timeout=60).json()
    orders = person.call("GET", f"{SHOP}/orders", params={"role": role}).json()["items"]
    return bool(balances and orders and orders[0]["state"] == "completed")


def test_an_archive_is_made_although_media_is_killed(system: System, anna: LoggedInUser) -> None:
    for n in range(30):
        anna.client.status_post(f"number {n}")
    anna.wait_for_posts(30)
    assert anna.call("POST", "/api/v1/export").ok
    system.kill("media")
    export = wait_until(lambda: _ready(anna), 240)
    answer = anna.http.get(export["url"], timeout=60)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        posts = json.loads(archive.read("posts.json"))
    assert [one["text"] for one in posts] == [f"number {n}" for n in reversed(range(30))]
