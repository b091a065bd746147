"""Link previews of pages."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest

from services.gateway.web.previews import MAX_ALT, MAX_DESCRIPTION, MAX_TITLE
from tests.services.gateway.deployment import GatewayDeployment, SignedInUser
from tests.services.gateway.test_shop import made

HERE = "http://127.0.0.1:8080"


class Head(HTMLParser):
    """The meta tags and links of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, str]] = []
        self.canonical = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "meta" and "content" in given:
            self.tags.append((given.get("property") or given.get("name", ""), given["content"]))
        if tag == "link" and given.get("rel") == "canonical":
            self.canonical = given["href"]

    def all(self, name: str) -> list[str]:
        return [content for known, content in self.tags if known == name]

    def one(self, name: str) -> str:
        (content,) = self.all(name)
        return content


async def head(deployment: GatewayDeployment, url: str) -> Head:
    """The head of the page at a URL of the API."""
    assert url.startswith(f"{HERE}/")
    page = await deployment.ask("GET", url.removeprefix(HERE))
    assert page.status == 200, url
    found = Head(page.text)
    assert found.one("og:url") == found.canonical
    assert found.one("og:title") == found.one("twitter:title")
    assert found.one("og:site_name") == "Microgram"
    assert "<" not in "".join(name for name, _ in found.tags)
    return found


async def a_post(person: SignedInUser, text: str, **more: Any) -> Any:
    post = await person.post("statuses", {"status": text, **more})
    await person.deployment.cluster.settle()
    return post


async def test_a_post_preview_has_picture_text_and_times(
    deployment: GatewayDeployment,
) -> None:
    ada = await deployment.register("ada")
    await ada.ask("PATCH", "/api/v1/accounts/update_credentials", json={"display_name": "A<b>"})
    pictures = [await ada.upload('A "bridge" <b>'), await ada.upload()]
    text = 'Low "tide"\n\n<script>alert(1)</script> #sea'
    post = await a_post(ada, text, media_ids=[one["id"] for one in pictures])
    found = await head(deployment, post["url"])
    assert found.canonical == post["url"]
    assert found.one("og:type") == "article"
    assert found.one("og:title") == "A<b> (@ada)"
    words = 'Low "tide" <script>alert(1)</script> #sea'
    for name in ("og:description", "description", "twitter:description"):
        assert found.one(name) == words
    assert found.all("og:image") == [one["url"] for one in post["media_attachments"]]
    assert found.all("og:image:alt") == ['A "bridge" <b>']
    assert found.all("og:image:type") == ["image/jpeg"] * 2
    assert found.all("og:image:width") == ["640"] * 2
    assert found.all("og:image:height") == ["480"] * 2
    assert found.one("twitter:card") == "summary_large_image"
    assert found.one("twitter:image:alt") == 'A "bridge" <b>'
    assert found.one("article:published_time") == post["created_at"]
    assert found.all("article:modified_time") == []
    assert found.one("article:author") == post["account"]["url"]
    assert found.all("article:tag") == ["sea"]
    assert found.all("robots") == []
    await ada.ask("PUT", f"/api/v1/statuses/{post['id']}", json={"status": "edited"})
    edited = await head(deployment, post["url"])
    assert edited.one("article:modified_time") >= post["created_at"]
    assert edited.one("og:description") == "edited"


@pytest.mark.parametrize("warning", ["", "Spiders"])
async def test_sensitive_content_is_not_in_the_preview(
    deployment: GatewayDeployment, warning: str
) -> None:
    ada = await deployment.register("ada")
    picture = await ada.upload("a tarantula")
    more = {"sensitive": True, "spoiler_text": warning, "media_ids": [picture["id"]]}
    post = await a_post(ada, "eight legs #spider", **more)
    page = (await deployment.ask("GET", post["url"].removeprefix(HERE))).text
    shown = page.partition("</head>")[0]
    for secret in ("legs", "tarantula", "#spider", picture["url"].rpartition("/")[2]):
        assert secret not in shown
    found = await head(deployment, post["url"])
    assert found.one("og:description") == (warning or "Sensitive")
    assert found.all("og:image") == []
    assert found.one("twitter:card") == "summary"


async def test_a_post_without_pictures_has_the_avatar(deployment: GatewayDeployment) -> None:
    ada = await deployment.register("ada")
    post = await a_post(ada, "words " * 80, visibility="unlisted")
    found = await head(deployment, post["url"])
    assert found.all("og:image") == [post["account"]["avatar"]]
    assert found.one("twitter:card") == "summary"
    assert len(found.one("og:description")) <= MAX_DESCRIPTION
    assert found.one("og:description").endswith("words…")
    assert found.one("robots") == "noindex"


async def test_preview_texts_are_bounded(deployment: GatewayDeployment) -> None:
    ada = await deployment.register("ada")
    picture = await ada.upload("alt" * 480)
    found = await head(deployment, (await a_post(ada, "", media_ids=[picture["id"]]))["url"])
    assert found.all("og:description") == found.all("description") == []
    assert len(found.one("og:image:alt")) == MAX_ALT
    assert all(len(content) <= MAX_ALT for _, content in found.tags)
    assert len(found.one("og:title")) <= MAX_TITLE


async def test_a_profile_preview_has_avatar_and_note(deployment: GatewayDeployment) -> None:
    ada = await deployment.register("ada")
    form = {"display_name": "Ada", "note": "Bridges & <tides>\nand @nobody"}
    await ada.ask("PATCH", "/api/v1/accounts/update_credentials", json=form)
    me = await ada.get("accounts/verify_credentials")
    found = await head(deployment, me["url"])
    assert found.one("og:type") == "profile"
    assert found.one("profile:username") == "ada"
    assert found.one("og:title") == "Ada (@ada)"
    assert found.one("og:description") == "Bridges & <tides> and @nobody"
    assert found.one("og:image") == me["avatar"]
    assert found.one("og:image:type") == "image/png"
    assert found.all("robots") == []
    other_case = Head((await deployment.ask("GET", "/@ADA")).text)
    assert other_case.canonical == me["url"]


async def test_undiscoverable_profiles_are_not_indexed(deployment: GatewayDeployment) -> None:
    ada = await deployment.register("ada")
    await ada.ask("PATCH", "/api/v1/accounts/update_credentials", json={"discoverable": False})
    post = await a_post(ada, "hello")
    for url in (post["account"]["url"], post["url"]):
        assert (await head(deployment, url)).one("robots") == "noindex"


async def test_the_other_public_pages_have_previews_and_forms_have_none(
    deployment: GatewayDeployment,
) -> None:
    front = await head(deployment, f"{HERE}/")
    assert front.one("og:type") == "website"
    assert front.one("og:image") == f"{HERE}/static/thumbnail.png"
    assert (await head(deployment, f"{HERE}/tags/sea")).one("og:title") == "#sea"
    for path in ("/auth/sign_up", "/@nobody"):
        assert "og:" not in (await deployment.ask("GET", path)).text


async def test_a_product_preview_has_picture_and_lowest_price(
    deployment: GatewayDeployment,
) -> None:
    ada = await deployment.register("ada")
    shop = await made(deployment, ada, "/shops", name="Pottery", currency="EUR")
    picture = await ada.upload("a blue mug")
    variants = [{"name": "big", "price": 2400, "stock": 1}, {"name": "small", "price": 1250}]
    wanted = {"shop": shop["id"], "media_ids": [picture["id"]], "variants": variants}
    product = await made(deployment, ada, "/products", title="Mug", **wanted)
    await deployment.cluster.settle()
    found = await head(deployment, product["url"])
    assert found.one("og:type") == "product"
    assert found.one("og:title") == product["title"]
    assert found.one("og:image") == product["pictures"][0]["url"]
    assert found.one("og:image:alt") == "a blue mug"
    for kind in ("product", "og"):
        assert found.one(f"{kind}:price:amount") == "12.50"
        assert found.one(f"{kind}:price:currency") == product["currency"]
    assert found.one("product:availability") == "in stock"
    page = (await deployment.ask("GET", product["url"].removeprefix(HERE))).text
    assert "24.00" in page
    assert page.count("sold out") == 1
    assert f'href="{shop["url"]}"' in page
    its_shop = await head(deployment, shop["url"])
    assert its_shop.one("og:title") == shop["name"]
    assert its_shop.one("og:image") == found.one("og:image")
    listing = (await deployment.ask("GET", shop["url"].removeprefix(HERE))).text
    assert f'href="{product["url"]}"' in listing
    assert "from 12.50" in listing
    path, seen = f"/api/shop/v1/products/{product['id']}", {"if-match": '"1"'}
    assert (await ada.ask("DELETE", path, headers=seen)).status == 200
    await deployment.cluster.settle()
    assert (await deployment.ask("GET", product["url"].removeprefix(HERE))).status == 404
    assert product["url"] not in (await deployment.ask("GET", shop["url"].removeprefix(HERE))).text


@pytest.mark.parametrize("path", ["/shops/1", "/products/1", "/products/x", "/shops/%20"])
async def test_archived_products_have_no_page(deployment: GatewayDeployment, path: str) -> None:
    page = await deployment.ask("GET", path)
    assert page.status == 404
    assert "<h1>" in page.text
