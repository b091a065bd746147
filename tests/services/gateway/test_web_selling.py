"""The seller's pages, without scripts: shops, products, stock, pictures, orders, balance."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest

from services.chassis.errors import OutcomeUnknown, ServiceError, Unavailable
from services.clients.auth import AuthClient
from services.clients.catalog import CatalogClient
from services.contracts import limits
from tests.services.gateway.browser import FormBrowser
from tests.services.gateway.deployment import (
    PASSWORD,
    PICTURE_BYTES,
    GatewayDeployment,
    hidden,
    multipart,
)
from tests.services.gateway.test_shop import SHOP
from tests.services.gateway.test_web_shop import add, pay, words
from tests.services.orders.harness import eventually

VARIANTS = {
    "variants[0][name]": "blue",
    "variants[0][price]": "24",
    "variants[0][stock]": "3",
    "variants[1][name]": "white",
    "variants[1][price]": "22,50",
    "variants[1][stock]": "",
    "variants[2][name]": "",
    "variants[2][price]": "",
}


@pytest.fixture
async def ada(complete: GatewayDeployment) -> FormBrowser:
    """The seller's browser."""
    return await FormBrowser(complete).sign_up("ada")


@pytest.fixture
async def shop(ada: FormBrowser) -> str:
    """The address of ada's page of her shop."""
    form = hidden((await ada.get("/selling/shops/new")).text)
    led = await ada.send("/selling/shops/new", **form, name="Pottery", currency="EUR")
    assert led.status == 303, led.text
    await ada.deployment.cluster.settle()
    return str(led.headers["location"])


async def new_product(
    ada: FormBrowser, shop: str, *, file: bytes = b"", **changes: str
) -> tuple[Any, dict[str, str]]:
    """Send the form of a new product. Gives the answer, and what was sent."""
    page = (await ada.get(f"{shop}/products/new")).text
    form = {**hidden(page), "title": "Mug", "description": "Holds 300 ml", **VARIANTS, **changes}
    return await send_files(ada, "/selling/products", form, file), form


async def send_files(browser: FormBrowser, path: str, form: dict[str, str], file: bytes) -> Any:
    body = multipart(form, {"file": file} if file else {})
    answer = await browser.api("POST", path, **body)
    await browser.deployment.cluster.settle()
    return answer


@pytest.fixture
async def mug(ada: FormBrowser, shop: str) -> str:
    """The address of ada's page of her product."""
    led, _ = await new_product(ada, shop, file=PICTURE_BYTES, alt="a blue mug")
    assert led.status == 303, led.text
    return str(led.headers["location"])


def product_id(page: str) -> str:
    return page.rpartition("/")[2]


async def product(browser: FormBrowser, page: str) -> Any:
    return (await browser.api("GET", f"{SHOP}/products/{product_id(page)}")).json()


async def edit_form(ada: FormBrowser, page: str) -> dict[str, str]:
    """All fields of the form of a product, as a browser sends them."""
    version = hidden((await ada.get(page)).text)["version"]
    made = await product(ada, page)
    form = {"version": version, "title": made["title"], "description": made["description"]}
    for number, variant in enumerate(made["variants"]):
        at = f"variants[{number}]"
        form |= {f"{at}[id]": variant["id"], f"{at}[name]": variant["name"]}
        form[f"{at}[price]"] = variant["price"]["decimal"]
    for number, picture in enumerate(made["pictures"]):
        form[f"pictures[{number}][id]"] = picture["id"]
        form[f"pictures[{number}][description]"] = picture["description"] or ""
    return form


async def test_a_person_opens_a_shop_and_sells_a_product(ada: FormBrowser, shop: str) -> None:
    assert "Nothing is for sale in this shop yet." in (await ada.get(shop)).text
    led, form = await new_product(ada, shop, file=PICTURE_BYTES, alt="a blue mug")
    page = led.headers["location"]
    made = await product(ada, page)
    assert [
        (one["name"], one["price"]["amount"], one["available"]) for one in made["variants"]
    ] == [("blue", 2400, 3), ("white", 2250, 0)]
    assert [one["description"] for one in made["pictures"]] == ["a blue mug"]
    assert "3 left" in words((await ada.get(shop)).text)
    again = await send_files(ada, "/selling/products", form, PICTURE_BYTES)
    assert again.status == 422
    assert "This form was sent before." in again.text
    assert len((await ada.api("GET", f"{SHOP}/products")).json()["items"]) == 1


async def test_two_clicks_open_one_shop(ada: FormBrowser) -> None:
    form = hidden((await ada.get("/selling/shops/new")).text)
    form |= {"name": "Pottery", "currency": "EUR"}
    first = await ada.send("/selling/shops/new", **form)
    second = await ada.send("/selling/shops/new", **form)
    assert first.headers["location"] == second.headers["location"]


async def test_wrong_input_keeps_what_was_typed_and_the_picture(
    ada: FormBrowser, shop: str
) -> None:
    changes = {"title": " ", "variants[0][price]": "24.505", "variants[1][stock]": "-1"}
    refused, form = await new_product(ada, shop, file=PICTURE_BYTES, alt="a mug", **changes)
    page = refused.text
    assert refused.status == 422
    assert "A product needs a title." in page
    assert "This is not a price. Write it like 24.50." in page
    assert "The stock must be a whole number" in page
    for typed in ('value="24.505"', 'value="-1"', 'value="white"', "Holds 300 ml"):
        assert typed in page
    kept = hidden(page)
    assert kept["media_id"]
    mended = form | VARIANTS | {"title": "Mug", "media_id": kept["media_id"], "alt": "a mug"}
    led = await send_files(ada, "/selling/products", mended, b"")
    assert led.status == 303, led.text
    made = await product(ada, led.headers["location"])
    assert [one["description"] for one in made["pictures"]] == ["a mug"]


async def test_a_file_that_is_no_picture_is_said_at_its_field(ada: FormBrowser, shop: str) -> None:
    refused, _ = await new_product(ada, shop, file=b"not a picture")
    assert refused.status == 422
    assert "The file is not a picture." in refused.text
    assert 'value="Mug"' in refused.text


async def test_a_picture_that_is_too_large_is_said_at_its_field(
    ada: FormBrowser, shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_PICTURE_BYTES", 1000)
    refused, _ = await new_product(ada, shop, file=PICTURE_BYTES * 100)
    assert refused.status == 422
    assert "A picture may have at most" in refused.text
    assert 'value="Mug"' in refused.text


async def test_more_rows_keep_what_was_typed(ada: FormBrowser, shop: str) -> None:
    shown, _ = await new_product(ada, shop, more="1", title="")
    assert shown.status == 200
    assert 'value="white"' in shown.text
    assert 'name="variants[3][price]"' in shown.text
    assert 'role="alert"' not in shown.text


async def test_a_product_is_edited(ada: FormBrowser, mug: str) -> None:
    form = await edit_form(ada, mug)
    form |= {"title": "Cup", "variants[0][price]": "26", "variants[1][removed]": "1"}
    form |= {"variants[2][name]": "red", "variants[2][price]": "30"}
    form |= {"pictures[0][description]": "a cup"}
    assert (await ada.send(mug, **form)).headers["location"] == mug
    await ada.deployment.cluster.settle()
    made = await product(ada, mug)
    assert made["title"] == "Cup"
    prices = [(one["name"], one["price"]["amount"]) for one in made["variants"]]
    assert prices == [("blue", 2600), ("red", 3000)]
    assert [one["description"] for one in made["pictures"]] == ["a cup"]
    form = await edit_form(ada, mug) | {"pictures[0][removed]": "1"}
    assert (await ada.send(mug, **form)).status == 303
    assert (await product(ada, mug))["pictures"] == []


async def test_an_edit_of_an_outdated_product_is_said_kindly_and_loses_nothing(
    ada: FormBrowser, mug: str
) -> None:
    form = await edit_form(ada, mug)
    assert (await ada.send(mug, **form | {"title": "Cup"})).status == 303
    late = await ada.send(mug, **form | {"title": "Beaker"})
    assert late.status == 412
    assert "changed in another window" in late.text
    assert 'value="Beaker"' in late.text
    assert (await product(ada, mug))["title"] == "Cup"
    again = form | {"title": "Beaker", "version": hidden(late.text)["version"]}
    assert (await ada.send(mug, **again)).status == 303
    assert (await product(ada, mug))["title"] == "Beaker"


async def test_a_fault_does_not_hide_that_somebody_else_changed_it(
    ada: FormBrowser, shop: str, mug: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A form that failed is sent again on the version that it was filled in on."""

    async def fails(*_: Any, **__: Any) -> None:
        raise Unavailable("down")

    form = await edit_form(ada, mug)
    assert (await ada.send(mug, **form | {"title": "Cup"})).status == 303
    texts = hidden((await ada.get(f"{shop}/edit")).text)
    texts = {"version": texts["version"], "name": "Ceramics", "description": ""}
    assert (await ada.send(f"{shop}/edit", **texts)).status == 303
    with monkeypatch.context() as patched:
        patched.setattr(CatalogClient, "edit_product", fails)
        patched.setattr(CatalogClient, "edit_shop", fails)
        product_again = await ada.send(mug, **form | {"title": "Beaker"})
        shop_again = await ada.send(f"{shop}/edit", **texts | {"name": "Glass"})
    assert (product_again.status, shop_again.status) == (503, 503)
    assert hidden(product_again.text)["version"] == form["version"]
    assert hidden(shop_again.text)["version"] == texts["version"]


@pytest.mark.parametrize("failure", [Unavailable("down"), OutcomeUnknown("no answer")])
async def test_nothing_typed_is_lost_while_a_service_is_down(
    ada: FormBrowser, mug: str, monkeypatch: pytest.MonkeyPatch, failure: ServiceError
) -> None:
    async def fails(*_: Any, **__: Any) -> None:
        raise failure

    form = await edit_form(ada, mug) | {"title": 'A "cup" <b>', "description": "1\n2"}
    with monkeypatch.context() as patched:
        patched.setattr(CatalogClient, "product", fails)
        refused = await ada.send(mug, **form)
    assert refused.status == 503
    assert "What you typed is kept." in refused.text
    assert ("It is not known" in refused.text) == (failure.status == 504)
    assert f'action="{mug}"' in refused.text
    assert "<b>" not in refused.text
    fields = re.findall(r'type="hidden" name="([^"]*)" value="([^"]*)"', refused.text)
    assert {name: unescape(value) for name, value in fields} == form
    assert (await ada.send(mug, **form)).status == 303
    assert (await product(ada, mug))["title"] == 'A "cup" <b>'


async def test_a_password_is_not_offered_again(
    ada: FormBrowser, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: Any, **__: Any) -> None:
        raise Unavailable("down")

    monkeypatch.setattr(AuthClient, "open_session", fails)
    refused = await FormBrowser(ada.deployment).send("/login", login="ada", password=PASSWORD)
    assert refused.status == 503
    assert PASSWORD not in refused.text


async def test_a_picture_is_added(ada: FormBrowser, mug: str) -> None:
    form = {"product": product_id(mug), "alt": "its handle"}
    led = await send_files(ada, "/selling/pictures", form, PICTURE_BYTES)
    assert led.status == 303
    pictures = (await product(ada, mug))["pictures"]
    assert [one["description"] for one in pictures] == ["a blue mug", "its handle"]
    refused = await send_files(ada, "/selling/pictures", form, b"no picture")
    assert refused.status == 422
    assert 'value="its handle"' in refused.text


async def test_stock_is_set_on_the_number_that_was_shown(ada: FormBrowser, mug: str) -> None:
    form = hidden((await ada.get(mug)).text)
    variant = (await product(ada, mug))["variants"][1]["id"]
    form = {"variant": variant, "revision": form["revision"], "on_hand": "7"}
    assert (await ada.send(f"{mug}/stock", **form)).headers["location"] == f"{mug}#stock"
    assert (await product(ada, mug))["variants"][1]["available"] == 7
    late = await ada.send(f"{mug}/stock", **form | {"on_hand": "9"})
    assert late.status == 412
    assert "The stock has changed since you opened this page" in late.text
    assert 'value="9"' in late.text
    wrong = await ada.send(f"{mug}/stock", **form | {"on_hand": "many"})
    assert wrong.status == 422
    assert (await product(ada, mug))["variants"][1]["available"] == 7


async def test_a_product_and_a_shop_are_taken_away_and_brought_back(
    ada: FormBrowser, shop: str, mug: str
) -> None:
    for path, page in ((f"{mug}/archive", mug), (f"{shop}/edit", f"{shop}/edit")):
        for archived in ("true", "false"):
            version = hidden((await ada.get(page)).text)["version"]
            led = await ada.send(path, version=version, archived=archived)
            assert led.status == 303, led.text
            await ada.deployment.cluster.settle()
            stranger = FormBrowser(ada.deployment)
            seen = await stranger.get(f"/products/{product_id(mug)}")
            assert seen.status == (404 if archived == "true" else 200)
            assert (await ada.get(mug)).status == 200


async def test_a_shop_is_renamed(ada: FormBrowser, shop: str) -> None:
    version = hidden((await ada.get(f"{shop}/edit")).text)["version"]
    form = {"version": version, "name": "Ceramics", "description": "By hand"}
    assert (await ada.send(f"{shop}/edit", **form)).headers["location"] == shop
    late = await ada.send(f"{shop}/edit", **form | {"name": "Glass"})
    assert late.status == 412
    assert 'value="Glass"' in late.text
    assert "Ceramics" in (await ada.get(shop)).text


async def test_other_people_have_no_access_to_the_pages_of_a_seller(
    complete: GatewayDeployment, ada: FormBrowser, shop: str, mug: str
) -> None:
    bob = await FormBrowser(complete).sign_up("bob")
    for path in (shop, f"{shop}/edit", f"{shop}/products/new", mug):
        assert (await bob.get(path)).status == 403
    form = await edit_form(ada, mug)
    for path, sent in (
        (mug, form),
        (f"{mug}/archive", {"version": form["version"], "archived": "true"}),
        (f"{mug}/stock", {"variant": form["variants[0][id]"], "revision": "1", "on_hand": "0"}),
        (f"{shop}/edit", {"version": "1", "name": "Mine", "description": ""}),
    ):
        assert (await bob.send(path, **sent)).status == 403
    new = {"shop": product_id(shop), "title": "Mine", **VARIANTS}
    assert (await send_files(bob, "/selling/products", new, b"")).status == 403
    form = {"product": product_id(mug), "alt": ""}
    assert (await send_files(bob, "/selling/pictures", form, PICTURE_BYTES)).status == 403
    assert (await product(ada, mug))["title"] == "Mug"


async def test_a_seller_sees_orders_refunds_one_and_sees_the_balance(
    complete: GatewayDeployment, ada: FormBrowser, mug: str
) -> None:
    bob = await FormBrowser(complete).sign_up("bob")
    await add(bob, await product(ada, mug))
    address = (await pay(bob)).headers["location"]

    async def shows(text: str) -> bool:
        await complete.cluster.settle(1)
        return text in words((await ada.get(address)).text)

    await eventually(lambda: shows("The order is paid"))
    await complete.cluster.settle()
    page = words((await ada.get("/selling")).text)
    assert "Mug" in page
    assert "46.56 EUR" in page
    assert f'href="{address}"' in (await ada.get("/selling/orders")).text
    statement = words((await ada.get("/selling/balances/EUR")).text)
    assert "Payment" in statement
    assert (await ada.get("/selling/balances/XXX")).status == 404
    assert (await ada.send(f"{address}/refund")).status == 303
    await eventually(lambda: shows("The money was returned"))
    await complete.cluster.settle()
    assert "\N{MINUS SIGN}46.56 EUR" in words((await ada.get("/selling/balances/EUR")).text)
    assert "0.00 EUR" in words((await ada.get("/selling")).text)


async def test_pictures_of_products_have_the_limit_of_uploads(ada: FormBrowser, mug: str) -> None:
    form = {"product": product_id(mug), "alt": ""}
    answers = [await ada.send("/selling/pictures", **form) for _ in range(30)]
    assert [answer.status for answer in answers] == [422] * 29 + [429]


async def test_the_overview_is_shown_when_payments_does_not_answer(
    complete: GatewayDeployment, ada: FormBrowser, shop: str
) -> None:
    (payments,) = [running for running in complete.cluster.running if running.name == "payments"]
    await payments.kill()
    page = await ada.get("/selling")
    assert page.status == 200
    assert "Your balance cannot be shown at the moment." in page.text
